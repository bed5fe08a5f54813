"""Runs the network over texts: entities, then relations with flags, in batches by length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch

from minecsc.errors import ModelError
from minecsc.nlp.crf import Crf, bio_tags
from minecsc.nlp.decoding import Decoder
from minecsc.nlp.encoding import EncodedText, PieceEncoder, collate
from minecsc.nlp.fast import FastNetwork, Mentions
from minecsc.nlp.network import Network, chunks, mention_batch
from minecsc.nlp.precision import Precision
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES

Item = TypeVar("Item")
Result = TypeVar("Result")

TEXTS_AT_A_TIME: Final = 64
"""Texts whose word vectors are held at once on a CPU."""


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
    mention_calibration: bias and slope of a mention's log odds, in one of "span and type are right"; relations weigh
    the raw ones. Flags are raised above their own thresholds. confident_probability: of the relations from it on nine
    of ten are right on held-out texts; None where that holds from nowhere on. Nothing is left out by it here.
    """

    min_probability: float = 0.5
    calibration: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    negation_threshold: float = 0.5
    speculation_threshold: float = 0.5
    confident_probability: float | None = None
    mention_calibration: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decision:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    def calibrate(self, relation: torch.Tensor, head: torch.Tensor, tail: torch.Tensor) -> torch.Tensor:
        """Probability that a relation read from text is right, from raw probabilities (broadcast)."""
        bias, w_relation, w_head, w_tail = self.calibration
        odds, log_head, log_tail = calibration_features(relation, head, tail)
        return torch.sigmoid(bias + w_relation * odds + w_head * log_head + w_tail * log_tail)

    def calibrate_mentions(self, mentions: Sequence[PredictedMention]) -> list[PredictedMention]:
        """The same mentions with the probability that span and type are right, to four places."""
        bias, slope = self.mention_calibration
        if not mentions or (bias, slope) == (0.0, 1.0):
            return list(mentions)
        odds = torch.logit(torch.tensor([m.probability for m in mentions]), eps=1e-4)
        certain = torch.sigmoid(bias + slope * odds).tolist()
        return [replace(m, probability=round(p, 4)) for m, p in zip(mentions, certain, strict=True)]


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

    max_pieces: padded word pieces that a GPU encodes at a time. precision: None is ``fp32`` on a CPU and ``bf16``
    on a GPU. On a CPU the weights are those that the network has when this is made, and as many texts are read at
    a time as torch has threads.
    """

    network: Network
    encoder: PieceEncoder
    decision: Decision = field(default_factory=Decision)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    max_pieces: int = 8192
    precision: Precision | None = None

    def __post_init__(self) -> None:
        if self.precision is None:
            self.precision = "fp32" if self.device.type == "cpu" else "bf16"
        self.network.to(self.device).eval()
        with torch.inference_mode():
            self._fast = FastNetwork(self.network, self.precision) if self.device.type == "cpu" else None
            self._decoder = Decoder(cast(Crf, self.network.crf["csc"]))
        self._tags = bio_tags(self.network.config.entity_heads["csc"])

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs: packed weights are made there anew."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def set_min_probability(self, value: float) -> None:
        """Report relations from this probability on."""
        self.decision = replace(self.decision, min_probability=value)

    def predict(self, texts: Sequence[TextInput]) -> list[Prediction]:
        """Predictions in the order of ``texts``; how texts share a batch does not change them on a CPU."""
        encoded = [self.encoder.encode(t.words) for t in texts]
        results = [Prediction([], []) for _ in texts]
        order = sorted((i for i in range(len(texts)) if len(encoded[i])), key=lambda i: (len(encoded[i].pieces), i))
        for group in self._groups(encoded, order):
            found = self._predict_group([texts[i] for i in group], [encoded[i] for i in group])
            for i, prediction in zip(group, found, strict=True):
                results[i] = prediction
        return results

    def _groups(self, encoded: Sequence[EncodedText], order: Sequence[int]) -> list[list[int]]:
        if self._fast is not None:  # nothing is padded: only the memory of word vectors counts
            return [list(order[k : k + TEXTS_AT_A_TIME]) for k in range(0, len(order), TEXTS_AT_A_TIME)]
        groups: list[list[int]] = []
        for i in order:  # ascending length: the newest member sets the padded length
            if groups and len(encoded[i].pieces) * (len(groups[-1]) + 1) <= self.max_pieces:
                groups[-1].append(i)
            else:
                groups.append([i])
        return groups

    def _predict_group(self, texts: Sequence[TextInput], encoded: Sequence[EncodedText]) -> list[Prediction]:
        if self._fast is None:
            vectors, emissions = self._encode_padded(encoded)
        else:
            fast = self._fast
            pairs = in_threads(lambda text: fast.encode(self.encoder, text), encoded)
            emissions, vectors = [e.numpy() for e, _ in pairs], [v for _, v in pairs]
        if all(t.given is not None for t in texts):
            mentions = [_given(t) for t in texts]
        else:
            mentions = [
                self._spans(path, marginals, text.sentences) if text.given is None else _given(text)
                for text, (path, marginals) in zip(texts, self._decoder(emissions), strict=True)
            ]
        relate = self._relations_padded if self._fast is None else self._relations
        jobs = list(zip(texts, mentions, vectors, strict=True))
        scored = in_threads(relate, jobs) if self._fast is not None else [relate(job) for job in jobs]
        return [
            Prediction(self.decision.calibrate_mentions(found) if text.given is None else found, relations)
            for text, found, relations in zip(texts, mentions, scored, strict=True)
        ]

    @torch.inference_mode()
    def _encode_padded(
        self, encoded: Sequence[EncodedText]
    ) -> tuple[list[torch.Tensor], list[npt.NDArray[np.float32]]]:
        """Word vectors and tag scores of texts in one padded batch."""
        batch = collate(self.encoder, encoded).to(self.device)
        with self._autocast():
            words, vectors = self.network.encode(batch)
            emissions = self.network.emissions(words).cpu().numpy()
        return list(vectors), [emissions[k, : len(text)] for k, text in enumerate(encoded)]

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def _spans(
        self, path: Sequence[int], marginals: npt.NDArray[np.float64], sentences: Sequence[tuple[int, int]]
    ) -> list[PredictedMention]:
        """Mentions from a tag path; one that would run over a sentence border is cut there.

        The probability is the smallest posterior of its tags, and of the tag after it not going on.
        """
        found: list[PredictedMention] = []
        for k, (first, stop) in enumerate(sentences):
            word = first
            while word < stop:
                tag = self._tags[path[word]]
                if not tag.startswith("B-"):
                    word += 1
                    continue
                inside = path[word] + 1
                end = word + 1
                while end < stop and path[end] == inside:
                    end += 1
                probability = min(float(marginals[at, path[at]]) for at in range(word, end))
                if end < len(path):
                    probability = min(probability, 1.0 - float(marginals[end, inside]))
                probability = round(min(max(probability, 0.0), 1.0), 4)
                found.append(PredictedMention(word, end - 1, tag[2:], probability, k))
                word = end
        return found

    def _relations(self, job: tuple[TextInput, Sequence[PredictedMention], torch.Tensor]) -> list[PredictedRelation]:
        """Relations of one text. The job's vectors: float[words, width]."""
        text, mentions, vectors = job
        members = _by_sentence(mentions)
        if self._fast is None or not members:
            return []
        index = [k for m in members for k in m]
        rows = np.array(
            [(mentions[k].first, mentions[k].last, ENTITY_TYPES.index(mentions[k].type)) for k in index]  # type: ignore[arg-type]
        )
        batch = Mentions(
            first=rows[:, 0],
            last=rows[:, 1],
            types=rows[:, 2],
            sentence=np.repeat(np.arange(len(members)), [len(m) for m in members]),
            borders=np.array([text.sentences[mentions[m[0]].sentence] for m in members]),
        )
        head, tail, logits, flags = self._fast.pair_scores(vectors, batch)
        named = np.array(index)
        return self._decide(named[head], named[tail], logits, flags, mentions)

    @torch.inference_mode()
    def _relations_padded(
        self, job: tuple[TextInput, Sequence[PredictedMention], torch.Tensor]
    ) -> list[PredictedRelation]:
        """The same by :meth:`Network.pair_scores`, sentences of like size together."""
        text, mentions, vectors = job
        members = _by_sentence(mentions)
        sentences = [(0, *text.sentences[mentions[m[0]].sentence]) for m in members]
        relations: list[PredictedRelation] = []
        for group in chunks(sentences, [len(m) for m in members]):
            rows = [
                [(m.first, m.last, ENTITY_TYPES.index(m.type)) for m in (mentions[k] for k in members[g])]  # type: ignore[arg-type]
                for g in group
            ]
            padded = mention_batch([sentences[g] for g in group], rows).to(self.device)
            with self._autocast():
                logits, flags = (x.cpu() for x in self.network.pair_scores(vectors.unsqueeze(0), padded))
            for row, g in enumerate(group):
                n = len(members[g])
                i, j = (~np.eye(n, dtype=bool)).nonzero()
                named = np.array(members[g])
                relations += self._decide(named[i], named[j], logits[row, i, j], flags[row, i, j], mentions)
        return sorted(relations, key=lambda r: (r.head, r.tail))

    def _decide(
        self,
        head: npt.NDArray[np.int64],
        tail: npt.NDArray[np.int64],
        logits: torch.Tensor,
        flags: torch.Tensor,
        mentions: Sequence[PredictedMention],
    ) -> list[PredictedRelation]:
        """Relations among scored pairs, by head and tail.

        logits: float32[pairs, types + 1]; flags: float32[pairs, 2].
        """
        certainty = torch.tensor([m.probability for m in mentions])
        raw, label = torch.softmax(logits, dim=-1)[:, 1:].max(dim=-1)
        best = self.decision.calibrate(raw, certainty[torch.from_numpy(head)], certainty[torch.from_numpy(tail)])
        best = (best * 10_000).round() / 10_000
        kept = (best >= self.decision.min_probability).nonzero()[:, 0]
        raised = torch.sigmoid(flags[kept]).tolist()
        probability = {(int(head[k]), int(tail[k])): float(best[k]) for k in kept.tolist()}
        types = {(int(head[k]), int(tail[k])): RELATION_TYPES[int(label[k])] for k in kept.tolist()}
        found = []
        for (pair, value), (negated, speculative) in zip(probability.items(), raised, strict=True):
            back = pair[::-1]
            # An association has no direction: of its two readings the likelier one stays.
            if types[pair] == types.get(back) == "associated_with" and (-value, pair) > (-probability[back], back):
                continue
            found.append(
                PredictedRelation(
                    type=types[pair],
                    head=pair[0],
                    tail=pair[1],
                    probability=round(value, 4),
                    negated=negated >= self.decision.negation_threshold,
                    speculative=speculative >= self.decision.speculation_threshold,
                )
            )
        return sorted(found, key=lambda r: (r.head, r.tail))


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` on each item without gradients, in order, on as many threads as torch uses: one thread an item.

    Small matrices gain little from a second thread; a second text doubles what is done. No result depends on the
    number of threads.
    """

    @torch.inference_mode()
    def one(item: Item) -> Result:
        return work(item)

    workers = min(torch.get_num_threads(), len(items))
    if workers <= 1:
        return [one(item) for item in items]
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(one, items))


def _by_sentence(mentions: Sequence[PredictedMention]) -> list[list[int]]:
    """Indices of the mentions of each sentence that has at least two, in reading order."""
    members: dict[int, list[int]] = {}
    for k, mention in enumerate(mentions):
        members.setdefault(mention.sentence, []).append(k)
    return [members[s] for s in sorted(members) if len(members[s]) > 1]


def _given(text: TextInput) -> list[PredictedMention]:
    found = []
    for first, last, kind in text.given or ():
        for k, (begin, stop) in enumerate(text.sentences):
            if begin <= first and last < stop:
                found.append(PredictedMention(first, last, kind, 1.0, k))
    return found
