"""Statements: one row a (head concept, type, tail concept), added up over papers.

For a statement: every relation that asserts it; one that only puts it as a possibility counts apart, with a
lower weight. Against it: its denials; the asserted opposite (increases and decreases; resistance_to and
sensitizes_to); for these four also a denied association of the same pair, which is how "X did not affect Y"
is recorded. A speculative denial says nothing. How papers are told apart and vote: :mod:`.votes`; how votes
become belief: :mod:`.belief`. What asserts a statement on narrower concepts (:mod:`.refinement`) asserts this one
too, and is added up apart; what speaks against the narrower one does not speak against this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from minecsc.errors import SchemaError
from minecsc.evidence.refinement import Key, refinements
from minecsc.evidence.rows import ConceptLike, DocumentInfo, LinkedRelation, Statement
from minecsc.evidence.votes import Ballot, papers
from minecsc.ids import digest

OPPOSITE: Final = {
    "increases": "decreases",
    "decreases": "increases",
    "resistance_to": "sensitizes_to",
    "sensitizes_to": "resistance_to",
}
"""Relation type → the type that contradicts it; types without a direction have none."""


class Evidence:
    """What speaks of one key: the ballot, and the relation ids of each stance."""

    __slots__ = ("ballot", "denying", "hinting", "stating")

    def __init__(self) -> None:
        self.ballot = Ballot()
        self.stating: list[str] = []
        self.hinting: list[str] = []
        self.denying: list[str] = []


def build_statements(
    relations: Iterable[LinkedRelation],
    documents: Mapping[str, DocumentInfo],
    concepts: Mapping[str, ConceptLike] | None = None,
) -> list[Statement]:
    """Aggregate relations to statements, sorted by id; the result does not depend on the input's order.

    relations: of any number of documents. documents: document_id → standing; a relation whose document
    is not in it raises SchemaError. concepts: id → concept of the linked arguments and everything broader;
    without them no statement refines another.
    """
    held = list(relations)
    evidence = collect(held, documents)
    shown = _names(held)
    narrower = refinements(evidence, concepts or {})
    statements = [_statement(key, evidence, shown, narrower.get(key, ())) for key in evidence]
    statements.sort(key=lambda statement: statement.statement_id)
    return statements


def collect(relations: Iterable[LinkedRelation], documents: Mapping[str, DocumentInfo]) -> dict[Key, Evidence]:
    """Key → what speaks of it, of all keys that a relation has. Parameters and errors as of build_statements.

    The ballots already hold against a key what asserts its opposite or denies the pair an association.
    """
    known = papers(documents)
    evidence: dict[Key, Evidence] = {}
    for relation in relations:
        paper = known.get(relation.document_id)
        if paper is None:
            raise SchemaError(f"{relation.relation_id}: document {relation.document_id} is not given")
        if relation.negated and relation.speculative:
            continue
        key = (relation.head_key, relation.type, relation.tail_key)
        found = evidence.get(key)
        if found is None:
            found = evidence[key] = Evidence()
        if relation.negated:
            found.ballot.oppose(paper, relation.probability)
            found.denying.append(relation.relation_id)
        else:
            found.ballot.favour(paper, relation.probability, speculative=relation.speculative)
            (found.hinting if relation.speculative else found.stating).append(relation.relation_id)
    _add_dissent(evidence)
    return evidence


def _add_dissent(evidence: dict[Key, Evidence]) -> None:
    """Puts against every key that has an opposite what its opposite and the bare association say."""
    for (head, type_, tail), found in evidence.items():
        opposite = OPPOSITE.get(type_)
        if opposite is None:
            continue
        reverse = evidence.get((head, opposite, tail))
        unrelated = evidence.get((head, "associated_with", tail))
        if reverse is not None:
            found.ballot.oppose_all(reverse.ballot)
            found.denying += reverse.stating
        if unrelated is not None:
            found.ballot.oppose_denied(unrelated.ballot)
            found.denying += unrelated.denying


def _names(relations: Iterable[LinkedRelation]) -> dict[str, tuple[str, str]]:
    """Key → its commonest surface with that surface's commonest type; the first by name where two are as common."""
    names: dict[str, dict[tuple[str, str], int]] = {}
    for relation in relations:
        _count_name(names, relation.head_key, relation.head_surface, relation.head_type)
        _count_name(names, relation.tail_key, relation.tail_surface, relation.tail_type)
    return {key: min(counts, key=lambda name: (-counts[name], name)) for key, counts in names.items()}


def _count_name(names: dict[str, dict[tuple[str, str], int]], key: str, surface: str, type_: str) -> None:
    counts = names.setdefault(key, {})
    counts[surface, type_] = counts.get((surface, type_), 0) + 1


def _statement(
    key: Key, evidence: Mapping[Key, Evidence], shown: Mapping[str, tuple[str, str]], narrower: Sequence[Key]
) -> Statement:
    head, type_, tail = key
    own = evidence[key]
    tally = rolled_up = own.ballot.count()
    if narrower:
        ballot = own.ballot.copy()
        for other in narrower:
            ballot.favour_all(evidence[other].ballot)
        rolled_up = ballot.count()
    return Statement(
        statement_id=digest(head, type_, tail),
        head_id=head,
        head_name=shown[head][0],
        head_type=shown[head][1],
        type=type_,
        tail_id=tail,
        tail_name=shown[tail][0],
        tail_type=shown[tail][1],
        belief=tally.belief,
        documents_for=tally.documents_for,
        documents_against=tally.documents_against,
        documents_speculative=tally.documents_speculative,
        documents_retracted=tally.documents_retracted,
        first_year=tally.first_year,
        last_year=tally.last_year,
        contested=tally.contested,
        years=tally.years,
        refined_by=tuple(sorted(digest(*other) for other in narrower)),
        belief_with_refinements=rolled_up.belief,
        documents_with_refinements=rolled_up.documents_for,
        relations_for=tuple(sorted(own.stating + own.hinting)),
        relations_against=tuple(sorted(own.denying)),
    )
