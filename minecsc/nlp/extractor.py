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


def calibration_features(
    relation: torch.Tensor, head: torch.Tensor, tail: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What calibration weighs: log odds of the relation, log probabilities of head and tail."""
    lowest = 1e-4
    return torch.logit(relation, eps=lowest), head.clamp(min=lowest).log(), tail.clamp(min=lowest).log()


@dataclass(frozen=True, slots=True)
class Decision:
    """How scores become statements; chosen on held-out data and stored with the model.

    calibration: bias and weights of the relation score's log odds and of the log probabilities of head and
    tail, in a logistic regression of "the relation, both spans and both types are right".
    Flags are raised above their own thresholds.
    """

    min_probability: float = 0.5
    calibration: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    negation_threshold: float = 0.5
    speculation_threshold: float = 0.5

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decision:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    def calibrate(self, relation: torch.Tensor, head: torch.Tensor, tail: torch.Tensor) -> torch.Tensor:
        """Probability that a relation read from text is right, from raw probabilities (broadcast)."""
        bias, w_relation, w_head, w_tail = self.calibration
        odds, log_head, log_tail = calibration_features(relation, head, tail)
        return torch.sigmoid(bias + w_relation * odds + w_head * log_head + w_tail * log_tail)


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
        # On a CPU a text fills the cores by itself, and alone it needs no padding: its scores are then the
        # same to the last bit whatever shares its batch. Tags are decoded together: those steps are short.
        parts = [[e] for e in encoded] if self.device.type == "cpu" else [list(encoded)]
        vectors: list[torch.Tensor] = []
        scores: list[torch.Tensor] = []
        for part in parts:
            batch = collate(self.encoder, part).to(self.device)
            with self._autocast():
                words, pair_vectors = self.network.encode(batch)
                emissions = self.network.emissions(words)
            vectors.extend(pair_vectors.unsqueeze(1))
            scores.extend(emissions)
        mentions = self._mentions(texts, scores)
        return [
            Prediction(found, self._relations(text, found, vector))
            for text, found, vector in zip(texts, mentions, vectors, strict=True)
        ]

    def _mentions(self, texts: Sequence[TextInput], scores: Sequence[torch.Tensor]) -> list[list[PredictedMention]]:
        if all(t.given is not None for t in texts):
            return [_given(t) for t in texts]
        crf: Any = self.network.crf["csc"]
        lengths = [len(t.words) for t in texts]
        padded = torch.nn.utils.rnn.pad_sequence(list(scores), batch_first=True)
        mask = torch.arange(padded.shape[1]) < torch.tensor(lengths).unsqueeze(1)
        mask = mask.to(self.device)
        path = crf.decode(padded, mask).cpu()
        marginals = crf.marginals(padded, mask).cpu()
        return [
            _given(text)
            if text.given is not None
            else self._spans(path[i, :n].tolist(), marginals[i, :n], text.sentences)
            for i, (text, n) in enumerate(zip(texts, lengths, strict=True))
        ]

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
            while last + 1 < len(path) and path[last + 1] == inside and sentence_of.get(last + 1) == sentence_of[word]:
                last += 1
            probability = min(float(marginals[k, path[k]]) for k in range(word, last + 1))
            if last + 1 < len(path):
                probability = min(probability, 1.0 - float(marginals[last + 1, inside]))
            probability = round(min(max(probability, 0.0), 1.0), 4)
            found.append(PredictedMention(word, last, tag[2:], probability, sentence_of[word]))
            word = last + 1
        return found

    def _relations(
        self, text: TextInput, mentions: Sequence[PredictedMention], vectors: torch.Tensor
    ) -> list[PredictedRelation]:
        """Relations of one text. vectors: float[1, words, width]."""
        by_sentence: dict[int, list[int]] = {}
        for k, mention in enumerate(mentions):
            by_sentence.setdefault(mention.sentence, []).append(k)
        members = [by_sentence[s] for s in sorted(by_sentence) if len(by_sentence[s]) > 1]
        sentences = [(0, *text.sentences[mentions[m[0]].sentence]) for m in members]
        relations: list[PredictedRelation] = []
        for group in chunks(sentences, [len(m) for m in members]):
            rows = [
                [(m.first, m.last, ENTITY_TYPES.index(m.type)) for m in (mentions[k] for k in members[g])]  # type: ignore[arg-type]
                for g in group
            ]
            padded = mention_batch([sentences[g] for g in group], rows).to(self.device)
            with self._autocast():
                logits, flags = self.network.pair_scores(vectors, padded)
            probabilities = torch.softmax(logits, dim=-1).cpu()
            raised = torch.sigmoid(flags).cpu()
            for row, g in enumerate(group):
                n = len(members[g])
                certainty = torch.tensor([mentions[k].probability for k in members[g]])
                relations.extend(self._decide(probabilities[row, :n, :n], raised[row, :n, :n], certainty, members[g]))
        relations.sort(key=lambda r: (r.head, r.tail, r.type))
        return relations

    def _decide(
        self,
        probabilities: torch.Tensor,
        flags: torch.Tensor,
        certainty: torch.Tensor,
        members: Sequence[int],
    ) -> list[PredictedRelation]:
        """Relations of one sentence. certainty: float[mentions], probabilities of the mentions."""
        raw, label = probabilities[..., 1:].max(dim=-1)
        best = self.decision.calibrate(raw, certainty.unsqueeze(1), certainty.unsqueeze(0))
        best = (best * 10_000).round() / 10_000
        best.fill_diagonal_(-1.0)  # never a relation of a mention to itself, whatever the threshold
        # An association has no direction: of its two readings the likelier one stays.
        mutual = label == RELATION_TYPES.index("associated_with")
        mutual = mutual & mutual.T
        weaker = (best < best.T) | ((best == best.T) & torch.ones_like(best).tril().bool())
        best = best.masked_fill(mutual & weaker, -1.0)
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
