"""One paper, one vote: what the evidence on a proposition comes to, paper by paper.

A paper is every document with the same text; one of them speaks for it, the others only echo. It is out of
standing where any of its copies is retracted, or all of them are deleted: a deleted duplicate does not take
the other copy along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from minecsc.evidence.belief import WEIGHTS, BeliefWeights, contested, pooled, statement_belief
from minecsc.evidence.rows import DocumentInfo, YearCount


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """A text with its standing; ``paper_id`` is the document that speaks for it, ``year`` its first.

    echo: stands for the other copies of the text, whose evidence is the same and not counted again.
    Compared by identity: :func:`papers` makes one object a paper, and ballots hash them by the million.
    """

    paper_id: str
    standing: bool
    year: int | None
    echo: bool = False


def papers(documents: Mapping[str, DocumentInfo]) -> dict[str, Paper]:
    """document_id → the paper it is a copy of; the smallest id, of those not deleted, speaks for it."""
    by_text: dict[str, list[DocumentInfo]] = defaultdict(list)
    for info in documents.values():
        by_text[info.text_sha256 or info.document_id].append(info)
    found: dict[str, Paper] = {}
    for copies in by_text.values():
        standing = not any(copy.retracted for copy in copies) and not all(copy.deleted for copy in copies)
        counted = [copy for copy in copies if not (standing and copy.deleted)]
        year = min((copy.year for copy in counted if copy.year is not None), default=None)
        speaker = min(copy.document_id for copy in counted)
        if len(copies) > 1:
            echo = Paper(speaker, standing, year, echo=True)
            found |= dict.fromkeys((copy.document_id for copy in copies), echo)
        found[speaker] = Paper(speaker, standing, year)
    return found


_Votes = dict[Paper, tuple[float, ...]]

_SIDES: Final = ("for", "against", "speculative", "retracted")
"""What a paper can count as, in the order of the counts of a YearCount."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one paper says of a proposition: its weight on either side in [0, 1], and the side it counts on."""

    paper: Paper
    side: Literal["for", "against", "speculative"]
    favour: float
    dissent: float


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of a count; the fields mean what they mean in a Statement.

    weight_for, weight_against: sums over the papers that count on that side.
    """

    documents_for: int
    documents_against: int
    documents_speculative: int
    documents_retracted: int
    belief: float
    contested: bool
    weight_for: float
    weight_against: float
    first_year: int | None
    last_year: int | None
    years: tuple[YearCount, ...]


class Ballot:
    """Collects evidence on one proposition: per paper, the probabilities of each stance."""

    __slots__ = ("_against", "_asserted", "_speculative")

    def __init__(self) -> None:
        self._asserted: _Votes = {}
        self._speculative: _Votes = {}
        self._against: _Votes = {}

    def favour(self, paper: Paper, probability: float, *, speculative: bool = False) -> None:
        """Count an assertion, or a possibility."""
        _add(self._speculative if speculative else self._asserted, paper, (probability,))

    def oppose(self, paper: Paper, probability: float) -> None:
        """Count a denial, or the assertion of the opposite."""
        _add(self._against, paper, (probability,))

    def favour_all(self, other: Ballot) -> None:
        """Count for this proposition whatever asserts the other, or puts it as a possibility."""
        _add_all(self._asserted, other._asserted)
        _add_all(self._speculative, other._speculative)

    def oppose_all(self, other: Ballot) -> None:
        """Count against this proposition whatever asserts the other."""
        _add_all(self._against, other._asserted)

    def oppose_denied(self, other: Ballot) -> None:
        """Count against this proposition whatever denies the other."""
        _add_all(self._against, other._against)

    def copy(self) -> Ballot:
        """A ballot with the same evidence."""
        twin = Ballot()
        twin._asserted, twin._speculative = dict(self._asserted), dict(self._speculative)
        twin._against = dict(self._against)
        return twin

    def votes(self, weights: BeliefWeights = WEIGHTS) -> Iterator[Vote]:
        """The vote of every paper; it counts on its stronger side, for where they are equal."""
        for paper in {**self._asserted, **self._speculative, **self._against}:
            asserted, hinted = self._asserted.get(paper), self._speculative.get(paper, ())
            favour = pooled((*(asserted or ()), *(weights.speculative * p for p in hinted)), weights.repetition)
            dissent = pooled(self._against.get(paper, ()), weights.repetition)
            if dissent > favour or not (asserted or hinted):
                yield Vote(paper, "against", favour, dissent)
            else:
                yield Vote(paper, "speculative" if asserted is None else "for", favour, dissent)

    def belief(self, weights: BeliefWeights = WEIGHTS) -> float:
        """Belief from the votes of the papers in good standing."""
        votes = [vote for vote in self.votes(weights) if vote.paper.standing]
        return statement_belief([vote.favour for vote in votes], [vote.dissent for vote in votes], weights)

    def count(self) -> Tally:
        """Count the votes; papers out of standing apart."""
        favour: list[float] = []
        against: list[float] = []
        standing: list[Vote] = []
        years: dict[int | None, dict[str, int]] = {}
        totals = dict.fromkeys(_SIDES, 0)
        for vote in self.votes():
            paper, side = vote.paper, vote.side if vote.paper.standing else "retracted"
            if paper.standing:
                standing.append(vote)
                (against if side == "against" else favour).append(vote.dissent if side == "against" else vote.favour)
            totals[side] += 1
            year = years.get(paper.year)
            if year is None:
                year = years[paper.year] = dict.fromkeys(_SIDES, 0)
            year[side] += 1
        counted = [
            year for year, sides in years.items() if year is not None and sum(sides.values()) > sides["retracted"]
        ]
        return Tally(
            documents_for=totals["for"],
            documents_against=totals["against"],
            documents_speculative=totals["speculative"],
            documents_retracted=totals["retracted"],
            belief=statement_belief([vote.favour for vote in standing], [vote.dissent for vote in standing]),
            contested=totals["for"] > 0 and contested(favour, against),
            weight_for=sum(sorted(favour)),
            weight_against=sum(sorted(against)),
            first_year=min(counted, default=None),
            last_year=max(counted, default=None),
            years=tuple(
                YearCount(year, *(years[year][side] for side in _SIDES))
                for year in sorted(years, key=lambda year: (year is None, year or 0))
            ),
        )


def _add(votes: _Votes, paper: Paper, probabilities: tuple[float, ...]) -> None:
    if not paper.echo:
        votes[paper] = (*votes.get(paper, ()), *probabilities)


def _add_all(votes: _Votes, others: _Votes) -> None:
    for paper, probabilities in others.items():
        _add(votes, paper, probabilities)
