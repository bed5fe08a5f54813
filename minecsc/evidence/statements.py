"""Statements: one row a (head concept, type, tail concept), added up over papers.

For a statement: every relation that asserts it; one that only puts it as a possibility counts apart, with a
lower weight. Against it: its denials; the asserted opposite (increases and decreases; resistance_to and
sensitizes_to); for these four also a denied association of the same pair, which is how "X did not affect Y"
is recorded. A speculative denial says nothing. How papers are told apart and vote: :mod:`.votes`; how votes
become belief: :mod:`.belief`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from minecsc.errors import SchemaError
from minecsc.evidence.rows import DocumentInfo, LinkedRelation, Statement
from minecsc.evidence.votes import Ballot, papers
from minecsc.ids import digest

OPPOSITE: Final = {
    "increases": "decreases",
    "decreases": "increases",
    "resistance_to": "sensitizes_to",
    "sensitizes_to": "resistance_to",
}
"""Relation type → the type that contradicts it; types without a direction have none."""

_Key = tuple[str, str, str]


class _Evidence:
    """What speaks of one key: the ballot, and the relation ids of each stance."""

    __slots__ = ("ballot", "denying", "hinting", "stating")

    def __init__(self) -> None:
        self.ballot = Ballot()
        self.stating: list[str] = []
        self.hinting: list[str] = []
        self.denying: list[str] = []


def build_statements(relations: Iterable[LinkedRelation], documents: Mapping[str, DocumentInfo]) -> list[Statement]:
    """Aggregate relations to statements, sorted by id; the result does not depend on the input's order.

    relations: of any number of documents. documents: document_id → standing; a relation whose document
    is not in it raises SchemaError.
    """
    known = papers(documents)
    evidence: dict[_Key, _Evidence] = {}
    names: dict[str, dict[tuple[str, str], int]] = {}
    for relation in relations:
        paper = known.get(relation.document_id)
        if paper is None:
            raise SchemaError(f"{relation.relation_id}: document {relation.document_id} is not given")
        if relation.negated and relation.speculative:
            continue
        key = (relation.head_key, relation.type, relation.tail_key)
        _count_name(names, key[0], relation.head_surface, relation.head_type)
        _count_name(names, key[2], relation.tail_surface, relation.tail_type)
        found = evidence.get(key)
        if found is None:
            found = evidence[key] = _Evidence()
        if relation.negated:
            found.ballot.oppose(paper, relation.probability)
            found.denying.append(relation.relation_id)
        else:
            found.ballot.favour(paper, relation.probability, speculative=relation.speculative)
            (found.hinting if relation.speculative else found.stating).append(relation.relation_id)
    shown = {key: min(counts, key=lambda name: (-counts[name], name)) for key, counts in names.items()}
    statements = [_statement(key, evidence, shown) for key in evidence]
    statements.sort(key=lambda statement: statement.statement_id)
    return statements


def _count_name(names: dict[str, dict[tuple[str, str], int]], key: str, surface: str, type_: str) -> None:
    counts = names.setdefault(key, {})
    counts[surface, type_] = counts.get((surface, type_), 0) + 1


def _statement(key: _Key, evidence: Mapping[_Key, _Evidence], shown: Mapping[str, tuple[str, str]]) -> Statement:
    head, type_, tail = key
    own = evidence[key]
    ballot, against = own.ballot, list(own.denying)
    opposite = OPPOSITE.get(type_)
    if opposite is not None:
        reverse = evidence.get((head, opposite, tail))
        unrelated = evidence.get((head, "associated_with", tail))
        if reverse is not None or unrelated is not None:
            ballot = ballot.copy()
        if reverse is not None:
            ballot.oppose_all(reverse.ballot)
            against += reverse.stating
        if unrelated is not None:
            ballot.oppose_denied(unrelated.ballot)
            against += unrelated.denying
    tally = ballot.count()
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
        relations_for=tuple(sorted(own.stating + own.hinting)),
        relations_against=tuple(sorted(against)),
    )
