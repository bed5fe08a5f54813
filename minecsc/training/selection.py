"""Quick figures during training, and the choices made on held-out data afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

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
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES
from minecsc.training.examples import AnnotatedText, Example


@dataclass(frozen=True, slots=True)
class Counts:
    right: int
    predicted: int
    gold: int

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.predicted + self.gold) if self.predicted + self.gold else 0.0


F1_GIVEN_UP = 0.02
"""End-to-end F1 that the default threshold may lose against the best one, for precision."""

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
    """Relations predicted on held-out texts at a low threshold.

    features: float[n, 3], log odds of the relation, log probabilities of head and tail;
    right: bool[n]; text: int[n], which text each is from; total: gold relations of all texts.
    """

    features: torch.Tensor
    right: torch.Tensor
    text: torch.Tensor
    total: int


def collect(extractor: Extractor, examples: Sequence[Example], texts: Sequence[TextInput]) -> Candidates:
    """Candidates of an extractor whose own calibration is the identity."""
    features: list[tuple[torch.Tensor, ...]] = []
    right: list[bool] = []
    text: list[int] = []
    total = 0
    for k, (example, prediction) in enumerate(zip(examples, extractor.predict(texts), strict=True)):
        gold = gold_items(example)[1]
        total += len(gold)
        for r in prediction.relations:
            ends = (prediction.mentions[m].probability for m in (r.head, r.tail))
            features.append(calibration_features(*(torch.tensor(p) for p in (r.probability, *ends))))
            right.append(relation_item(prediction, r) in gold)
            text.append(k)
    return Candidates(torch.tensor(features), torch.tensor(right), torch.tensor(text), total)


def fit_calibration(features: torch.Tensor, right: torch.Tensor) -> tuple[float, float, float, float]:
    """Logistic regression (Platt scaling with the mentions' certainty), weakly regularised."""
    weights = torch.tensor([0.0, 1.0, 1.0, 1.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], lr=0.5, max_iter=100)
    target = right.float()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = weights[0] + features @ weights[1:]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target) + 1e-4 * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    bias, relation, head, tail = (round(v, 4) for v in weights.detach().tolist())
    return bias, relation, head, tail


def expected_calibration_error(probability: torch.Tensor, right: torch.Tensor, bins: int = 15) -> float:
    """ECE over equal-width bins (Guo et al., 2017)."""
    which = (probability * bins).long().clamp(max=bins - 1)
    error = 0.0
    for k in range(bins):
        member = which == k
        if bool(member.any()):
            gap = probability[member].mean() - right[member].float().mean()
            error += float(gap.abs()) * float(member.float().mean())
    return error


def cross_fitted(candidates: Candidates, folds: int = 5) -> torch.Tensor:
    """Calibrated probabilities of each text's candidates from a calibration fitted on the other folds."""
    probability = torch.zeros(len(candidates.right))
    for fold in range(folds):
        held = candidates.text % folds == fold
        weights = torch.tensor(fit_calibration(candidates.features[~held], candidates.right[~held]))
        probability[held] = torch.sigmoid(weights[0] + candidates.features[held] @ weights[1:])
    return probability


def choose_decision(
    network: Network,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    texts: Sequence[AnnotatedText],
    device: torch.device,
) -> tuple[Decision, dict[str, float]]:
    """Calibration, the default threshold, the one with the best end-to-end F1 and that with precision ≥ .90.

    The figures come from cross-fitting over the dev texts; the calibration itself from all of them.
    """
    lowest = Decision(min_probability=0.1)
    candidates = collect(Extractor(network, encoder, lowest, device), examples, inputs(examples, texts))
    probability, right = cross_fitted(candidates), candidates.right
    points: list[tuple[float, float, float, float]] = []  # threshold, F1, precision, recall
    for threshold in np.arange(0.1, 0.96, 0.01).round(2).tolist():
        kept = right[probability >= threshold]
        hits = int(kept.sum())
        if len(kept):
            f1 = 2 * hits / (len(kept) + candidates.total)
            points.append((threshold, f1, hits / len(kept), hits / candidates.total))
    best = max(points, key=lambda p: p[1])
    # F1 is flat around its best: take what costs little of it and shows fewer wrong relations.
    chosen = max(p for p in points if p[1] >= best[1] - F1_GIVEN_UP)
    shown = probability >= chosen[0]
    figures = {
        "best_threshold": best[0],
        "best_f1": round(100 * best[1], 2),
        "threshold": chosen[0],
        **{k: round(100 * v, 2) for k, v in zip(("f1", "precision", "recall"), chosen[1:], strict=True)},
        "ece": round(expected_calibration_error(probability[shown], right[shown]), 4),
    }
    precise = next((p for p in points if p[2] >= 0.90), None)
    if precise is not None:
        figures |= {"precise_threshold": precise[0], "precise_precision": round(precise[2], 4)}
        figures["precise_recall"] = round(precise[3], 4)
    calibration = fit_calibration(candidates.features, right)
    return replace(lowest, min_probability=chosen[0], calibration=calibration), figures
