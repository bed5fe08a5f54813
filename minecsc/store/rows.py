"""Records as table rows: the one place that knows both the dataclasses and the stored columns.

A shard's tables have the columns of the database's, except what only the loader can know (run, flags), and
``shard`` and ``document_row``, which say where in the input a row stood.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from minecsc import ids
from minecsc.schema import Deletion, Document, Extraction, RecordError

_TEXT: Final = pa.string()
_TEXTS: Final = pa.list_(_TEXT)
_PLACE: Final[list[tuple[str, pa.DataType]]] = [("shard", _TEXT), ("document_row", pa.int32())]


def _schema(columns: Sequence[tuple[str, pa.DataType]], *, placed: bool = True) -> pa.Schema:
    return pa.schema([*(_PLACE if placed else _PLACE[:1]), *columns])


SHARD_TABLES: Final[dict[str, pa.Schema]] = {
    "document": _schema(
        [
            ("document_id", _TEXT), ("pmid", _TEXT), ("title", _TEXT), ("abstract", _TEXT), ("text", _TEXT),
            ("text_sha256", _TEXT), ("year", pa.int32()), ("journal", _TEXT), ("language", _TEXT),
            ("doi", _TEXT),
            ("sections", pa.list_(pa.struct(
                [("label", _TEXT), ("start_char", pa.int32()), ("end_char", pa.int32())]))),
            ("other_abstracts", pa.list_(pa.struct([("label", _TEXT), ("abstract", _TEXT)]))),
            ("mesh", pa.list_(pa.struct([("ui", _TEXT), ("name", _TEXT), ("major", pa.bool_())]))),
            ("keywords", _TEXTS), ("chemicals", _TEXTS), ("publication_types", _TEXTS), ("authors", _TEXTS),
            ("version", pa.int32()), ("revised", _TEXT), ("record_retracted", pa.bool_()),
            ("retracted_by", _TEXTS), ("retraction_of", _TEXTS), ("source", _TEXT),
            ("record_digest", _TEXT), ("extraction_digest", _TEXT),
        ]
    ),
    "sentence": _schema(
        [
            ("sentence_id", _TEXT), ("document_id", _TEXT), ("sentence_index", pa.int32()),
            ("start_char", pa.int32()), ("end_char", pa.int32()),
        ]
    ),
    "mention": _schema(
        [
            ("mention_id", _TEXT), ("document_id", _TEXT), ("sentence_id", _TEXT),
            ("start_char", pa.int32()), ("end_char", pa.int32()), ("surface", _TEXT), ("type", _TEXT),
            ("concept_id", _TEXT), ("link_score", pa.float64()), ("probability", pa.float64()),
        ]
    ),
    "relation": _schema(
        [
            ("relation_id", _TEXT), ("document_id", _TEXT), ("sentence_id", _TEXT), ("type", _TEXT),
            ("head_mention_id", _TEXT), ("tail_mention_id", _TEXT), ("negated", pa.bool_()),
            ("speculative", pa.bool_()), ("probability", pa.float64()),
        ]
    ),
    "deletion": _schema([("pmid", _TEXT), ("source", _TEXT)], placed=False),
    "error": _schema([("source", _TEXT), ("record", _TEXT), ("reason", _TEXT)], placed=False),
}  # fmt: skip
"""Table → columns of its Parquet file in a shard."""


def _fields(d: Document) -> list[Any]:
    return [
        d.document_id, d.pmid, d.title, d.abstract, d.year, d.journal, d.language, d.doi,
        [(s.label, s.start, s.end) for s in d.sections], d.other_abstracts,
        [(m.ui, m.name, m.major) for m in d.mesh], d.keywords, d.chemicals, d.publication_types, d.authors,
        d.version, d.revised, d.retracted, d.retracted_by, d.retraction_of,
    ]  # fmt: skip


def record_digest(document: Document) -> str:
    """Digest of every field of the record except the file it came from."""
    return ids.json_digest(_fields(document))


def unicode_fault(document: Document) -> str | None:
    """Why a record cannot be stored: half of a surrogate pair is no text; None where it can."""
    try:
        json.dumps([_fields(document), document.source], ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        return f"not Unicode text: {error.reason} ({error.object[error.start : error.end]!a})"
    return None


def extraction_digest(extraction: Extraction) -> str:
    """Digest of sentences, mentions and relations; probabilities to four places."""
    return ids.json_digest(
        [
            [(s.start, s.end) for s in extraction.sentences],
            [
                (
                    m.start,
                    m.end,
                    m.type,
                    m.sentence,
                    m.concept_id,
                    _rounded(m.link_score),
                    _rounded(m.probability),
                )
                for m in extraction.mentions
            ],
            sorted(
                (r.type, r.head.start, r.tail.start, r.negated, r.speculative, _rounded(r.probability))
                for r in extraction.relations
            ),
        ]
    )


def _rounded(probability: float | None) -> int:
    return -1 if probability is None else round(probability * 10_000)


def document_row(extraction: Extraction) -> dict[str, Any]:
    """Columns of table ``document`` that the record and its extraction decide."""
    d = extraction.document
    return {
        "document_id": d.document_id, "pmid": d.pmid, "title": d.title, "abstract": d.abstract,
        "text": d.text, "text_sha256": d.text_sha256, "year": d.year, "journal": d.journal,
        "language": d.language, "doi": d.doi,
        "sections": [{"label": s.label, "start_char": s.start, "end_char": s.end} for s in d.sections],
        "other_abstracts": [{"label": label, "abstract": text} for label, text in d.other_abstracts],
        "mesh": [{"ui": m.ui, "name": m.name, "major": m.major} for m in d.mesh],
        "keywords": d.keywords, "chemicals": d.chemicals, "publication_types": d.publication_types,
        "authors": d.authors, "version": d.version, "revised": d.revised, "record_retracted": d.retracted,
        "retracted_by": d.retracted_by, "retraction_of": d.retraction_of, "source": d.source,
        "record_digest": record_digest(d), "extraction_digest": extraction_digest(extraction),
    }  # fmt: skip


def tables(
    extractions: Sequence[Extraction],
    deletions: Iterable[Deletion],
    errors: Iterable[RecordError],
    *,
    key: str,
) -> dict[str, pa.Table]:
    """The tables of a shard. Raises UnicodeEncodeError for a string that is no Unicode text."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SHARD_TABLES}
    for number, extraction in enumerate(extractions):
        place = {"document_row": number}
        document_id = extraction.document.document_id
        rows["document"].append(place | document_row(extraction))
        rows["sentence"] += [
            place
            | {
                "sentence_id": ids.sentence_id(document_id, s.index), "document_id": document_id,
                "sentence_index": s.index, "start_char": s.start, "end_char": s.end,
            }
            for s in extraction.sentences
        ]  # fmt: skip
        rows["mention"] += [
            place
            | {
                "mention_id": ids.mention_id(document_id, m.start, m.end), "document_id": document_id,
                "sentence_id": ids.sentence_id(document_id, m.sentence), "start_char": m.start,
                "end_char": m.end, "surface": m.surface, "type": m.type, "concept_id": m.concept_id,
                "link_score": m.link_score, "probability": m.probability,
            }
            for m in extraction.mentions
        ]  # fmt: skip
        rows["relation"] += [
            place
            | {
                "relation_id": ids.relation_id(
                    document_id, r.type, (r.head.start, r.head.end), (r.tail.start, r.tail.end)
                ),
                "document_id": document_id, "sentence_id": ids.sentence_id(document_id, r.head.sentence),
                "type": r.type,
                "head_mention_id": ids.mention_id(document_id, r.head.start, r.head.end),
                "tail_mention_id": ids.mention_id(document_id, r.tail.start, r.tail.end),
                "negated": r.negated, "speculative": r.speculative, "probability": r.probability,
            }
            for r in extraction.relations
        ]  # fmt: skip
    rows["deletion"] = [{"pmid": d.pmid, "source": d.source} for d in deletions]
    rows["error"] = [
        {"source": _printable(e.source), "record": _printable(e.record), "reason": _printable(e.reason)} for e in errors
    ]
    return {name: table(schema, rows[name], shard=key) for name, schema in SHARD_TABLES.items()}


def table(schema: pa.Schema, rows: Sequence[Mapping[str, Any]], **constants: Any) -> pa.Table:
    """Arrow table of ``rows``; ``constants`` fill a column each."""
    columns = [
        [constants[name]] * len(rows) if name in constants else [row[name] for row in rows] for name in schema.names
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def _printable(text: str) -> str:
    """An error may quote the very bytes that broke the record."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
