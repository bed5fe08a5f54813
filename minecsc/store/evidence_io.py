"""What evidence is computed from, read from the base, and the evidence put back into it."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from minecsc.errors import StoreError
from minecsc.evidence import DocumentContext, DocumentInfo, Frame, LinkedMention, LinkedRelation, ModelCue, Statement
from minecsc.evidence.context import cue_pattern, find_cues
from minecsc.evidence.curation import Curation
from minecsc.linking import Concept
from minecsc.schema import EntityType, MeshHeading
from minecsc.store.connect import connect_read_only, writing
from minecsc.store.curation import standing_curations


@dataclass(frozen=True, slots=True)
class EvidenceRows:
    """All that frames and statements are computed from. ``mentions``: those of documents with relations.

    contexts: of documents with relations; what tells of their cancers and model systems.
    curations: relation_id → the newest verdict of each of its curators; not yet applied to ``relations``.
    """

    relations: list[LinkedRelation]
    mentions: list[LinkedMention]
    documents: dict[str, DocumentInfo]
    concepts: dict[str, Concept]
    contexts: dict[str, DocumentContext] = field(default_factory=dict)
    curations: dict[str, list[Curation]] = field(default_factory=dict)


Evidence = tuple[Sequence[Frame], Sequence[Statement]]
_SLOTS: Final = ("drug", "mechanism", "population", "target")


def read_evidence(db: Path | str) -> EvidenceRows:
    """Reads the rows that evidence is computed from, each list in order of identifier."""
    with connect_read_only(db) as con:
        return evidence_rows(con)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from walking over the rows while they are made.

    There are hundreds of thousands of them, in no cycles, and the walks take more time than the making.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def linked_relations(con: duckdb.DuckDBPyConnection) -> list[LinkedRelation]:
    """All relations with both arguments, in order of identifier."""
    rows = con.execute(
        """
        SELECT r.relation_id, r.document_id, r.sentence_id, r.type,
            r.head_mention_id, h.concept_id, h.surface, h.type,
            r.tail_mention_id, t.concept_id, t.surface, t.type,
            r.negated, r.speculative, r.probability
        FROM relation r
        JOIN mention h ON h.mention_id = r.head_mention_id
        JOIN mention t ON t.mention_id = r.tail_mention_id
        ORDER BY r.relation_id
        """
    ).fetchall()
    return [LinkedRelation(*row) for row in rows]


def document_infos(con: duckdb.DuckDBPyConnection) -> dict[str, DocumentInfo]:
    """What belief depends on, of every document, in order of identifier."""
    rows = con.execute(
        "SELECT document_id, year, retracted, deleted, text_sha256 FROM document ORDER BY document_id"
    ).fetchall()
    return {row[0]: DocumentInfo(*row) for row in rows}


@collection_paused()
def evidence_rows(con: duckdb.DuckDBPyConnection) -> EvidenceRows:
    """As :func:`read_evidence`, over an open connection."""
    mentions = con.execute(
        """
        SELECT mention_id, document_id, sentence_id, surface, type, concept_id, probability, start_char, end_char
        FROM mention SEMI JOIN relation USING (document_id) ORDER BY mention_id
        """
    ).fetchall()
    concepts = con.execute(
        """
        SELECT concept_id, name, type, synonyms, xrefs, parents, mechanism_class, strategy_class, genes
        FROM concept ORDER BY concept_id
        """
    ).fetchall()
    return EvidenceRows(
        relations=linked_relations(con),
        mentions=[LinkedMention(*row) for row in mentions],
        documents=document_infos(con),
        concepts={row[0]: _concept(*row) for row in concepts},
        contexts=_contexts(con),
        curations=standing_curations(con),
    )


def _contexts(con: duckdb.DuckDBPyConnection) -> dict[str, DocumentContext]:
    cues: dict[str, list[ModelCue]] = defaultdict(list)
    # DuckDB picks the sentences, in parallel; only those few are searched again for the places.
    for row in con.execute(
        """
        SELECT s.document_id, s.sentence_id, substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS words,
            s.start_char
        FROM sentence s JOIN document d ON d.document_id = s.document_id
        WHERE s.document_id IN (SELECT document_id FROM relation) AND regexp_matches(words, ?)
        ORDER BY s.document_id, s.sentence_index
        """,
        [cue_pattern()],
    ).fetchall():
        cues[row[0]] += find_cues(*row)
    return {
        document_id: DocumentContext(
            tuple(MeshHeading(**heading) for heading in mesh), tuple(types), tuple(cues[document_id])
        )
        for document_id, mesh, types in con.execute(
            "SELECT document_id, mesh, publication_types FROM document SEMI JOIN relation USING (document_id)"
        ).fetchall()
    }


def _concept(
    concept_id: str,
    name: str,
    type_: EntityType,
    synonyms: list[str],
    xrefs: list[str],
    parents: list[str],
    mechanism_class: str | None,
    strategy_class: str | None,
    genes: list[str],
) -> Concept:
    return Concept(
        concept_id,
        name,
        type_,
        synonyms=tuple(synonyms),
        xrefs=tuple(xrefs),
        parents=tuple(parents),
        mechanism_class=mechanism_class,
        strategy_class=strategy_class,
        genes=tuple(genes),
    )


def replace_evidence(db: Path | str, frames: Iterable[Frame], statements: Iterable[Statement]) -> None:
    """Puts these frames and statements in the place of those stored. Raises StoreError, changing nothing."""
    with writing(db) as con:
        put_evidence(con, frames, statements)


def put_evidence(con: duckdb.DuckDBPyConnection, frames: Iterable[Frame], statements: Iterable[Statement]) -> None:
    """As :func:`replace_evidence`, inside an open transaction."""
    replace_rows(con, "frame", frames, names=_SLOTS)
    replace_rows(con, "statement", statements)
    con.execute("UPDATE base_state SET evidence_current = true")


def replace_rows(con: duckdb.DuckDBPyConnection, name: str, rows: Iterable[object], names: Sequence[str] = ()) -> None:
    """Puts rows, mappings or objects with a table's columns, in the place of those it holds. Raises StoreError.

    names: slots whose column ``<slot>_name`` is the surface of the first of ``<slot>_mentions``.
    """
    filled = [f"{slot}_name" for slot in names]
    columns = con.sql(f"SELECT * EXCLUDE ({', '.join(filled)}) FROM {name}" if filled else f"FROM {name}")
    schema = columns.limit(0).to_arrow_table().schema
    held = list(rows)
    try:
        values = [pa.array([_value(row, f.name) for row in held], f.type) for f in schema]
    except (KeyError, AttributeError) as error:
        raise StoreError(f"a row for table {name} lacks a column: {error}") from error
    except (pa.ArrowException, UnicodeError) as error:
        raise StoreError(f"a row for table {name} holds a value that does not fit: {error}") from error
    con.execute(f"DELETE FROM {name}")
    con.register("replacement", pa.table(values, schema=schema))
    surfaces = "".join(f", {slot}_m.surface AS {slot}_name" for slot in names)
    joins = " ".join(f"LEFT JOIN mention {slot}_m ON {slot}_m.mention_id = r.{slot}_mentions[1]" for slot in names)
    con.execute(f"INSERT INTO {name} BY NAME SELECT r.*{surfaces} FROM replacement r {joins}")
    con.unregister("replacement")


def _value(row: object, column: str) -> Any:
    value = row[column] if isinstance(row, Mapping) else getattr(row, column)
    if isinstance(value, (tuple, list)) and value and is_dataclass(value[0]):
        names = [f.name for f in fields(value[0])]
        return [{name: getattr(item, name) for name in names} for item in value]
    return value
