"""Training: what is read, what is kept out, and that the loop learns, stops and resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig

from minecsc.errors import ModelError
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.model_io import load_extractor, model_digest, read_meta, save_model
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES
from minecsc.training.corpora import gold_texts, held_out, read_corpus, text_key
from minecsc.training.examples import AnnotatedText, Example, batches, flatten, make_example, type_index
from minecsc.training.loop import TrainConfig, Trainer
from minecsc.training.run import Fold, begin_from
from minecsc.training.selection import Evaluator, choose_decision, inputs

HEADS = NetworkConfig(feature_buckets=50, feature_width=4, word_width=16, pair_width=16, attention_heads=2)
ENCODER = BertConfig(
    vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=512, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0,
)  # fmt: skip


def tiny_tokenizer() -> Tokenizer:
    """Word pieces that are single characters: small, and never out of vocabulary."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters[:28], *(f"##{c}" for c in letters[:28])]
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


@pytest.fixture
def encoder() -> PieceEncoder:
    return PieceEncoder(tiny_tokenizer(), HEADS.feature_buckets)


def annotated(n: int, drug: str = "aba", gene: str = "cad") -> AnnotatedText:
    text = f"{drug.title()} blocks {gene} here. " * 2
    text = text.strip() + " end" * (n % 3)
    entities, relations = [], []
    for k in range(2):
        base = k * len(f"{drug} blocks {gene} here. ")
        entities.append((base, base + len(drug), "Drug"))
        start = base + len(f"{drug} blocks ")
        entities.append((start, start + len(gene), "Gene"))
        relations.append(("decreases", 2 * k, 2 * k + 1, k == 1, False))
    types = [type_index(e[2]) for e in entities]
    return AnnotatedText(f"t{n}", text, entities, types, relations, "csc", "csc")


def examples(encoder: PieceEncoder, texts: list[AnnotatedText]) -> list[Example]:
    made = [make_example(t, encoder, HEADS.entity_heads, HEADS.relation_heads) for t in texts]
    return [m for m in made if m is not None]


def test_labels_follow_the_annotation(encoder: PieceEncoder) -> None:
    (example,) = examples(encoder, [annotated(0)])
    assert example.sentences == [(0, 5), (5, 10)]
    assert example.mentions[0] == [(0, 0, ENTITY_TYPES.index("Drug")), (2, 2, ENTITY_TYPES.index("Gene"))]
    decreases = RELATION_TYPES.index("decreases") + 1
    assert example.labels == [{(0, 1): (decreases, False, False)}, {(0, 1): (decreases, True, False)}]
    assert example.tags is not None
    assert sum(tag > 0 for tag in example.tags) == 4


def test_overlapping_entities_give_way_to_the_longest() -> None:
    assert flatten([(0, 4, "A"), (2, 12, "B"), (12, 15, "C"), (3, 5, "A")]) == [1, 2]


def test_batches_hold_every_text_once_within_the_budget(encoder: PieceEncoder) -> None:
    made = examples(encoder, [annotated(n, drug="aba" * (n % 7 + 1)) for n in range(40)])
    groups = batches(made, list(range(40)), 200)
    assert sorted(i for g in groups for i in g) == list(range(40))
    assert all(len(g) * max(made[i].size for i in g) <= 200 or len(g) == 1 for g in groups)


def _trainer(encoder: PieceEncoder, folder: Path, epochs: int, dev: list[AnnotatedText]) -> Trainer:
    torch.manual_seed(0)
    network = Network(HEADS, ENCODER)
    evaluate = Evaluator(encoder, examples(encoder, dev), inputs(examples(encoder, dev), dev), torch.device("cpu"))
    config = TrainConfig(
        mixed_epochs=0,
        gold_epochs=epochs,
        encoder_rate=5e-3,
        head_rate=5e-3,
        ema=0.5,
        max_pieces=400,
        bf16=False,
    )
    return Trainer(network, encoder, config, folder, torch.device("cpu"), evaluate, lambda _: None)


def test_the_loop_learns_saves_and_loads(encoder: PieceEncoder, tmp_path: Path) -> None:
    texts = [
        annotated(n, drug, gene)
        for n, (drug, gene) in enumerate(zip(["aba", "bab"] * 8, ["cad", "dac"] * 8, strict=True))
    ]
    trainer = _trainer(encoder, tmp_path, 25, texts[:4])
    progress = trainer.run(examples(encoder, texts), [])
    assert progress.history[-1]["loss_entity"] < progress.history[0]["loss_entity"] / 2
    assert progress.history[-1]["entity_f1"] > 90

    best = torch.load(tmp_path / "best.pt", weights_only=True)
    trainer.network.load_state_dict(best["network"])
    trainer.network.eval()
    decision, figures = choose_decision(
        trainer.network, encoder, examples(encoder, texts[:4]), texts[:4], torch.device("cpu")
    )
    assert decision.calibration[1] > 0
    assert 0 <= figures["ece"] <= 1
    assert figures["f1"] >= figures["best_f1"] - 2.01
    assert decision.min_probability == figures["threshold"] >= figures["best_threshold"]
    assert figures["best_f1"] > 50
    out = tmp_path / "model"
    save_model(out, trainer.network, ENCODER, tiny_tokenizer(), {"decision": {"min_probability": 0.3}})
    again = load_extractor(out)
    found = again.predict(inputs(examples(encoder, texts[:1]), texts[:1]))[0]
    assert {m.type for m in found.mentions} == {"Drug", "Gene"}
    assert len(model_digest(out)) == 32
    assert "csc" in read_meta(out)["network"]["entity_heads"]


def test_a_run_resumes_where_it_stopped(encoder: PieceEncoder, tmp_path: Path) -> None:
    texts = [annotated(n) for n in range(6)]
    made = examples(encoder, texts)
    whole = _trainer(encoder, tmp_path / "whole", 4, texts)
    whole.run(made, [])

    class Stop(Exception):
        pass

    broken = _trainer(encoder, tmp_path / "broken", 4, texts)
    seen: list[str] = []

    def say(line: str) -> None:
        seen.append(line)
        if len(seen) == 3:  # epochs 0 and 1 are on disk; the third is lost
            raise Stop

    broken.say = say
    with pytest.raises(Stop):
        broken.run(made, [])
    again = _trainer(encoder, tmp_path / "broken", 4, texts)
    progress = again.run(made, [])
    assert [h["epoch"] for h in progress.history] == [0, 1, 2, 3]
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[key], value)


def test_other_settings_do_not_resume_a_run(encoder: PieceEncoder, tmp_path: Path) -> None:
    texts = [annotated(n) for n in range(3)]
    _trainer(encoder, tmp_path, 1, texts).run(examples(encoder, texts), [])
    with pytest.raises(ModelError, match="other settings"):
        _trainer(encoder, tmp_path, 2, texts).run(examples(encoder, texts), [])


def test_a_run_begins_from_the_averaged_weights_of_another(encoder: PieceEncoder, tmp_path: Path) -> None:
    texts = [annotated(n) for n in range(6)]
    first = _trainer(encoder, tmp_path / "first", 1, texts)
    first.run(examples(encoder, texts), [])
    torch.manual_seed(99)
    other = Network(replace(HEADS, entity_heads={**HEADS.entity_heads, "public": ("Gene",)}), ENCODER)
    drawn = {k: v.clone() for k, v in other.state_dict().items()}
    begun = begin_from(other, tmp_path / "first")
    averaged = torch.load(tmp_path / "first" / "last.pt", weights_only=True)["average"]
    for key, value in other.state_dict().items():
        assert torch.equal(value, averaged.get(key, drawn[key])), key
    assert begun["training"]["gold_epochs"] == 1
    assert len(begun["history"]) == 1
    with pytest.raises(ModelError, match="another architecture"):
        begin_from(Network(replace(HEADS, word_width=8), ENCODER), tmp_path / "first")
    with pytest.raises(ModelError, match="no epoch"):
        begin_from(other, tmp_path / "nothing")


def test_folds_part_the_abstracts() -> None:
    ids = [str(n) for n in range(400)]
    parts = [[i for i in ids if Fold(k, 3).holds(i)] for k in range(3)]
    assert sorted(i for part in parts for i in part) == sorted(ids)
    assert min(map(len, parts)) > 90
    assert Fold.parse("1/3") == Fold(1, 3)
    for wrong in ("3/3", "1", "a/2", "1/0", ""):
        with pytest.raises(ModelError, match="fold"):
            Fold.parse(wrong)


def test_gold_training_data_holds_no_held_out_document(shared: Path) -> None:
    exclude = held_out(shared)
    assert len(exclude.ids) > 5000
    reserved = [
        json.loads(line) for name in ("dev", "test_texts") for line in (shared / "gold" / f"{name}.jsonl").open()
    ]
    ids = {str(r["pmid"]) for r in reserved}
    keys = {text_key(r["text"]) for r in reserved}
    for text in gold_texts(shared, "train", exclude):
        assert text.text_id not in exclude.ids
        assert text.text_id not in ids
        assert text_key(text.text) not in keys


def test_events_become_signed_pairs(shared: Path) -> None:
    kinds = {r[0] for text in read_corpus(shared, "bionlp13cg", held_out(shared)) for r in text.relations}
    assert kinds == {"increases", "decreases", "associated_with"}
