"""Which relations speak for or against an assertion: the whole table, and nothing that is not in it.

For an assertion R(H, T), where H and T stand for themselves and everything narrower:

===================  =================================  ==========================  =====================
rule                 evidence for                       evidence against            no more than a hint
===================  =================================  ==========================  =====================
stated               R(H, T)                            not R(H, T); the opposite   associated_with, either
                                                        of R(H, T); not associated  way round
                                                        with, where R has a sign
association          R = associated_with: any relation  not associated_with(H, T)   --
                     H to T or T to H
marker               R = marker_of: marker_of(H, T)     not marker_of(H, T)         associated_with,
                                                                                    increases(H, T)
drug_response        R(H, drug resistance):             the opposite, of            --
                     resistance_to(H, drug proper)      chemotherapy at large,
                     for increases, sensitizes_to for   unless H is a drug (two
                     decreases. R(H, therapy            drugs that work together
                     resistance): the same, any drug    refute nothing) or T is
                                                        therapy resistance
narrower_resistance  R(H, therapy resistance):          --                          --
                     R(H, drug resistance)
general_resistance   R(H, drug): increases(H, drug      the opposite                --
                     resistance) for resistance_to,
                     decreases for sensitizes_to; for a
                     named drug only in a document that
                     mentions it and no other drug
member_drug          R(H, chemotherapy): R(H, drug      --                          --
                     known as anticancer drug)
population_response  decreases(drug, CSC):              resistance_to(CSC, drug)    --
                     sensitizes_to(CSC, drug)
stemness             R(H, CSC): R(H, stemness), and     the opposite                --
                     R(H, stemness): R(H, CSC)
synergy              sensitizes_to(drug, drug): the     --                          --
                     same with the drugs exchanged
===================  =================================  ==========================  =====================

The opposite of increases is decreases, of resistance_to sensitizes_to. A denied relation counts against an
assertion only under the first three rules: that X does not confer resistance to one drug does not deny
resistance in general. Speculative evidence never counts against, nor does evidence on something narrower,
populations and cells apart: that one microRNA lowers what microRNAs are said to raise, or that cells grow sensitive to
one drug where resistance is said to rise, refutes nothing. What is
read less surely, or of another cancer or population, is held back by :mod:`.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from minecsc.evidence.rows import LinkedRelation
from minecsc.evidence.statements import OPPOSITE
from minecsc.review.assertions import Assertion, Term
from minecsc.review.matching import EvidenceIndex, Match, Matcher
from minecsc.schema import RELATION_TYPES

Stance = Literal["for", "against", "speculative", "association"]
Outcome = Literal["csc", "resistance", "mechanism"]
"""What the review is about: populations and stemness, resistance, or a mechanism in their context."""

DIRECT_RULES: Final = frozenset({"stated", "association", "marker"})
_SIGNED: Final = frozenset({"increases", "decreases"})
_NONE: Final[frozenset[str]] = frozenset()
_ASSOCIATION: Final = frozenset({"associated_with"})

_FAMILIES: Final = (
    Term("chemoresistance", "Process", ("drug resistance", "chemotherapy resistance")),
    Term("therapy resistance", "Process", ("therapeutic resistance", "treatment resistance", "resistance")),
    Term("chemotherapy", "Drug", ("chemotherapeutic drugs", "chemotherapeutic agents", "anticancer drugs")),
    Term(
        "stemness",
        "Process",
        ("cancer stemness", "CSC properties", "stem cell-like properties", "CSC traits"),
    ),
    Term("cancer stem cells", "CSC", ("CSCs",)),
)
_NO_DRUGS: Final = (
    Term("radiotherapy", "Drug", ("radiation", "ionizing radiation")),
    Term("immunotherapy", "Drug", ("immune checkpoint inhibitors", "CAR-T cells", "cancer vaccine")),
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One place to look for evidence, and how to read what is there.

    tails None: any mention of type ``tail_type``. documents None: all of them.
    favour, against, association: relation types by what they say when asserted.
    denied: types whose denial counts against. firm: keys of which both ends must be to count against.
    """

    rule: str
    heads: frozenset[str]
    tails: frozenset[str] | None
    firm: frozenset[str]
    favour: frozenset[str]
    against: frozenset[str] = _NONE
    association: frozenset[str] = _NONE
    denied: frozenset[str] = _NONE
    tail_type: str | None = None
    documents: frozenset[str] | None = field(default=None, repr=False)

    def relations(self, index: EvidenceIndex) -> Iterator[LinkedRelation]:
        """The relations it looks at, whatever they say."""
        for relation in index.between(self.heads, self.tails):
            if self.tail_type is not None and relation.tail_type != self.tail_type:
                continue
            if self.documents is None or relation.document_id in self.documents:
                yield relation

    def stance(self, relation: LinkedRelation) -> Stance | None:
        """What the relation says of the assertion; None where it says nothing."""
        if not relation.negated and relation.type in self.favour:
            return "speculative" if relation.speculative else "for"
        if relation.speculative:
            return None
        if relation.type in (self.denied if relation.negated else self.against):
            firm = relation.head_key in self.firm and relation.tail_key in self.firm
            return "against" if firm else None
        return "association" if relation.type in self.association and not relation.negated else None


class Families:
    """The general terms of the table, resolved once.

    drugs: what resistance to is drug resistance: linked drugs, not radiation, and nothing that works by
    immunity (a cytokine links to its gene, so it is not among them either).
    """

    def __init__(self, matcher: Matcher, index: EvidenceIndex) -> None:
        self.drug_resistance, self.therapy_resistance, self.chemotherapy, self.stemness, self.csc = map(
            matcher.resolve, _FAMILIES
        )
        other = frozenset[str]().union(*(matcher.resolve(term).keys for term in _NO_DRUGS))
        linked = {key for key, concept in index.of_type("Drug") if concept.strategy_class != "immunotherapy"}
        self.drugs: frozenset[str] = (self.chemotherapy.keys | linked) - other
        self._resistances = self.drug_resistance.keys | self.therapy_resistance.keys

    @staticmethod
    def is_member(match: Match, family: Match) -> bool:
        """Whether a term is the general term itself, not something narrower."""
        return bool(match.concept_ids & family.concept_ids or match.names & family.names)

    def family(self, match: Match, type_: str) -> Outcome | None:
        """Which outcome a term of this entity type is, if any."""
        if type_ == "CSC" or self.is_member(match, self.stemness):
            return "csc"
        general = (self.drug_resistance, self.therapy_resistance)
        return "resistance" if any(self.is_member(match, term) for term in general) else None

    def outcome(self, key: str, type_: str, relation: str) -> Outcome | None:
        """Which outcome a concept key of the corpus is; ``relation``: of which it is the tail, else empty."""
        if type_ == "CSC" or key in self.stemness.keys:
            return "csc"
        return "resistance" if key in self._resistances or self.is_response(relation, type_) else None

    @staticmethod
    def is_response(relation: str, tail_type: str) -> bool:
        """Whether the relation is a response to the drug at its tail."""
        return tail_type == "Drug" and relation in ("resistance_to", "sensitizes_to")

    def documents_on(self, drug: Match, index: EvidenceIndex) -> frozenset[str]:
        """Documents whose resistance is to this drug: they mention it, and of the others only chemotherapy at large."""
        others = self.drugs - drug.keys - self.chemotherapy.concept_ids
        return index.documents(drug.keys) - index.documents(others)

    def documents(self, index: EvidenceIndex) -> frozenset[str]:
        """Documents that name a population, stemness or resistance."""
        populations = index.populations.union(key for key, _ in index.of_type("CSC"))
        return index.documents(populations | self.stemness.keys | self._resistances)


def probes(
    assertion: Assertion,
    head: Match,
    tail: Match,
    context: frozenset[str],
    families: Families,
    index: EvidenceIndex,
) -> Iterator[Probe]:
    """Everything that is to be looked up for one assertion, direct rules first.

    context: documents on the assertion's cancer; a wider population stands for a narrower one only there.
    """
    relation, firm = assertion.relation, head.firm | tail.firm
    yield from _direct(relation, head.keys, tail.keys, firm, None)
    if head.broader:
        near = context | index.documents(head.keys)
        yield from _direct(relation, head.broader, tail.keys, firm, near)
    if tail.broader:
        near = context | index.documents(tail.keys)
        yield from _direct(relation, head.keys, tail.broader, firm, near)
    if relation in _SIGNED:
        yield from _indirect_signed(assertion, head, tail, context, families, index)
    elif relation in ("resistance_to", "sensitizes_to"):
        yield from _indirect_resistance(assertion, head, tail, families, index)


def _direct(
    relation: str,
    heads: frozenset[str],
    tails: frozenset[str],
    firm: frozenset[str],
    documents: frozenset[str] | None,
) -> Iterator[Probe]:
    if relation == "associated_with":
        anything = frozenset(RELATION_TYPES)
        for first, second in ((heads, tails), (tails, heads)):
            yield Probe("association", first, second, firm, anything, denied=_ASSOCIATION, documents=documents)
        return
    same = frozenset({relation})
    if relation == "marker_of":
        hints = _ASSOCIATION | {"increases"}
        yield Probe("marker", heads, tails, firm, same, association=hints, denied=same, documents=documents)
    else:
        opposite = frozenset({OPPOSITE[relation]})
        denied = same | _ASSOCIATION
        yield Probe("stated", heads, tails, firm, same, opposite, _ASSOCIATION, denied, documents=documents)
    yield Probe("stated", tails, heads, firm, _NONE, association=_ASSOCIATION, documents=documents)


def _indirect_signed(
    assertion: Assertion,
    head: Match,
    tail: Match,
    context: frozenset[str],
    families: Families,
    index: EvidenceIndex,
) -> Iterator[Probe]:
    """Rules for increases and decreases."""
    relation, on_drug = assertion.relation, assertion.head.type == "Drug"
    same, opposite = frozenset({relation}), frozenset({OPPOSITE[relation]})
    favour, against = _resistance(up=relation == "increases")
    if families.is_member(tail, families.drug_resistance):
        drugs = families.drugs
        refuting, firm = _NONE if on_drug else against, head.firm | families.chemotherapy.firm
        yield Probe("drug_response", head.keys, drugs, firm, favour, refuting)
    elif families.is_member(tail, families.therapy_resistance):
        yield Probe("drug_response", head.keys, None, _NONE, favour, tail_type="Drug")
        yield Probe("narrower_resistance", head.keys, families.drug_resistance.keys, _NONE, same)
    if assertion.tail.type == "CSC":
        general = families.is_member(tail, families.csc)
        near = None if general else context | index.documents(tail.keys)
        stemness = families.stemness
        firm = head.firm | stemness.firm
        yield Probe("stemness", head.keys, stemness.keys, firm, same, opposite, documents=near)
        if on_drug and relation == "decreases":
            firm = head.firm | tail.firm
            yield Probe("population_response", tail.keys, head.keys, firm, favour, against)
    elif families.is_member(tail, families.stemness):
        csc = families.csc
        yield Probe("stemness", head.keys, csc.keys, head.firm | csc.firm, same, opposite)


def _indirect_resistance(
    assertion: Assertion, head: Match, tail: Match, families: Families, index: EvidenceIndex
) -> Iterator[Probe]:
    """Rules for resistance_to and sensitizes_to."""
    up = assertion.relation == "resistance_to"
    favour = frozenset({"increases" if up else "decreases"})
    against = frozenset({"decreases" if up else "increases"})
    general = families.is_member(tail, families.chemotherapy)
    near = None if general else families.documents_on(tail, index)
    resistance = families.drug_resistance
    firm = head.firm | resistance.firm
    yield Probe("general_resistance", head.keys, resistance.keys, firm, favour, against, documents=near)
    if general:
        same = frozenset({assertion.relation})
        yield Probe("member_drug", head.keys, families.chemotherapy.keys, _NONE, same)
    if not up and assertion.head.type == "Drug":
        yield Probe("synergy", tail.keys, head.keys, _NONE, frozenset({"sensitizes_to"}))


def _resistance(*, up: bool) -> tuple[frozenset[str], frozenset[str]]:
    """Relation types to a drug that mean more (up) or less resistance, and the opposite."""
    more, less = frozenset({"resistance_to"}), frozenset({"sensitizes_to"})
    return (more, less) if up else (less, more)
