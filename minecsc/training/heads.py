"""The heads of the public corpora beside a model: kept for benchmarks, never needed for extraction.

``corpus_heads.safetensors`` holds their weights as fp16 and, in its metadata, their label sets and the SHA-256 of the
``model.safetensors`` that they stand on. :class:`HeadReader` reads texts with any head of a network.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from minecsc.errors import ModelError
from minecsc.ids import file_digest
from minecsc.nlp.crf import bio_tags
from minecsc.nlp.encoding import EncodedText, PieceEncoder, collate
from minecsc.nlp.model_io import load_extractor
from minecsc.nlp.network import Network, chunks, mention_batch
from minecsc.nlp.sentences import sentence_spans
from minecsc.nlp.transformer import read_config
from minecsc.nlp.words import word_spans
from minecsc.training.corpora import pair_filter
from minecsc.training.examples import AnnotatedText

HEADS_FILE = "corpus_heads.safetensors"
_FORMAT = "1"
_MODEL_FILE = "model.safetensors"
_HEAD_LAYERS = ("entity_out.", "crf.", "relation_out.")
_OWN = "csc"


def save_corpus_heads(folder: Path, network: Network) -> Path | None:
    """Write the corpus heads of ``network`` beside the model that ``save_model`` wrote into ``folder``.

    Returns the file, or None where the network has no such heads; heads of an earlier model are then removed.
    """
    path = folder / HEADS_FILE
    kept = {
        key: value.detach().half().cpu().contiguous()
        for key, value in network.state_dict().items()
        if key.startswith(_HEAD_LAYERS) and key.split(".")[1] != _OWN
    }
    if not kept:
        path.unlink(missing_ok=True)
        return None
    metadata = {"format": _FORMAT, "model_sha256": file_digest(folder / _MODEL_FILE)}
    for kind in ("entity_heads", "relation_heads"):
        heads: dict[str, tuple[str, ...]] = getattr(network.config, kind)
        metadata[kind] = json.dumps({name: types for name, types in heads.items() if name != _OWN})
    save_file(kept, path, metadata)
    path.chmod(0o644)  # safetensors makes it private
    return path


def load_with_corpus_heads(folder: Path, device: torch.device | str = "cpu") -> tuple[Network, PieceEncoder]:
    """The network of a model folder with its own and the corpus heads, in evaluation mode on ``device``.

    Raises ModelError where the folder is no model, holds no corpus heads, or holds those of another model.
    """
    extractor = load_extractor(folder)
    path = folder / HEADS_FILE
    if not path.is_file():
        raise ModelError(f"{folder}: no {HEADS_FILE}; a training run with public corpora writes it")
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
            weights = {key: stored.get_tensor(key).float() for key in stored.keys()}  # noqa: SIM118  not a mapping
        if metadata.get("format") != _FORMAT:
            raise ModelError(f"{path}: format {metadata.get('format')}, this version reads {_FORMAT}")
        heads = {
            kind: {name: tuple(types) for name, types in json.loads(metadata[kind]).items()}
            for kind in ("entity_heads", "relation_heads")
        }
        expected = metadata["model_sha256"]
    except ModelError:
        raise
    except Exception as e:
        raise ModelError(f"{path}: cannot be read ({e})") from e
    if expected != file_digest(folder / _MODEL_FILE):
        raise ModelError(f"{path}: made for other weights than those of {_MODEL_FILE} beside it")
    own = extractor.network
    config = replace(
        own.config,
        entity_heads={**own.config.entity_heads, **heads["entity_heads"]},
        relation_heads={**own.config.relation_heads, **heads["relation_heads"]},
    )
    network = Network(config, read_config(folder))
    try:
        network.load_state_dict({**own.state_dict(), **weights})
    except RuntimeError as e:
        raise ModelError(f"{path}: weights and label sets do not fit the model ({e})") from e
    return network.to(device).eval(), extractor.encoder


@dataclass(frozen=True, slots=True)
class PairScores:
    """What a relation head says of the mention pairs of one text that it reads.

    pairs: (head, tail), indices into the text's entities; logits: float[pairs, types + 1], 0 = none;
    flags: float[pairs, 2], probabilities of negated and speculative.
    """

    pairs: list[tuple[int, int]]
    logits: torch.Tensor
    flags: torch.Tensor


@dataclass(frozen=True, slots=True)
class WordIndex:
    """Word borders of a text, in characters."""

    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> WordIndex:
        spans = word_spans(text)
        return cls([s for s, _ in spans], [e for _, e in spans])

    def words(self, start: int, end: int) -> tuple[int, int]:
        """First and last word of a span; a word that the span cuts is taken whole, as in training."""
        first = max(bisect.bisect_right(self.starts, start) - 1, 0)
        if self.ends[first] <= start and first + 1 < len(self.starts):
            first += 1
        return first, max(first, bisect.bisect_left(self.starts, end) - 1)


@dataclass
class HeadReader:
    """Reads texts with any head of a network: in fp32, in batches of ``max_pieces`` padded word pieces."""

    network: Network
    encoder: PieceEncoder
    device: torch.device
    max_pieces: int = 8192

    def __post_init__(self) -> None:
        self.network.to(self.device).eval()

    @torch.inference_mode()
    def entities(self, texts: Sequence[str], head: str) -> list[list[tuple[int, int, str]]]:
        """Mentions (start, end, type) of each text, offsets in characters."""
        tags = bio_tags(self.network.config.entity_heads[head])
        crf: Any = self.network.crf[head]
        found: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        indices = [WordIndex.of(text) for text in texts]
        for group, encoded in self._groups(texts, indices):
            batch = collate(self.encoder, encoded).to(self.device)
            words, _ = self.network.encode(batch)
            paths = crf.decode(self.network.emissions(words, head), batch.word_mask).cpu()
            for row, i in enumerate(group):
                spans = tagged_spans(paths[row, : len(indices[i].starts)].tolist(), tags)
                found[i] = [(indices[i].starts[first], indices[i].ends[last], kind) for first, last, kind in spans]
        return found

    @torch.inference_mode()
    def pairs(self, texts: Sequence[AnnotatedText], head: str) -> list[PairScores]:
        """Scores of the pairs of given mentions that share a sentence and that the head's corpus annotates.

        Nested mentions are all read; a pair of mentions that overlap each other is not.
        """
        width = len(self.network.config.relation_heads[head]) + 1
        results = [PairScores([], torch.zeros(0, width), torch.zeros(0, 2)) for _ in texts]
        indices = [WordIndex.of(text.text) for text in texts]
        allowed = pair_filter(head)
        for group, encoded in self._groups([text.text for text in texts], indices):
            batch = collate(self.encoder, encoded).to(self.device)
            _, vectors = self.network.encode(batch)
            for row, i in enumerate(group):
                results[i] = self._score(texts[i], indices[i], vectors[row : row + 1], head, allowed, width)
        return results

    def _score(
        self,
        text: AnnotatedText,
        index: WordIndex,
        vectors: torch.Tensor,
        head: str,
        allowed: frozenset[tuple[int, int]] | None,
        width: int,
    ) -> PairScores:
        sentences, members = mentions_by_sentence(text, index)
        pairs: list[tuple[int, int]] = []
        logits: list[torch.Tensor] = [torch.zeros(0, width)]
        flags: list[torch.Tensor] = [torch.zeros(0, 2)]
        kept = [k for k, rows in enumerate(members) if len(rows) > 1]
        spans = [(0, *sentences[k]) for k in kept]
        for group in chunks(spans, [len(members[k]) for k in kept]):
            mentions = [[row[1:] for row in members[kept[g]]] for g in group]
            batch = mention_batch([spans[g] for g in group], mentions).to(self.device)
            scores, raised = (t.cpu() for t in self.network.pair_scores(vectors, batch, head))
            for k, g in enumerate(group):
                rows = members[kept[g]]
                read = [
                    (i, j)
                    for i, (_, first, last, kind) in enumerate(rows)
                    for j, (_, begin, stop, other) in enumerate(rows)
                    if (last < begin or stop < first) and (allowed is None or (kind, other) in allowed)
                ]
                if read:
                    heads, tails = zip(*read, strict=True)
                    pairs += [(rows[i][0], rows[j][0]) for i, j in read]
                    logits.append(scores[k, heads, tails])
                    flags.append(raised[k, heads, tails].sigmoid())
        return PairScores(pairs, torch.cat(logits), torch.cat(flags))

    def _groups(
        self, texts: Sequence[str], indices: Sequence[WordIndex]
    ) -> Iterator[tuple[list[int], list[EncodedText]]]:
        """Texts of like length together; those without a word are left out."""
        encoded = [
            self.encoder.encode([text[a:b] for a, b in zip(index.starts, index.ends, strict=True)])
            for text, index in zip(texts, indices, strict=True)
        ]
        group: list[int] = []
        for i in sorted((i for i, e in enumerate(encoded) if len(e)), key=lambda i: len(encoded[i].pieces)):
            if group and len(encoded[i].pieces) * (len(group) + 1) > self.max_pieces:
                yield group, [encoded[k] for k in group]
                group = []
            group.append(i)
        if group:
            yield group, [encoded[k] for k in group]


def tagged_spans(path: Sequence[int], tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, last word, type) of the mentions in a path of BIO tag indices."""
    found: list[tuple[int, int, str]] = []
    for word, tag in enumerate(path):
        name = tags[tag]
        if name.startswith("B-"):
            found.append((word, word, name[2:]))
        elif name.startswith("I-") and found and found[-1][1] == word - 1 and found[-1][2] == name[2:]:
            found[-1] = (found[-1][0], word, name[2:])
    return found


def mentions_by_sentence(
    text: AnnotatedText, index: WordIndex
) -> tuple[list[tuple[int, int]], list[list[tuple[int, int, int, int]]]]:
    """Sentences (first word, end word) with their mentions (entity, first word, last word, index into ENTITY_TYPES).

    Mentions without a pair type, and those that run over a sentence border, take no part.
    """
    sentences: list[tuple[int, int]] = []
    for begin, end in text.sentences or sentence_spans(text.text, text.title_end):
        first, stop = bisect.bisect_left(index.starts, begin), bisect.bisect_left(index.starts, end)
        if stop > first:
            sentences.append((first, stop))
    members: list[list[tuple[int, int, int, int]]] = [[] for _ in sentences]
    for k, ((start, end, _), kind) in enumerate(zip(text.entities, text.pair_types, strict=True)):
        if kind is None or not index.starts:
            continue
        first, last = index.words(start, end)
        at = bisect.bisect_right(sentences, (first, 1 << 30)) - 1
        if at >= 0 and last < sentences[at][1]:
            members[at].append((k, first, last, kind))
    return sentences, members
