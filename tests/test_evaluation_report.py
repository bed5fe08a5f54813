"""The whole evaluation: refusals, properties of any report, its forms, and the statistics behind it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import corpora, mention, reading, relation
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, precision_recall_curve

from minecsc.errors import EvaluationError
from minecsc.evaluation import Counts, calibrate, compare, evaluate, load_gold, paired_bootstrap
from minecsc.evaluation.bootstrap import intervals, ratios
from minecsc.evaluation.report import TITLES
from minecsc.schema import Document, Extraction

GOLD = [
    reading(
        relation("increases", "SOX2", "BMI1"),
        relation("decreases", "salinomycin", "EMT"),
        document_id=f"pmid:{n}",
    )
    for n in range(1, 7)
]
PREDICTED = {
    g.document.document_id: reading(
        relation("increases" if n % 3 else "decreases", "SOX2", "BMI1", probability=0.9 - n / 20),
        document_id=g.document.document_id,
    )
    for n, g in enumerate(GOLD)
}


def _by_id(readings):
    return {r.document.document_id: r for r in readings}


def test_a_prediction_on_another_text_is_refused():
    other = Extraction(Document("pmid:1", "", GOLD[0].document.text + " "), (), (), ())
    with pytest.raises(EvaluationError, match="pmid:1: gold and prediction were made on different texts"):
        evaluate(GOLD[:1], {"pmid:1": other})


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        (GOLD[:2], _by_id(GOLD[:1]), "pmid:2: no prediction"),
        ([], {}, "no gold document"),
        ([GOLD[0], GOLD[0]], _by_id(GOLD), "two gold readings"),
    ],
)
def test_what_cannot_be_compared_is_refused(gold, predicted, message):
    with pytest.raises(EvaluationError, match=message):
        evaluate(gold, predicted)


def test_predictions_given_gold_entities_must_hold_the_gold_entities():
    fewer = {"pmid:1": reading(mentions=(mention("SOX2"),))}
    with pytest.raises(EvaluationError, match="pmid:1: not predicted on the gold entities"):
        evaluate(GOLD[:1], PREDICTED, given=fewer)
    report = evaluate(GOLD[:1], PREDICTED, given=_by_id(GOLD), bootstrap=0)
    assert report.score("relations_given.strict").f1 == 1.0
    assert report.score("relations.strict").f1 < 1.0


def test_scores_of_a_known_case():
    report = evaluate(GOLD, PREDICTED)
    micro = report.score("relations.strict")
    assert (micro.matched, micro.predicted, micro.support) == (4, 6, 12)
    assert micro.precision == pytest.approx(4 / 6)
    assert micro.recall == pytest.approx(4 / 12)
    assert micro.f1 == pytest.approx(8 / 18)
    low, high = micro.f1_interval
    assert low < micro.f1 < high
    assert report.score("relations.strict", "decreases").matched == 0
    assert {item.category: item.missed for item in report.errors if item.missed} == {
        "wrong_polarity": 2,
        "no_relation": 6,
    }
    with pytest.raises(EvaluationError, match="there are: "):
        report.score("relations.strict", "marker_of")


@given(corpora())
@settings(max_examples=60, deadline=None)
def test_scores_are_ratios_and_intervals_are_ordered(corpus):
    gold, predicted = corpus
    report = evaluate(gold, predicted, bootstrap=20)
    for labels in report.scores.values():
        for score in labels.values():
            assert all(v is None or 0 <= v <= 1 for v in (score.precision, score.recall, score.f1))
            for interval in (score.precision_interval, score.recall_interval, score.f1_interval):
                assert interval is None or 0 <= interval[0] <= interval[1] <= 1
    for value in report.calibration.values():
        assert 0 <= value.ece <= 1
        assert 0 <= value.brier <= 1
    json.dumps(report.to_dict(), allow_nan=False)


@given(corpora())
@settings(max_examples=60, deadline=None)
def test_a_perfect_prediction_scores_one_everywhere(corpus):
    gold, _ = corpus
    report = evaluate(gold, _by_id(gold), given=_by_id(gold), bootstrap=0)
    assert {s.f1 for labels in report.scores.values() for s in labels.values()} <= {1.0, None}
    assert not any(item.missed or item.false for item in report.errors)
    if any(reading.relations for reading in gold):
        assert report.score("relations.strict").f1 == report.score("relations.document").f1 == 1.0


@given(corpora(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_of_documents_mentions_and_relations_does_not_matter(corpus, rng):
    gold, predicted = corpus

    def shuffled(items):
        return tuple(rng.sample(items, len(items)))

    def mixed(r):
        return replace(r, mentions=shuffled(r.mentions), relations=shuffled(r.relations))

    report = evaluate(gold, predicted, bootstrap=20)
    again = evaluate(
        [mixed(r) for r in shuffled(gold)],
        {key: mixed(predicted[key]) for key in shuffled(sorted(predicted))},
        bootstrap=20,
    )
    assert again.to_dict() == report.to_dict()


def test_the_report_has_json_text_and_markdown_forms():
    report = evaluate(GOLD, PREDICTED, given=_by_id(GOLD), bootstrap=50)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["scores"]["relations.strict"]["micro"]["f1"] == pytest.approx(8 / 18)
    assert data["calibration"]["relations"]["predictions"] == 6
    text, markdown = report.to_text(width=100), report.to_markdown()
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    for form in (text, markdown):
        assert "44.4" in form
        assert "wrong_polarity" in form
    assert "> In our model" in markdown
    assert all(TITLES[section] in markdown for section in report.scores)
    assert "### About" not in markdown
    assert "- gold: mine.jsonl" in replace(report, about={"gold": "mine.jsonl"}).to_markdown()
    widths = [line.count("|") for line in markdown.split("\n\n")[1].splitlines() if line.startswith("|")]
    assert len(set(widths)) == 1


def _counts(seed: int, documents: int = 12) -> Counts:
    values = np.random.default_rng(seed).integers(0, 9, size=(documents, 2, 3))
    return Counts(tuple(f"pmid:{n}" for n in range(documents)), (("s", "a"), ("s", "micro")), values)


def test_intervals_agree_with_resampling_spelled_out():
    counts = _counts(1)
    bounds = intervals(counts, samples=4000, seed=3)
    rng = random.Random(5)
    drawn = []
    for _ in range(4000):
        rows = rng.choices(range(12), k=12)
        tp, fp, fn = counts.values[rows, 1].sum(axis=0)
        drawn.append((tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)))
    expected = np.percentile(np.array(drawn), [2.5, 97.5], axis=0).T
    assert np.abs(bounds[1] - expected).max() < 0.02
    assert np.array_equal(bounds, intervals(counts, samples=4000, seed=3))
    assert not np.array_equal(bounds, intervals(counts, samples=4000, seed=4))


def test_intervals_leave_out_draws_without_the_type():
    values = np.zeros((5, 1, 3), dtype=int)
    values[0, 0] = (3, 1, 1)
    counts = Counts(tuple("abcde"), (("s", "rare"),), values)
    assert intervals(counts, samples=200, seed=1)[0, 2] == pytest.approx([0.75, 0.75])
    assert np.isnan(intervals(replace(counts, values=values * 0), samples=20, seed=1)).all()


def test_paired_comparison_of_a_better_and_an_equal_system():
    gold = np.full(40, 10)
    tp = np.random.default_rng(2).integers(4, 8, size=40)

    def system(found):
        table = np.stack([found, 10 - found, gold - found], axis=1)[:, None]
        return Counts(tuple(map(str, range(40))), (("relations.strict", "micro"),), table)

    better = paired_bootstrap(system(tp + 1), system(tp), section="relations.strict")
    assert better.difference == pytest.approx(0.1)
    assert better.low <= better.difference <= better.high
    assert better.low > 0
    assert better.p_value < 0.01
    same = paired_bootstrap(system(tp), system(tp), section="relations.strict")
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    back = paired_bootstrap(system(tp), system(tp + 1), section="relations.strict")
    assert back.low == pytest.approx(-better.high)
    with pytest.raises(EvaluationError, match="same documents"):
        paired_bootstrap(system(tp), _counts(1), section="s")
    with pytest.raises(EvaluationError, match="same gold"):
        paired_bootstrap(_counts(1), _counts(2), section="s")


def test_two_systems_are_compared_in_every_section_they_share():
    ours, theirs = (evaluate(GOLD, p, bootstrap=0) for p in (_by_id(GOLD), PREDICTED))
    found = {item.section: item for item in compare(ours.counts, theirs.counts, samples=200)}
    assert found["relations.strict"].difference == pytest.approx(1 - 8 / 18)
    assert found["relations.strict"].low > 0
    assert found["entities.strict"].p_value == 1
    assert "negation" not in found  # nothing is negated: no F1 to compare
    text = replace(ours, comparison=tuple(found.values())).to_text()
    assert "This system (A) against the other (B)" in text
    assert "+55.6" in text


def test_paired_intervals_agree_with_scipy():
    a, b = _counts(1, 40), _counts(2, 40)
    b.values[:, :, 2] = a.values[:, :, 0] + a.values[:, :, 2] - b.values[:, :, 0]  # the same gold on both sides
    ours = paired_bootstrap(a, b, section="s", samples=4000, seed=3)

    def difference(index):
        f1 = [2 * t[0] / (2 * t[0] + t[1] + t[2]) for t in (c.values[index, 1].sum(axis=0) for c in (a, b))]
        return f1[0] - f1[1]

    theirs = stats.bootstrap(
        (np.arange(40),), difference, n_resamples=4000, vectorized=False, method="percentile", rng=5
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


_PROBABILITIES = st.lists(
    st.tuples(st.floats(0, 1, allow_nan=False).map(lambda p: round(p, 3)), st.booleans()),
    min_size=2,
    max_size=80,
)


@given(_PROBABILITIES)
@settings(max_examples=150, deadline=None)
def test_calibration_agrees_with_scikit_learn(items):
    p, y = np.array([a for a, _ in items]), np.array([b for _, b in items])
    ours = calibrate(p, y, gold=max(1, int(y.sum())))
    assert ours.brier == pytest.approx(brier_score_loss(y, p, pos_label=True))
    for strategy, value in (("uniform", ours.ece), ("quantile", ours.ece_mass)):
        if len(set(y.tolist())) < 2:
            continue  # calibration_curve wants both outcomes
        edges = np.linspace(0, 1, 16) if strategy == "uniform" else np.percentile(p, np.linspace(0, 1, 16) * 100)
        right, confidence = calibration_curve(y, p, n_bins=15, strategy=strategy)
        weight = np.bincount(np.searchsorted(edges[1:-1], p))
        expected = (weight[weight > 0] * np.abs(right - confidence)).sum() / len(p)
        assert value == pytest.approx(expected, abs=1e-9)
    assert sum(b.count for b in ours.bins) == len(items)


@given(_PROBABILITIES.filter(lambda items: any(right for _, right in items)))
@settings(max_examples=150, deadline=None)
def test_the_curve_agrees_with_scikit_learn_and_the_point_is_the_best(items):
    p, y = [a for a, _ in items], [b for _, b in items]
    ours = calibrate(p, y, gold=sum(y))
    precision, recall, thresholds = precision_recall_curve(y, p)
    assert [c.threshold for c in ours.curve] == pytest.approx(thresholds)
    assert [c.precision for c in ours.curve] == pytest.approx(precision[:-1])
    assert [c.recall for c in ours.curve] == pytest.approx(recall[:-1])
    good = [r for q, r in zip(precision[:-1], recall[:-1], strict=True) if q >= 0.9]
    assert (ours.at_precision is None) == (not good)
    if good:
        assert ours.at_precision.recall == pytest.approx(max(good))


def test_recall_of_the_curve_counts_gold_that_was_never_predicted():
    ours = calibrate([0.9, 0.4], [True, False], gold=4)
    assert (ours.at_precision.recall, ours.at_precision.threshold) == (0.25, 0.9)
    assert calibrate([], [], gold=4) is None
    with pytest.raises(EvaluationError, match="outside"):
        calibrate([1.2], [True], gold=1)
    with pytest.raises(EvaluationError, match="2 probabilities for 1"):
        calibrate([1.0, 0.5], [True], gold=1)


def test_a_long_curve_is_thinned_but_keeps_its_ends():
    p = np.linspace(0, 1, 1001)
    data = calibrate(p, p > 0.5, gold=500).to_dict(curve_points=100)
    assert len(data["curve"]) <= 102
    assert (data["curve"][0]["threshold"], data["curve"][-1]["threshold"]) == (0.0, 1.0)


def test_ratios_are_undefined_where_nothing_is_counted():
    assert np.isnan(ratios(np.zeros(3))).all()
    assert ratios(np.array([0.0, 0.0, 2.0]))[1:].tolist() == [0.0, 0.0]


@pytest.mark.shared
def test_the_development_set_against_itself(shared):
    gold = load_gold(shared / "gold" / "dev.jsonl")
    report = evaluate(gold, _by_id(gold), bootstrap=100)
    assert report.documents == 50
    assert report.score("entities.strict").support == 1851
    assert report.score("relations.strict").support == 759
    assert {s.f1 for labels in report.scores.values() for s in labels.values()} == {1.0}
