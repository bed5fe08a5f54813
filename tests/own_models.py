"""Tiny encoders with random weights, and annotated sentences of our own: what the tests of users' models train on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

DRUGS = ("salinomycin", "metformin", "napabucasin", "DAPT", "5-FU", "ATRA")
GENES = ("STAT3", "NOTCH1", "CD44", "ABCG2", "β-catenin")
POPULATIONS = ("breast cancer stem cells", "glioma stem cells", "CD44+/CD24- cells")


def record(number: int) -> dict[str, object]:
    """An annotated abstract of two sentences in the form of the gold."""
    parts: list[tuple[str, str | None]] = []
    for k in (0, 1):
        drug, gene = DRUGS[(number + k) % len(DRUGS)], GENES[(number * 2 + k) % len(GENES)]
        population = POPULATIONS[(number + k) % len(POPULATIONS)]
        parts += [(drug, "Drug"), (" blocks ", None), (gene, "Gene"), (" in ", None), (population, "CSC"), (". ", None)]
    text, entities = "", []
    for piece, kind in parts:
        if kind is not None:
            sentence = 1 + len(entities) // 3
            entities.append(
                {
                    "id": f"T{len(entities)}",
                    "type": kind,
                    "start": len(text),
                    "end": len(text) + len(piece),
                    "sent": sentence,
                }
            )
        text += piece
    text = text.strip()
    border = text.index(". ") + 1
    relations = [
        {"type": "decreases", "head": f"T{3 * k}", "tail": f"T{3 * k + 1}", "negated": False, "speculative": bool(k)}
        for k in (0, 1)
    ]
    return {
        "pmid": str(9_000_000 + number),
        "text": text,
        "sentences": [[0, border], [border + 1, len(text)]],
        "entities": entities,
        "relations": relations,
    }


def write_records(path: Path, numbers: Sequence[int]) -> Path:
    path.write_text("".join(json.dumps(record(n)) + "\n" for n in numbers), encoding="utf-8")
    return path


def _texts() -> list[str]:
    return [str(record(n)["text"]) for n in range(12)] * 3


SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
BERT_NAMES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_NAMES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def _wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=BERT_NAMES, show_progress=False)
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer


def _byte_level(names: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=names,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer


def _framed(tokenizer: Tokenizer, opening: str, closing: str) -> Tokenizer:
    ids = [(name, tokenizer.token_to_id(name)) for name in (opening, closing)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{opening} $A {closing}", special_tokens=ids)
    return tokenizer


def _save(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer | None) -> Path:
    model.save_pretrained(str(folder))
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def bert(folder: Path) -> Path:
    """BERT whose tokenizer.json frames no text itself, and pads to a fixed length as some published ones do."""
    tokenizer = _wordpiece()
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    config = BertConfig(**SIZES, vocab_size=tokenizer.get_vocab_size())
    return _save(folder, BertModel(config), tokenizer)


def distilbert(folder: Path) -> Path:
    """DistilBERT in the old form: a list of word pieces and no tokenizer.json."""
    tokenizer = _wordpiece()
    config = DistilBertConfig(vocab_size=tokenizer.get_vocab_size(), dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    _save(folder, DistilBertModel(config), None)
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in ordered), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "DistilBertTokenizer"}', encoding="utf-8")
    return folder


def roberta(folder: Path) -> Path:
    """RoBERTa with byte-level pieces and a table of 66 positions, of which 64 can be used."""
    tokenizer = _framed(_byte_level(ROBERTA_NAMES), "<s>", "</s>")
    config = RobertaConfig(
        **SIZES,
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=66,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    return _save(folder, RobertaModel(config), tokenizer)


def modernbert(folder: Path) -> Path:
    """ModernBERT: byte-level pieces under BERT's names, rotary positions."""
    tokenizer = _framed(_byte_level(BERT_NAMES), "[CLS]", "[SEP]")
    ids = {
        f"{use}_token_id": tokenizer.token_to_id(name)
        for use, name in (("pad", "[PAD]"), ("cls", "[CLS]"), ("sep", "[SEP]"), ("bos", "[CLS]"), ("eos", "[SEP]"))
    }
    config = ModernBertConfig(
        **SIZES, vocab_size=tokenizer.get_vocab_size(), local_attention=16, max_position_embeddings=1024, **ids
    )
    return _save(folder, ModernBertModel(config), tokenizer)


def deberta(folder: Path) -> Path:
    """DeBERTa-v2: unigram pieces, relative positions, no token types."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=BERT_NAMES, unk_token="[UNK]", show_progress=False)
    tokenizer.train_from_iterator(_texts(), trainer)
    config = DebertaV2Config(
        **SIZES,
        vocab_size=tokenizer.get_vocab_size(),
        type_vocab_size=0,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["p2c", "c2p"],
        max_position_embeddings=128,
    )
    return _save(folder, DebertaV2Model(config), _framed(tokenizer, "[CLS]", "[SEP]"))


ENCODERS: dict[str, Callable[[Path], Path]] = {
    made.__name__: made for made in (bert, distilbert, roberta, modernbert, deberta)
}


def make_encoder(name: str, folder: Path) -> Path:
    torch.manual_seed(5)
    return ENCODERS[name](folder)
