"""Frames of gold against frames of predictions: what a difference costs, and the pairing behind the slots."""

from __future__ import annotations

from itertools import permutations

import pytest
from evaluation_cases import mention, reading, relation
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from minecsc.errors import EvaluationError
from minecsc.evaluation import evaluate, link_gold, load_gold
from minecsc.evaluation.frames import SLOTS, WHOLE, FrameKey, frame_keys, frame_tallies
from minecsc.evaluation.spans import span_of
from minecsc.linking import KnowledgeBase, Linker

SOX2_DOWN = relation("decreases", "salinomycin", "SOX2")
SOX2_UP = relation("increases", "salinomycin", "SOX2")
STEM_UP = relation("increases", "SOX2", "cancer stem cells")
CHAIN = FrameKey(
    drug="text:Drug:salinomycin",
    mechanism="text:Gene:sox2",
    population="text:CSC:cancer stem cell",
    cancer=None,
    target="text:CSC:cancer stem cell",
    drug_effect="decreases",
    csc_effect="increases",
)


def test_two_relations_of_a_reading_become_one_frame():
    assert frame_keys(reading(SOX2_DOWN, STEM_UP), None) == {CHAIN}


def test_a_wrong_polarity_costs_the_frame_and_one_slot():
    table = frame_tallies({CHAIN}, frame_keys(reading(SOX2_UP, STEM_UP), None))
    assert table[WHOLE, "micro"] == (0, 1, 1)
    assert table[SLOTS, "drug_effect"] == (0, 1, 1)
    assert table[SLOTS, "csc_effect"] == (1, 0, 0)
    assert table[SLOTS, "cancer"] == (0, 0, 0)
    assert table[SLOTS, "micro"] == (5, 1, 1)


def test_a_missed_relation_leaves_slots_unfilled():
    part = frame_keys(reading(STEM_UP), None)
    table = frame_tallies({CHAIN}, part)
    assert table[WHOLE, "micro"] == (0, 1, 1)
    assert table[SLOTS, "drug"] == table[SLOTS, "drug_effect"] == (0, 0, 1)
    assert table[SLOTS, "mechanism"] == (1, 0, 0)
    assert frame_tallies((), part)[SLOTS, "micro"] == (0, 4, 0)
    assert frame_tallies(part, ())[SLOTS, "micro"] == (0, 0, 4)


_VALUES = st.sampled_from([None, "a", "b"])
_FRAMES = st.frozensets(st.builds(FrameKey, *[_VALUES] * 7), max_size=4)


def _equal(ours: FrameKey, theirs: FrameKey) -> int:
    return sum(a is not None and a == b for a, b in zip(ours, theirs, strict=True))


@given(_FRAMES, _FRAMES)
@settings(max_examples=150)
def test_the_pairing_is_the_best_there_is(gold, predicted):
    fewer, more = sorted((sorted(gold, key=str), sorted(predicted, key=str)), key=len)
    best = max(
        sum(_equal(a, b) for a, b in zip(fewer, chosen, strict=True)) for chosen in permutations(more, len(fewer))
    )
    table = frame_tallies(gold, predicted)
    tp, fp, fn = table[SLOTS, "micro"]
    assert tp == best
    assert tp + fp == sum(value is not None for frame in predicted for value in frame)
    assert tp + fn == sum(value is not None for frame in gold for value in frame)
    assert [sum(table[SLOTS, slot][i] for slot in FrameKey._fields) for i in range(3)] == [tp, fp, fn]
    assert all(min(tally) >= 0 for tally in table.values())


@given(_FRAMES, _FRAMES)
def test_whole_frames_agree_with_scikit_learn(gold, predicted):
    tp, fp, fn = frame_tallies(gold, predicted)[WHOLE, "micro"]
    items = [(frame in gold, frame in predicted) for frame in gold | predicted]
    if items:
        truth, answer = zip(*items, strict=True)
        expected = precision_recall_fscore_support(truth, answer, average="binary", zero_division=0)[2]
        assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(expected)


@pytest.fixture(scope="module")
def knowledge_base() -> KnowledgeBase:
    return KnowledgeBase.load()


def test_frames_go_by_concept_where_gold_is_linked(knowledge_base):
    linker = Linker(knowledge_base)
    (gold,) = link_gold([reading(SOX2_DOWN, STEM_UP)], linker)
    (frame,) = frame_keys(gold, {c.concept_id: c for c in knowledge_base.concepts(m.concept_id for m in gold.mentions)})
    assert frame.mechanism == next(m.concept_id for m in gold.mentions if m.surface == "SOX2")
    report = evaluate([gold], {"pmid:1": gold}, knowledge_base=knowledge_base, bootstrap=0)
    assert report.document_key == "concept"
    assert report.score(WHOLE).f1 == report.score(SLOTS).f1 == 1.0
    unlinked = evaluate([gold], {"pmid:1": gold}, bootstrap=0)
    assert WHOLE not in unlinked.scores


def test_links_need_the_knowledge_base():
    links = {"pmid:1": {span_of(mention("SOX2")): ()}}
    with pytest.raises(EvaluationError, match="knowledge base"):
        evaluate([reading()], {"pmid:1": reading()}, links=links)


@pytest.mark.shared
def test_frames_of_the_development_set(shared, knowledge_base):
    gold = link_gold(load_gold(shared / "gold" / "dev.jsonl"), Linker(knowledge_base))
    by_id = {g.document.document_id: g for g in gold}
    report = evaluate(gold, by_id, knowledge_base=knowledge_base, bootstrap=0)
    assert report.score(WHOLE).f1 == report.score(SLOTS).f1 == 1.0
    assert report.score(WHOLE).support > 50
