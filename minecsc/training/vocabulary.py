"""A word-piece vocabulary of the field, and embeddings for it from an encoder with another vocabulary.

Each new piece starts from the mean of the old pieces it is written with (Gee et al., EMNLP 2022, "Fast vocabulary
transfer"); a piece that both vocabularies have keeps its vector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from minecsc.nlp.words import word_spans

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MIN_COUNT = 2
_MAX_COUNT = 3000
"""Counts are capped: beyond it a word is whole anyway, and training the vocabulary costs by count."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Lower-cased words of texts with their counts."""
    counts: Counter[str] = Counter()
    for text in texts:
        low = text.lower()
        counts.update(low[a:b] for a, b in word_spans(low))
    return counts


def train_vocabulary(counts: Counter[str], size: int) -> Tokenizer:
    """A lower-casing WordPiece tokenizer of at most ``size`` entries."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), show_progress=False, limit_alphabet=400
    )
    tokenizer.train_from_iterator(_repeated(counts), trainer)
    cls, sep = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")  # special tokens come first, in this order
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


def _repeated(counts: Counter[str]) -> Iterator[str]:
    for word, count in sorted(counts.items()):
        if count >= _MIN_COUNT:
            yield " ".join([word] * min(count, _MAX_COUNT))


def transfer_embeddings(old: torch.Tensor, old_tokenizer: Tokenizer, new_tokenizer: Tokenizer) -> torch.Tensor:
    """Embeddings for a new vocabulary, float[new pieces, width], from those of the old, float[old pieces, width]."""
    old_pieces = old_tokenizer.get_vocab()
    out = old.mean(dim=0).repeat(new_tokenizer.get_vocab_size(), 1)
    for piece, index in new_tokenizer.get_vocab().items():
        if piece in old_pieces:
            out[index] = old[old_pieces[piece]]
            continue
        inner = piece.startswith("##")
        ids = old_tokenizer.encode(piece.removeprefix("##"), add_special_tokens=False).ids
        if inner and ids:  # the first old piece stands inside a word, if the old vocabulary has it there
            first = old_tokenizer.id_to_token(ids[0])
            ids = [old_pieces.get(f"##{first}", ids[0]), *ids[1:]]
        if ids:
            out[index] = old[torch.tensor(ids)].mean(dim=0)
    return out
