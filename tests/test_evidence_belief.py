"""Belief and statements: bounded, monotone, one vote a paper."""

from __future__ import annotations

import math
import random
from dataclasses import astuple, replace

import pytest
from evidence_cases import Corpus
from hypothesis import given
from hypothesis import strategies as st

from minecsc.errors import SchemaError
from minecsc.evidence import (
    Statement,
    build_statements,
    concept_key,
    frame_belief,
    normalise,
    statement_belief,
)
from minecsc.evidence.belief import WEIGHTS, BeliefWeights, pooled
from minecsc.evidence.votes import Ballot, Paper

weight = st.floats(0.0, 1.0)
weights = st.lists(weight, max_size=8)
TINY = 1e-12
FACT = "Gene:ABCG2 increases Process:chemoresistance"


def statement(corpus: Corpus, type_: str = "increases") -> Statement:
    (found,) = [s for s in build_statements(corpus.relations, corpus.documents) if s.type == type_]
    return found


def counts(found: Statement) -> tuple[int, int, int, int]:
    return (
        found.documents_for,
        found.documents_against,
        found.documents_speculative,
        found.documents_retracted,
    )


@given(weights, weights)
def test_belief_is_bounded(favour, against):
    assert 0.0 <= statement_belief(favour, against) <= 1.0


@given(weights, weights, weight)
def test_belief_never_falls_with_more_evidence_for_and_never_rises_with_more_against(favour, against, extra):
    before = statement_belief(favour, against)
    assert statement_belief([*favour, extra], against) >= before - TINY
    assert statement_belief(favour, [*against, extra]) <= before + TINY


@given(st.lists(weight, min_size=1, max_size=8), weights, weight)
def test_belief_follows_the_strength_of_a_single_vote(favour, against, other):
    weaker, stronger = sorted((favour[0], other))
    assert statement_belief([stronger, *favour[1:]], against) >= statement_belief([weaker, *favour[1:]], against) - TINY


def test_belief_by_hand():
    noisy_or = BeliefWeights(speculative=1.0, repetition=1.0, corroboration=1.0, dissent=1.0)
    assert statement_belief([0.8]) == pytest.approx(0.8)
    assert statement_belief([0.8, 0.5], (), noisy_or) == pytest.approx(0.9)
    assert statement_belief([0.8, 0.5], (), replace(noisy_or, corroboration=0.0)) == pytest.approx(0.8)
    assert statement_belief([0.8], [0.8], noisy_or) == pytest.approx(0.4)
    assert statement_belief([0.8], [0.8], replace(noisy_or, dissent=0.0)) == pytest.approx(0.8)
    assert statement_belief([], [0.9]) == 0.0
    assert frame_belief([(0.9, False), (0.5, False)]) == pytest.approx(0.45)


@given(weights, weight)
def test_pooling_lies_between_the_largest_and_the_noisy_or_and_grows_with_the_share(probabilities, share):
    largest = max(probabilities, default=0.0)
    noisy_or = 1.0 - math.prod(1.0 - p for p in probabilities) if probabilities else 0.0
    assert pooled(probabilities, 0.0) == pytest.approx(largest)
    assert pooled(probabilities, 1.0) == pytest.approx(noisy_or)
    assert largest - TINY <= pooled(probabilities, share) <= noisy_or + TINY


stances = st.sampled_from(["for", "speculative", "against"])
evidence = st.lists(st.tuples(st.integers(0, 3), stances, weight), max_size=8)
any_weights = st.builds(BeliefWeights, weight, weight, weight, weight)
PAPERS = [Paper(f"pmid:{number}", standing=True, year=2000 + number) for number in range(4)]


def ballot(pieces) -> Ballot:
    made = Ballot()
    for number, stance, probability in pieces:
        if stance == "against":
            made.oppose(PAPERS[number], probability)
        else:
            made.favour(PAPERS[number], probability, speculative=stance == "speculative")
    return made


@given(evidence, st.integers(0, 3), stances, weight, any_weights)
def test_any_further_evidence_moves_belief_its_own_way_or_not_at_all(
    pieces, number, stance, probability, given_weights
):
    before = ballot(pieces).belief(given_weights)
    after = ballot([*pieces, (number, stance, probability)]).belief(given_weights)
    assert 0.0 <= before <= 1.0
    assert after <= before + TINY if stance == "against" else after >= before - TINY


@given(evidence)
def test_every_paper_is_counted_once_and_the_years_add_up(pieces):
    tally = ballot(pieces).count()
    totals = (tally.documents_for, tally.documents_against, tally.documents_speculative, tally.documents_retracted)
    assert sum(totals) == len({number for number, _, _ in pieces}) == len(tally.years)
    assert tuple(map(sum, zip(*(astuple(year)[1:] for year in tally.years), strict=True))) == totals or not pieces


@given(st.lists(st.tuples(weight, st.booleans()), min_size=1, max_size=5), st.tuples(weight, st.booleans()))
def test_a_frame_is_never_surer_than_its_links(links, extra):
    assert 0.0 <= frame_belief([*links, extra]) <= frame_belief(links) <= 1.0


def test_one_paper_counts_once_and_its_relations_are_pooled():
    found = statement(Corpus().document("pmid:1", f"{FACT} @0.6", f"{FACT} @0.8", f"{FACT} @0.7"))
    assert counts(found) == (1, 0, 0, 0)
    assert found.belief == pytest.approx(pooled([0.6, 0.7, 0.8], WEIGHTS.repetition))
    assert 0.8 <= found.belief <= 1 - 0.4 * 0.2 * 0.3 + TINY
    assert len(found.relations_for) == 3


def test_equal_texts_are_one_paper():
    corpus = Corpus().document("pmid:1", FACT, text="same", year=2011).document("doi:1", FACT, text="same")
    assert counts(statement(corpus)) == (1, 0, 0, 0)
    assert statement(corpus).belief == pytest.approx(0.9), "a copy says nothing new"
    assert len(statement(corpus).relations_for) == 2
    assert statement(corpus.document("pmid:2", FACT, text="other")).documents_for == 2


def test_retracted_and_deleted_papers_give_no_belief_and_are_counted_apart():
    corpus = Corpus().document("pmid:1", FACT, retracted=True, year=1999).document("pmid:2", FACT, deleted=True)
    found = statement(corpus)
    assert counts(found) == (0, 0, 0, 2)
    assert (found.belief, found.first_year, found.last_year) == (0.0, None, None)
    assert len(found.relations_for) == 2, "the evidence stays visible"
    found = statement(corpus.document("pmid:3", FACT, year=2015).document("pmid:4", FACT, year=2021))
    assert counts(found) == (2, 0, 0, 2)
    assert (found.first_year, found.last_year) == (2015, 2021)


def test_a_deleted_copy_leaves_the_other_one_standing_a_retracted_one_does_not():
    twins = Corpus().document("pmid:1", FACT, text="t", deleted=True).document("pmid:2", FACT, text="t")
    assert counts(statement(twins)) == (1, 0, 0, 0)
    twins.document("pmid:3", FACT, text="t", retracted=True)
    assert counts(statement(twins)) == (0, 0, 0, 1)


def test_speculation_counts_apart_and_weighs_less():
    hinted = statement(Corpus().document("pmid:1", f"{FACT} spec"))
    assert counts(hinted) == (0, 0, 1, 0)
    stated = statement(Corpus().document("pmid:1", FACT))
    assert 0.0 < hinted.belief < stated.belief


def test_an_assertion_beside_a_hint_makes_the_paper_count_for():
    assert counts(statement(Corpus().document("pmid:1", f"{FACT} spec @0.99", f"{FACT} @0.2"))) == (
        1,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    "dissent",
    [
        f"{FACT} neg",
        "Gene:ABCG2 decreases Process:chemoresistance",
        "Gene:ABCG2 associated_with Process:chemoresistance neg",
    ],
)
def test_denial_opposite_and_no_effect_count_against(dissent):
    corpus = Corpus().document("pmid:1", FACT).document("pmid:2", FACT)
    before = statement(corpus).belief
    found = statement(corpus.document("pmid:3", dissent))
    assert counts(found) == (2, 1, 0, 0)
    assert found.belief < before
    assert found.contested
    assert len(found.relations_against) == 1


@pytest.mark.parametrize(
    "silent",
    [
        f"{FACT} neg spec",
        "Gene:ABCG2 decreases Process:chemoresistance spec",
        "Gene:ABCG2 decreases Process:chemoresistance neg",
        "Gene:ABCG2 associated_with Process:chemoresistance",
        "Gene:ABCG2 increases Process:EMT neg",
    ],
)
def test_what_says_nothing_against(silent):
    corpus = Corpus().document("pmid:1", FACT).document("pmid:2", silent)
    (found,) = [
        s
        for s in build_statements(corpus.relations, corpus.documents)
        if s.type == "increases" and s.tail_id == "p:resistance"
    ]
    assert counts(found) == (1, 0, 0, 0)
    assert not found.contested


def test_resistance_and_sensitisation_are_opposites_and_both_statements_are_there():
    corpus = Corpus().document("pmid:1", "Gene:ABCG2 resistance_to Drug:cisplatin")
    corpus.document("pmid:2", "Gene:BCRP sensitizes_to Drug:cisplatin")
    assert counts(statement(corpus, "resistance_to")) == (1, 1, 0, 0)
    assert counts(statement(corpus, "sensitizes_to")) == (1, 1, 0, 0)


def test_a_paper_that_says_both_votes_for_its_stronger_side():
    corpus = Corpus().document("pmid:1", f"{FACT} @0.9", "Gene:ABCG2 decreases Process:chemoresistance @0.4")
    assert counts(statement(corpus)) == (1, 0, 0, 0)
    assert counts(statement(corpus, "decreases")) == (0, 1, 0, 0)


def test_one_weak_dissenter_does_not_make_a_statement_contested():
    corpus = Corpus()
    for number in range(10):
        corpus.document(f"pmid:{number}", FACT)
    found = statement(corpus.document("pmid:99", f"{FACT} neg"))
    assert counts(found) == (10, 1, 0, 0)
    assert not found.contested
    assert found.belief > 0.85


def test_only_denied_evidence_gives_a_statement_without_belief():
    found = statement(Corpus().document("pmid:1", f"{FACT} neg"))
    assert (counts(found), found.belief) == ((0, 1, 0, 0), 0.0)


def test_synonyms_and_spellings_add_up_and_the_commonest_name_is_shown():
    corpus = Corpus()
    for number, name in enumerate(("Zork-1", "ZORK1", "Zork-1")):
        corpus.document(f"pmid:{number}", f"Gene:{name} increases Process:chemoresistance")
    corpus.document("pmid:9", "Gene:BCRP increases Process:drug resistance").document("pmid:10", FACT)
    found = {s.head_name: s for s in build_statements(corpus.relations, corpus.documents)}
    assert found["Zork-1"].documents_for == 3
    assert found["Zork-1"].head_id == "text:Gene:zork1"
    assert found["ABCG2"].documents_for == 2


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(generator: random.Random):
    corpus = Corpus()
    for number in range(6):
        corpus.document(
            f"pmid:{number}",
            f"{FACT} @0.{number + 3}",
            f"Gene:Notch increases Process:chemoresistance @0.{9 - number} {'neg' if number % 2 else 'spec'}",
        )
    wanted = build_statements(corpus.relations, corpus.documents)
    shuffled = list(corpus.relations)
    generator.shuffle(shuffled)
    ids = list(corpus.documents)
    generator.shuffle(ids)
    assert build_statements(shuffled, {i: corpus.documents[i] for i in ids}) == wanted


def test_a_relation_of_an_unknown_document_is_refused():
    corpus = Corpus().document("pmid:1", FACT)
    with pytest.raises(SchemaError, match="pmid:1 is not given"):
        build_statements(corpus.relations, {})


def test_no_evidence_no_statements():
    assert build_statements([], {}) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Notch-1", "NOTCH 1"),
        ("β-catenin", "beta–catenin"),
        ("CSCs", "CSC"),
        ("tumour growth", "Tumor growth"),
    ],
)
def test_spellings_that_share_a_key(left, right):
    assert normalise(left) == normalise(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("CD44+ cells", "CD44- cells"),
        ("CD44+/CD24−", "CD44−/CD24+"),
        ("CD133(+)", "CD133(-)"),
        ("IL-6", "IL-8"),
    ],
)
def test_names_that_must_not_share_a_key(left, right):
    assert normalise(left) != normalise(right)


def test_concept_key():
    assert concept_key("HGNC:74", "Gene", "ABCG2") == "HGNC:74"
    assert concept_key(None, "Gene", "ABCG2") == "text:Gene:abcg2"
    assert concept_key(None, "CSC", "+").endswith(":+"), "a surface that folds to nothing keeps itself"
