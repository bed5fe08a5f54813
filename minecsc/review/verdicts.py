"""The review held against the evidence: one verdict an assertion, with the sentences it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, get_args

from minecsc.evidence.rows import DocumentInfo, LinkedRelation, concept_key
from minecsc.evidence.votes import Ballot, Tally
from minecsc.review.assertions import Assertion, load_assertions
from minecsc.review.compatibility import DIRECT_RULES, Families, probes
from minecsc.review.matching import EvidenceIndex, LinkerLike, Match, Matcher

if TYPE_CHECKING:
    from minecsc.linking import Linker
    from minecsc.store import EvidenceBase

VerdictName = Literal["supported", "contradicted", "mixed", "only_speculative", "not_found"]
VERDICTS: Final[tuple[VerdictName, ...]] = get_args(VerdictName)

REASONS: Final = MappingProxyType(
    {
        "stated_in_context": "a paper on the same cancer or population states it",
        "stated": "a paper states it, of another cancer or population or of none in particular",
        "inferred": "no paper states it in these words; it follows by a rule of the compatibility table",
        "outweighed_dissent": "papers state it; fewer or weaker ones say otherwise",
        "opposite_stated": "papers state the opposite",
        "denied": "papers deny it",
        "outweighed_support": "papers state the opposite or deny it; fewer or weaker ones agree",
        "both_sides": "papers on both sides, neither outweighs the other",
        "possibility_only": "papers only put it as a possibility",
        "retracted_only": "the only papers that speak of it are retracted or deleted",
        "association_only": "papers report an association, without the direction asserted",
        "below_threshold": "a relation was read, with a probability below the threshold",
        "other_relation_only": "a relation of another kind was read between the two",
        "no_relation_extracted": "papers mention both, no relation between the two was read",
        "concepts_not_in_same_document": "no paper mentions both",
        "concept_not_in_knowledge_base": "a name links to no concept, and no mention bears it",
    }
)
"""Reason code → what it means, in a sentence."""

MIN_PROBABILITY: Final = 0.5
MAX_SENTENCES: Final = 5
_STANCES: Final = ("for", "against", "speculative", "association", "below_threshold")


@dataclass(frozen=True, slots=True)
class EvidenceSentence:
    """A relation that a verdict rests on. stance: for, against, speculative, association, below_threshold.

    rule: the rule of :mod:`.compatibility` by which it speaks of the assertion. in_context: whether the
    document is on the assertion's cancer or population (False where it names neither). negated: whether
    the sentence denies the relation.
    """

    document_id: str
    sentence_id: str
    relation_id: str
    probability: float
    stance: str
    rule: str
    in_context: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the corpus says of one assertion.

    documents_*: distinct papers in good standing, one vote each. belief: in [0, 1], None without evidence.
    reason: a key of :data:`REASONS`. evidence: the best sentences, at most :data:`MAX_SENTENCES` a stance.
    relations_for, relations_against: ids of all that counts on either side, sorted.
    """

    assertion_id: str
    verdict: VerdictName
    documents_for: int
    documents_against: int
    documents_speculative: int
    belief: float | None
    reason: str
    evidence: tuple[EvidenceSentence, ...] = ()
    relations_for: tuple[str, ...] = ()
    relations_against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """Verdict counts of one section (None: all of them) and group: all, validatable or core."""

    section: str | None
    group: str
    total: int
    counts: Mapping[str, int]

    @property
    def found(self) -> float:
        """Share of the assertions on which there is any evidence."""
        return 1.0 - self.counts["not_found"] / self.total if self.total else 0.0


def validate_assertions(
    base: EvidenceBase,
    linker: Linker,
    assertions: Sequence[Assertion] | None = None,
    *,
    min_probability: float = MIN_PROBABILITY,
) -> list[Verdict]:
    """Hold the review's assertions (or those given) against an evidence base; one verdict each, in order.

    min_probability: relations below it do not count; where there is nothing else, the reason says so.
    """
    relations, occurrences, documents = _read(base)
    index = EvidenceIndex(relations, occurrences, documents, linker.kb.concept)
    held = load_assertions() if assertions is None else assertions
    return validate_rows(held, index, linker, min_probability=min_probability)


def validate_rows(
    assertions: Iterable[Assertion],
    index: EvidenceIndex,
    linker: LinkerLike,
    *,
    min_probability: float = MIN_PROBABILITY,
) -> list[Verdict]:
    """As :func:`validate_assertions`, from an index over plain rows."""
    matcher = Matcher(index, linker)
    families = Families(matcher, index)
    return [_judge(assertion, matcher, families, index, min_probability) for assertion in assertions]


def summarise(verdicts: Iterable[Verdict], assertions: Sequence[Assertion] | None = None) -> list[SummaryRow]:
    """Counts by section and group, in the order of the assertions; the rows over all sections come first."""
    by_id = {verdict.assertion_id: verdict for verdict in verdicts}
    cells: dict[tuple[str | None, str], dict[str, int]] = {}
    known = load_assertions() if assertions is None else assertions
    for section in (None, *dict.fromkeys(assertion.section for assertion in known)):
        for group in ("all", "validatable", "core"):
            cells[section, group] = dict.fromkeys(VERDICTS, 0)
    for assertion in known:
        verdict = by_id.get(assertion.assertion_id)
        if verdict is None:
            continue
        groups = [
            "all",
            *(["validatable"] if assertion.validatable else []),
            *(["core"] if assertion.core else []),
        ]
        for group in groups:
            cells[None, group][verdict.verdict] += 1
            cells[assertion.section, group][verdict.verdict] += 1
    return [
        SummaryRow(section, group, sum(counts.values()), MappingProxyType(counts))
        for (section, group), counts in cells.items()
    ]


def _judge(
    assertion: Assertion, matcher: Matcher, families: Families, index: EvidenceIndex, min_probability: float
) -> Verdict:
    head, tail = matcher.resolve(assertion.head), matcher.resolve(assertion.tail)
    cancer = frozenset(matcher.context(assertion.cancer, "Cancer"))
    context = cancer.union(*(matcher.context(assertion.population, type_) for type_ in ("CSC", "Cell")))
    ballot = Ballot()
    hits: dict[str, EvidenceSentence] = {}
    other_relation = False
    for probe in probes(assertion, head, tail, cancer, families, index):
        for relation in probe.relations(index):
            if relation.relation_id in hits:
                continue
            stance: str | None = probe.stance(relation)
            if stance is None:
                other_relation = other_relation or (probe.rule in DIRECT_RULES and not relation.negated)
                continue
            paper = index.papers[relation.document_id]
            if relation.probability < min_probability:
                stance = "below_threshold"
            elif stance == "against":
                ballot.oppose(paper, relation.probability)
            elif stance != "association":
                ballot.favour(paper, relation.probability, speculative=stance == "speculative")
            hits[relation.relation_id] = EvidenceSentence(
                relation.document_id,
                relation.sentence_id,
                relation.relation_id,
                relation.probability,
                stance,
                probe.rule,
                relation.document_id in context,
                relation.negated,
            )
    tally = ballot.count()
    standing = [hit for hit in hits.values() if index.papers[hit.document_id].standing]
    name, reason = _verdict(tally, standing)
    if name == "not_found" and not reason:
        reason = _why_not(head, tail, index, other_relation=other_relation)
    return Verdict(
        assertion_id=assertion.assertion_id,
        verdict=name,
        documents_for=tally.documents_for,
        documents_against=tally.documents_against,
        documents_speculative=tally.documents_speculative,
        belief=None if name == "not_found" else tally.belief,
        reason=reason,
        evidence=_best(hits.values()),
        relations_for=tuple(sorted(r for r, hit in hits.items() if hit.stance in ("for", "speculative"))),
        relations_against=tuple(sorted(r for r, hit in hits.items() if hit.stance == "against")),
    )


def _verdict(tally: Tally, hits: Sequence[EvidenceSentence]) -> tuple[VerdictName, str]:
    """Verdict and reason from the count; the reason is empty where there is no evidence at all."""
    stances = {hit.stance for hit in hits}
    if tally.contested:
        return "mixed", "both_sides"
    if tally.documents_for and tally.weight_for > tally.weight_against:
        if tally.documents_against:
            return "supported", "outweighed_dissent"
        direct = [hit for hit in hits if hit.stance == "for" and hit.rule in DIRECT_RULES]
        if not direct:
            return "supported", "inferred"
        return "supported", "stated_in_context" if any(hit.in_context for hit in direct) else "stated"
    if tally.documents_against:
        if tally.documents_for:
            return "contradicted", "outweighed_support"
        against = [hit for hit in hits if hit.stance == "against"]
        return "contradicted", "denied" if all(hit.negated for hit in against) else "opposite_stated"
    if tally.documents_speculative:
        return "only_speculative", "possibility_only"
    if tally.documents_retracted:
        return "not_found", "retracted_only"
    for stance in ("association", "below_threshold"):
        if stance in stances:
            return "not_found", "association_only" if stance == "association" else stance
    return "not_found", ""


def _why_not(head: Match, tail: Match, index: EvidenceIndex, *, other_relation: bool) -> str:
    if not (head.known and tail.known):
        return "concept_not_in_knowledge_base"
    if other_relation:
        return "other_relation_only"
    if index.documents(head.keys) & index.documents(tail.keys):
        return "no_relation_extracted"
    return "concepts_not_in_same_document"


def _best(hits: Iterable[EvidenceSentence]) -> tuple[EvidenceSentence, ...]:
    """The strongest sentences of each stance, no more than one a document."""
    ranked = sorted(
        hits,
        key=lambda hit: (
            _STANCES.index(hit.stance),
            hit.rule not in DIRECT_RULES,
            not hit.in_context,
            -hit.probability,
            hit.relation_id,
        ),
    )
    taken: dict[tuple[str, str], EvidenceSentence] = {}
    for hit in ranked:
        taken.setdefault((hit.stance, hit.document_id), hit)
    chosen: list[EvidenceSentence] = []
    for stance in _STANCES:
        chosen += [hit for (kind, _), hit in taken.items() if kind == stance][:MAX_SENTENCES]
    return tuple(chosen)


def _read(
    base: EvidenceBase,
) -> tuple[list[LinkedRelation], list[tuple[str, str]], dict[str, DocumentInfo]]:
    """Relations, occurrences and documents of a base, as :class:`.EvidenceIndex` wants them."""
    relations = [
        LinkedRelation(**row)
        for row in base.sql(
            """
            SELECT r.relation_id, r.document_id, r.sentence_id, r.type,
                   h.mention_id AS head_mention_id, h.concept_id AS head_concept_id,
                   h.surface AS head_surface, h.type AS head_type,
                   t.mention_id AS tail_mention_id, t.concept_id AS tail_concept_id,
                   t.surface AS tail_surface, t.type AS tail_type,
                   r.negated, r.speculative, r.probability
            FROM relation r
            JOIN mention h ON h.mention_id = r.head_mention_id
            JOIN mention t ON t.mention_id = r.tail_mention_id
            ORDER BY r.relation_id
            """
        ).rows()
    ]
    mentions = base.sql("SELECT DISTINCT document_id, concept_id, type, surface FROM mention").rows()
    occurrences = [
        (concept_key(row["concept_id"], row["type"], row["surface"]), row["document_id"]) for row in mentions
    ]
    documents = {
        row["document_id"]: DocumentInfo(**row)
        for row in base.sql("SELECT document_id, year, retracted, deleted, text_sha256 FROM document").rows()
    }
    return relations, occurrences, documents
