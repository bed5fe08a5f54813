"""The network for inference on a CPU, one text at a time: the same numbers as :class:`Network`, with less work.

A text alone needs no padding and no mask, and its result cannot depend on what it is read with. Of mention pairs only
those are scored that some relation type allows, each once, without padding between sentences. Layers that read
the same input are one matrix; convolutions are matrices over shifted words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from minecsc.nlp.encoding import EncodedText, PieceEncoder, windows
from minecsc.nlp.network import Network, PairLayer, WordLayer
from minecsc.nlp.precision import Layer, Precision, linear, with_precision

PAIRS_AT_A_TIME = 2048
"""Bounds memory in crowded sentences."""
NEAR = 6
"""Words on either side of a pair that its attention tells from those further off; as in PairLayer."""

Ints = npt.NDArray[np.int64]


def _joined(layers: Sequence[nn.Linear], precision: Precision, *, by_row: bool = False) -> Layer:
    """Layers over one input as one layer; its output is theirs side by side."""
    weight = torch.cat([layer.weight.detach() for layer in layers])
    return linear(weight, torch.cat([layer.bias.detach() for layer in layers]), precision, by_row=by_row)


def _norm(layer: nn.LayerNorm, dtype: torch.dtype) -> Layer:
    weight, bias = layer.weight.detach().to(dtype), layer.bias.detach().to(dtype)
    return lambda x: layer_norm(x, list(layer.normalized_shape), weight, bias, layer.eps)


class BertStates:
    """A BERT encoder over one window of word pieces: int64[pieces] → float[pieces, hidden]."""

    def __init__(self, encoder: Any, precision: Precision) -> None:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._heads = encoder.config.num_attention_heads
        table = encoder.embeddings
        self._words = table.word_embeddings.weight.detach()
        self._places = (table.position_embeddings.weight + table.token_type_embeddings.weight[0]).detach()
        self._norm = _norm(table.LayerNorm, torch.float32)
        self._dtype = dtype
        self._layers = [
            (
                _joined([block.attention.self.query, block.attention.self.key, block.attention.self.value], precision),
                _joined([block.attention.output.dense], precision),
                _norm(block.attention.output.LayerNorm, dtype),
                _joined([block.intermediate.dense], precision, by_row=True),
                _joined([block.output.dense], precision, by_row=True),
                _norm(block.output.LayerNorm, dtype),
            )
            for block in encoder.encoder.layer
        ]

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        n = len(ids)
        x = self._norm(self._words[ids] + self._places[:n]).to(self._dtype)
        for qkv, merge, norm_attention, widen, narrow, norm_output in self._layers:
            q, k, v = qkv(x).view(1, n, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            attended = scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).reshape(n, -1)
            x = norm_attention(merge(attended).add_(x))
            x = norm_output(narrow(gelu(widen(x))).add_(x))
        return x


def _states(encoder: Any, precision: Precision) -> Callable[[torch.Tensor], torch.Tensor]:
    config = encoder.config
    if config.model_type == "bert" and config.hidden_act == "gelu":
        return BertStates(encoder, precision)
    copied = with_precision(encoder, precision)

    def states(ids: torch.Tensor) -> torch.Tensor:
        ids = ids.unsqueeze(0)
        found: torch.Tensor = copied(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return found[0]

    return states


class _Words:
    """:class:`WordLayer` over one text."""

    def __init__(self, layer: WordLayer, precision: Precision) -> None:
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._tables = [t.weight.detach().to(self._dtype) for t in layer.features if isinstance(t, nn.Embedding)]
        self._project = _joined([layer.project], precision)
        # [out, in, 3] → [out, 3 × in]: the words before, at and after, side by side
        self._convolutions = [
            linear(c.weight.permute(0, 2, 1).reshape(len(c.weight), -1), c.bias, precision)
            for c in layer.convolutions
            if isinstance(c, nn.Conv1d)
        ]
        self._norms = [_norm(norm, self._dtype) for norm in layer.norms if isinstance(norm, nn.LayerNorm)]

    def __call__(self, words: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        surface = [table[features[:, i]] for i, table in enumerate(self._tables)]
        x = self._norms[0](self._project(torch.cat([words.to(self._dtype), *surface], dim=-1)))
        edge = x.new_zeros(1, x.shape[1])
        for convolve, norm in zip(self._convolutions, self._norms[1:], strict=True):
            around = torch.cat([torch.cat([edge, x[:-1]]), x, torch.cat([x[1:], edge])], dim=-1)
            x = norm(x + gelu(convolve(around)))
        return x


@dataclass(frozen=True, slots=True)
class Mentions:
    """Mentions of one text, sentence by sentence.

    first, last: word indices, inclusive; types: index into ENTITY_TYPES; sentence: index into the rows of
    ``borders`` (first word, end word).
    """

    first: Ints
    last: Ints
    types: Ints
    sentence: Ints
    borders: Ints

    def pairs(self, allowed: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Indices of heads and tails: ordered pairs within a sentence whose types ``allowed`` lets through."""
        counts = np.bincount(self.sentence, minlength=len(self.borders))
        heads, tails = [], []
        start = 0
        for count in counts.tolist():
            kinds = self.types[start : start + count]
            found = allowed[kinds[:, None], kinds]
            np.fill_diagonal(found, False)
            i, j = found.nonzero()
            heads.append(i + start)
            tails.append(j + start)
            start += count
        return np.concatenate(heads), np.concatenate(tails)


class _Pairs:
    """:class:`PairLayer` over the pairs given, of one text."""

    def __init__(self, layer: PairLayer, precision: Precision) -> None:
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._width = layer.key.out_features
        self._heads = layer.n_heads
        self._types = layer.types.weight.detach().to(self._dtype)
        self._mention = _joined([layer.mention], precision)
        self._words = _joined([layer.words, layer.key, layer.value], precision)
        self._ends = _joined([layer.head, layer.tail, layer.query_head, layer.query_tail], precision)
        self._between = _joined([layer.between], precision)
        self._context = _joined([layer.context], precision)
        self._out = _joined([layer.out], precision)
        self._norm = _norm(layer.norm, self._dtype)
        self._distance = layer.distance.weight.detach().to(self._dtype)
        # one row per place of a word: 0 between, 1 before, 2 after, 3 both; 4 to 7 the same, near the pair
        place = layer.place.detach().to(self._dtype)
        self._place = torch.cat([place[:, :4], place[:, :4] + place[:, 4:]], dim=1)

    def __call__(self, words: torch.Tensor, mentions: Mentions, head: Ints, tail: Ints) -> torch.Tensor:
        """words: float[words, hidden] → float[pairs, width]."""
        words = words.to(self._dtype)
        first, last = torch.from_numpy(mentions.first), torch.from_numpy(mentions.last)
        highest = _range_max(words, mentions.first, mentions.last + 1)
        types = self._types[torch.from_numpy(mentions.types)]
        m = gelu(self._mention(torch.cat([words[first], words[last], highest, types], dim=-1)))
        projected, key, value = self._words(words).split(self._width, dim=1)
        heads, tails, query_heads, query_tails = self._ends(m).split(self._width, dim=1)

        order = mentions.first[head] < mentions.first[tail]
        left = np.where(order, mentions.last[head], mentions.last[tail]) + 1
        right = np.where(order, mentions.first[tail], mentions.first[head])
        gap = np.maximum(right - left, 0)
        bucket = np.searchsorted(PairLayer.DISTANCES, gap) + order * (len(PairLayer.DISTANCES) + 1)
        found = []
        for at in range(0, len(head), PAIRS_AT_A_TIME):
            part = slice(at, at + PAIRS_AT_A_TIME)
            i, j = torch.from_numpy(head[part]), torch.from_numpy(tail[part])
            begin = np.minimum(left[part], len(words) - 1)
            between = _range_max(projected, begin, np.maximum(right[part], begin + 1))
            between = between * torch.from_numpy(gap[part] > 0).unsqueeze(1)
            query = query_heads[i] + query_tails[j]
            sentence = mentions.sentence[head[part]]
            context = self._attend(mentions.borders, sentence, left[part], right[part], query, key, value)
            pair = heads[i] + tails[j] + self._between(between) + self._context(context)
            pair = gelu(self._norm(pair + self._distance[torch.from_numpy(bucket[part])]))
            found.append(pair + gelu(self._out(pair)))
        return torch.cat(found)

    def _attend(
        self,
        borders: Ints,
        sentence: Ints,
        left: Ints,
        right: Ints,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
    ) -> torch.Tensor:
        """Each pair's attention over its sentence; pairs come sentence by sentence. Returns float[pairs, width]."""
        starts = np.flatnonzero(np.r_[True, sentence[1:] != sentence[:-1]]).tolist()
        found = []
        for a, b in zip(starts, [*starts[1:], len(sentence)], strict=True):
            begin, end = borders[sentence[a]].tolist()
            place = np.arange(begin, end)
            gap_start, gap_end = left[a:b, None], right[a:b, None]
            before, after = place < gap_start, place >= gap_end
            near = ((place >= gap_start - NEAR) & before) | ((place < gap_end + NEAR) & after)
            zone = torch.from_numpy(before + 2 * after + 4 * near)
            q, k, v = (
                x.view(1, len(x), self._heads, -1).transpose(1, 2)
                for x in (query[a:b], key[begin:end], value[begin:end])
            )
            attended = scaled_dot_product_attention(q, k, v, attn_mask=self._place[:, zone].unsqueeze(0))
            found.append(attended[0].transpose(0, 1).reshape(b - a, -1))
        return torch.cat(found)


def _range_max(x: torch.Tensor, start: Ints, end: Ints) -> torch.Tensor:
    """Maxima of ``x`` (float[words, width]) over word ranges, end > start: two powers of two cover each range."""
    level = np.log2(end - start + 0.5).astype(np.int64)
    levels = [x]
    for k in range(int(level.max(initial=0))):
        last, step = levels[-1], 1 << k
        levels.append(torch.maximum(last, torch.cat([last[step:], last[-1:].expand(step, -1)])))
    table = torch.stack(levels)
    which = torch.from_numpy(level)
    second = np.maximum(end - (1 << level), start)
    return torch.maximum(table[which, torch.from_numpy(start)], table[which, torch.from_numpy(second)])


class FastNetwork:
    """``network`` in the precision given, with its weights as they are now."""

    def __init__(self, network: Network, precision: Precision) -> None:
        self._states = _states(network.encoder, precision)
        self._words = _Words(network.words, precision)
        self._pairs = _Pairs(network.pairs, precision)
        tags: Any = network.entity_out["csc"]
        relations: Any = network.relation_out["csc"]
        self._tags = (tags.weight.detach().float(), tags.bias.detach().float())
        self._relations = torch.cat([relations.weight, network.flag_out.weight]).detach().float()
        self._relation_bias = torch.cat([relations.bias, network.flag_out.bias]).detach().float()
        self._signature = network.signature.detach().float().cpu()
        self._allowed = (self._signature[..., 1:] == 0).any(dim=-1).numpy()

    def encode(self, encoder: PieceEncoder, text: EncodedText) -> tuple[torch.Tensor, torch.Tensor]:
        """Tag scores float32[words, tags] and word vectors for :meth:`pair_scores` of a text that has words."""
        kept: list[torch.Tensor] = []
        counts = np.diff(text.starts)
        for first, end, word_from, word_to in windows(text, encoder.max_pieces):
            states = self._states(torch.tensor([encoder.cls, *text.pieces[first:end], encoder.sep]))
            begin, stop = text.starts[word_from], min(text.starts[word_to], end)
            if stop < text.starts[word_to]:  # one word longer than the window: its head is read
                counts[word_to - 1] = stop - text.starts[word_to - 1]
            kept.append(states[begin - first + 1 : stop - first + 1])
        pieces = torch.cat(kept) if len(kept) > 1 else kept[0]
        ends = np.cumsum(counts)
        sums = np.add.reduceat(pieces.float().numpy(), ends - counts, axis=0)
        raw = torch.from_numpy(sums / counts[:, None].astype(np.float32))
        words = self._words(raw, torch.tensor(text.features)).float()
        return nn.functional.linear(words, *self._tags), torch.cat([raw, words], dim=-1)

    def pair_scores(self, vectors: torch.Tensor, mentions: Mentions) -> tuple[Ints, Ints, torch.Tensor, torch.Tensor]:
        """Head and tail indices of the pairs that may hold a relation, with relation and flag logits.

        The logits are float32[pairs, types + 1] (0 = none) and float32[pairs, 2] (negated, speculative).
        """
        head, tail = mentions.pairs(self._allowed)
        n_flags = 2
        if not len(head):
            empty = torch.zeros(0, len(self._relations))
            return head, tail, empty[:, :-n_flags], empty[:, -n_flags:]
        pairs = self._pairs(vectors, mentions, head, tail).float()
        scores = nn.functional.linear(pairs, self._relations, self._relation_bias)
        types = torch.from_numpy(mentions.types)
        signature = self._signature[types[torch.from_numpy(head)], types[torch.from_numpy(tail)]]
        return head, tail, scores[:, :-n_flags] + signature, scores[:, -n_flags:]
