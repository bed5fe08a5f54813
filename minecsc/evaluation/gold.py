"""Reading gold annotations: with their text, or stand-off with the text joined by PMID and SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minecsc.errors import EvaluationError, MinecscError
from minecsc.evaluation.relations import abbreviation_heads
from minecsc.schema import Document, Extraction, Mention, Relation, Sentence

if TYPE_CHECKING:
    from minecsc.linking import Linker

_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def load_gold(path: Path, texts: Sequence[Path] = ()) -> list[Extraction]:
    """Read annotated documents from JSON lines, in file order, as ``pmid:<n>`` extractions.

    path: one JSON object a line with ``pmid, sentences[[start, end]], entities[id, type, start, end,
    sent], relations[type, head, tail, negated, speculative]``; ``sent`` counts from 1. A line without
    ``text`` is stand-off: its ``sha256`` decides which text of ``texts`` it belongs to.
    texts: files that hold the texts of stand-off lines: JSON lines with ``pmid`` and ``text`` (or
    ``title`` and ``abstract``), or any format that :func:`minecsc.sources.read` knows.
    Raises EvaluationError for an unreadable file, a broken line, or a text that is missing or differs.
    """
    records = list(_json_lines(Path(path)))
    if not records:
        raise EvaluationError(f"{path}: no annotated document in it")
    wanted: dict[str, set[str]] = {}
    for where, record in records:
        pmid = str(record.get("pmid") or "")
        if not pmid.isdigit():
            raise EvaluationError(f"{where}: PMID {record.get('pmid')!r} is not a number")
        if record.get("text") is None:
            if not record.get("sha256"):
                raise EvaluationError(f"{where}: PMID {pmid} has neither text nor the SHA-256 of one")
            wanted.setdefault(pmid, set()).add(record["sha256"])
    found, offered = _find_texts(texts, wanted)

    gold: list[Extraction] = []
    seen: set[str] = set()
    for where, record in records:
        pmid = str(record["pmid"])
        if pmid in seen:
            raise EvaluationError(f"{where}: PMID {pmid} is annotated twice in this file")
        seen.add(pmid)
        document = _document(where, pmid, record, found, offered, searched=bool(texts))
        gold.append(_extraction(where, document, record))
    return gold


def link_gold(gold: Iterable[Extraction], linker: Linker) -> list[Extraction]:
    """The same readings with the concepts that ``linker`` finds for the mentions that name none.

    Linking both sides alike lets frames and document-level scores go by concept. The linker's own mistakes
    are not measured by this: those are, where gold names identifiers (:mod:`.links`).
    """
    return [_linked(reading, linker) for reading in gold]


def _linked(reading: Extraction, linker: Linker) -> Extraction:
    text = reading.document.text
    expansions = {
        text[short.start : short.end]: text[long.start : long.end]
        for short, long in abbreviation_heads(text, reading.mentions).items()
    }
    linked: dict[Mention, Mention] = {}
    found = linker.link_document(
        [(mention.surface, mention.type) for mention in reading.mentions], context=text, expansions=expansions
    )
    for mention, candidates in zip(reading.mentions, found, strict=True):
        if mention.concept_id is not None:
            linked[mention] = mention
            continue
        best = candidates[0] if candidates else None
        linked[mention] = replace(
            mention,
            concept_id=None if best is None else best.concept_id,
            link_score=None if best is None else best.score,
        )
    relations = (
        replace(relation, head=linked[relation.head], tail=linked[relation.tail]) for relation in reading.relations
    )
    return replace(reading, mentions=tuple(linked.values()), relations=tuple(relations))


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (``file:line``, object) for every line that is not blank."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                where = f"{path.name}:{number}"
                try:
                    record = json.loads(line)
                except json.JSONDecodeError as error:
                    raise EvaluationError(f"{where}: not JSON ({error.msg})") from error
                if not isinstance(record, dict):
                    raise EvaluationError(f"{where}: not a JSON object")
                yield where, record
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error})") from error


def _find_texts(
    paths: Sequence[Path], wanted: Mapping[str, set[str]]
) -> tuple[dict[tuple[str, str], Document], set[str]]:
    """Look through ``paths`` for the wanted texts.

    Returns the documents by (PMID, SHA-256) and the PMIDs that were offered with any text at all.
    """
    found: dict[tuple[str, str], Document] = {}
    offered: set[str] = set()
    for path in map(Path, paths):
        for document in _documents(path, wanted):
            pmid = document.pmid or ""
            offered.add(pmid)
            if document.text_sha256 in wanted[pmid]:
                found.setdefault((pmid, document.text_sha256), document)
    return found, offered


def _documents(path: Path, wanted: Mapping[str, set[str]]) -> Iterator[Document]:
    if not path.name.lower().endswith(_JSON_LINES):
        from minecsc.sources import read

        try:
            for record in read(path):
                if isinstance(record, Document) and record.pmid in wanted:
                    yield record
        except MinecscError as error:
            raise EvaluationError(f"{path}: cannot be read ({error})") from error
        return
    for _, fields in _json_lines(path):
        pmid = str(fields.get("pmid") or "")
        if pmid not in wanted:
            continue
        if fields.get("text"):
            yield _split(pmid, fields.get("title"), fields["text"])
        elif fields.get("title") or fields.get("abstract"):
            yield Document(f"pmid:{pmid}", fields.get("title") or "", fields.get("abstract") or "", pmid=pmid)


def _split(pmid: str, title: str | None, text: str) -> Document:
    """A document whose text is exactly ``text``, with the title apart where the text begins with it."""
    if title and text == title:
        return Document(f"pmid:{pmid}", title, "", pmid=pmid)
    if title and text.startswith(f"{title} ") and len(text) > len(title) + 1:
        return Document(f"pmid:{pmid}", title, text[len(title) + 1 :], pmid=pmid)
    return Document(f"pmid:{pmid}", "", text, pmid=pmid)


def _document(
    where: str,
    pmid: str,
    record: Mapping[str, Any],
    found: Mapping[tuple[str, str], Document],
    offered: set[str],
    *,
    searched: bool,
) -> Document:
    text, sha256 = record.get("text"), record.get("sha256")
    if text is not None:
        if not text:
            raise EvaluationError(f"{where}: PMID {pmid} has an empty text")
        if sha256 and hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != sha256:
            raise EvaluationError(f"{where}: the text of PMID {pmid} does not match its SHA-256")
        return _split(pmid, record.get("title"), text)
    document = found.get((pmid, str(sha256)))
    if document is None:
        if not searched:
            reason = "is stand-off: name a file that holds its text (--texts, or texts=)"
        elif pmid in offered:
            reason = "stands in the text files with another text (SHA-256 differs)"
        else:
            reason = "is not in the text files"
        raise EvaluationError(f"{where}: PMID {pmid} {reason}")
    return document


def _extraction(where: str, document: Document, record: Mapping[str, Any]) -> Extraction:
    try:
        sentences = tuple(Sentence(i, s, e) for i, (s, e) in enumerate(record["sentences"]))
        mentions = {
            entity["id"]: Mention(
                start=entity["start"],
                end=entity["end"],
                surface=document.text[entity["start"] : entity["end"]],
                type=entity["type"],
                sentence=entity["sent"] - 1,
                concept_id=entity.get("concept_id"),
                link_score=None if entity.get("concept_id") is None else 1.0,
            )
            for entity in record["entities"]
        }
        relations = tuple(
            Relation(
                type=relation["type"],
                head=mentions[relation["head"]],
                tail=mentions[relation["tail"]],
                negated=bool(relation.get("negated", False)),
                speculative=bool(relation.get("speculative", False)),
            )
            for relation in record["relations"]
        )
        return Extraction(document, sentences, tuple(mentions.values()), relations)
    except KeyError as error:
        raise EvaluationError(f"{where}: PMID {document.pmid} lacks {error}") from error
    except (MinecscError, TypeError, ValueError) as error:
        raise EvaluationError(f"{where}: PMID {document.pmid}: {error}") from error
