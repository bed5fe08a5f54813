"""Verdicts of curators, and what they do to the relations that evidence is built from.

A verdict is tied to its evidence by content: the hash of the text, the relation type and both spans. The same
relation read again, by another run or from another copy of the record, keeps it; a revised text does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from minecsc.evidence.rows import LinkedRelation
from minecsc.evidence.statements import OPPOSITE
from minecsc.schema import ERROR_MEANINGS, ErrorCategory, RelationType, signature_allows

CURATION_CATEGORIES: Final[tuple[ErrorCategory, ...]] = tuple(
    category for category in ERROR_MEANINGS if category not in ("no_entity", "no_relation")
)
"""The categories of :data:`minecsc.schema.ERROR_MEANINGS` that a relation which was extracted can fall into."""

REPAIRABLE: Final = frozenset(
    {"wrong_direction", "wrong_polarity", "wrong_type", "negation_missed", "speculation_missed"}
)
"""Categories that leave a relation between the two arguments, if another one than was read."""


@dataclass(frozen=True, slots=True)
class Curation:
    """One verdict of one curator on one piece of evidence, with what the curator saw.

    evidence_id: ``<SHA-256 of the text>#<type>:<head span>><tail span>``. correct: None where the curator could not
    tell. category: what is wrong, only where it is not correct. corrected_*: None where what was shown stays.
    judged: when the curator says so; recorded: when it was stored, both UTC. chosen: the strategy that picked the
    evidence. document_id … probability: the relation as it was shown.
    """

    evidence_id: str
    curator: str
    judged: datetime
    recorded: datetime
    correct: bool | None
    category: ErrorCategory | None
    corrected_type: RelationType | None
    corrected_negated: bool | None
    corrected_speculative: bool | None
    note: str | None
    source: str
    chosen: str | None
    document_id: str
    relation_id: str
    run_id: str
    type: RelationType
    head: str
    head_type: str
    head_id: str | None
    tail: str
    tail_type: str
    tail_id: str | None
    negated: bool
    speculative: bool
    probability: float

    def lapsed(self, relation: LinkedRelation) -> bool:
        """Whether the link or the entity type that was judged wrong has changed: for someone to look at again."""
        if self.category == "grounding":
            return (self.head_id, self.tail_id) != (relation.head_concept_id, relation.tail_concept_id)
        if self.category == "type":
            return (self.head_type, self.tail_type) != (relation.head_type, relation.tail_type)
        return False

    def votes(self, relation: LinkedRelation) -> bool:
        """Whether it says something on the relation: its curator could tell, and it has not lapsed."""
        return self.correct is not None and not self.lapsed(relation)

    def reading(self, relation: LinkedRelation) -> LinkedRelation | None:
        """What the sentence states by this verdict, with probability 1; None where that is no relation.

        A wrong direction is turned and a wrong polarity reversed, also where no corrected type was given.
        """
        if not self.correct and self.category not in REPAIRABLE:
            return None
        type_ = self.corrected_type or (OPPOSITE.get(self.type) if self.category == "wrong_polarity" else self.type)
        if type_ is None or (self.category == "wrong_type" and self.corrected_type is None):
            return None
        negated, speculative = self.stated_flags()
        stated = replace(relation, type=type_, negated=negated, speculative=speculative, probability=1.0)
        if self.category == "wrong_direction":
            stated = _turned(stated)
        return stated if signature_allows(stated.type, stated.head_type, stated.tail_type) else None

    def stated_flags(self) -> tuple[bool, bool]:
        """(negated, speculative) by this verdict; a missed one is the reverse of what was shown."""
        negated, speculative = self.corrected_negated, self.corrected_speculative
        if negated is None:
            negated = self.negated != (self.category == "negation_missed")
        if speculative is None:
            speculative = self.speculative != (self.category == "speculation_missed")
        return negated, speculative


def _turned(relation: LinkedRelation) -> LinkedRelation:
    return replace(
        relation,
        head_mention_id=relation.tail_mention_id,
        head_concept_id=relation.tail_concept_id,
        head_surface=relation.tail_surface,
        head_type=relation.tail_type,
        tail_mention_id=relation.head_mention_id,
        tail_concept_id=relation.head_concept_id,
        tail_surface=relation.head_surface,
        tail_type=relation.head_type,
    )


def curated(relation: LinkedRelation, curations: Iterable[Curation]) -> LinkedRelation | None:
    """The relation as its curators see it; None where none of them sees one. Each has one vote.

    curations: the newest verdict of each curator. Of several readings the one with most votes stands, of equals
    the one extracted; its probability is its share of the votes. Without a vote the relation stays as it is.
    """
    votes = [curation.reading(relation) for curation in curations if curation.votes(relation)]
    if not votes:
        return relation
    counts = Counter(reading for reading in votes if reading is not None)
    if not counts:
        return None
    extracted = replace(relation, probability=1.0)
    best = max(counts, key=lambda r: (counts[r], r == extracted, r.type, r.negated, r.speculative, r.head_mention_id))
    return replace(best, probability=counts[best] / len(votes))


def apply_curations(
    relations: Iterable[LinkedRelation], curations: Mapping[str, Sequence[Curation]]
) -> list[LinkedRelation]:
    """The relations, those judged as :func:`curated` has them. curations: relation_id → newest of each curator."""
    found = (curated(r, curations[r.relation_id]) if r.relation_id in curations else r for r in relations)
    return [relation for relation in found if relation is not None]
