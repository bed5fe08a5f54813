"""Models of users: any encoder, their own annotation, and what they are told where something is amiss."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from own_models import ENCODERS, ROBERTA_NAMES, make_encoder, record, write_records
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2Model
from typer.testing import CliRunner

import minecsc
from minecsc.cli import main
from minecsc.errors import EvaluationError, ModelError
from minecsc.nlp.encoding import PieceEncoder, collate, special_tokens, windows
from minecsc.nlp.model_io import load_extractor, read_meta
from minecsc.nlp.network import NetworkConfig
from minecsc.nlp.records import extract_documents
from minecsc.nlp.transformer import piece_limit
from minecsc.schema import Document, Extraction
from minecsc.training.encoders import by_word, load_pretrained
from minecsc.training.loop import TrainConfig
from minecsc.training.own import OwnData, annotated, read_own, train_own

HEADS = NetworkConfig(feature_buckets=50, feature_width=4, word_width=16, pair_width=16, attention_heads=2)
CONFIG = TrainConfig(mixed_epochs=0, gold_epochs=1, encoder_rate=1e-3, head_rate=1e-2, max_pieces=600, bf16=False)


def silent(_: str) -> None:
    return None


def own_data(folder: Path) -> OwnData:
    return read_own(
        [write_records(folder / "data.jsonl", range(10))], write_records(folder / "dev.jsonl", range(20, 23))
    )


@pytest.mark.parametrize("name", ENCODERS)
def test_any_encoder_trains_saves_loads_and_reads(name: str, tmp_path: Path) -> None:
    pretrained = load_pretrained(make_encoder(name, tmp_path / name))
    out = tmp_path / "model"
    meta = train_own(
        own_data(tmp_path), out, tmp_path / "run", CONFIG, pretrained, device="cpu", heads=HEADS, say=silent
    )
    assert meta["base"] == name
    assert meta["history"][0]["loss_entity"] > 0

    extractor = load_extractor(out)
    trained = torch.load(tmp_path / "run" / "best.pt", weights_only=True)["network"]
    for key, value in extractor.network.state_dict().items():
        torch.testing.assert_close(value, trained[key].half().to(value.dtype), rtol=0, atol=0)
    words = ["CD44", "+", "β", "cells", "☃", "salinomycin"]
    as_trained = PieceEncoder(pretrained.tokenizer, HEADS.feature_buckets)
    assert extractor.encoder.encode(words) == as_trained.encode(words)
    assert (out / "README.md").read_text(encoding="utf-8").startswith("# model")

    nlp = minecsc.load(out, device="cpu", link=False)
    text = " ".join(str(record(n)["text"]) for n in range(12))  # longer than a window of the short ones
    (found,) = extract_documents(nlp, [Document("own:1", "", text)])
    assert isinstance(found, Extraction), found
    assert found.sentences


def test_two_epochs_of_steps_lower_the_loss_over_a_byte_level_encoder(tmp_path: Path) -> None:
    pretrained = load_pretrained(make_encoder("roberta", tmp_path / "roberta"))
    config = TrainConfig(
        mixed_epochs=0, gold_epochs=8, encoder_rate=5e-3, head_rate=1e-2, ema=0.5, max_pieces=400, bf16=False
    )
    data = own_data(tmp_path)
    meta = train_own(data, tmp_path / "m", tmp_path / "run", config, pretrained, device="cpu", heads=HEADS, say=silent)
    assert meta["history"][-1]["loss_entity"] < meta["history"][0]["loss_entity"] / 2
    assert meta["decision"] == {
        "min_probability": 0.5,
        "calibration": (0.0, 1.0, 0.0, 0.0),
        "negation_threshold": 0.5,
        "speculation_threshold": 0.5,
        "confident_probability": None,
        "mention_calibration": (0.0, 1.0),
    }
    assert "too few to calibrate" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")


def test_byte_level_words_are_marked_by_a_space_once(tmp_path: Path) -> None:
    tokenizer = load_pretrained(make_encoder("roberta", tmp_path / "r")).tokenizer
    assert tokenizer.encode("cells", add_special_tokens=False).tokens[0].startswith("Ġ")
    again = by_word(Tokenizer.from_str(tokenizer.to_str()))
    assert again.encode("cells").ids == tokenizer.encode("cells").ids
    assert special_tokens(tokenizer) == tuple(ROBERTA_NAMES.index(n) for n in ("<s>", "</s>", "<pad>", "<unk>"))


def test_windows_stay_within_the_positions_of_the_encoder(tmp_path: Path) -> None:
    pretrained = load_pretrained(make_encoder("roberta", tmp_path / "r"))
    from minecsc.nlp.network import Network

    network = Network(HEADS, pretrained.config).eval()
    limit = piece_limit(network.encoder)
    assert limit == 62
    encoder = PieceEncoder(pretrained.tokenizer, HEADS.feature_buckets, limit)
    encoded = encoder.encode(["salinomycin", "blocks", "CD44"] * 60)
    spans = windows(encoded, limit)
    assert len(spans) > 1
    assert [w for *_, first, end in spans for w in range(first, end)] == list(range(180))
    assert all(end - first <= limit for first, end, *_ in spans)
    batch = collate(encoder, [encoded, encoder.encode(["CD44"])])
    assert batch.input_ids.shape[1] <= limit + 2
    with torch.inference_mode():
        assert network.encode(batch)[0].isfinite().all()


def test_a_model_of_this_project_is_an_encoder_too(tmp_path: Path) -> None:
    pretrained = load_pretrained(make_encoder("roberta", tmp_path / "roberta"))
    first = tmp_path / "first"
    train_own(own_data(tmp_path), first, tmp_path / "run", CONFIG, pretrained, device="cpu", heads=HEADS, say=silent)
    again = load_pretrained(first)
    held = load_extractor(first).network.encoder.state_dict()
    assert all(torch.equal(again.weights[key], value) for key, value in held.items())
    assert again.tokenizer.encode("cells").ids == pretrained.tokenizer.encode("cells").ids


def test_the_shipped_base_reads_the_same_words_as_ever() -> None:
    from minecsc.nlp import default_model

    tokenizer = Tokenizer.from_file(str(default_model() / "tokenizer.json"))
    names = ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
    assert special_tokens(tokenizer) == tuple(tokenizer.token_to_id(name) for name in names)
    assert load_extractor().encoder.max_pieces == 510


# what cannot be used


def _without(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).unlink()
    return folder


def test_wrong_encoders_say_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = make_encoder("bert", tmp_path / "good")

    def copy(name: str) -> Path:
        return Path(shutil.copytree(good, tmp_path / name))

    with pytest.raises(ModelError, match="no such folder"):
        load_pretrained(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="neither a folder nor a name"):
        load_pretrained("a name with spaces")
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        load_pretrained(_without(copy("a"), "config.json"))
    with pytest.raises(ModelError, match="weights cannot be read"):
        load_pretrained(_without(copy("b"), "model.safetensors"))
    damaged = copy("c")
    (damaged / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelError, match="weights cannot be read"):
        load_pretrained(damaged)
    with pytest.raises(ModelError, match=r"no fast tokenizer"):
        load_pretrained(_without(copy("d"), "tokenizer.json"))

    decoder = tmp_path / "decoder"
    GPT2Model(GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50)).save_pretrained(str(decoder))
    with pytest.raises(ModelError, match="'gpt2' is not an encoder"):
        load_pretrained(decoder)

    unframed = copy("e")
    raw = (unframed / "tokenizer.json").read_text(encoding="utf-8")
    (unframed / "tokenizer.json").write_text(raw.replace("[CLS]", "[BEGIN]"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"no \[CLS\] or <s>"):
        load_pretrained(unframed)

    other = copy("f")
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    (other / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"weights lack \d+ parts"):
        load_pretrained(other)

    small = copy("g")
    (small / "tokenizer.json").write_text(
        raw.replace('"vocab": {', '"vocab": {' + "".join(f'"zz{i}": {1000 + i},' for i in range(500))),
        encoding="utf-8",
    )
    with pytest.raises(ModelError, match=r"the tokenizer has \d+ word pieces, the encoder \d+"):
        load_pretrained(small)

    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="hf download someone/encoder --local-dir"):
        load_pretrained("someone/encoder")


def test_data_are_read_as_the_gold_is_and_held_out_texts_stay_out(tmp_path: Path) -> None:
    first = write_records(tmp_path / "a.jsonl", range(10))
    second = write_records(tmp_path / "b.jsonl", range(40, 50))
    data = read_own([first, second])
    assert len(data.dev) == 2
    assert {t.text_id for t in data.train}.isdisjoint(t.text_id for t in data.dev)
    assert [t.text_id for t in read_own([second, first]).dev] == [t.text_id for t in data.dev]

    again = record(3) | {"pmid": "77"}  # one text under two PMIDs
    dev = tmp_path / "dev.jsonl"
    dev.write_text(json.dumps(again) + "\n", encoding="utf-8")
    given = read_own([first], dev)
    same = [n for n in range(10) if record(n)["text"] == again["text"]]
    assert given.dropped == len(same) >= 1
    assert all(t.text != again["text"] for t in given.train)

    with pytest.raises(ModelError, match="annotated in another file too"):
        read_own([first, first])
    with pytest.raises(ModelError, match="none left to train on"):
        read_own([dev], dev)
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps({**again, "entities": [{"id": "T0"}]}) + "\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"broken\.jsonl:1"):
        read_own([broken])


def test_annotation_comes_through_unchanged(tmp_path: Path) -> None:
    from minecsc.evaluation import load_gold

    (reading,) = load_gold(write_records(tmp_path / "a.jsonl", [4]))
    text = annotated(reading)
    shown = [(text.text[a:b], kind) for a, b, kind in text.entities]
    source = record(4)
    assert shown == [(str(source["text"])[e["start"] : e["end"]], e["type"]) for e in source["entities"]]  # type: ignore[attr-defined]
    assert text.relations == [("decreases", 0, 1, False, False), ("decreases", 3, 4, False, True)]


def test_a_run_is_not_mixed_with_another_encoder_nor_a_folder_overwritten(tmp_path: Path) -> None:
    data, run = own_data(tmp_path), tmp_path / "run"
    first = load_pretrained(make_encoder("bert", tmp_path / "bert"))
    second = load_pretrained(make_encoder("deberta", tmp_path / "deberta"))
    train_own(data, tmp_path / "m", run, CONFIG, first, device="cpu", heads=HEADS, say=silent)
    with pytest.raises(ModelError, match="another encoder or other data"):
        train_own(data, tmp_path / "m", run, CONFIG, second, device="cpu", heads=HEADS, say=silent)
    said: list[str] = []
    train_own(data, tmp_path / "m", run, CONFIG, first, device="cpu", heads=HEADS, say=said.append)
    assert any("resuming" in line for line in said)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ModelError, match="is no model folder"):
        train_own(data, tmp_path / "mine", run, CONFIG, first, device="cpu", heads=HEADS, say=silent)


# the command


def test_the_command_trains_a_model_that_extract_takes(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["train", "--help"], env={"COLUMNS": "200"}).stdout
    assert "Example: minecsc train --data" in shown
    encoder = make_encoder("distilbert", tmp_path / "distilbert")
    data = write_records(tmp_path / "data.jsonl", range(12))
    out = tmp_path / "mine"
    arguments = ["train", "--data", data, "--encoder", encoder, "--out", out, "--epochs", "1", "--device", "cpu"]
    result = CliRunner().invoke(main, [str(a) for a in [*arguments, "--json"]])
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.stdout)["base"] == "distilbert"
    assert read_meta(out)["data"]["texts"] == {"train": 11, "dev": 1}
    assert (tmp_path / "mine.run" / "best.pt").exists()

    papers = tmp_path / "papers.jsonl"
    papers.write_text(json.dumps({"id": "own:1", "title": "", "abstract": record(1)["text"]}) + "\n", encoding="utf-8")
    db = tmp_path / "evidence.duckdb"
    result = CliRunner().invoke(main, ["extract", str(papers), "--db", str(db), "--model", str(out), "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.stdout)["extracted"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "either --data FILE or --shared FOLDER"),
        (("--data", "x.jsonl", "--shared", "y"), 2, "either --data FILE or --shared FOLDER"),
        (("--data", "x.jsonl", "--corpora", "bc5cdr"), 2, "--corpora are read from --shared"),
        (("--shared", "y", "--dev", "x.jsonl"), 2, "go with --data"),
        (("--data", "nowhere.jsonl"), 1, "MCSC-E601"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["train", *arguments, "--out", str(tmp_path / "m")], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert said in result.output
