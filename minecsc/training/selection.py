"""Quick figures during training, and the choices made on held-out data afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from minecsc.nlp.encoding import PieceEncoder, collate
from minecsc.nlp.extractor import Decision, Extractor, Prediction, TextInput
from minecsc.nlp.network import Network, chunks, mention_batch
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


Item = tuple[object, ...]


def gold_items(example: Example) -> tuple[set[Item], set[Item]]:
    """Entities and relations of an example, in words."""
    entities: set[Item] = set()
    relations: set[Item] = set()
    for row, labels in zip(example.mentions, example.labels, strict=True):
        entities.update((m[0], m[1], ENTITY_TYPES[m[2]]) for m in row)
        for (i, j), (label, _, _) in labels.items():
            relations.add((RELATION_TYPES[label - 1], *row[i][:2], *row[j][:2]))
    return entities, relations


def score(examples: Sequence[Example], predictions: Sequence[Prediction]) -> tuple[Counts, Counts]:
    """Strict micro counts of entities and of relations end to end."""
    totals = np.zeros((2, 3), dtype=int)
    for example, prediction in zip(examples, predictions, strict=True):
        found_entities: set[Item] = {(m.first, m.last, m.type) for m in prediction.mentions}
        found_relations: set[Item] = set()
        for r in prediction.relations:
            head, tail = prediction.mentions[r.head], prediction.mentions[r.tail]
            found_relations.add((r.type, head.first, head.last, tail.first, tail.last))
        for k, (found, gold) in enumerate(zip((found_entities, found_relations), gold_items(example), strict=True)):
            totals[k] += (len(found & gold), len(found), len(gold))
    return Counts(*totals[0].tolist()), Counts(*totals[1].tolist())


def inputs(examples: Sequence[Example], texts: Sequence[AnnotatedText]) -> list[TextInput]:
    return [
        TextInput([t.text[a:b] for a, b in word_spans(t.text)], e.sentences) for e, t in zip(examples, texts, strict=True)
    ]


def evaluator(
    encoder: PieceEncoder, examples: Sequence[Example], texts: Sequence[AnnotatedText], device: torch.device
) -> Evaluator:
    return Evaluator(encoder, list(examples), inputs(examples, texts), device)


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


def fit_temperature(
    network: Network, encoder: PieceEncoder, examples: Sequence[Example], device: torch.device
) -> float:
    """Temperature that minimises the log loss of the relation head on held-out pairs (Guo et al., 2017)."""
    logits, gold = pair_logits(network, encoder, examples, device)
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], lr=0.1, max_iter=60)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / log_temperature.exp(), gold)
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return round(float(log_temperature.detach().exp()), 4)


@torch.no_grad()
def pair_logits(
    network: Network, encoder: PieceEncoder, examples: Sequence[Example], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Relation logits and labels over all ordered pairs of gold mentions."""
    all_logits, all_gold = [], []
    network.eval()
    for example in examples:
        batch = collate(encoder, [example.encoded]).to(device)
        _, vectors = network.encode(batch)
        rows = [(s, m, lab) for s, m, lab in zip(example.sentences, example.mentions, example.labels, strict=True) if len(m) > 1]
        sentences = [(0, *s) for s, _, _ in rows]
        for group in chunks(sentences, [len(m) for _, m, _ in rows]):
            padded = mention_batch([sentences[g] for g in group], [rows[g][1] for g in group])
            logits, _ = network.pair_scores(vectors, padded.to(device))
            for row, g in enumerate(group):
                n = len(rows[g][1])
                gold = torch.zeros(n, n, dtype=torch.long)
                for (i, j), (label, _, _) in rows[g][2].items():
                    gold[i, j] = label
                off = ~torch.eye(n, dtype=torch.bool)
                all_logits.append(logits[row, :n, :n].cpu()[off])
                all_gold.append(gold[off])
    return torch.cat(all_logits), torch.cat(all_gold)


def choose_decision(
    network: Network,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    texts: Sequence[AnnotatedText],
    device: torch.device,
) -> tuple[Decision, dict[str, float]]:
    """Temperature, the threshold with the best end-to-end F1, and the one with precision ≥ .90, on dev."""
    temperature = fit_temperature(network, encoder, examples, device)
    lowest = Decision(min_probability=0.1, relation_temperature=temperature)
    predictions = Extractor(network, encoder, lowest, device).predict(inputs(examples, texts))
    candidates: list[tuple[float, bool]] = []
    total = 0
    for example, prediction in zip(examples, predictions, strict=True):
        gold = gold_items(example)[1]
        total += len(gold)
        for r in prediction.relations:
            head, tail = prediction.mentions[r.head], prediction.mentions[r.tail]
            candidates.append((r.probability, (r.type, head.first, head.last, tail.first, tail.last) in gold))
    best, precise = (0.0, 0.5), None
    for threshold in np.arange(0.2, 0.99, 0.01):
        kept = [right for p, right in candidates if p >= threshold]
        right = sum(kept)
        f1 = 2 * right / (len(kept) + total) if kept else 0.0
        if f1 > best[0]:
            best = (f1, float(threshold))
        if precise is None and kept and right / len(kept) >= 0.90:
            precise = {"threshold": round(float(threshold), 2), "precision": right / len(kept), "recall": right / total}
    figures = {"best_threshold": round(best[1], 2), "best_f1": round(100 * best[0], 2)}
    if precise is not None:
        figures.update({f"precise_{k}": round(v, 4) for k, v in precise.items()})
    return replace(lowest, min_probability=round(best[1], 2)), figures
