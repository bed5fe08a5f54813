"""Readers of the annotated corpora, all in one JSON-lines form, and what must be kept out of training.

Every corpus trains heads of its own: types that one corpus does not annotate are not negatives for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minecsc.errors import SourceError
from minecsc.training.corpora.gold import added_gold, gold_texts, read_gold, record_text, unlabelled_records
from minecsc.training.corpora.heldout import HeldOut, document_ids, held_out, long_sentences, text_key
from minecsc.training.corpora.records import CorpusSpec, read_lines
from minecsc.training.corpora.registry import CORPORA
from minecsc.training.examples import AnnotatedText, type_index

__all__ = [
    "CORPORA",
    "CorpusSpec",
    "HeldOut",
    "added_gold",
    "annotates_flags",
    "document_ids",
    "gold_texts",
    "held_out",
    "long_sentences",
    "pair_filter",
    "read_corpus",
    "read_gold",
    "read_lines",
    "read_split",
    "record_text",
    "text_key",
    "unlabelled_records",
]


def read_corpus(shared: Path, name: str, exclude: HeldOut) -> Iterator[AnnotatedText]:
    """Training split of one corpus without held-out documents."""
    spec = CORPORA[name]
    for record in read_lines(shared / "corpora" / f"{name}.jsonl.gz"):
        if record["split"] != "train" or exclude.holds(record):
            continue
        if record["entities"] or spec.takes_empty(record):
            yield from spec.read(record, spec)


def read_split(shared: Path, name: str, split: str) -> Iterator[AnnotatedText]:
    """All of one split ("train", "dev" or "test") of a corpus as it was published: for figures, not for training.

    Raises SourceError where the corpus has no such split.
    """
    spec = CORPORA[name]
    found = False
    for record in read_lines(shared / "corpora" / f"{name}.jsonl.gz"):
        if record["split"] == split:
            found = True
            yield from spec.read(record, spec)
    if not found:
        raise SourceError(f"corpus {name} has no split {split!r}")


def pair_filter(head: str) -> frozenset[tuple[int, int]] | None:
    """Type indices (head, tail) of the pairs that a relation head's corpus annotates; None = all, as in our gold."""
    pairs = CORPORA[head].pairs if head in CORPORA else None
    return None if pairs is None else frozenset((type_index(a), type_index(b)) for a, b in pairs)


def annotates_flags(head: str) -> bool:
    """Whether a relation head's corpus says of each relation if it is negated or speculative. Our gold does."""
    return head not in CORPORA or CORPORA[head].flags
