"""Entity scores: cases by hand, nervaluate beside ours, and what must hold for any input."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import spans
from hypothesis import given, settings
from nervaluate import Evaluator
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from minecsc.evaluation.spans import Span, align, entity_tallies, overlaps
from minecsc.schema import ENTITY_TYPES


def _spans(items) -> list[Span]:
    return [Span(*item) for item in items]


def _listed(items) -> list[list[dict]]:
    """Spans of one document in nervaluate's form: the end is the last character."""
    return [[{"label": type_, "start": start, "end": end - 1} for start, end, type_ in items]]


@pytest.mark.parametrize(
    ("predicted", "strict", "overlap"),
    [
        ([(0, 5, "Drug")], (1, 0, 0), (1, 0, 0)),
        ([(0, 4, "Drug")], (0, 1, 1), (1, 0, 0)),
        ([(0, 5, "Gene")], (0, 1, 1), (0, 1, 1)),
        ([(5, 9, "Drug")], (0, 1, 1), (0, 1, 1)),
        ([(0, 2, "Drug"), (3, 5, "Drug")], (0, 2, 1), (1, 1, 0)),
        ([], (0, 0, 1), (0, 0, 1)),
    ],
    ids=["same", "shorter", "other type", "beside", "cut in two", "missed"],
)
def test_tallies_of_one_gold_span(predicted, strict, overlap):
    table = entity_tallies([Span(0, 5, "Drug")], _spans(predicted))
    assert table["entities.strict", "micro"] == strict
    assert table["entities.overlap", "micro"] == overlap


def test_a_long_prediction_over_two_gold_spans_counts_once():
    table = entity_tallies([Span(0, 5, "Drug"), Span(6, 9, "Drug")], [Span(0, 9, "Drug")])
    assert table["entities.overlap", "Drug"] == (1, 0, 1)


@given(spans(), spans())
@settings(max_examples=150, deadline=None)
def test_strict_counts_agree_with_nervaluate(gold, predicted):
    if not gold or not predicted:
        return  # nervaluate cannot tell the form of an empty list
    result = Evaluator(_listed(gold), _listed(predicted), tags=list(ENTITY_TYPES), loader="dict").evaluate()
    ours = entity_tallies(_spans(gold), _spans(predicted))
    for label, theirs in [
        ("micro", result["overall"]["strict"]),
        *((type_, result["entities"][type_]["strict"]) for type_ in {item[2] for item in gold}),
    ]:
        tp, fp, fn = ours["entities.strict", label]
        assert tp == theirs.correct
        assert tp + fn == theirs.possible
        if label == "micro":  # by type, nervaluate counts a prediction of another type as no prediction
            assert tp + fp == theirs.actual
            assert theirs.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))


@given(spans(), spans())
@settings(max_examples=150, deadline=None)
def test_overlap_agrees_with_nervaluate_where_it_leaves_no_choice(gold, predicted):
    ours, theirs = _spans(gold), _spans(predicted)
    touching = [[overlaps(g, p) for p in theirs] for g in ours]
    if not ours or not theirs or max(map(sum, touching)) > 1 or max(map(sum, zip(*touching, strict=True))) > 1:
        return  # of several partners nervaluate takes the first, ours the most that can be paired
    table = Evaluator(_listed(gold), _listed(predicted), tags=list(ENTITY_TYPES), loader="dict").evaluate()
    result = table["overall"]["ent_type"]
    tp, fp, fn = entity_tallies(ours, theirs)["entities.overlap", "micro"]
    assert (tp, tp + fp, tp + fn) == (result.correct, result.actual, result.possible)
    assert result.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))


@given(spans(), spans())
@settings(max_examples=150, deadline=None)
def test_overlap_pairs_as_many_spans_as_can_be_paired(gold, predicted):
    ours, theirs = _spans(gold), _spans(predicted)
    pairs = align(ours, theirs)
    assert all(overlaps(p, g) and p.type == g.type for p, g in pairs.items())
    assert len(set(pairs.values())) == len(pairs)
    edges = np.array([[overlaps(g, p) and g.type == p.type for p in theirs] for g in ours], dtype=int)
    best = int((maximum_bipartite_matching(csr_matrix(edges)) >= 0).sum()) if edges.size else 0
    assert len(pairs) == best


@given(spans(), spans())
@settings(max_examples=100, deadline=None)
def test_overlap_is_never_below_strict_and_sums_hold(gold, predicted):
    table = entity_tallies(_spans(gold), _spans(predicted))
    for (section, label), (tp, fp, fn) in table.items():
        assert min(tp, fp, fn) >= 0
        if section == "entities.strict":
            assert table["entities.overlap", label].tp >= tp
        if label == "micro":
            assert tp + fp == len(predicted)
            assert tp + fn == len(gold)
