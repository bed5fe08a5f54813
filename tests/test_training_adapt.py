"""Domain adaptation: the vocabulary, the masking, and that a run learns, stops and resumes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, BertConfig, BertModel

from minecsc.errors import ModelError
from minecsc.training.adapt import AdaptConfig, Pieces, adapt, masked_batch, unlabelled_texts
from minecsc.training.vocabulary import count_words, train_vocabulary, transfer_embeddings

DRUGS = ("salinomycin", "metformin", "disulfiram", "niclosamide", "thioridazine", "curcumin")
TEXTS = [
    f"{drug} lowers stemness of breast CSCs in study {n}, and {drug} blocks Wnt signaling while sparing normal cells."
    for n in range(25)
    for drug in DRUGS
]
SMALL = AdaptConfig(pieces=12_000, lengths=((16, 0.5), (24, 0.5)), batch=192, vocabulary=400, every=20, rate=5e-3)


def write(path: Path, records: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(r) + "\n" for r in records).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder laid out as the shared one is, with texts of our own."""
    root = tmp_path / "shared"
    records: list[dict[str, object]] = [
        {"pmid": str(1000 + n), "title": None, "abstract": text} for n, text in enumerate(TEXTS)
    ]
    write(root / "csc" / "background_abstracts.jsonl.gz", records)
    write(root / "csc" / "csc_abstracts.jsonl.gz", [{"pmid": "9001", "title": "Reserved.", "abstract": "Held out."}])
    write(root / "corpora" / "unlabelled_a.jsonl.gz", [{"pmid": None, "abstract": "Never read.", "held_out": True}])
    write(root / "corpora" / "b.jsonl.gz", [{"id": "5", "split": "test", "text": "A test document."}])
    write(root / "gold" / "dev.jsonl", [{"pmid": "9001", "text": "Reserved. Held out."}])
    write(root / "gold" / "test_texts.jsonl", [{"pmid": "9002", "text": "Reserved, too."}])
    write(root / "gold" / "train.jsonl", [{"pmid": "9003", "text": "A training text."}])
    return root


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base encoder with random weights and a vocabulary of its own."""
    torch.manual_seed(1)
    tokenizer = train_vocabulary(count_words(["the cells of a line grow where metformin is not"] * 3), 200)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(str(tmp_path / "base"))
    tokenizer.save(str(tmp_path / "base" / "tokenizer.json"))
    return tmp_path / "base"


def run(folder: Path, base: Path, out: Path, config: AdaptConfig = SMALL) -> list[dict[str, float]]:
    state = out / "run"
    result = adapt(folder, base, out / "encoder", state, config, device=torch.device("cpu"), say=lambda _: None)
    history: list[dict[str, float]] = result["history"]
    return history


def test_held_out_texts_are_not_read(folder: Path) -> None:
    texts = set(unlabelled_texts(folder))
    assert texts == {*TEXTS, "A training text."}


def test_frequent_words_of_the_field_are_whole_and_specials_stand_first() -> None:
    tokenizer = train_vocabulary(count_words(TEXTS), 400)
    assert tokenizer.encode("Salinomycin", add_special_tokens=False).tokens == ["salinomycin"]
    assert [tokenizer.id_to_token(i) for i in range(5)] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.encode("wnt").tokens == ["[CLS]", "wnt", "[SEP]"]


def test_new_pieces_start_from_the_old_ones_they_are_written_with(base: Path) -> None:
    old_tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    new_tokenizer = train_vocabulary(count_words(TEXTS), 400)
    old = torch.randn(old_tokenizer.get_vocab_size(), 8)
    new = transfer_embeddings(old, old_tokenizer, new_tokenizer)
    assert new.shape == (new_tokenizer.get_vocab_size(), 8)
    both = set(old_tokenizer.get_vocab()) & set(new_tokenizer.get_vocab())
    assert "metformin" in both
    for piece in both:
        assert torch.equal(new[new_tokenizer.token_to_id(piece)], old[old_tokenizer.token_to_id(piece)])
    written = old_tokenizer.encode("lowers", add_special_tokens=False).ids
    assert len(written) > 1
    assert torch.allclose(new[new_tokenizer.token_to_id("lowers")], old[written].mean(dim=0))


def test_whole_words_are_masked_and_borders_of_texts_are_not() -> None:
    tokenizer = train_vocabulary(count_words(TEXTS[:40]), 60)
    pieces = Pieces(TEXTS, tokenizer)
    length, starts = 32, list(range(0, 900, 30))
    plain = np.stack([pieces.ids[s : s + length - 2] for s in starts])
    ids, places, gold = masked_batch(pieces, starts, length, tokenizer, 0.3, np.random.default_rng(0))
    shown = ids.numpy()
    assert (shown[:, 0] == tokenizer.token_to_id("[CLS]")).all()
    assert (shown[:, -1] == tokenizer.token_to_id("[SEP]")).all()
    chosen = np.zeros(ids.numel(), dtype=bool)
    chosen[places.numpy()] = True
    inner = chosen.reshape(ids.shape)[:, 1:-1]
    assert (plain[inner] == gold.numpy()).all()
    assert (shown[:, 1:-1][~inner] == plain[~inner]).all()
    assert not inner[plain == tokenizer.token_to_id("[SEP]")].any()
    begins = np.stack([pieces.begins[s : s + length - 2] for s in starts])
    inside = ~begins[:, 1:]
    assert inside.any()
    assert (inner[:, 1:] == inner[:, :-1])[inside].all()
    masked = shown[:, 1:-1][inner] == tokenizer.token_to_id("[MASK]")
    assert 0.7 < masked.mean() < 0.9


def test_a_run_learns_and_leaves_an_encoder_that_transformers_reads(folder: Path, base: Path, tmp_path: Path) -> None:
    history = run(folder, base, tmp_path / "a")
    assert history[-1]["held_out_loss"] < history[0]["held_out_loss"] - 1.0
    encoder = AutoModel.from_pretrained(str(tmp_path / "a" / "encoder"))
    tokenizer = Tokenizer.from_file(str(tmp_path / "a" / "encoder" / "tokenizer.json"))
    assert encoder.config.vocab_size == tokenizer.get_vocab_size() <= 400
    assert encoder.config.hidden_dropout_prob == 0.1


def test_a_run_resumes_where_it_stopped(folder: Path, base: Path, tmp_path: Path) -> None:
    whole = run(folder, base, tmp_path / "a")
    path = tmp_path / "b" / "run" / "last.pt"
    path.parent.mkdir(parents=True)
    (path.parent / "tokenizer.json").write_bytes((tmp_path / "a" / "run" / "tokenizer.json").read_bytes())
    stop = {"n": 0}

    def say(_: str) -> None:
        stop["n"] += 1
        if stop["n"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(
            folder, base, tmp_path / "b" / "encoder", path.parent, SMALL, device=torch.device("cpu"), say=say,
        )  # fmt: skip
    assert torch.load(path, weights_only=True)["step"] < SMALL.pieces // SMALL.batch
    again = run(folder, base, tmp_path / "b")
    assert [h["held_out_loss"] for h in again] == [h["held_out_loss"] for h in whole]


def test_other_settings_do_not_resume_a_run(folder: Path, base: Path, tmp_path: Path) -> None:
    run(folder, base, tmp_path / "a")
    with pytest.raises(ModelError, match="other settings"):
        run(folder, base, tmp_path / "a", AdaptConfig(pieces=24_000, batch=192, vocabulary=400))
