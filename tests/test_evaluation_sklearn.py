"""Scikit-learn beside our relation scores: the same facts as binary labels, whatever the readings."""

from __future__ import annotations

import pytest
from evaluation_cases import corpora
from hypothesis import given, settings
from sklearn.metrics import precision_recall_fscore_support

from minecsc.evaluation import evaluate
from minecsc.evaluation.spans import span_of
from minecsc.schema import RELATION_TYPES


def _typed(reading):
    return {(r.type, span_of(r.head), span_of(r.tail)): r for r in reading.relations}


def _pairs(reading):
    return {frozenset((span_of(r.head), span_of(r.tail))) for r in reading.relations}


def _named(reading):
    return {(r.type, r.head.type, r.head.surface, r.tail.type, r.tail.surface) for r in reading.relations}


def _agree(score, sides):
    """Compare a score with scikit-learn's on the items of (gold, predicted) of each document."""
    items = [(item in gold, item in predicted) for gold, predicted in sides for item in {*gold, *predicted}]
    if not items:
        assert (score.support, score.predicted) == (0, 0)
        return
    truth, answer = zip(*items, strict=True)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, answer, average="binary", zero_division=0)
    assert (score.precision or 0.0) == pytest.approx(precision)
    assert (score.recall or 0.0) == pytest.approx(recall)
    assert (score.f1 or 0.0) == pytest.approx(f1)
    assert score.support == sum(truth)


@given(corpora())
@settings(max_examples=60)
def test_relations_agree_with_scikit_learn(corpus):
    gold, predicted = corpus
    report = evaluate(gold, predicted, bootstrap=0)
    both = [(reading, predicted[reading.document.document_id]) for reading in gold]
    typed = [(_typed(a), _typed(b)) for a, b in both]
    _agree(report.score("relations.strict"), typed)
    _agree(report.score("relations.pair"), [(_pairs(a), _pairs(b)) for a, b in both])
    _agree(report.score("relations.document"), [(_named(a), _named(b)) for a, b in both])
    for kind in RELATION_TYPES:
        if kind in report.scores["relations.strict"]:
            of_kind = [tuple({f for f in side if f[0] == kind} for side in sides) for sides in typed]
            _agree(report.score("relations.strict", kind), of_kind)
    for section, flag in (("negation", "negated"), ("speculation", "speculative")):
        flagged = [
            tuple({fact for fact in a.keys() & b.keys() if getattr(side[fact], flag)} for side in (a, b))
            for a, b in typed
        ]
        _agree(report.score(section), flagged)
