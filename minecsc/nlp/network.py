"""The neural network: one encoder pass over an abstract, light heads on top of it.

words  = mean of the word pieces' states + hashed surface features, two convolutions  → entity tags (CRF)
spans  = [first word; last word; max-pooled words; type]                               → mention vectors
pairs  = f(head) + g(tail) + max-pooled words between + attention of the pair over the
         sentence + distance                                                          → relation, flags

Pairs are never re-encoded: their vectors are sums of projected mention vectors, so that a sentence with
twenty mentions costs little more than one with two. The pair's own attention over its sentence follows the
localized context pooling of ATLOP (Zhou et al., AAAI 2021). Every corpus has heads of its own over the
shared layers; only the project's are shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig

from minecsc.nlp.crf import Crf, bio_tags
from minecsc.nlp.encoding import N_FEATURES, Batch
from minecsc.nlp.transformer import build_encoder
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES, signature_allows

NO_RELATION = "none"
PAIR_BUDGET = 400_000
"""Upper bound of sentences × mentions² × words scored at a time: bounds memory in crowded sentences."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes and label sets; stored in ``meta.json``.

    entity_heads: head name → entity types; relation_heads: head name → relation types (without "none").
    """

    entity_heads: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"csc": tuple(ENTITY_TYPES)})
    relation_heads: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"csc": tuple(RELATION_TYPES)})
    feature_buckets: int = 5000
    feature_width: int = 48
    word_width: int = 256
    pair_width: int = 256
    attention_heads: int = 4
    dropout: float = 0.15

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NetworkConfig:
        heads = {
            key: {name: tuple(types) for name, types in data[key].items()} for key in ("entity_heads", "relation_heads")
        }
        return cls(**{**data, **heads})


@dataclass(slots=True)
class MentionBatch:
    """Mentions of several sentences, padded.

    sentence: int64[sentences, 3]: text index, first word, end word
    spans: int64[sentences, mentions, 2]: first and last word, relative to the text
    types: int64[sentences, mentions]: index into ENTITY_TYPES; mask: bool[sentences, mentions]
    """

    sentence: torch.Tensor
    spans: torch.Tensor
    types: torch.Tensor
    mask: torch.Tensor

    def to(self, device: torch.device) -> MentionBatch:
        return MentionBatch(
            self.sentence.to(device), self.spans.to(device), self.types.to(device), self.mask.to(device)
        )

    def __getitem__(self, rows: slice | torch.Tensor) -> MentionBatch:
        return MentionBatch(self.sentence[rows], self.spans[rows], self.types[rows], self.mask[rows])


class WordLayer(nn.Module):
    """Word states of the encoder with surface features, mixed with their neighbours."""

    def __init__(self, hidden: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.word_width
        self.features = nn.ModuleList(
            nn.Embedding(config.feature_buckets, config.feature_width) for _ in range(N_FEATURES)
        )
        self.project = nn.Linear(hidden + N_FEATURES * config.feature_width, width)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, words: torch.Tensor, batch: Batch) -> torch.Tensor:
        """float[texts, words, hidden] → float[texts, words, width]."""
        surface = [table(batch.features[..., i]) for i, table in enumerate(self.features)]
        x = self.norms[0](self.project(self.dropout(torch.cat([words, *surface], dim=-1))))
        mask = batch.word_mask.unsqueeze(-1)
        for convolution, norm in zip(self.convolutions, list(self.norms)[1:], strict=True):
            moved = convolution((x * mask).transpose(1, 2)).transpose(1, 2)
            x = norm(x + self.dropout(torch.nn.functional.gelu(moved)))
        return x


class PairLayer(nn.Module):
    """Vectors of ordered mention pairs of a sentence."""

    DISTANCES = (0, 1, 2, 3, 5, 8, 13, 21, 34)

    def __init__(self, hidden: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.pair_width
        self.n_heads = config.attention_heads
        self.types = nn.Embedding(len(ENTITY_TYPES), 32)
        self.mention = nn.Linear(3 * hidden + 32, width)
        self.head = nn.Linear(width, width)
        self.tail = nn.Linear(width, width)
        self.words = nn.Linear(hidden, width)
        self.between = nn.Linear(width, width)
        self.query_head = nn.Linear(width, width)
        self.query_tail = nn.Linear(width, width)
        self.key = nn.Linear(hidden, width)
        self.value = nn.Linear(hidden, width)
        self.context = nn.Linear(width, width)
        self.place = nn.Parameter(torch.zeros(self.n_heads, 5))
        self.distance = nn.Embedding(2 * (len(self.DISTANCES) + 1), width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, words: torch.Tensor, mentions: MentionBatch) -> torch.Tensor:
        """words: float[texts, words, hidden] → float[sentences, mentions, mentions, width]."""
        text, first, end = mentions.sentence.unbind(1)
        longest = int((end - first).max())
        offsets = torch.arange(longest, device=words.device)
        inside = offsets < (end - first).unsqueeze(1)  # [S, W]
        index = (first.unsqueeze(1) + offsets).clamp(max=words.shape[1] - 1)
        sentence = words[text.unsqueeze(1), index]  # [S, W, hidden]
        starts = (mentions.spans[..., 0] - first.unsqueeze(1)).clamp(0, longest - 1)  # [S, M]
        lasts = (mentions.spans[..., 1] - first.unsqueeze(1)).clamp(0, longest - 1)
        rows = torch.arange(len(text), device=words.device).unsqueeze(1)
        maxima = RangeMax(sentence)
        span = torch.cat(
            [
                sentence[rows, starts],
                sentence[rows, lasts],
                maxima(rows.expand_as(starts), starts, lasts + 1),
                self.types(mentions.types),
            ],
            dim=-1,
        )
        m = torch.nn.functional.gelu(self.mention(self.dropout(span)))  # [S, M, width]
        n = m.shape[1]
        order = starts.unsqueeze(2) < starts.unsqueeze(1)  # [S, M, M]: head before tail
        left = torch.where(order, lasts.unsqueeze(2), lasts.unsqueeze(1)) + 1
        right = torch.where(order, starts.unsqueeze(1), starts.unsqueeze(2))
        gap = (right - left).clamp(min=0)
        projected = RangeMax(self.words(sentence))
        between = projected(
            rows.unsqueeze(2).expand(-1, n, n), left.clamp(max=longest - 1), torch.maximum(right, left + 1)
        )
        between = between * (gap > 0).unsqueeze(-1)
        buckets = torch.bucketize(gap, torch.tensor(self.DISTANCES, device=words.device))
        buckets = buckets + order * (len(self.DISTANCES) + 1)
        pair = (
            self.head(m).unsqueeze(2)
            + self.tail(m).unsqueeze(1)
            + self.between(between)
            + self.context(self._attend(sentence, inside, m, left, right))
            + self.distance(buckets)
        )
        pair = self.dropout(torch.nn.functional.gelu(self.norm(pair)))
        return pair + torch.nn.functional.gelu(self.out(pair))

    def _attend(
        self,
        sentence: torch.Tensor,
        inside: torch.Tensor,
        m: torch.Tensor,
        left: torch.Tensor,
        right: torch.Tensor,
    ) -> torch.Tensor:
        """Each pair's attention over its sentence; logits are sums of a head's and a tail's part."""
        s, w, _ = sentence.shape
        n = m.shape[1]
        k = self.key(sentence).view(s, w, self.n_heads, -1)
        v = self.value(sentence).view(s, w, self.n_heads, -1)
        scale = k.shape[-1] ** -0.5
        head = torch.einsum("smhd,swhd->smhw", self.query_head(m).view(s, n, self.n_heads, -1), k)
        tail = torch.einsum("smhd,swhd->smhw", self.query_tail(m).view(s, n, self.n_heads, -1), k)
        place = torch.arange(w, device=sentence.device)
        before = place < left.unsqueeze(-1)
        after = place >= right.unsqueeze(-1)
        near = ((place >= left.unsqueeze(-1) - 6) & before) | ((place < right.unsqueeze(-1) + 6) & after)
        zone = before * 1 + after * 2 + (before & after) * 1  # 0 between, 1 before, 2 after, 4 both
        zone = zone.clamp(max=3)
        bias = self.place[:, zone].permute(1, 2, 3, 0, 4) + self.place[:, 4].view(-1, 1) * near.unsqueeze(3)
        logits = (head.unsqueeze(2) + tail.unsqueeze(1)) * scale + bias  # [S, M, M, H, W]
        logits = logits.masked_fill(~inside.view(s, 1, 1, 1, w), -1e4)
        weights = torch.softmax(logits.float(), dim=-1).to(v.dtype)
        return torch.einsum("sijhw,swhd->sijhd", weights, v).reshape(s, n, n, -1)


class RangeMax:
    """Maximum over word ranges in constant time each: a sparse table of powers of two.

    x: float[sentences, words, width]. Calling it with row, start and end (int64, same shape; end > start)
    gives float[..., width].
    """

    def __init__(self, x: torch.Tensor) -> None:
        levels = [x]
        step = 1
        while 2 * step <= x.shape[1]:
            last = levels[-1]
            shifted = torch.cat([last[:, step:], last[:, -1:].expand(-1, step, -1)], dim=1)
            levels.append(torch.maximum(last, shifted))
            step *= 2
        self.table = torch.stack(levels)

    def __call__(self, row: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        length = (end - start).clamp(min=1)
        level = torch.floor(torch.log2(length.float() + 0.5)).long().clamp(max=len(self.table) - 1)
        second = torch.maximum(end - (1 << level), start)
        return torch.maximum(self.table[level, row, start], self.table[level, row, second])


class Network(nn.Module):
    """Encoder and heads. See the module's docstring for the layers."""

    def __init__(self, config: NetworkConfig, encoder_config: PreTrainedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(encoder_config)
        hidden = encoder_config.hidden_size
        self.words = WordLayer(hidden, config)
        self.entity_out = nn.ModuleDict()
        self.crf = nn.ModuleDict()
        for name, types in config.entity_heads.items():
            tags = bio_tags(types)
            self.entity_out[name] = nn.Linear(config.word_width, len(tags))
            self.crf[name] = Crf(tags)
        self.pairs = PairLayer(hidden + config.word_width, config)
        self.relation_out = nn.ModuleDict(
            {name: nn.Linear(config.pair_width, len(types) + 1) for name, types in config.relation_heads.items()}
        )
        self.flag_out = nn.Linear(config.pair_width, 2)
        self.register_buffer("signature", self._signature_mask(), persistent=False)
        self.signature: torch.Tensor

    def _signature_mask(self) -> torch.Tensor:
        types = self.config.relation_heads.get("csc", ())
        mask = torch.zeros(len(ENTITY_TYPES), len(ENTITY_TYPES), len(types) + 1)
        for i, head in enumerate(ENTITY_TYPES):
            for j, tail in enumerate(ENTITY_TYPES):
                for k, relation in enumerate(types, 1):
                    if not signature_allows(relation, head, tail):
                        mask[i, j, k] = -1e4
        return mask

    def encode(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns word vectors float[texts, words, word_width] and, for pairs, the same with the encoder's."""
        states = self.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        flat = states.last_hidden_state.float().flatten(0, 1)[batch.piece_rows]
        texts, n_words = batch.word_mask.shape
        total = flat.new_zeros(texts * n_words, flat.shape[1]).index_add_(0, batch.piece_words, flat)
        count = flat.new_zeros(texts * n_words).index_add_(0, batch.piece_words, flat.new_ones(len(flat)))
        raw = (total / count.clamp(min=1).unsqueeze(1)).view(texts, n_words, -1)
        words = self.words(raw, batch)
        return words, torch.cat([raw, words], dim=-1)

    def emissions(self, words: torch.Tensor, head: str = "csc") -> torch.Tensor:
        """Tag scores float[texts, words, tags] of one entity head."""
        return self.entity_out[head](words).float()

    def pair_scores(
        self, vectors: torch.Tensor, mentions: MentionBatch, head: str = "csc"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Relation logits float[S, M, M, types + 1] (0 = none) and flag logits float[S, M, M, 2] (neg, spec)."""
        pairs = self.pairs(vectors, mentions)
        logits = self.relation_out[head](pairs).float()
        if head == "csc":
            logits = logits + self.signature[mentions.types.unsqueeze(2), mentions.types.unsqueeze(1)]
        return logits, self.flag_out(pairs).float()


def mention_batch(
    sentences: Sequence[tuple[int, int, int]], mentions: Sequence[Sequence[tuple[int, int, int]]]
) -> MentionBatch:
    """Pad mentions (first word, last word, type index) of sentences (text, first word, end word)."""
    width = max(len(m) for m in mentions)
    spans = torch.zeros(len(sentences), width, 2, dtype=torch.long)
    types = torch.zeros(len(sentences), width, dtype=torch.long)
    mask = torch.zeros(len(sentences), width, dtype=torch.bool)
    for i, (sentence, row) in enumerate(zip(sentences, mentions, strict=True)):
        spans[i, :, :] = sentence[1]
        spans[i, : len(row)] = torch.tensor([m[:2] for m in row])
        types[i, : len(row)] = torch.tensor([m[2] for m in row])
        mask[i, : len(row)] = True
    return MentionBatch(torch.tensor(sentences), spans, types, mask)


def chunks(sentences: Sequence[tuple[int, int, int]], counts: Sequence[int]) -> list[list[int]]:
    """Group sentences of like mention counts so that each padded group stays within PAIR_BUDGET."""
    order = sorted(range(len(sentences)), key=lambda i: (counts[i], sentences[i][2] - sentences[i][1], i))
    groups: list[list[int]] = []
    widest = 0
    for i in order:
        length = sentences[i][2] - sentences[i][1]
        widest = max(widest, length)
        size = (len(groups[-1]) + 1) if groups else 1
        if not groups or size * counts[i] ** 2 * widest > PAIR_BUDGET:
            groups.append([])
            widest = length
        groups[-1].append(i)
    return groups
