"""Annotated texts in the form that the network learns from."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from minecsc.nlp.crf import bio_tags
from minecsc.nlp.encoding import EncodedText, PieceEncoder
from minecsc.nlp.sentences import sentence_spans
from minecsc.nlp.words import word_spans
from minecsc.schema import ENTITY_TYPES


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """One annotated text of any corpus, offsets in characters.

    entities: (start, end, type) in the corpus' own types; pair_types: for each entity the index into
    ENTITY_TYPES nearest to it, or None where it takes no part in pairs
    relations: (type, head entity, tail entity, negated, speculative), entities by index
    relation_head: None where the text has no relation annotation
    """

    text_id: str
    text: str
    entities: list[tuple[int, int, str]]
    pair_types: list[int | None]
    relations: list[tuple[str, int, int, bool, bool]] = field(default_factory=list)
    entity_head: str | None = "csc"
    relation_head: str | None = None
    sentences: list[tuple[int, int]] | None = None
    title_end: int | None = None


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """Probabilities that teachers give in place of annotation.

    tags: float16[words, tags]; by sentence: pairs int64[pairs, 2], head and tail among its mentions; relations
    float16[pairs, types + 1], 0 = none, a row of zeros where nothing is said; flags float16[pairs, 2]. A pair not
    among them holds no relation.
    """

    tags: torch.Tensor
    pairs: list[torch.Tensor]
    relations: list[torch.Tensor]
    flags: list[torch.Tensor]


@dataclass(slots=True)
class Example:
    """An :class:`AnnotatedText` as words and labels.

    tags: tag index per word, or None; sentences: (first word, end word)
    mentions: per sentence (first word, last word, index into ENTITY_TYPES)
    labels: per sentence {(head, tail): (relation index, negated, speculative)}
    soft: of a taught text, instead of labels; tags are then the likeliest
    """

    text_id: str
    encoded: EncodedText
    entity_head: str | None
    relation_head: str | None
    tags: list[int] | None
    sentences: list[tuple[int, int]]
    mentions: list[list[tuple[int, int, int]]]
    labels: list[dict[tuple[int, int], tuple[int, bool, bool]]]
    soft: SoftLabels | None = None

    @property
    def size(self) -> int:
        """Word pieces: what a batch costs."""
        return len(self.encoded.pieces)

    def pair_targets(self, sentence: int, n_types: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets of all ordered pairs of a sentence's mentions.

        Returns probabilities float[mentions, mentions, n_types + 1], 0 = none, and flags float[mentions, mentions, 2].
        """
        n = len(self.mentions[sentence])
        relations = torch.zeros(n, n, n_types + 1)
        relations[..., 0] = 1
        flags = torch.zeros(n, n, 2)
        if self.soft is not None:
            head, tail = self.soft.pairs[sentence].unbind(1)
            relations[head, tail] = self.soft.relations[sentence].float()
            flags[head, tail] = self.soft.flags[sentence].float()
        for (i, j), (label, negated, speculative) in self.labels[sentence].items():
            relations[i, j, 0], relations[i, j, label] = 0, 1
            flags[i, j, 0], flags[i, j, 1] = float(negated), float(speculative)
        return relations, flags


def flatten(entities: Sequence[tuple[int, int, str]]) -> list[int]:
    """Indices of the entities kept when overlapping ones give way to the longest (first on ties)."""
    order = sorted(range(len(entities)), key=lambda i: (entities[i][0] - entities[i][1], entities[i][0]))
    taken: list[tuple[int, int]] = []
    kept: list[int] = []
    for i in order:
        start, end, _ = entities[i]
        at = bisect.bisect_left(taken, (start, end))
        clear_left = at == 0 or taken[at - 1][1] <= start
        clear_right = at == len(taken) or end <= taken[at][0]
        if clear_left and clear_right:
            taken.insert(at, (start, end))
            kept.append(i)
    return sorted(kept)


def make_example(
    source: AnnotatedText,
    encoder: PieceEncoder,
    entity_heads: dict[str, tuple[str, ...]],
    relation_heads: dict[str, tuple[str, ...]],
) -> Example | None:
    """Words, tags and pair labels of one text; None where it has no words.

    An entity whose span cuts through a word takes the whole word.
    """
    words = word_spans(source.text)
    if not words:
        return None
    starts = [w[0] for w in words]
    ends = [w[1] for w in words]

    def to_words(start: int, end: int) -> tuple[int, int]:
        first = max(bisect.bisect_right(starts, start) - 1, 0)
        if ends[first] <= start:
            first += 1
        last = bisect.bisect_left(starts, end) - 1
        return first, max(first, last)

    sentences: list[tuple[int, int]] = []
    for begin, end in source.sentences or sentence_spans(source.text, source.title_end):
        first, stop = bisect.bisect_left(starts, begin), bisect.bisect_left(starts, end)
        if stop > first:
            sentences.append((first, stop))
    kept = flatten(source.entities)
    spans = {i: to_words(*source.entities[i][:2]) for i in kept}
    tags: list[int] | None = None
    if source.entity_head is not None:
        names = {tag: k for k, tag in enumerate(bio_tags(entity_heads[source.entity_head]))}
        tags = [0] * len(words)
        for i, (first, last) in spans.items():
            if (begin_tag := names.get(f"B-{source.entities[i][2]}")) is not None:
                tags[first] = begin_tag
                for word in range(first + 1, last + 1):
                    tags[word] = begin_tag + 1
    mentions: list[list[tuple[int, int, int]]] = [[] for _ in sentences]
    labels: list[dict[tuple[int, int], tuple[int, bool, bool]]] = [{} for _ in sentences]
    place: dict[int, tuple[int, int]] = {}
    if source.relation_head is not None:
        for i, (first, last) in spans.items():
            type_index = source.pair_types[i]
            at = bisect.bisect_right(sentences, (first, 1 << 30)) - 1
            if type_index is not None and at >= 0 and last < sentences[at][1]:
                place[i] = (at, len(mentions[at]))
                mentions[at].append((first, last, type_index))
        types = relation_heads[source.relation_head]
        for kind, head, tail, negated, speculative in source.relations:
            if head in place and tail in place and place[head][0] == place[tail][0]:
                pair = (place[head][1], place[tail][1])
                labels[place[head][0]].setdefault(pair, (types.index(kind) + 1, negated, speculative))
    return Example(
        text_id=source.text_id,
        encoded=encoder.encode([source.text[a:b] for a, b in words]),
        entity_head=source.entity_head,
        relation_head=source.relation_head,
        tags=tags,
        sentences=sentences,
        mentions=mentions,
        labels=labels,
    )


def type_index(name: str) -> int:
    return ENTITY_TYPES.index(name)  # type: ignore[arg-type]


POOL = 128  # texts sorted by length together: little padding, and batches still differ by epoch


def batches(examples: Sequence[Example], order: Sequence[int], max_pieces: int) -> list[list[int]]:
    """Group examples that share their heads and are of like length; a padded batch holds ``max_pieces``.

    Taught texts have batches of their own.
    """
    by_kind: dict[tuple[str | None, str | None, bool], list[int]] = {}
    for i in order:
        e = examples[i]
        by_kind.setdefault((e.entity_head, e.relation_head, e.soft is not None), []).append(i)
    result: list[list[int]] = []
    for members in by_kind.values():
        for start in range(0, len(members), POOL):
            group: list[int] = []
            for i in sorted(members[start : start + POOL], key=lambda i: examples[i].size):
                if group and examples[i].size * (len(group) + 1) > max_pieces:
                    result.append(group)
                    group = []
                group.append(i)
            result.append(group)
    return result
