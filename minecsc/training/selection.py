"""Quick figures during training, and the choices made on held-out data afterwards."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import torch

from minecsc.evaluation import Counts as DocumentCounts
from minecsc.evaluation import OperatingPoint, calibrate
from minecsc.evaluation.bootstrap import intervals
from minecsc.evaluation.relations import Comparison, Fact
from minecsc.evaluation.spans import MICRO, Tally, span_of
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import (
    Decision,
    Extractor,
    PredictedRelation,
    Prediction,
    TextInput,
    calibration_features,
)
from minecsc.nlp.network import Network
from minecsc.nlp.words import word_spans
from minecsc.schema import (
    ENTITY_TYPES,
    RELATION_TYPES,
    Document,
    Extraction,
    Mention,
    Relation,
    Sentence,
    signature_allows,
)
from minecsc.training.examples import AnnotatedText, Example


@dataclass(frozen=True, slots=True)
class Counts:
    right: int
    predicted: int
    gold: int

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.predicted + self.gold) if self.predicted + self.gold else 0.0


F1_GIVEN_UP: Final = 0.02
"""End-to-end F1 that the default threshold may lose against the best one, for precision."""
CONFIDENT: Final = 0.90
"""Precision of the confident operating point."""
DEV_SUPPORT: Final = 50
"""Relations on the dev texts that must be kept for a precision to be believed."""
LOWEST: Final = 0.1
"""Raw score from which on a relation is a candidate for calibration."""

Item = tuple[object, ...]


def gold_items(example: Example) -> tuple[set[Item], set[Item]]:
    """Entities and relations of an example, in words."""
    entities: set[Item] = set()
    relations: set[Item] = set()
    for row, labels in zip(example.mentions, example.labels, strict=True):
        entities.update((m[0], m[1], ENTITY_TYPES[m[2]]) for m in row)
        for (i, j), (label, _, _) in labels.items():
            relations.add((RELATION_TYPES[label - 1], *row[i], *row[j]))
    return entities, relations


def relation_item(prediction: Prediction, relation: PredictedRelation) -> Item:
    """A predicted relation in the form of :func:`gold_items`: type, then span and type of both ends."""
    ends = (prediction.mentions[relation.head], prediction.mentions[relation.tail])
    return (relation.type, *(v for m in ends for v in (m.first, m.last, ENTITY_TYPES.index(m.type))))  # type: ignore[arg-type]


def score(examples: Sequence[Example], predictions: Sequence[Prediction]) -> tuple[Counts, Counts]:
    """Strict micro counts of entities and of relations end to end."""
    totals = np.zeros((2, 3), dtype=int)
    for example, prediction in zip(examples, predictions, strict=True):
        found_entities: set[Item] = {(m.first, m.last, m.type) for m in prediction.mentions}
        found_relations = {relation_item(prediction, r) for r in prediction.relations}
        for k, (found, gold) in enumerate(zip((found_entities, found_relations), gold_items(example), strict=True)):
            totals[k] += (len(found & gold), len(found), len(gold))
    return Counts(*totals[0].tolist()), Counts(*totals[1].tolist())


def inputs(examples: Sequence[Example], texts: Sequence[AnnotatedText]) -> list[TextInput]:
    return [
        TextInput([t.text[a:b] for a, b in word_spans(t.text)], e.sentences)
        for e, t in zip(examples, texts, strict=True)
    ]


@dataclass
class Evaluator:
    """Strict figures of a network on held-out examples; ``score`` is what training selects by."""

    encoder: PieceEncoder
    examples: list[Example]
    texts: list[TextInput]
    device: torch.device

    def __call__(self, network: Network) -> dict[str, float]:
        extractor = Extractor(network, self.encoder, Decision(min_probability=0.4), self.device)
        entities, relations = score(self.examples, extractor.predict(self.texts))
        return {
            "entity_f1": round(100 * entities.f1, 2),
            "relation_f1": round(100 * relations.f1, 2),
            "score": round(100 * (entities.f1 + relations.f1), 2),
        }


@dataclass(frozen=True, slots=True)
class Candidates:
    """Answers of one head on held-out texts: relations from a low threshold on, mentions, or a flag.

    features: float[n, 3], of a relation its log odds and the log probabilities of head and tail; right: bool[n];
    text: int[n], which text each is from; gold: int[texts], what was to be found in each text.
    """

    features: torch.Tensor
    right: torch.Tensor
    text: torch.Tensor
    gold: torch.Tensor

    @property
    def total(self) -> int:
        return int(self.gold.sum())


def compare(extractor: Extractor, examples: Sequence[Example], texts: Sequence[AnnotatedText]) -> list[Comparison]:
    """What an extractor reads out of annotated texts beside their annotation, as evaluation sees them."""
    predictions = extractor.predict(inputs(examples, texts))
    return [
        Comparison(_gold(text, example), _predicted(text, example, prediction))
        for text, example, prediction in zip(texts, examples, predictions, strict=True)
    ]


def _frame(text: AnnotatedText, example: Example) -> tuple[Document, list[tuple[int, int]], tuple[Sentence, ...]]:
    words = word_spans(text.text)
    borders = ((words[first][0], words[stop - 1][1]) for first, stop in example.sentences)
    sentences = tuple(Sentence(k, start, end) for k, (start, end) in enumerate(borders))
    return Document(text.text_id, "", text.text), words, sentences


def _gold(text: AnnotatedText, example: Example) -> Extraction:
    document, _, sentences = _frame(text, example)
    starts = [sentence.start for sentence in sentences]
    mentions = tuple(
        Mention(start, end, text.text[start:end], kind, bisect.bisect_right(starts, start) - 1)  # type: ignore[arg-type]
        for start, end, kind in text.entities
    )
    relations = tuple(
        Relation(kind, mentions[head], mentions[tail], negated, speculative)  # type: ignore[arg-type]
        for kind, head, tail, negated, speculative in text.relations
    )
    return Extraction(document, sentences, mentions, relations)


def _predicted(text: AnnotatedText, example: Example, prediction: Prediction) -> Extraction:
    document, words, sentences = _frame(text, example)
    mentions = []
    for m in prediction.mentions:
        start, end = words[m.first][0], words[m.last][1]
        mentions.append(Mention(start, end, text.text[start:end], m.type, m.sentence, m.probability))  # type: ignore[arg-type]
    relations = tuple(
        Relation(r.type, mentions[r.head], mentions[r.tail], r.negated, r.speculative, r.probability)  # type: ignore[arg-type]
        for r in prediction.relations
        if signature_allows(r.type, mentions[r.head].type, mentions[r.tail].type)
    )
    return Extraction(document, sentences, tuple(mentions), relations)


def candidates(comparisons: Sequence[Comparison]) -> Candidates:
    """Candidates of an extractor whose own calibration is the identity, right or wrong as evaluation judges.

    Of several relations that evaluation counts as one fact the likeliest stands for it.
    """
    features: list[tuple[torch.Tensor, ...]] = []
    right: list[bool] = []
    text: list[int] = []
    for k, comparison in enumerate(comparisons):
        best: dict[Fact, Relation] = {}
        for relation in comparison.predicted_reading.relations:
            ends = (comparison.exact(span_of(mention)) for mention in (relation.head, relation.tail))
            fact = Fact(relation.type, *ends)
            if fact not in best or relation.probability > best[fact].probability:
                best[fact] = relation
        for fact, relation in best.items():
            scores = (relation.probability, relation.head.probability, relation.tail.probability)
            features.append(calibration_features(*(torch.tensor(p) for p in scores)))
            right.append(fact in comparison.gold)
            text.append(k)
    return Candidates(
        torch.tensor(features).view(-1, 3),
        torch.tensor(right, dtype=torch.bool),
        torch.tensor(text, dtype=torch.long),
        torch.tensor([len(comparison.gold) for comparison in comparisons]),
    )


Weights = tuple[float, float, float, float]
"""Bias and weights of relation, head and tail: ``Decision.calibration``."""
Calibrator = Callable[[torch.Tensor], torch.Tensor]
"""From features float[n, 3] to probabilities float[n]."""


def fit_calibration(
    features: torch.Tensor, right: torch.Tensor, free: tuple[bool, bool, bool, bool] = (True, True, True, True)
) -> Weights:
    """Logistic regression (Platt scaling with the mentions' certainty), weakly regularised.

    free: which weights are fitted; the others keep their value of the identity, as all do where there is no candidate.
    """
    if not len(right):
        return (0.0, 1.0, 0.0, 0.0)
    identity = torch.tensor([0.0, 1.0, 0.0, 0.0])
    fitted = torch.tensor(free)
    weights = torch.where(fitted, torch.tensor([0.0, 1.0, 1.0, 1.0]), identity).requires_grad_()
    optimizer = torch.optim.LBFGS([weights], lr=0.5, max_iter=100)
    target = right.float()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        used = torch.where(fitted, weights, identity)
        logits = used[0] + features @ used[1:]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target) + 1e-4 * used.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    bias, relation, head, tail = (round(v, 4) for v in weights.detach().tolist())
    return bias, relation, head, tail


def apply_calibration(weights: Weights, features: torch.Tensor) -> torch.Tensor:
    """``Decision.calibrate`` on features that are at hand already."""
    return torch.sigmoid(weights[0] + features @ torch.tensor(weights[1:]))


def fit_logistic(features: torch.Tensor, right: torch.Tensor) -> Calibrator:
    """The calibration that a :class:`Decision` can hold, all of its weights fitted."""
    return partial(apply_calibration, fit_calibration(features, right))


def cross_fitted(
    found: Candidates, fit: Callable[[torch.Tensor, torch.Tensor], Calibrator] = fit_logistic, folds: int = 5
) -> torch.Tensor:
    """Calibrated probabilities of each text's candidates from a calibration fitted on the other folds."""
    probability = torch.zeros(len(found.right))
    for fold in range(folds):
        held = found.text % folds == fold
        if bool(held.any()):
            probability[held] = fit(found.features[~held], found.right[~held])(found.features[held])
    return probability


def steady_threshold(
    probability: torch.Tensor, right: torch.Tensor, *, precision: float = CONFIDENT, support: int = DEV_SUPPORT
) -> float | None:
    """The lowest threshold from which on precision stays at ``precision`` or above, rounded up to two places.

    Thresholds that keep fewer than ``support`` predictions are not looked at: a few lucky ones prove nothing. None
    where the strictest of the others falls short.
    """
    measured = calibrate(probability.double().tolist(), right.tolist(), gold=len(right))
    lowest: OperatingPoint | None = None
    for point in reversed(measured.curve if measured else ()):
        if point.kept < support:
            continue
        if point.precision < precision:
            break
        lowest = point
    return None if lowest is None else max(lowest.threshold, math.ceil(lowest.threshold * 100) / 100)


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point on given texts: keeping what has at least ``threshold``, with 95 % intervals by text."""

    threshold: float
    precision: float
    recall: float
    f1: float
    kept: int
    precision_interval: tuple[float, float]
    recall_interval: tuple[float, float]


def operating_point(
    found: Candidates, probability: torch.Tensor, threshold: float, *, samples: int = 1000, seed: int = 13
) -> Point:
    """Figures of a threshold on candidates, texts resampled for the intervals; 0 for the precision of nothing."""
    shown = probability >= threshold
    texts = len(found.gold)
    kept = torch.bincount(found.text[shown], minlength=texts)
    hits = torch.bincount(found.text[shown & found.right], minlength=texts)
    rows = torch.stack([hits, kept - hits, found.gold - hits], dim=1).tolist()
    tallies = {f"{k:06d}": {("relations", MICRO): Tally(*row)} for k, row in enumerate(rows)}
    bounds = np.nan_to_num(intervals(DocumentCounts.of(tallies), samples=samples, seed=seed)[0])
    tp, n = int(hits.sum()), int(kept.sum())
    return Point(
        threshold=threshold,
        precision=tp / n if n else 0.0,
        recall=tp / found.total if found.total else 0.0,
        f1=2 * tp / (n + found.total) if n + found.total else 0.0,
        kept=n,
        precision_interval=(float(bounds[0, 0]), float(bounds[0, 1])),
        recall_interval=(float(bounds[1, 0]), float(bounds[1, 1])),
    )


def choose_decision(
    network: Network,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    texts: Sequence[AnnotatedText],
    device: torch.device,
) -> tuple[Decision, dict[str, float]]:
    """Calibration and thresholds of a network from dev texts alone, with their figures; see :func:`choose`."""
    extractor = Extractor(network, encoder, Decision(min_probability=LOWEST), device)
    return choose(candidates(compare(extractor, examples, texts)))


def choose(found: Candidates, fitted: Decision | None = None) -> tuple[Decision, dict[str, float]]:
    """The default threshold, that with the best end-to-end F1, and the confident one, on dev candidates.

    fitted: a decision whose calibration, flag thresholds and confident threshold come from other texts; without it the
    calibration is fitted on all of ``found``, and the figures come from cross-fitting over its texts. The confident
    threshold is the higher of that of ``fitted`` and of the one on ``found``: precision must hold on both.
    """
    if fitted is None:
        probability = cross_fitted(found)
        decision = Decision(calibration=fit_calibration(found.features, found.right))
    else:
        probability = apply_calibration(fitted.calibration, found.features)
        decision = fitted
    grid = np.arange(LOWEST, 0.96, 0.01).round(2).tolist()
    points = [operating_point(found, probability, threshold, samples=0) for threshold in grid]
    best = max(points, key=lambda p: p.f1)
    # F1 is flat around its best: take what costs little of it and shows fewer wrong relations.
    chosen = max((p for p in points if p.f1 >= best.f1 - F1_GIVEN_UP), key=lambda p: p.threshold)
    shown = probability >= chosen.threshold
    measured = calibrate(probability[shown].double().tolist(), found.right[shown].tolist(), gold=found.total)
    figures = {
        "best_threshold": best.threshold,
        "best_f1": round(100 * best.f1, 2),
        "threshold": chosen.threshold,
        **{name: round(100 * getattr(chosen, name), 2) for name in ("f1", "precision", "recall")},
        "ece": round(measured.ece, 4) if measured else 0.0,
    }
    reached = [t for t in (decision.confident_probability, steady_threshold(probability, found.right)) if t is not None]
    confident = max(reached, default=None)
    if confident is not None:
        point = operating_point(found, probability, confident)
        figures |= {
            "precise_threshold": confident,
            "precise_precision": round(point.precision, 4),
            "precise_low": round(point.precision_interval[0], 4),
            "precise_high": round(point.precision_interval[1], 4),
            "precise_recall": round(point.recall, 4),
            "precise_kept": point.kept,
        }
    return replace(decision, min_probability=chosen.threshold, confident_probability=confident), figures
