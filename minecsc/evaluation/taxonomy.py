"""What went wrong with the relations: every miss and every false relation gets one named cause.

The names are shared with curation (:data:`minecsc.schema.ERROR_MEANINGS`). A relation that is there but with
a slip (other boundary, other direction, other type) is one error seen from both sides: the gold relation is
missed *and* the predicted one is false, under the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from minecsc.evaluation.relations import Comparison, Fact
from minecsc.evaluation.spans import Span, overlaps
from minecsc.schema import ERROR_MEANINGS as MEANING
from minecsc.schema import ErrorCategory, Extraction

_OPPOSITE: Final = {
    "increases": "decreases",
    "decreases": "increases",
    "resistance_to": "sensitizes_to",
    "sensitizes_to": "resistance_to",
}


@dataclass(frozen=True, slots=True)
class RelationError:
    """One error: its category, where it stands, and what gold and prediction say there."""

    category: ErrorCategory
    document_id: str
    sentence: str
    gold: str | None
    predicted: str | None

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many gold relations were missed and how many predicted ones are false, with examples."""

    category: ErrorCategory
    missed: int
    false: int
    examples: tuple[RelationError, ...]


def summarise(errors: Iterable[RelationError], *, examples: int) -> tuple[ErrorCount, ...]:
    """Count the errors by category, in the order of :data:`MEANING`, keeping the first examples."""
    groups: dict[ErrorCategory, list[RelationError]] = {category: [] for category in MEANING}
    for error in errors:
        groups[error.category].append(error)
    return tuple(
        ErrorCount(
            category,
            missed=sum(error.gold is not None for error in group),
            false=sum(error.predicted is not None for error in group),
            examples=tuple(group[:examples]),
        )
        for category, group in groups.items()
    )


def relation_errors(comparison: Comparison, misgrounded: Collection[Span] = ()) -> Iterator[RelationError]:
    """Every error of one document. A predicted relation explains at most one missed gold relation.

    misgrounded: gold mentions, found as they are, that are known to have got a wrong concept or none.
    """
    gold, predicted = comparison.gold, comparison.predicted
    missed, false = sorted(gold.keys() - predicted.keys()), sorted(predicted.keys() - gold.keys())
    slips = [
        (_SLIPS.index(category), ours, theirs)
        for ours in missed
        for theirs in false
        if (category := _slip(comparison, ours, theirs)) is not None
    ]
    for rank, ours, theirs in sorted(slips):
        if ours in missed and theirs in false:
            missed.remove(ours)
            false.remove(theirs)
            yield _error(comparison, _SLIPS[rank], ours, theirs)
    for ours in missed:
        yield _error(comparison, _why_missed(comparison, ours), ours, None)
    for theirs in false:
        yield _error(comparison, "spurious", None, theirs)
    for fact in sorted(gold.keys() & predicted.keys()):
        for flag, category in _FLAGS:
            if getattr(gold[fact], flag) and not getattr(predicted[fact], flag):
                yield _error(comparison, category, fact, None)
        if fact.head in misgrounded or fact.tail in misgrounded:
            yield _error(comparison, "grounding", fact, None)


_SLIPS: Final[tuple[ErrorCategory, ...]] = (
    "wrong_polarity",
    "wrong_direction",
    "wrong_type",
    "boundary",
    "type",
)
"""How a false prediction can stand in the place of a missed relation, nearest first."""

_FLAGS: Final[tuple[tuple[str, ErrorCategory], ...]] = (
    ("negated", "negation_missed"),
    ("speculative", "speculation_missed"),
)


def _slip(comparison: Comparison, missed: Fact, false: Fact) -> ErrorCategory | None:
    if {false.head, false.tail} == {missed.head, missed.tail}:
        if false.type == missed.type:
            return "wrong_direction"
        opposite = false.head == missed.head and _OPPOSITE.get(missed.type) == false.type
        return "wrong_polarity" if opposite else "wrong_type"
    if comparison.loose_of[false] == missed:
        return "boundary"
    if (
        false.type == missed.type
        and _touches(comparison, false.head, missed.head)
        and _touches(comparison, false.tail, missed.tail)
    ):
        return "type"
    return None


def _why_missed(comparison: Comparison, missed: Fact) -> ErrorCategory:
    states = {_state(comparison, argument) for argument in (missed.head, missed.tail)}
    causes: tuple[ErrorCategory, ...] = ("no_entity", "type", "boundary")
    return next((cause for cause in causes if cause in states), "no_relation")


def _touches(comparison: Comparison, predicted: Span, gold: Span) -> bool:
    return any(overlaps(predicted, member) for member in comparison.members(gold))


def _state(comparison: Comparison, argument: Span) -> ErrorCategory | None:
    """What is wrong with how a gold argument was found; None where it was found as it is."""
    members = comparison.members(argument)
    if any(member in comparison.predicted_spans for member in members):
        return None
    near = [span for span in comparison.predicted_spans for member in members if overlaps(span, member)]
    if not near:
        return "no_entity"
    return "boundary" if any(span.type == argument.type for span in near) else "type"


def _error(comparison: Comparison, category: ErrorCategory, gold: Fact | None, predicted: Fact | None) -> RelationError:
    reading = comparison.gold_reading
    fact = gold or predicted
    start = fact.head.start if fact is not None else 0
    return RelationError(
        category,
        reading.document.document_id,
        _sentence_at(reading, start),
        _show(reading, gold),
        _show(reading, predicted),
    )


def _sentence_at(reading: Extraction, position: int) -> str:
    for sentence in reading.sentences:
        if sentence.start <= position < sentence.end:
            return reading.document.text[sentence.start : sentence.end]
    return reading.document.text


def _show(reading: Extraction, fact: Fact | None) -> str | None:
    if fact is None:
        return None
    text = reading.document.text
    head, tail = (f"{text[span.start : span.end]} [{span.type}]" for span in (fact.head, fact.tail))
    return f"{fact.type}({head}, {tail})"
