"""One paper, one vote: what the evidence on a proposition comes to, paper by paper.

A paper is every document with the same text. It is out of standing where any of its copies is retracted, or
all of them are deleted: a deleted duplicate does not take the other copy along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from minecsc.evidence.belief import SPECULATIVE_WEIGHT, contested, statement_belief
from minecsc.evidence.rows import DocumentInfo


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """A text with its standing; ``paper_id`` is the smallest id of its documents, ``year`` its first.

    Compared by identity: :func:`papers` makes one object a paper, and ballots hash them by the million.
    """

    paper_id: str
    standing: bool
    year: int | None


def papers(documents: Mapping[str, DocumentInfo]) -> dict[str, Paper]:
    """document_id → the paper it is a copy of."""
    by_text: dict[str, list[DocumentInfo]] = defaultdict(list)
    for info in documents.values():
        by_text[info.text_sha256 or info.document_id].append(info)
    found: dict[str, Paper] = {}
    for copies in by_text.values():
        standing = not any(copy.retracted for copy in copies) and not all(copy.deleted for copy in copies)
        years = [copy.year for copy in copies if copy.year is not None and not (standing and copy.deleted)]
        paper = Paper(min(copy.document_id for copy in copies), standing, min(years, default=None))
        for copy in copies:
            found[copy.document_id] = paper
    return found


class Ballot:
    """Collects evidence on one proposition: per paper, the strongest probability of each stance."""

    __slots__ = ("_against", "_asserted", "_speculative")

    def __init__(self) -> None:
        self._asserted: dict[Paper, float] = {}
        self._speculative: dict[Paper, float] = {}
        self._against: dict[Paper, float] = {}

    def favour(self, paper: Paper, probability: float, *, speculative: bool = False) -> None:
        """Count an assertion, or a possibility."""
        votes = self._speculative if speculative else self._asserted
        votes[paper] = max(probability, votes.get(paper, 0.0))

    def oppose(self, paper: Paper, probability: float) -> None:
        """Count a denial, or the assertion of the opposite."""
        self._against[paper] = max(probability, self._against.get(paper, 0.0))

    def oppose_all(self, other: Ballot) -> None:
        """Count against this proposition whatever asserts the other."""
        for paper, probability in other._asserted.items():
            self.oppose(paper, probability)

    def oppose_denied(self, other: Ballot) -> None:
        """Count against this proposition whatever denies the other."""
        for paper, probability in other._against.items():
            self.oppose(paper, probability)

    def copy(self) -> Ballot:
        """A ballot with the same evidence."""
        twin = Ballot()
        twin._asserted, twin._speculative = dict(self._asserted), dict(self._speculative)
        twin._against = dict(self._against)
        return twin

    def count(self) -> Tally:
        """Give every paper its one vote: the strongest of for, against, and scaled speculative."""
        votes_for: list[float] = []
        votes_against: list[float] = []
        in_favour = speculative = out_of_standing = 0
        years: list[int] = []
        for paper in {**self._asserted, **self._speculative, **self._against}:
            if not paper.standing:
                out_of_standing += 1
                continue
            if paper.year is not None:
                years.append(paper.year)
            asserted = self._asserted.get(paper)
            hinted = self._speculative.get(paper)
            weight = max(asserted or 0.0, SPECULATIVE_WEIGHT * (hinted or 0.0))
            dissent = self._against.get(paper)
            if dissent is not None and (dissent > weight or (asserted is None and hinted is None)):
                votes_against.append(dissent)
                continue
            votes_for.append(weight)
            if asserted is None:
                speculative += 1
            else:
                in_favour += 1
        return Tally(
            documents_for=in_favour,
            documents_against=len(votes_against),
            documents_speculative=speculative,
            documents_retracted=out_of_standing,
            belief=statement_belief(votes_for, votes_against),
            contested=in_favour > 0 and contested(votes_for, votes_against),
            weight_for=sum(sorted(votes_for)),
            weight_against=sum(sorted(votes_against)),
            first_year=min(years, default=None),
            last_year=max(years, default=None),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of a count; the fields mean what they mean in a Statement, weights are sums of votes."""

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
