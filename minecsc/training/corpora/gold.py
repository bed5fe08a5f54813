"""The project's own annotation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from minecsc.errors import SourceError
from minecsc.resources import resource
from minecsc.training.corpora.heldout import HeldOut
from minecsc.training.corpora.records import Record, read_lines
from minecsc.training.examples import AnnotatedText, type_index


def read_gold(path: Path) -> Iterator[AnnotatedText]:
    """The project's own annotation, with text."""
    return map(annotated, read_lines(path))


def annotated(record: Record) -> AnnotatedText:
    """One abstract of the gold set, with its text."""
    index = {e["id"]: i for i, e in enumerate(record["entities"])}
    return AnnotatedText(
        text_id=str(record["pmid"]),
        text=record["text"],
        entities=[(e["start"], e["end"], e["type"]) for e in record["entities"]],
        pair_types=[type_index(e["type"]) for e in record["entities"]],
        relations=[
            (r["type"], index[r["head"]], index[r["tail"]], r["negated"], r["speculative"]) for r in record["relations"]
        ],
        entity_head="csc",
        relation_head="csc",
        sentences=[(s[0], s[1]) for s in record["sentences"]],
    )


def gold_texts(shared: Path, split: str, exclude: HeldOut | None = None) -> Iterable[AnnotatedText]:
    """Gold abstracts of a split; for training, those free of held-out texts."""
    for text in read_gold(shared / "gold" / f"{split}.jsonl"):
        if exclude is None or (text.text_id, text.text) not in exclude:
            yield text


def unlabelled_records(shared: Path) -> Iterator[Record]:
    """Records of the abstracts without annotation: pmid, title, abstract. Those of one file lack their numbers."""
    csc = [shared / "csc" / f"{name}.jsonl.gz" for name in ("csc_abstracts", "background_abstracts")]
    for path in [*csc, *sorted((shared / "corpora").glob("unlabelled_*.jsonl.gz"))]:
        if "lowercased" not in path.name:
            yield from read_lines(path)


def record_text(record: Record) -> str:
    """Title, a space, and the abstract, as far as there are any."""
    return " ".join(part for part in (record.get("title"), record.get("abstract")) if part).strip()


def added_gold(shared: Path, exclude: HeldOut) -> list[AnnotatedText]:
    """Abstracts that the project annotated itself (``corpus/gold/train``), joined with their texts by SHA-256.

    Raises SourceError where a text is not among the shared ones.
    """
    files = sorted(resource("corpus", "gold", "train").glob("*.jsonl"))
    wanted = {record["sha256"]: record for path in files for record in read_lines(path)}
    found: dict[str, AnnotatedText] = {}
    for record in unlabelled_records(shared):
        text = record_text(record)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest in wanted and digest not in found and (str(record["pmid"]), text) not in exclude:
            found[digest] = annotated({**wanted[digest], "text": text})
    missing = [r["pmid"] for digest, r in wanted.items() if digest not in found]
    if missing:
        raise SourceError(f"corpus/gold/train: {len(missing)} texts are held out or not in {shared}: {missing[:3]}")
    return [found[digest] for digest in wanted]
