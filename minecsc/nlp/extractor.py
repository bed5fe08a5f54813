"""Runs the network over texts: entities, then relations with flags, in batches by length."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from minecsc.errors import ModelError
from minecsc.nlp.crf import bio_tags
from minecsc.nlp.encoding import EncodedText, PieceEncoder, collate
from minecsc.nlp.network import Network, chunks, mention_batch
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES


@dataclass(frozen=True, slots=True)
class PredictedMention:
    """Words ``first`` to ``last`` (inclusive) name something of type ``type``."""

    first: int
    last: int
    type: str
    probability: float
    sentence: int


@dataclass(frozen=True, slots=True)
class PredictedRelation:
    """A relation between two predicted mentions of one text, given by their indices."""

    type: str
    head: int
    tail: int
    probability: float
    negated: bool
    speculative: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    mentions: list[PredictedMention]
    relations: list[PredictedRelation]


@dataclass(frozen=True, slots=True)
class Decision:
    """How scores become statements; chosen on held-out data and stored with the model.

    relation_temperature divides the relation logits; flags are raised above their own thresholds.
    """

    min_probability: float = 0.5
    relation_temperature: float = 1.0
    negation_threshold: float = 0.5
    speculation_threshold: float = 0.5

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decision:
        return cls(**{k: float(data[k]) for k in cls.__slots__ if k in data})  # type: ignore[attr-defined]


Span = tuple[int, int, str]


@dataclass(slots=True)
class TextInput:
    """Words of one text with sentence borders in words; ``given`` replaces entity prediction if set."""

    words: Sequence[str]
    sentences: Sequence[tuple[int, int]]
    given: Sequence[Span] | None = None


def pick_device(name: str) -> torch.device:
    """``auto`` takes a GPU where there is one. Raises ModelError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise ModelError(f"device {name!r} is not one that torch knows") from e
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {name!r} asked for, but torch sees no GPU")
    return device


@dataclass
class Extractor:
    """The network with everything needed to turn words into mentions and relations.

    max_pieces: padded word pieces encoded at a time.
    """

    network: Network
    encoder: PieceEncoder
    decision: Decision = field(default_factory=Decision)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    max_pieces: int = 8192

    def __post_init__(self) -> None:
        self.network.to(self.device).eval()
        self._tags = bio_tags(self.network.config.entity_heads["csc"])

    def set_min_probability(self, value: float) -> None:
        """Report relations from this probability on."""
        self.decision = replace(self.decision, min_probability=value)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    @torch.inference_mode()
    def predict(self, texts: Sequence[TextInput]) -> list[Prediction]:
        """Predictions in the order of ``texts``; how texts share a batch does not change them."""
        encoded = [self.encoder.encode(t.words) for t in texts]
        results = [Prediction([], []) for _ in texts]
        order = sorted((i for i in range(len(texts)) if len(encoded[i])), key=lambda i: (len(encoded[i].pieces), i))
        for group in self._groups(encoded, order):
            found = self._predict_group([texts[i] for i in group], [encoded[i] for i in group])
            for i, prediction in zip(group, found, strict=True):
                results[i] = prediction
        return results

    def _groups(self, encoded: Sequence[EncodedText], order: Sequence[int]) -> list[list[int]]:
        groups: list[list[int]] = []
        for i in order:  # ascending length: the newest member sets the padded length
            if groups and len(encoded[i].pieces) * (len(groups[-1]) + 1) <= self.max_pieces:
                groups[-1].append(i)
            else:
                groups.append([i])
        return groups

    def _predict_group(self, texts: Sequence[TextInput], encoded: Sequence[EncodedText]) -> list[Prediction]:
        batch = collate(self.encoder, encoded).to(self.device)
        with self._autocast():
            words, vectors = self.network.encode(batch)
            emissions = self.network.emissions(words)
        crf: Any = self.network.crf["csc"]
        mentions: list[list[PredictedMention]] = []
        if all(t.given is not None for t in texts):
            mentions = [_given(t) for t in texts]
        else:
            path = crf.decode(emissions, batch.word_mask).cpu()
            marginals = crf.marginals(emissions, batch.word_mask).cpu()
            for i, text in enumerate(texts):
                if text.given is not None:
                    mentions.append(_given(text))
                else:
                    n = len(text.words)
                    mentions.append(self._spans(path[i, :n].tolist(), marginals[i, :n], text.sentences))
        relations = self._relations(texts, mentions, vectors)
        return [Prediction(m, r) for m, r in zip(mentions, relations, strict=True)]

    def _spans(
        self, path: Sequence[int], marginals: torch.Tensor, sentences: Sequence[tuple[int, int]]
    ) -> list[PredictedMention]:
        """Mentions from a tag path; one that would run over a sentence border is cut there.

        The probability is the smallest posterior of its tags, and of the tag after it not going on.
        """
        sentence_of = {}
        for k, (first, stop) in enumerate(sentences):
            for word in range(first, stop):
                sentence_of[word] = k
        found: list[PredictedMention] = []
        word = 0
        while word < len(path):
            tag = self._tags[path[word]]
            if not tag.startswith("B-") or word not in sentence_of:
                word += 1
                continue
            last = word
            inside = path[word] + 1
            while (
                last + 1 < len(path)
                and path[last + 1] == inside
                and sentence_of.get(last + 1) == sentence_of[word]
            ):
                last += 1
            probability = min(float(marginals[k, path[k]]) for k in range(word, last + 1))
            if last + 1 < len(path):
                probability = min(probability, 1.0 - float(marginals[last + 1, inside]))
            probability = round(min(max(probability, 0.0), 1.0), 4)
            found.append(PredictedMention(word, last, tag[2:], probability, sentence_of[word]))
            word = last + 1
        return found

    def _relations(
        self, texts: Sequence[TextInput], mentions: Sequence[Sequence[PredictedMention]], vectors: torch.Tensor
    ) -> list[list[PredictedRelation]]:
        sentences: list[tuple[int, int, int]] = []
        members: list[list[int]] = []
        for i, text in enumerate(texts):
            by_sentence: dict[int, list[int]] = {}
            for k, mention in enumerate(mentions[i]):
                by_sentence.setdefault(mention.sentence, []).append(k)
            for s in sorted(by_sentence):
                if len(by_sentence[s]) > 1:
                    sentences.append((i, *text.sentences[s]))
                    members.append(by_sentence[s])
        relations: list[list[PredictedRelation]] = [[] for _ in texts]
        for group in chunks(sentences, [len(m) for m in members]):
            rows = [
                [
                    (m.first, m.last, ENTITY_TYPES.index(m.type))  # type: ignore[arg-type]
                    for m in (mentions[sentences[g][0]][k] for k in members[g])
                ]
                for g in group
            ]
            padded = mention_batch([sentences[g] for g in group], rows).to(self.device)
            with self._autocast():
                logits, flags = self.network.pair_scores(vectors, padded)
            probabilities = torch.softmax(logits / self.decision.relation_temperature, dim=-1).cpu()
            raised = torch.sigmoid(flags).cpu()
            for row, g in enumerate(group):
                n = len(members[g])
                relations[sentences[g][0]].extend(
                    self._decide(probabilities[row, :n, :n], raised[row, :n, :n], members[g])
                )
        for found in relations:
            found.sort(key=lambda r: (r.head, r.tail, r.type))
        return relations

    def _decide(
        self, probabilities: torch.Tensor, flags: torch.Tensor, members: Sequence[int]
    ) -> list[PredictedRelation]:
        best, label = probabilities[..., 1:].max(dim=-1)
        best = (best * 10_000).round() / 10_000
        best.fill_diagonal_(0.0)
        # An association has no direction: of its two readings the likelier one stays.
        mutual = label == RELATION_TYPES.index("associated_with")
        mutual = mutual & mutual.T
        weaker = (best < best.T) | ((best == best.T) & torch.ones_like(best).tril().bool())
        best = best.masked_fill(mutual & weaker, 0.0)
        found = []
        for i, j in (best >= self.decision.min_probability).nonzero().tolist():
            found.append(
                PredictedRelation(
                    type=RELATION_TYPES[int(label[i, j])],
                    head=members[i],
                    tail=members[j],
                    probability=round(float(best[i, j]), 4),
                    negated=bool(flags[i, j, 0] >= self.decision.negation_threshold),
                    speculative=bool(flags[i, j, 1] >= self.decision.speculation_threshold),
                )
            )
        return found


def _given(text: TextInput) -> list[PredictedMention]:
    found = []
    for first, last, kind in text.given or ():
        for k, (begin, stop) in enumerate(text.sentences):
            if begin <= first and last < stop:
                found.append(PredictedMention(first, last, kind, 1.0, k))
    return found
