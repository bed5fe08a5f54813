"""Fitting belief on gold: what counts as right, and that known weights are found again."""

from __future__ import annotations

import random

import pytest

from minecsc.errors import EvaluationError
from minecsc.evidence.votes import Ballot, Paper
from minecsc.schema import Document, Extraction, Mention, Relation, Sentence
from minecsc.training.belief import (
    PRIOR,
    Candidate,
    Correction,
    asserted,
    candidates,
    correction,
    cross_fitted,
    fit,
    fold_of,
    indra,
    likely,
    measure,
    systems,
)


def reading(number: int, *flags: tuple[bool, bool, float]) -> Extraction:
    """``Zorkin (ZK1) lowers CD44.`` with one relation for each (negated, speculative, probability)."""
    text = "Zorkin protein one (ZK1) lowers CD44."
    document = Document(f"pmid:{number}", text, "", pmid=str(number))
    drug, short, gene = (
        Mention(text.index(name), text.index(name) + len(name), name, type_, 0)
        for name, type_ in (("Zorkin protein one", "Drug"), ("ZK1", "Drug"), ("CD44", "Gene"))
    )
    relations = [Relation("decreases", drug, gene, negated, hinted, p) for negated, hinted, p in flags]
    return Extraction(document, (Sentence(0, 0, len(text)),), (drug, short, gene), tuple(relations))


def test_gold_asserts_under_each_name_and_neither_what_it_denies_nor_what_it_only_considers():
    stated = asserted(reading(1, (False, False, 1.0)))
    assert {head for head, _, _ in stated} == {"text:Drug:zorkin protein one", "text:Drug:zk1"}
    assert asserted(reading(1, (True, False, 1.0), (False, True, 1.0))) == set()


def test_a_statement_is_right_where_any_of_its_documents_asserts_it():
    gold = [reading(1), reading(2, (False, False, 1.0))]
    predicted = {"pmid:1": reading(1, (False, True, 0.7)), "pmid:2": reading(2, (False, False, 0.8))}
    (found,) = candidates(gold, predicted)
    assert (found.right, found.documents, found.possibility_only) == (True, {"pmid:1", "pmid:2"}, False)
    (alone,) = candidates(gold[:1], predicted)
    assert (alone.right, alone.possibility_only) == (False, True)
    assert candidates(gold[:1], {"pmid:1": reading(1, (True, False, 0.9))}) == [], "only denied: nothing to believe"
    with pytest.raises(EvaluationError, match="without a reading"):
        candidates(gold, {})


def made(number: int, chance: random.Random, kind: str) -> Candidate:
    """A statement of one document: asserted once or twice, or only a possibility, right as often as it should be."""
    ballot, paper, p = Ballot(), Paper(f"pmid:{number}", standing=True, year=None), chance.uniform(0.5, 0.9)
    true = {"once": p, "twice": 1 - (1 - p) ** 2, "possibility": 0.25 * p}[kind]
    for _ in range(1 + (kind == "twice")):
        ballot.favour(paper, p, speculative=kind == "possibility")
    return Candidate(
        (str(number), "increases", "x"),
        ballot,
        1 + (kind == "twice"),
        0,
        frozenset([paper.paper_id]),
        kind == "possibility",
        chance.random() < true,
    )


@pytest.fixture(scope="module")
def generated() -> list[Candidate]:
    chance = random.Random(5)
    return [made(number, chance, kind) for number, kind in enumerate(["once", "twice", "possibility"] * 200)]


def test_known_weights_are_found_again(generated):
    weights = fit(generated)
    assert weights.speculative == pytest.approx(0.25, abs=0.1)
    assert weights.repetition > 0.5
    low, high = likely(generated, weights, "repetition")
    assert low <= weights.repetition <= high
    assert likely(generated, weights, "corroboration") == (0.0, 1.0), "no statement has two papers"
    assert fit([]) == PRIOR


def test_probabilities_that_are_right_need_little_correction(generated):
    found = correction(generated)
    assert found(0.7) == pytest.approx(0.7, abs=0.1)
    assert Correction()(0.3) == pytest.approx(0.3)
    assert (Correction(2.0, 1.0)(0.0), Correction(2.0, 1.0)(1.0)) == (0.0, 1.0)


def test_cross_fitting_shares_no_document(generated):
    def predict(fold, rest):
        held = {document for candidate in fold for document in candidate.documents}
        assert held.isdisjoint({document for candidate in rest for document in candidate.documents})
        return [float(fold_of(min(candidate.documents))) for candidate in fold]

    assert cross_fitted(generated, predict) == [float(candidate.fold) for candidate in generated]


def test_every_formula_is_measured_on_the_same_statements(generated):
    few = generated[:90]
    beliefs = systems(few)
    assert all(0.0 <= belief <= 1.0 for values in beliefs.values() for belief in values)
    measured = {row.name: row for row in measure(few, beliefs, samples=20)}
    assert measured["before"].gain == 0.0
    for row in measured.values():
        assert row.brier_interval[0] <= row.brier <= row.brier_interval[1]
        assert sum(item.count for item in row.bins) == len(few)
    assert len(set(indra(few, few))) == 2, "by the number of relations alone"
    with pytest.raises(EvaluationError):
        measure([], {})
