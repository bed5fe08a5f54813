"""How much of the review the corpus speaks of: verdicts counted by section, mechanism and strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from minecsc.review.assertions import Assertion, load_assertions
from minecsc.review.verdicts import VERDICTS, Verdict
from minecsc.schema import MECHANISM_CLASSES, STRATEGY_CLASSES

Division = Literal["section", "mechanism_class", "strategy_class"]
DIVISIONS: Final[tuple[Division, ...]] = get_args(Division)
GroupName = Literal["all", "validatable", "core"]
GROUPS: Final[tuple[GroupName, ...]] = get_args(GroupName)

_ORDER: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"section": (), "mechanism_class": MECHANISM_CLASSES, "strategy_class": STRATEGY_CLASSES}
)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """Verdict counts of one chapter and group of assertions.

    division: what the chapters are: sections of the review, mechanism classes or strategy classes. chapter: None
    for all of them together. group: all, validatable (specific enough for single papers) or core (a named drug,
    gene or pathway against a population or resistance); core is part of validatable. counts: verdict → number,
    every verdict there. reasons: reason → number, over the assertions that were not found.
    """

    division: Division
    chapter: str | None
    group: GroupName
    total: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]

    @property
    def found(self) -> float:
        """Share of the assertions on which there is any evidence."""
        return 1.0 - self.counts["not_found"] / self.total if self.total else 0.0


def summarise(
    verdicts: Iterable[Verdict],
    assertions: Sequence[Assertion] | None = None,
    *,
    by: Division = "mechanism_class",
) -> list[SummaryRow]:
    """Counts by chapter and group; the rows over all chapters come first, chapters without an assertion are left out.

    Sections come in the order of the review, classes in that of the schema. An assertion without a class of the
    division (most have no strategy) is in none of its rows. assertions: those judged; default: the shipped ones.
    """
    known = load_assertions() if assertions is None else assertions
    judged = {verdict.assertion_id: verdict for verdict in verdicts}
    cells: dict[tuple[str | None, GroupName], list[Verdict]] = {}
    chapters = dict.fromkeys(_ORDER[by])
    for assertion in known:
        verdict, chapter = judged.get(assertion.assertion_id), getattr(assertion, by)
        if verdict is None or chapter is None:
            continue
        chapters.setdefault(chapter)
        for group in groups_of(assertion):
            for place in (None, chapter):
                cells.setdefault((place, group), []).append(verdict)
    rows = []
    for place in (None, *chapters):
        for group in GROUPS:
            held = cells.get((place, group), [])
            if place is None or (place, "all") in cells:
                rows.append(_row(by, place, group, held))
    return rows


def groups_of(assertion: Assertion) -> list[GroupName]:
    """The groups that an assertion counts in."""
    groups: list[GroupName] = ["all"]
    if assertion.validatable:
        groups.append("validatable")
    if assertion.core:
        groups.append("core")
    return groups


def _row(division: Division, chapter: str | None, group: GroupName, held: Sequence[Verdict]) -> SummaryRow:
    given = Counter(verdict.verdict for verdict in held)
    counts: dict[str, int] = {verdict: given[verdict] for verdict in VERDICTS}
    reasons = Counter(verdict.reason for verdict in held if verdict.verdict == "not_found")
    return SummaryRow(division, chapter, group, len(held), MappingProxyType(counts), MappingProxyType(dict(reasons)))
