"""Mention pairs read with typed markers: the sentence is encoded anew for every pair (Zhong and Chen, NAACL 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu

from minecsc.nlp.encoding import EncodedText, PieceEncoder
from minecsc.schema import ENTITY_TYPES

Mention = tuple[int, int, int]
"""First word, last word, index into ENTITY_TYPES: as in :class:`minecsc.training.examples.Example`."""
Border = tuple[int, int]
"""First word and end word of a sentence."""
MARKED_PIECES = 4096
"""Padded word pieces of marked sentences that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence with markers around a pair. head, tail: places of the markers that open the mentions."""

    ids: list[int]
    head: int
    tail: int


def marker(role: int, closing: int, kind: int) -> int:
    """Number of a marker. role: 0 head, 1 tail; closing: 0 opens, 1 closes; kind: index into ENTITY_TYPES."""
    return (2 * role + closing) * len(ENTITY_TYPES) + kind


def mark_pair(
    encoder: PieceEncoder, text: EncodedText, sentence: Border, head: Mention, tail: Mention, first_marker: int
) -> Marked:
    """Word pieces of a sentence with markers (ids from ``first_marker`` on) around two mentions that do not overlap.

    A sentence longer than the encoder reads at once is cut at its end.
    """
    opening = {head[0]: marker(0, 0, head[2]), tail[0]: marker(1, 0, tail[2])}
    closing = {head[1]: marker(0, 1, head[2]), tail[1]: marker(1, 1, tail[2])}
    ids = [encoder.cls]
    places: dict[int, int] = {}
    for word in range(*sentence):
        if word in opening:
            places[word] = len(ids)
            ids.append(first_marker + opening[word])
        ids += text.pieces[text.starts[word] : text.starts[word + 1]]
        if word in closing:
            ids.append(first_marker + closing[word])
    limit = encoder.max_pieces
    return Marked([*ids[: limit + 1], encoder.sep], min(places[head[0]], limit), min(places[tail[0]], limit))


class MarkerPairs(nn.Module):
    """Vectors of pairs from the states of the markers that open head and tail."""

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.markers = nn.Embedding(4 * len(ENTITY_TYPES), hidden)
        self.project = nn.Linear(2 * hidden, width)
        self.dropout = nn.Dropout(dropout)

    @torch.no_grad()
    def name_markers(self, encoder: nn.Module, pieces: PieceEncoder) -> None:
        """Let each marker begin as the mean of the word pieces that its type is written with."""
        table: torch.Tensor = encoder.get_input_embeddings().weight  # type: ignore[operator]
        for kind, name in enumerate(ENTITY_TYPES):
            mean = table[pieces.encode(re.findall("[A-Z]+[a-z]*", name)).pieces].mean(dim=0)
            for role in (0, 1):
                for closing in (0, 1):
                    self.markers.weight[marker(role, closing, kind)].mul_(float(table.std())).add_(mean)

    def forward(self, encoder: nn.Module, pad: int, marked: Sequence[Marked]) -> torch.Tensor:
        """float[pairs, width] of at least one marked sentence; those of like length are encoded together."""
        order = sorted(range(len(marked)), key=lambda k: len(marked[k].ids))
        groups: list[list[Marked]] = []
        for k in order:
            if not groups or len(marked[k].ids) * (len(groups[-1]) + 1) > MARKED_PIECES:
                groups.append([])
            groups[-1].append(marked[k])
        ends = torch.cat([self._ends(encoder, pad, group) for group in groups])
        ends = ends[torch.tensor(order).argsort().to(ends.device)]
        return gelu(self.project(self.dropout(ends)))

    def _ends(self, encoder: nn.Module, pad: int, batch: Sequence[Marked]) -> torch.Tensor:
        """float[pairs, 2 × hidden]: states of the opening markers of one padded batch."""
        table: Any = encoder.get_input_embeddings()  # type: ignore[operator]
        base = table.num_embeddings
        device = table.weight.device
        length = max(len(m.ids) for m in batch)
        ids = torch.tensor([m.ids + [pad] * (length - len(m.ids)) for m in batch], device=device)
        mask = torch.tensor([[1] * len(m.ids) + [0] * (length - len(m.ids)) for m in batch], device=device)
        markers = self.markers((ids - base).clamp(min=0))
        embedded = torch.where((ids >= base).unsqueeze(-1), markers, table(ids.clamp(max=base - 1)))
        states = encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state.float()
        places = torch.tensor([[m.head, m.tail] for m in batch], device=device)
        return states[torch.arange(len(batch), device=device).unsqueeze(1), places].flatten(1)


def hidden_words(text: EncodedText, share: float, encoder: PieceEncoder) -> EncodedText:
    """The text with [MASK] for a share of its words, as :func:`hide_words` has it for a batch."""
    mask = encoder.tokenizer.token_to_id("[MASK]")
    pieces = list(text.pieces)
    for word in (torch.rand(len(text)) < share).nonzero()[:, 0].tolist():
        for piece in range(text.starts[word], text.starts[word + 1]):
            pieces[piece] = encoder.unk if mask is None else mask
    return replace(text, pieces=pieces)
