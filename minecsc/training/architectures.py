"""Other heads on the same encoder, for the evidence behind the shipped network's; only comparisons use them.

Entities: the shipped BIO tags with a conditional random field; the same tags by softmax and greedy repair; scores of
all spans of a sentence (Lee et al., EMNLP 2017; Eberts and Ulges, ECAI 2020). Pairs: the shipped layer; the same
without its attention; mention vectors alone; and the sentence encoded anew for every pair with typed markers around
both mentions (Zhong and Chen, NAACL 2021), which costs an encoder pass a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, gelu
from transformers import PreTrainedConfig

from minecsc.nlp.crf import bio_tags
from minecsc.nlp.encoding import EncodedText, PieceEncoder, collate
from minecsc.nlp.network import MentionBatch, Network, NetworkConfig, PairLayer, RangeMax, chunks, mention_batch
from minecsc.schema import ENTITY_TYPES
from minecsc.training.examples import Example
from minecsc.training.heads import tagged_spans
from minecsc.training.loop import hide_words, losses, pair_losses
from minecsc.training.markers import Border, MarkerPairs, Mention, hidden_words, mark_pair

EntityKind = Literal["crf", "softmax", "spans", "none"]
PairKind = Literal["full", "between", "pooled", "markers"]
HEAD: Final = "csc"


@dataclass(frozen=True)
class Architecture:
    """What is swapped in. The defaults are the shipped network.

    layers: encoder layers to keep, from the first on; None for all. longest: words of the longest span scored.
    span_negatives: spans that are no mention to learn from, a sentence; 0 for all. pair_negatives: marked pairs
    without a relation to learn from, for each with one; each weighs as many as it stands for.
    """

    entities: EntityKind = "crf"
    pairs: PairKind = "full"
    layers: int | None = None
    longest: int = 9
    span_negatives: int = 100
    pair_negatives: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.entities} + {self.pairs}" + (f", {self.layers} layers" if self.layers else "")


class Softmax(nn.Module):
    """Tags word by word: the interface of :class:`Crf` without transitions."""

    def loss(self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean negative log-likelihood per text; shapes as in :meth:`Crf.loss`."""
        return cross_entropy(emissions[mask], tags[mask], reduction="sum") / len(emissions)

    def decode(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Likeliest tags, int64[batch, words]; an I- that does not go on a mention of its type begins one."""
        tags = emissions.argmax(dim=-1) * mask
        kind = (tags + 1) // 2  # O, B-a, I-a, B-b, I-b … → 0, 1, 1, 2, 2 …
        before = torch.cat([torch.zeros_like(kind[:, :1]), kind[:, :-1]], dim=1)
        broken = (tags > 0) & (tags % 2 == 0) & (before != kind)
        return tags - broken.long()


class SpanScorer(nn.Module):
    """Scores of every span up to ``longest`` words: first word, last word, maximum over its words, its length."""

    def __init__(self, width: int, longest: int, dropout: float) -> None:
        super().__init__()
        self.longest = longest
        self.ends = nn.Linear(width, 2 * width)
        self.inside = nn.Linear(width, width)
        self.length = nn.Embedding(longest, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, len(ENTITY_TYPES) + 1)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """float[texts, words, width] → float32[texts, words, longest, types + 1], by first word and length − 1."""
        first, last = self.ends(words).chunk(2, dim=-1)
        inside = highest = self.inside(words)
        place = torch.arange(words.shape[1], device=words.device)
        spans = []
        for k in range(self.longest):
            end = (place + k).clamp(max=words.shape[1] - 1)
            highest = torch.maximum(highest, inside[:, end])
            spans.append(first + last[:, end] + highest + self.length.weight[k])
        x = gelu(self.norm(torch.stack(spans, dim=2)))
        scores: torch.Tensor = self.out(self.dropout(x)).float()
        return scores

    def within(self, sentences: Sequence[Sequence[Border]], n_words: int) -> torch.Tensor:
        """bool[texts, words, longest]: spans that stay within one sentence."""
        stop = torch.zeros(len(sentences), n_words, dtype=torch.long)
        for row, borders in enumerate(sentences):
            for first, end in borders:
                stop[row, first:end] = end
        last = torch.arange(n_words).unsqueeze(1) + torch.arange(self.longest)
        return last < stop.unsqueeze(-1)

    def loss(self, words: torch.Tensor, examples: Sequence[Example], negatives: int) -> torch.Tensor:
        """Cross-entropy of the spans drawn, summed, per word; mentions longer than ``longest`` are not learnt."""
        scores = self(words)
        sentences = [e.sentences for e in examples]
        inside = self.within(sentences, words.shape[1])
        gold = torch.zeros(inside.shape, dtype=torch.long)
        for row, example in enumerate(examples):
            for first, last, kind in (m for found in example.mentions for m in found):
                if last - first < self.longest:
                    gold[row, first, last - first] = kind + 1
        drawn = inside & (gold == 0)
        if negatives:
            share = negatives * sum(map(len, sentences)) / max(int(drawn.sum()), 1)
            drawn &= torch.rand(drawn.shape) < share
        drawn |= inside & (gold > 0)
        drawn, gold = drawn.to(words.device), gold.to(words.device)
        total = cross_entropy(scores[drawn], gold[drawn], reduction="sum")
        return total / sum(len(e.encoded) for e in examples)

    def decode(self, words: torch.Tensor, sentences: Sequence[Sequence[Border]]) -> list[list[Mention]]:
        """Mentions of each text: of overlapping spans that are likelier some type than none the likeliest stays."""
        probability = torch.softmax(self(words), dim=-1)
        best, kind = probability[..., 1:].max(dim=-1)
        inside = self.within(sentences, words.shape[1]).to(words.device)
        found = (inside & (best > probability[..., 0])).nonzero()
        rows = torch.cat([found, kind[tuple(found.T)].unsqueeze(1)], dim=1).tolist()
        certain = best[tuple(found.T)].tolist()
        taken: list[set[int]] = [set() for _ in sentences]
        kept: list[list[Mention]] = [[] for _ in sentences]
        for k in sorted(range(len(rows)), key=lambda k: (-certain[k], rows[k])):
            text, first, length, label = rows[k]
            span = range(first, first + length + 1)
            if taken[text].isdisjoint(span):
                taken[text].update(span)
                kept[text].append((first, first + length, label))
        return [sorted(mentions) for mentions in kept]


class BetweenPairs(PairLayer):
    """The shipped pair layer without the pair's attention over its sentence."""

    def __init__(self, hidden: int, config: NetworkConfig) -> None:
        super().__init__(hidden, config)
        del self.query_head, self.query_tail, self.key, self.value, self.place
        self.context = nn.Identity()  # type: ignore[assignment]

    def _attend(
        self,
        sentence: torch.Tensor,
        inside: torch.Tensor,
        m: torch.Tensor,
        left: torch.Tensor,
        right: torch.Tensor,
    ) -> torch.Tensor:
        return m.new_zeros(())


class PooledPairs(nn.Module):
    """Pairs as sums of what is known of each mention alone: its words and its type."""

    def __init__(self, hidden: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.pair_width
        self.types = nn.Embedding(len(ENTITY_TYPES), 32)
        self.mention = nn.Linear(3 * hidden + 32, width)
        self.head = nn.Linear(width, width)
        self.tail = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, words: torch.Tensor, mentions: MentionBatch) -> torch.Tensor:
        """As :meth:`PairLayer.forward`."""
        first, last = mentions.spans.unbind(-1)
        text = mentions.sentence[:, :1].expand_as(first)
        span = [words[text, first], words[text, last], RangeMax(words)(text, first, last + 1)]
        m = gelu(self.mention(self.dropout(torch.cat([*span, self.types(mentions.types)], dim=-1))))
        pair = self.dropout(gelu(self.norm(self.head(m).unsqueeze(2) + self.tail(m).unsqueeze(1))))
        return pair + gelu(self.out(pair))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Mentions of some sentences, and the pairs among them that are to be scored.

    sentences: (index of the text, first word, end word); pairs: (sentence, head, tail), indices into these lists.
    """

    sentences: list[tuple[int, int, int]]
    mentions: list[list[Mention]]
    pairs: list[tuple[int, int, int]]


class ComparedNetwork(Network):
    """The shipped network with one layer swapped. With markers it has no word layer and reads no entities."""

    def __init__(self, architecture: Architecture, config: NetworkConfig, encoder_config: PreTrainedConfig) -> None:
        tagged = architecture.entities in ("crf", "softmax")
        super().__init__(config if tagged else replace(config, entity_heads={}), encoder_config)
        self.architecture = architecture
        hidden = encoder_config.hidden_size
        self.spans: Any = None
        if architecture.entities == "softmax":
            self.crf[HEAD] = Softmax()
        elif architecture.entities == "spans":
            self.spans = SpanScorer(config.word_width, architecture.longest, config.dropout)
        layer: Any = self.pairs
        if architecture.pairs == "between":
            layer = BetweenPairs(hidden + config.word_width, config)
        elif architecture.pairs == "pooled":
            layer = PooledPairs(hidden + config.word_width, config)
        elif architecture.pairs == "markers":
            del self.words
            layer = MarkerPairs(hidden, config.pair_width, config.dropout)
        self.pairs = layer

    @property
    def allowed(self) -> torch.Tensor:
        """bool[types, types]: pairs of types between which some relation may hold."""
        return (self.signature[..., 1:] == 0).any(dim=-1)

    def candidates(self, sentences: Sequence[tuple[int, int, int]], mentions: Sequence[list[Mention]]) -> Pairs:
        """Ordered pairs of the mentions of each sentence that the relations' signatures allow."""
        allowed = self.allowed.tolist()
        pairs = [
            (k, i, j)
            for k, row in enumerate(mentions)
            for i, head in enumerate(row)
            for j, tail in enumerate(row)
            if i != j and allowed[head[2]][tail[2]]
        ]
        return Pairs(list(sentences), list(mentions), pairs)

    def find(
        self, words: torch.Tensor, mask: torch.Tensor, sentences: Sequence[Sequence[Border]]
    ) -> list[list[Mention]]:
        """Mentions of each text, none over a sentence border. words: float[texts, words, word_width]."""
        if self.spans is not None:
            spans: list[list[Mention]] = self.spans.decode(words, sentences)
            return spans
        crf: Any = self.crf[HEAD]
        paths = crf.decode(self.emissions(words), mask).tolist()
        tags = bio_tags(self.config.entity_heads[HEAD])
        return [
            [
                (begin + first, begin + last, ENTITY_TYPES.index(kind))  # type: ignore[arg-type]
                for begin, end in borders
                for first, last, kind in tagged_spans(path[begin:end], tags)
            ]
            for path, borders in zip(paths, sentences, strict=True)
        ]

    def relate(
        self, encoder: PieceEncoder, texts: Sequence[EncodedText], vectors: torch.Tensor | None, asked: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Relation logits float32[pairs, types + 1] and flag logits float32[pairs, 2] of the pairs asked for.

        vectors: those of :meth:`encode`; None where pairs are read with markers.
        """
        if vectors is None:
            return self._relate_marked(encoder, texts, asked)
        width = len(self.config.relation_heads[HEAD]) + 1
        logits, flags = torch.zeros(len(asked.pairs), width), torch.zeros(len(asked.pairs), 2)
        places: dict[int, list[int]] = {}
        for at, (sentence, _, _) in enumerate(asked.pairs):
            places.setdefault(sentence, []).append(at)
        members = list(places)
        counts = [len(asked.mentions[s]) for s in members]
        for group in chunks([asked.sentences[s] for s in members], counts):
            rows = [members[g] for g in group]
            batch = mention_batch([asked.sentences[s] for s in rows], [asked.mentions[s] for s in rows])
            scores, raised = self.pair_scores(vectors, batch.to(vectors.device))
            for row, s in enumerate(rows):
                i, j = zip(*(asked.pairs[at][1:] for at in places[s]), strict=True)
                logits[places[s]] = scores[row, i, j].cpu()
                flags[places[s]] = raised[row, i, j].cpu()
        return logits, flags

    def _relate_marked(
        self, encoder: PieceEncoder, texts: Sequence[EncodedText], asked: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not asked.pairs:
            return torch.zeros(0, len(self.config.relation_heads[HEAD]) + 1), torch.zeros(0, 2)
        first_marker = self.encoder.get_input_embeddings().num_embeddings  # type: ignore[operator]
        marked = []
        for sentence, i, j in asked.pairs:
            text, *border = asked.sentences[sentence]
            row = asked.mentions[sentence]
            marked.append(mark_pair(encoder, texts[text], (border[0], border[1]), row[i], row[j], first_marker))
        vectors = self.pairs(self.encoder, encoder.pad, marked)
        kinds = torch.tensor([[asked.mentions[s][i][2], asked.mentions[s][j][2]] for s, i, j in asked.pairs])
        signature = self.signature[tuple(kinds.T.to(vectors.device))]
        return self.relation_out[HEAD](vectors).float() + signature, self.flag_out(vectors).float()


def objective(
    network: ComparedNetwork,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    device: torch.device,
    *,
    word_dropout: float = 0.0,
) -> dict[str, torch.Tensor]:
    """The losses of gold examples: the shipped ones wherever the network has the shipped layers' interface."""
    made = network.architecture
    if made.pairs == "markers":
        return _marker_losses(network, encoder, examples, device, word_dropout)
    if made.entities in ("crf", "softmax"):
        return losses(network, encoder, examples, device, word_dropout=word_dropout)
    batch = collate(encoder, [e.encoded for e in examples])
    if word_dropout:
        hide_words(batch, word_dropout, encoder)
    words, vectors = network.encode(batch.to(device))
    parts = pair_losses(network, examples, vectors, HEAD, device)
    if network.spans is not None:
        parts["entity"] = network.spans.loss(words, examples, made.span_negatives)
    return parts


def _marker_losses(
    network: ComparedNetwork,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    device: torch.device,
    word_dropout: float,
) -> dict[str, torch.Tensor]:
    """All pairs with a relation and a draw of the others: an unbiased estimate of the loss over all candidates."""
    texts = [hidden_words(e.encoded, word_dropout, encoder) if word_dropout else e.encoded for e in examples]
    spans = [(i, *border) for i, e in enumerate(examples) for border in e.sentences]
    labels = [found for e in examples for found in e.labels]
    every = network.candidates(spans, [row for e in examples for row in e.mentions])
    held = [p for p in every.pairs if p[1:] in labels[p[0]]]
    others = [p for p in every.pairs if p[1:] not in labels[p[0]]]
    drawn = min(len(others), round(network.architecture.pair_negatives * max(len(held), 1)))
    chosen = [*held, *(others[k] for k in torch.randperm(len(others))[:drawn].tolist())]
    if not chosen:
        none = network.flag_out.bias.sum() * 0
        return {"relation": none, "flag": none}
    logits, flags = network.relate(encoder, texts, None, replace(every, pairs=chosen))
    gold = torch.tensor([labels[s].get((i, j), (0,))[0] for s, i, j in chosen], device=device)
    weight = torch.tensor([1.0] * len(held) + [len(others) / max(drawn, 1)] * drawn, device=device)
    relation = (cross_entropy(logits, gold, reduction="none") * weight).sum() / len(every.pairs)
    raised = torch.tensor([labels[s][i, j][1:] for s, i, j in held], device=device).float().view(-1, 2)
    flag = binary_cross_entropy_with_logits(flags[: len(held)], raised, reduction="sum") / max(len(held), 1)
    return {"relation": relation, "flag": flag}
