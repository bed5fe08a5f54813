"""Entities: exact and overlapping matches between two readings of one text, and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from minecsc.schema import Mention

STRICT = "entities.strict"
OVERLAP = "entities.overlap"
MICRO = "micro"


class Span(NamedTuple):
    """What identifies a mention in scoring: its offsets and its type, whatever its probability."""

    start: int
    end: int
    type: str


class Tally(NamedTuple):
    """Counts of one thing in one document; sums of tallies give micro averages."""

    tp: int
    fp: int
    fn: int


TallyTable = dict[tuple[str, str], Tally]
"""(section, label) → tally, e.g. ``("entities.strict", "Drug")``; label ``micro`` is over all types."""


def span_of(mention: Mention) -> Span:
    return Span(mention.start, mention.end, mention.type)


def overlaps(a: Span, b: Span) -> bool:
    """Whether two spans share a character (types aside)."""
    return a.start < b.end and b.start < a.end


def align(gold: Iterable[Span], predicted: Iterable[Span]) -> dict[Span, Span]:
    """Pair predicted with gold spans of the same type that overlap, one to one: predicted → gold.

    Exact matches pair first; of the rest a sweep from the left pairs as many as can be paired when
    the spans of one side do not overlap each other, which the annotation guarantees.
    """
    gold_set, predicted_set = set(gold), set(predicted)
    pairs = {span: span for span in gold_set & predicted_set}
    left = _by_type(gold_set - predicted_set)
    right = _by_type(predicted_set - gold_set)
    for type_, ours in left.items():
        theirs = right.get(type_, [])
        i = j = 0
        while i < len(ours) and j < len(theirs):
            if overlaps(ours[i], theirs[j]):
                pairs[theirs[j]] = ours[i]
                i, j = i + 1, j + 1
            elif ours[i].end <= theirs[j].start:
                i += 1
            else:
                j += 1
    return pairs


def _by_type(spans: Iterable[Span]) -> dict[str, list[Span]]:
    groups: dict[str, list[Span]] = {}
    for span in sorted(spans):
        groups.setdefault(span.type, []).append(span)
    return groups


def tally(matched: Mapping[str, int], predicted: Mapping[str, int], gold: Mapping[str, int]) -> dict[str, Tally]:
    """Tallies per label, and over all of them, from numbers of matched, predicted and gold items."""
    table = {
        label: Tally(
            matched.get(label, 0),
            predicted.get(label, 0) - matched.get(label, 0),
            gold.get(label, 0) - matched.get(label, 0),
        )
        for label in sorted({*predicted, *gold})
    }
    table[MICRO] = Tally(
        sum(matched.values()),
        sum(predicted.values()) - sum(matched.values()),
        sum(gold.values()) - sum(matched.values()),
    )
    return table


def count(labels: Iterable[str]) -> dict[str, int]:
    """How often each label occurs."""
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return counts


def entity_tallies(gold: Iterable[Span], predicted: Iterable[Span]) -> TallyTable:
    """Strict (same offsets and type) and overlap (same type, a shared character) tallies by type."""
    gold_set, predicted_set = set(gold), set(predicted)
    by_gold, by_predicted = count(s.type for s in gold_set), count(s.type for s in predicted_set)
    strict = count(s.type for s in gold_set & predicted_set)
    overlap = count(s.type for s in align(gold_set, predicted_set))
    table: TallyTable = {}
    for section, matched in ((STRICT, strict), (OVERLAP, overlap)):
        for label, value in tally(matched, by_predicted, by_gold).items():
            table[section, label] = value
    return table
