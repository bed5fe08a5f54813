"""Relation scores and the error taxonomy on readings of one sentence."""

from __future__ import annotations

import pytest
from evaluation_cases import MENTIONS, TEXT, extractions, mention, reading, relation
from hypothesis import given, settings

from minecsc.evaluation.relations import Comparison, abbreviation_heads
from minecsc.evaluation.spans import span_of
from minecsc.evaluation.taxonomy import MEANING, relation_errors, summarise
from minecsc.schema import Mention, Relation

EMT = "epithelial-mesenchymal transition"
GOLD = relation("decreases", "salinomycin", EMT)


def _tallies(gold, predicted):
    return Comparison(gold, predicted).tallies()


def test_a_name_and_the_abbreviation_beside_it_are_one_argument():
    for ours, theirs in [(EMT, "EMT"), ("EMT", EMT), ("EMT", "EMT")]:
        gold = reading(relation("decreases", "salinomycin", ours))
        predicted = reading(relation("decreases", "salinomycin", theirs))
        assert _tallies(gold, predicted)["relations.strict", "decreases"] == (1, 0, 0)
        assert Comparison(gold, predicted).document_tallies(by_concept=False)["relations.document", "micro"] == (
            1,
            0,
            0,
        )


def test_both_names_of_one_argument_make_one_prediction():
    predicted = reading(GOLD, relation("decreases", "salinomycin", "EMT"))
    assert _tallies(reading(GOLD), predicted)["relations.strict", "micro"] == (1, 0, 0)


def test_an_abbreviation_found_without_its_name_still_counts():
    predicted = reading(relation("decreases", "salinomycin", "EMT"), mentions=(mention("salinomycin"), mention("EMT")))
    assert _tallies(reading(GOLD), predicted)["relations.strict", "micro"] == (1, 0, 0)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("side population (SP) cells", True),
        ("side population [SP] cells", True),
        ("side population (SP; main)", True),
        ("side population (SP fraction)", False),
        ("side population and (SP) cells", False),
        ("side population, SP, cells", False),
    ],
)
def test_which_neighbours_are_a_name_and_its_abbreviation(text, grouped):
    first = Mention(0, 15, "side population", "CSC", 0)
    start = text.index("SP")
    second = Mention(start, start + 2, "SP", "CSC", 0)
    assert abbreviation_heads(text, [second, first]) == ({span_of(second): span_of(first)} if grouped else {})
    other = Mention(start, start + 2, "SP", "Gene", 0)
    assert abbreviation_heads(text, [first, other]) == {}


def test_direction_and_type_matter_except_for_pairs():
    gold = reading(relation("increases", "SOX2", "BMI1"))
    for wrong in (relation("increases", "BMI1", "SOX2"), relation("decreases", "SOX2", "BMI1")):
        table = _tallies(gold, reading(wrong))
        assert table["relations.strict", "micro"] == table["relations.overlap", "micro"] == (0, 1, 1)
        assert table["relations.pair", "micro"] == (1, 0, 0)


def test_a_boundary_slip_is_wrong_strictly_and_right_by_overlap():
    cut = mention(EMT, cut=11)
    predicted = reading(Relation("decreases", mention("salinomycin"), cut), mentions=(mention("salinomycin"), cut))
    table = _tallies(reading(GOLD), predicted)
    assert table["relations.strict", "micro"] == (0, 1, 1)
    assert table["relations.overlap", "micro"] == (1, 0, 0)


def test_flags_are_scored_on_matched_relations():
    gold = reading(
        relation("decreases", "salinomycin", EMT, negated=True),
        relation("increases", "SOX2", "BMI1", speculative=True),
        relation("increases", "SOX2", "CSCs", negated=True),
    )
    predicted = reading(
        relation("decreases", "salinomycin", EMT, negated=True, speculative=True),
        relation("increases", "SOX2", "BMI1", speculative=True),
    )
    table = _tallies(gold, predicted)
    assert table["negation", "micro"] == (1, 0, 0)
    assert table["speculation", "micro"] == (1, 1, 0)


def test_document_level_counts_a_fact_once_and_by_concept_when_linked():
    link = {"concept_id": "CHEBI:80025", "link_score": 0.9}
    linked = mention("salinomycin", **link)
    first = Mention(0, 11, "Salinomycin", "Drug", 0, **link)
    tail = mention("SOX2")
    gold = reading(Relation("decreases", linked, tail), mentions=(first, linked, tail))
    renamed = mention("salinomycin", concept_id="CHEBI:1", link_score=0.9)
    other = reading(Relation("decreases", renamed, tail), mentions=(renamed, tail))
    key = ("relations.document", "micro")
    assert Comparison(gold, gold).document_tallies(by_concept=True)[key] == (1, 0, 0)
    assert Comparison(gold, other).document_tallies(by_concept=True)[key] == (0, 1, 1)
    assert Comparison(gold, other).document_tallies(by_concept=False)[key] == (1, 0, 0)


def test_document_level_reads_an_abbreviation_as_the_name_it_was_introduced_with():
    bare = Mention(0, 11, "Salinomycin", "Drug", 0)
    gold = reading(relation("increases", "SOX2", "cancer stem cells"))
    predicted = reading(relation("increases", "SOX2", "CSCs"), mentions=(*gold.mentions, bare))
    assert Comparison(gold, predicted).document_tallies(by_concept=False)["relations.document", "micro"] == (
        1,
        0,
        0,
    )


def _errors(gold, predicted):
    return [
        (e.category, e.gold is not None, e.predicted is not None) for e in relation_errors(Comparison(gold, predicted))
    ]


SOX2_BMI1 = relation("increases", "SOX2", "BMI1")
_WITHOUT_SOX2 = tuple(mention(name) for name in MENTIONS if name != "SOX2")


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        (reading(GOLD), reading(GOLD), []),
        (reading(GOLD), reading(), [("no_relation", True, False)]),
        (reading(), reading(GOLD), [("spurious", False, True)]),
        (reading(SOX2_BMI1), reading(mentions=_WITHOUT_SOX2), [("no_entity", True, False)]),
        (
            reading(SOX2_BMI1),
            reading(mentions=(*_WITHOUT_SOX2, mention("SOX2", type_="Drug"))),
            [("type", True, False)],
        ),
        (
            reading(SOX2_BMI1),
            reading(mentions=(*_WITHOUT_SOX2, mention("SOX2", cut=1))),
            [("boundary", True, False)],
        ),
        (
            reading(SOX2_BMI1),
            reading(
                Relation("increases", mention("SOX2", cut=1), mention("BMI1")),
                mentions=(mention("SOX2", cut=1), mention("BMI1")),
            ),
            [("boundary", True, True)],
        ),
        (
            reading(SOX2_BMI1),
            reading(
                Relation("increases", mention("SOX2", type_="Drug"), mention("BMI1")),
                mentions=(mention("SOX2", type_="Drug"), mention("BMI1")),
            ),
            [("type", True, True)],
        ),
        (
            reading(SOX2_BMI1),
            reading(relation("increases", "BMI1", "SOX2")),
            [("wrong_direction", True, True)],
        ),
        (
            reading(SOX2_BMI1),
            reading(relation("decreases", "SOX2", "BMI1")),
            [("wrong_polarity", True, True)],
        ),
        (
            reading(SOX2_BMI1),
            reading(relation("associated_with", "SOX2", "BMI1")),
            [("wrong_type", True, True)],
        ),
        (
            reading(relation("resistance_to", "SOX2", "cisplatin")),
            reading(relation("sensitizes_to", "SOX2", "cisplatin")),
            [("wrong_polarity", True, True)],
        ),
        (
            reading(relation("increases", "SOX2", "BMI1", negated=True, speculative=True)),
            reading(SOX2_BMI1),
            [("negation_missed", True, False), ("speculation_missed", True, False)],
        ),
        (
            reading(SOX2_BMI1, relation("increases", "BMI1", "SOX2")),
            reading(relation("decreases", "SOX2", "BMI1")),
            [("wrong_polarity", True, True), ("no_relation", True, False)],
        ),
        (
            reading(relation("increases", "BMI1", "SOX2"), SOX2_BMI1),
            reading(relation("decreases", "BMI1", "SOX2")),
            [("wrong_polarity", True, True), ("no_relation", True, False)],
        ),
    ],
)
def test_every_error_has_one_cause(gold, predicted, expected):
    assert sorted(_errors(gold, predicted)) == sorted(expected)


def test_a_concept_known_to_be_wrong_is_an_error_of_a_right_relation():
    comparison = Comparison(reading(SOX2_BMI1), reading(SOX2_BMI1))
    for span, expected in ((mention("SOX2"), ["grounding"]), (mention("cisplatin"), [])):
        assert [e.category for e in relation_errors(comparison, {span_of(span)})] == expected


def test_examples_show_the_sentence_and_both_sides():
    gold, predicted = reading(SOX2_BMI1), reading(relation("decreases", "SOX2", "BMI1"))
    counts = summarise(relation_errors(Comparison(gold, predicted)), examples=1)
    assert [item.category for item in counts] == list(MEANING)
    (found,) = [item for item in counts if item.missed]
    (example,) = found.examples
    assert example.sentence == TEXT[28:]
    assert example.gold == "increases(SOX2 [Gene], BMI1 [Gene])"
    assert example.predicted == "decreases(SOX2 [Gene], BMI1 [Gene])"


@given(extractions(), extractions())
@settings(max_examples=150, deadline=None)
def test_errors_account_for_every_difference(gold, predicted):
    comparison = Comparison(gold, predicted)
    errors = list(relation_errors(comparison))
    structural = [e for e in errors if not e.category.endswith("_missed")]
    tp, fp, fn = comparison.tallies()["relations.strict", "micro"]
    assert sum(e.gold is not None for e in structural) == fn
    assert sum(e.predicted is not None for e in structural) == fp
    assert tp + fn == len(gold.relations)


@given(extractions(), extractions())
@settings(max_examples=150, deadline=None)
def test_looser_matching_never_finds_less(gold, predicted):
    table = _tallies(gold, predicted)
    strict, overlap = table["relations.strict", "micro"], table["relations.overlap", "micro"]
    assert overlap.tp >= strict.tp
    assert overlap.fp <= strict.fp
    assert overlap.fn <= strict.fn
