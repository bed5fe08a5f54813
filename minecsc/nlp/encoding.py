"""From words to padded tensors: word pieces, windows, and cheap surface features of words."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from minecsc.errors import ModelError

MAX_PIECES = 510  # plus [CLS] and [SEP]: BERT has 512 positions
STRIDE = 128  # pieces that two neighbouring windows share, so that no word lacks context
N_FEATURES = 4
_MAX_CACHE = 200_000


@dataclass(frozen=True, slots=True)
class EncodedText:
    """One text as word pieces.

    pieces: ids without special tokens; starts: first piece of each word (len = words + 1);
    features: int[words, N_FEATURES], hashed surface features.
    """

    pieces: list[int]
    starts: list[int]
    features: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.features)


def _shape(word: str) -> str:
    shape = ["X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word[:12]]
    kept = [c for i, c in enumerate(shape) if i < 3 or shape[i - 3 : i] != [c, c, c]]
    return "".join(kept)


def _bucket(kind: str, value: str, size: int) -> int:
    return zlib.crc32(f"{kind}{value}".encode("utf-8", "surrogatepass")) % size


_FAMILIES = (("[CLS]", "[SEP]", "[PAD]", "[UNK]"), ("<s>", "</s>", "<pad>", "<unk>"))
"""Special tokens as BERT and as RoBERTa name them."""


def special_tokens(tokenizer: Tokenizer) -> tuple[int, int, int, int]:
    """Ids of the tokens that open, close and pad a text, and of an unknown word.

    The first two are those with which the tokenizer itself frames a text; where it frames none, and for the
    others, they go by their names in BERT or RoBERTa. Raises ModelError where one is missing.
    """
    framed = tokenizer.encode("").ids
    opening = tokenizer.id_to_token(framed[0]) if len(framed) == 2 else None
    families = sorted(_FAMILIES, key=lambda names: names[0] != opening)
    named = [[tokenizer.token_to_id(family[k]) for family in families] for k in range(4)]
    found = [next((i for i in ids if i is not None), None) for ids in named]
    if len(framed) == 2:
        found[:2] = framed
    for names, index in zip(zip(*families, strict=True), found, strict=True):
        if index is None:
            raise ModelError(f"the tokenizer has no {' or '.join(names)}")
    cls, sep, pad, unk = (int(index) for index in found if index is not None)
    return cls, sep, pad, unk


class PieceEncoder:
    """Word → word pieces and features, with a bounded cache: abstracts repeat their words.

    max_pieces: word pieces of a window, without the two that frame it.
    """

    def __init__(self, tokenizer: Tokenizer, feature_buckets: int, max_pieces: int = MAX_PIECES) -> None:
        self.tokenizer = tokenizer
        self.buckets = feature_buckets
        self.max_pieces = max_pieces
        self._cache: dict[str, tuple[list[int], tuple[int, ...]]] = {}
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.cls, self.sep, self.pad, self.unk = special_tokens(tokenizer)

    def _word(self, word: str) -> tuple[list[int], tuple[int, ...]]:
        hit = self._cache.get(word)
        if hit is None:
            ids = self.tokenizer.encode(word, add_special_tokens=False).ids or [self.unk]
            lower = word.lower()
            features = (
                _bucket("w", lower, self.buckets),
                _bucket("p", word[:3], self.buckets),
                _bucket("s", word[-3:], self.buckets),
                _bucket("x", _shape(word), self.buckets),
            )
            hit = (ids, features)
            if len(self._cache) >= _MAX_CACHE:
                self._cache.clear()
            self._cache[word] = hit
        return hit

    def encode(self, words: Sequence[str]) -> EncodedText:
        pieces: list[int] = []
        starts: list[int] = []
        features: list[tuple[int, ...]] = []
        for word in words:
            ids, feats = self._word(word)
            starts.append(len(pieces))
            pieces.extend(ids)
            features.append(feats)
        starts.append(len(pieces))
        return EncodedText(pieces, starts, features)


@dataclass(slots=True)
class Batch:
    """Several texts as tensors.

    input_ids, attention_mask: int64[windows, length]
    piece_rows: int64[pieces kept]: row of each piece in the flattened [windows × length] output
    piece_words: int64[pieces kept]: flat word index (text × max_words + word) of each piece
    features: int64[texts, max_words, N_FEATURES]; word_mask: bool[texts, max_words]
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    piece_rows: torch.Tensor
    piece_words: torch.Tensor
    features: torch.Tensor
    word_mask: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(
            *(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__)  # type: ignore[attr-defined]
        )


def windows(encoded: EncodedText, max_pieces: int = MAX_PIECES) -> list[tuple[int, int, int, int]]:
    """Windows over one text: (first piece, end piece, first kept word, end kept word).

    Windows begin and end at words; a word in two windows is read where it stands further from the border.
    """
    starts, n_words = encoded.starts, len(encoded)
    shared = min(STRIDE, max_pieces // 3)
    if starts[-1] <= max_pieces:
        return [(0, starts[-1], 0, n_words)]
    spans: list[tuple[int, int]] = []
    first = 0
    while True:
        last = first
        while last < n_words and starts[last + 1] - starts[first] <= max_pieces:
            last += 1
        last = max(last, first + 1)
        spans.append((first, last))
        if last >= n_words:
            break
        following = last
        while following > first + 1 and starts[last] - starts[following - 1] <= shared:
            following -= 1
        first = following
    result: list[tuple[int, int, int, int]] = []
    keep_from = 0
    for i, (begin, end) in enumerate(spans):
        keep_to = n_words if i + 1 == len(spans) else (spans[i + 1][0] + end + 1) // 2
        stop = min(starts[end], starts[begin] + max_pieces)
        result.append((starts[begin], stop, keep_from, keep_to))
        keep_from = keep_to
    return result


def collate(encoder: PieceEncoder, texts: Sequence[EncodedText]) -> Batch:
    """Pad several texts into one batch; texts without words are not allowed."""
    rows: list[list[int]] = []
    kept: list[tuple[int, int, int]] = []  # (row, column, flat word)
    max_words = max(len(t) for t in texts)
    for i, text in enumerate(texts):
        for first, end, word_from, word_to in windows(text, encoder.max_pieces):
            row = len(rows)
            rows.append([encoder.cls, *text.pieces[first:end], encoder.sep])
            for word in range(word_from, word_to):
                flat = i * max_words + word
                for piece in range(text.starts[word], min(text.starts[word + 1], end)):
                    kept.append((row, piece - first + 1, flat))
    length = max(len(r) for r in rows)
    input_ids = torch.tensor([r + [encoder.pad] * (length - len(r)) for r in rows])
    attention_mask = torch.tensor([[1] * len(r) + [0] * (length - len(r)) for r in rows])
    positions = torch.tensor(kept)
    features = torch.zeros(len(texts), max_words, N_FEATURES, dtype=torch.long)
    mask = torch.zeros(len(texts), max_words, dtype=torch.bool)
    for i, text in enumerate(texts):
        features[i, : len(text)] = torch.tensor(text.features)
        mask[i, : len(text)] = True
    return Batch(
        input_ids=input_ids,
        attention_mask=attention_mask,
        piece_rows=positions[:, 0] * length + positions[:, 1],
        piece_words=positions[:, 2],
        features=features,
        word_mask=mask,
    )
