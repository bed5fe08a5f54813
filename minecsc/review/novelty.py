"""The reverse of validation: the strongest statements of the base on which the review is silent.

A statement is within the review's topic where a drug, gene or pathway stands in relation to

* ``csc``: a cancer stem cell population, or stemness;
* ``resistance``: resistance to drugs or therapy, or a drug that something resists or is sensitized to;
* ``mechanism``: a concept of a mechanism class, in a paper that also names one of the former two; but not a drug and
  the gene that the knowledge base knows it to act on.

The review is silent on it where no assertion, of whatever relation and either way round, joins the same two
things. The same are: equal concepts or names; a narrower or a wider one of a fitting type (miR-126 where the
review speaks of microRNAs, and the reverse); a pathway and the gene it is named after; any two populations, and
stemness; any two resistances. So a finding on a further cancer's stem cells is not new, one on a further gene is;
and what speaks against the review is not new either: that is for its verdicts to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from minecsc.evidence.rows import LinkedRelation
from minecsc.review.assertions import Assertion, Term
from minecsc.review.compatibility import Families, Outcome
from minecsc.review.matching import EvidenceIndex, Matcher
from minecsc.store import StatementRow

MIN_BELIEF: Final = 0.5
PER_CHAPTER: Final = 50
NO_CLASS: Final = "other"
_AGENTS: Final = frozenset({"Drug", "Gene", "Pathway"})


@dataclass(frozen=True, slots=True)
class NovelStatement:
    """A statement that the review does not make.

    rank: within its chapter, 1 is the strongest: by belief, then by number of papers. chapter: mechanism class of
    what is acted on, else of what acts, else ``other``. strategy_class: of the drug. topic: csc, resistance or
    mechanism. document_id, sentence_id, relation_id: its most probable sentence.
    """

    statement_id: str
    rank: int
    chapter: str
    strategy_class: str | None
    topic: str
    document_id: str
    sentence_id: str
    relation_id: str


class Coverage:
    """Which pairs of things the review joins. A set of assertions is a bit mask over their positions."""

    def __init__(
        self, assertions: Sequence[Assertion], matcher: Matcher, families: Families, index: EvidenceIndex
    ) -> None:
        self._families = families
        self._sides: tuple[dict[str, int], dict[str, int]] = (defaultdict(int), defaultdict(int))
        tokens: dict[Term, frozenset[str]] = {}
        for position, assertion in enumerate(assertions):
            for side, term in zip(self._sides, (assertion.head, assertion.tail), strict=True):
                if term not in tokens:
                    tokens[term] = frozenset(self._tokens(term, matcher, index))
                for token in tokens[term]:
                    side[token] |= 1 << position
            if families.is_response(assertion.relation, assertion.tail.type):
                self._sides[1]["resistance"] |= 1 << position

    def _tokens(self, term: Term, matcher: Matcher, index: EvidenceIndex) -> Iterator[str]:
        match = matcher.resolve(term)
        yield from match.keys
        yield from match.concept_ids
        for concept_id in match.concept_ids:
            yield from (wider for wider in index.ancestors(concept_id) if index.fits(wider, term.type))
        if term.type == "Gene":
            yield from matcher.resolve(Term(f"{term.name} signaling", "Pathway")).concept_ids
        family = self._families.family(match, term.type)
        if family is not None:
            yield family

    def joins(self, statement: StatementRow) -> bool:
        """Whether some assertion speaks of the two ends of a statement."""
        head = self._ends(statement.head_id, statement.head_type, "")
        tail = self._ends(statement.tail_id, statement.tail_type, statement.type)
        return bool(head[0] & tail[1] or head[1] & tail[0])

    def _ends(self, key: str, type_: str, relation: str) -> tuple[int, int]:
        """Assertions whose head, and whose tail, is the same as this end."""
        outcome = self._families.outcome(key, type_, relation) or ""
        first, second = (side.get(key, 0) | side.get(outcome, 0) for side in self._sides)
        return first, second


def novel_statements(
    assertions: Sequence[Assertion],
    statements: Iterable[StatementRow],
    matcher: Matcher,
    families: Families,
    index: EvidenceIndex,
    *,
    min_belief: float = MIN_BELIEF,
    per_chapter: int = PER_CHAPTER,
) -> list[NovelStatement]:
    """The strongest statements on which the review is silent, by chapter and rank; no contested ones."""
    coverage = Coverage(assertions, matcher, families, index)
    on_topic = families.documents(index)
    ranked: dict[str, int] = defaultdict(int)
    found: list[NovelStatement] = []
    for statement in sorted(statements, key=lambda s: (-s.belief, -s.documents_for, s.statement_id)):
        if statement.belief < min_belief:
            break
        if statement.contested or statement.documents_against >= statement.documents_for:
            continue
        topic = _topic(statement, families, index)
        if topic is None or coverage.joins(statement):
            continue
        best = _best(statement, index, on_topic if topic == "mechanism" else None)
        if best is None:
            continue
        chapter = _chapter(statement, index)
        if ranked[chapter] >= per_chapter:
            continue
        ranked[chapter] += 1
        found.append(
            NovelStatement(
                statement.statement_id,
                ranked[chapter],
                chapter,
                _strategy(statement, index),
                topic,
                best.document_id,
                best.sentence_id,
                best.relation_id,
            )
        )
    return sorted(found, key=lambda row: (row.chapter, row.rank))


def _topic(statement: StatementRow, families: Families, index: EvidenceIndex) -> Outcome | None:
    ends = ((statement.head_id, statement.head_type, ""), (statement.tail_id, statement.tail_type, statement.type))
    outcomes = [families.outcome(*end) for end in ends]
    for (key, type_, _), outcome in zip(ends, reversed(outcomes), strict=True):
        if outcome is not None and type_ in _AGENTS and _is_name(key, statement):
            return outcome
    agents = all(type_ in _AGENTS and _is_name(key, statement) for key, type_, _ in ends)
    classed = any(_mechanism(key, index) for key, _, _ in ends)
    return "mechanism" if agents and classed and not _textbook(statement, index) else None


def _textbook(statement: StatementRow, index: EvidenceIndex) -> bool:
    """Whether it says of a drug only that it acts on the gene that the knowledge base knows it to act on."""
    ends = (statement.head_id, statement.tail_id)
    for drug, gene in (ends, ends[::-1]):
        concept = index.concept_of(drug)
        targets = frozenset() if concept is None or concept.type != "Drug" else frozenset(concept.genes)
        if targets & {gene, *index.ancestors(gene)} or any(gene in index.ancestors(target) for target in targets):
            return True
    return False


def _is_name(key: str, statement: StatementRow) -> bool:
    """Whether it names something: linked, or written like a name (MK-0752, not *treatment*)."""
    if not key.startswith("text:"):
        return True
    name = statement.head_name if key == statement.head_id else statement.tail_name
    return name[:1].isalpha() and any(c.isdigit() or c.isupper() for c in name[1:])


def _best(statement: StatementRow, index: EvidenceIndex, documents: frozenset[str] | None) -> LinkedRelation | None:
    asserted = [
        relation
        for relation in index.between({statement.head_id}, {statement.tail_id})
        if relation.type == statement.type
        and not (relation.negated or relation.speculative)
        and index.papers[relation.document_id].standing
        and (documents is None or relation.document_id in documents)
    ]
    return min(asserted, key=lambda relation: (-relation.probability, relation.relation_id), default=None)


def _mechanism(key: str, index: EvidenceIndex) -> str | None:
    """Mechanism class of a concept key; of a drug without one, that of a gene it acts on."""
    concept = index.concept_of(key)
    if concept is None:
        return None
    if concept.mechanism_class not in (None, NO_CLASS):
        return concept.mechanism_class
    genes = [index.concept(gene) for gene in concept.genes] if concept.type == "Drug" else []
    return next((gene.mechanism_class for gene in genes if gene is not None and gene.mechanism_class), None)


def _chapter(statement: StatementRow, index: EvidenceIndex) -> str:
    return _mechanism(statement.tail_id, index) or _mechanism(statement.head_id, index) or NO_CLASS


def _strategy(statement: StatementRow, index: EvidenceIndex) -> str | None:
    for key, type_ in ((statement.head_id, statement.head_type), (statement.tail_id, statement.tail_type)):
        concept = index.concept_of(key)
        if type_ == "Drug" and concept is not None and concept.strategy_class is not None:
            return concept.strategy_class
    return None
