"""Holding predictions against gold: one pass over the documents, then the report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from minecsc.errors import EvaluationError
from minecsc.evaluation.bootstrap import Counts, intervals, ratios
from minecsc.evaluation.calibration import Calibration, calibrate
from minecsc.evaluation.frames import FrameKey, frame_keys, frame_tallies
from minecsc.evaluation.links import Expected, LinkJudge, link_tallies
from minecsc.evaluation.relations import Comparison
from minecsc.evaluation.report import TITLES, Report, Score
from minecsc.evaluation.spans import MICRO, TallyTable, entity_tallies, span_of
from minecsc.evaluation.taxonomy import RelationError, relation_errors, summarise
from minecsc.linking import KnowledgeBase
from minecsc.schema import Extraction


def evaluate(
    gold: Iterable[Extraction],
    predicted: Mapping[str, Extraction],
    *,
    given: Mapping[str, Extraction] | None = None,
    knowledge_base: KnowledgeBase | None = None,
    links: Expected | None = None,
    bootstrap: int = 1000,
    seed: int = 13,
    examples: int = 5,
) -> Report:
    """Score predicted extractions, by document id, against gold ones.

    given: predictions made on the gold entities, scored apart as ``relations_given``.
    knowledge_base: with it frames are scored too, and linking where there are ``links``: identifiers of gold
    mentions, see :mod:`.links`.
    bootstrap: resamples of the documents for the 95 % intervals; 0 for none.
    examples: errors kept for each category of the error breakdown.
    Predictions for other documents are ignored. Raises EvaluationError where a gold document has no
    prediction, its text differs, ``given`` holds other entities than gold, or ``links`` come without a
    knowledge base.
    """
    readings = sorted(gold, key=lambda reading: reading.document.document_id)
    if not readings:
        raise EvaluationError("no gold document to score against")
    by_concept = any(m.concept_id is not None for reading in readings for m in reading.mentions)
    tallies: dict[str, TallyTable] = {}
    errors: list[RelationError] = []
    entities, relations, linked = _Outcomes(), _Outcomes(), _Outcomes()
    link_judge = _link_judge(links, knowledge_base)
    for reading in readings:
        document_id = reading.document.document_id
        if document_id in tallies:
            raise EvaluationError(f"{document_id}: two gold readings of one document")
        answer = _prediction(reading, predicted)
        comparison = Comparison(reading, answer)
        table = entity_tallies(comparison.gold_spans, comparison.predicted_spans)
        table.update(comparison.tallies())
        table.update(comparison.document_tallies(by_concept=by_concept))
        if given is not None:
            table.update(_given(reading, given).tallies(prefix="relations_given", flags="_given"))
        judged = [] if link_judge is None else link_judge.judge(reading, answer)
        table.update(link_tallies(judged))
        if knowledge_base is not None:
            frames = (_frames(side, knowledge_base, by_concept=by_concept) for side in (reading, answer))
            table.update(frame_tallies(*frames))
        tallies[document_id] = table
        errors.extend(relation_errors(comparison, {item.span for item in judged if item.failed}))
        entities.add((m.probability, span_of(m) in comparison.gold_spans) for m in answer.mentions)
        relations.add(((c.probability, fact in comparison.gold) for fact, c in comparison.predicted.items()))
        linked.add((item.score, item.outcome == "right") for item in judged if item.score is not None)

    counts = Counts.of(tallies)
    scores = _scores(counts, intervals(counts, samples=bootstrap, seed=seed))
    calibration = {
        name: value
        for name, outcomes, section in (
            ("entities", entities, "entities.strict"),
            ("relations", relations, "relations.strict"),
            ("links", linked, "linking.found"),
        )
        if section in scores and (value := outcomes.calibration(scores[section][MICRO].support)) is not None
    }
    return Report(
        documents=len(readings),
        bootstrap=bootstrap,
        seed=seed,
        document_key="concept" if by_concept else "name",
        scores=scores,
        calibration=calibration,
        errors=summarise(errors, examples=examples),
        counts=counts,
    )


def _link_judge(links: Expected | None, knowledge_base: KnowledgeBase | None) -> LinkJudge | None:
    if not links:
        return None
    if knowledge_base is None:
        raise EvaluationError("links can only be judged with the knowledge base they are links to")
    return LinkJudge(links, knowledge_base)


def _frames(reading: Extraction, knowledge_base: KnowledgeBase, *, by_concept: bool) -> frozenset[FrameKey]:
    used = {m.concept_id for m in reading.mentions if m.concept_id is not None}
    concepts = {concept.concept_id: concept for concept in knowledge_base.concepts(used)} if by_concept else None
    return frame_keys(reading, concepts)


class _Outcomes:
    """Probabilities of predictions and whether each was right."""

    def __init__(self) -> None:
        self.probabilities: list[float] = []
        self.correct: list[bool] = []

    def add(self, items: Iterable[tuple[float, bool]]) -> None:
        for probability, correct in items:
            self.probabilities.append(probability)
            self.correct.append(correct)

    def calibration(self, gold: int) -> Calibration | None:
        return calibrate(self.probabilities, self.correct, gold=gold)


def _prediction(gold: Extraction, predicted: Mapping[str, Extraction]) -> Extraction:
    document_id = gold.document.document_id
    answer = predicted.get(document_id)
    if answer is None:
        raise EvaluationError(f"{document_id}: no prediction for this gold document")
    if answer.document.text != gold.document.text:
        raise EvaluationError(f"{document_id}: gold and prediction were made on different texts")
    return answer


def _given(gold: Extraction, given: Mapping[str, Extraction]) -> Comparison:
    comparison = Comparison(gold, _prediction(gold, given))
    if comparison.gold_spans != comparison.predicted_spans:
        raise EvaluationError(f"{gold.document.document_id}: not predicted on the gold entities")
    return comparison


def _scores(counts: Counts, bounds: NDArray[np.float64]) -> dict[str, dict[str, Score]]:
    totals = counts.values.sum(axis=0)
    points = ratios(totals.astype(np.float64))
    table: dict[str, dict[str, Score]] = {section: {} for section in TITLES}
    for index, (section, label) in enumerate(counts.keys):
        tp, fp, fn = (int(value) for value in totals[index])
        precision, recall, f1 = (_number(value) for value in points[index])
        table[section][label] = Score(
            precision=precision,
            recall=recall,
            f1=f1,
            support=tp + fn,
            predicted=tp + fp,
            matched=tp,
            precision_interval=_interval(bounds[index, 0]),
            recall_interval=_interval(bounds[index, 1]),
            f1_interval=_interval(bounds[index, 2]),
        )
    return {section: labels for section, labels in table.items() if labels}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _interval(bounds: Sequence[float] | NDArray[np.float64]) -> tuple[float, float] | None:
    low, high = bounds
    return None if math.isnan(low) or math.isnan(high) else (float(low), float(high))
