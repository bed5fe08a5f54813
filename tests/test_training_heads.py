"""Heads of public corpora: kept beside a model, and read with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmark_cases import ENCODER, copy_of, reader, tiny_network, tokenizer, write_model
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from minecsc.errors import ModelError
from minecsc.nlp.encoding import PieceEncoder, collate
from minecsc.nlp.model_io import load_extractor, save_model
from minecsc.nlp.network import NetworkConfig, mention_batch
from minecsc.nlp.words import word_spans
from minecsc.training.examples import AnnotatedText, make_example, type_index
from minecsc.training.heads import (
    HEADS_FILE,
    WordIndex,
    load_with_corpus_heads,
    save_corpus_heads,
    tagged_spans,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def test_heads_come_back_as_they_were(model: Path) -> None:
    network, encoder = load_with_corpus_heads(model)
    wanted = tiny_network()
    assert network.config == wanted.config
    assert not network.training
    assert network.state_dict().keys() == wanted.state_dict().keys()
    for key, value in wanted.state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], value.half().float(), rtol=0, atol=0)
    assert encoder.buckets == 50
    kept = load_file(model / HEADS_FILE)
    assert {value.dtype for value in kept.values()} == {torch.float16}
    assert not any(key.split(".")[1] == "csc" for key in kept)
    assert list(load_extractor(model).network.config.entity_heads) == ["csc"]


def test_a_model_without_corpus_heads_says_so(model: Path, tmp_path: Path) -> None:
    folder = copy_of(model, tmp_path)
    assert (folder / HEADS_FILE).exists()
    assert save_corpus_heads(folder, tiny_network(())) is None  # trained anew on the gold alone
    with pytest.raises(ModelError, match=f"no {HEADS_FILE}"):
        load_with_corpus_heads(folder)


def test_heads_of_other_weights_are_refused(model: Path, tmp_path: Path) -> None:
    folder = copy_of(model, tmp_path)
    save_model(folder, tiny_network(seed=4), ENCODER, tokenizer(), {"decision": {"min_probability": 0.5}})
    with pytest.raises(ModelError, match="other weights"):
        load_with_corpus_heads(folder)


def test_damaged_heads_are_refused(model: Path, tmp_path: Path) -> None:
    folder = copy_of(model, tmp_path)
    path = folder / HEADS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(ModelError, match="cannot be read"):
        load_with_corpus_heads(folder)
    path.write_bytes(whole)
    weights = load_file(path)
    save_file(weights, path, {"format": "2"})
    with pytest.raises(ModelError, match="format 2"):
        load_with_corpus_heads(folder)
    save_corpus_heads(folder, tiny_network())
    network = tiny_network()
    network.relation_out["chemprot"] = torch.nn.Linear(16, 3)  # fewer labels than the metadata names
    save_corpus_heads(folder, network)
    with pytest.raises(ModelError, match="do not fit"):
        load_with_corpus_heads(folder)


# --- reading -------------------------------------------------------------------------------------------------------

SENTENCES = "Aspirin-like (x2) blocks COX-2 in cells. It binds EGFR+ cells, not TP53."


@given(st.lists(st.integers(0, len(SENTENCES)), min_size=2, max_size=2, unique=True))
def test_spans_fall_on_words_as_in_training(borders: list[int]) -> None:
    start, end = sorted(borders)
    if not SENTENCES[start:end].strip() or SENTENCES[start:end] != SENTENCES[start:end].strip():
        return
    text = AnnotatedText("t", SENTENCES, [(start, end, "Drug")], [0], [], "csc", "csc", [(0, len(SENTENCES))])
    heads = NetworkConfig()
    example = make_example(text, PieceEncoder(tokenizer(), 50), heads.entity_heads, heads.relation_heads)
    assert example is not None
    assert example.mentions[0] == [(*WordIndex.of(SENTENCES).words(start, end), 0)]


def test_tags_become_spans() -> None:
    tags = ["O", "B-A", "I-A", "B-B", "I-B"]
    assert tagged_spans([1, 2, 0, 3, 3, 4, 1], tags) == [(0, 1, "A"), (3, 3, "B"), (4, 5, "B"), (6, 6, "A")]
    assert tagged_spans([0, 0], tags) == []


def annotated(
    text: str, mentions: Sequence[tuple[str, str]], kinds: Sequence[str | None], **fields: Any
) -> AnnotatedText:
    """Mentions by their first occurrence."""
    spans = [(text.index(name), text.index(name) + len(name), kind) for name, kind in mentions]
    types = [None if kind is None else type_index(kind) for kind in kinds]
    return AnnotatedText("t", text, spans, types, **{"relation_head": "chemprot", **fields})


NESTED = annotated(
    "Aba binds aba receptor and cad. Bab too.",
    [("Aba", "CHEMICAL"), ("aba", "CHEMICAL"), ("aba receptor", "GENE"), ("cad", "GENE"), ("Bab", "GENE")],
    ["Drug", "Drug", "Gene", "Gene", "Gene"],
)


def test_pairs_read_are_those_of_one_sentence_that_the_corpus_annotates() -> None:
    (scores,) = reader().pairs([NESTED], "chemprot")
    assert sorted(scores.pairs) == [(0, 2), (0, 3), (1, 3)]  # not nested (1, 2), not Bab, not gene → drug
    assert scores.logits.shape == (3, 6)
    assert scores.flags.shape == (3, 2)
    assert bool(((scores.flags >= 0) & (scores.flags <= 1)).all())


def test_scores_are_the_networks_own_and_do_not_depend_on_the_batch() -> None:
    network = tiny_network()
    read = reader(network)
    other = annotated("Cad cad aba bab aba dac.", [("Cad", "GENE"), ("dac", "GENE")], ["Gene", "Gene"])
    empty = AnnotatedText("none", " ", [], [], relation_head="chemprot")
    many = read.pairs([other, NESTED, empty, NESTED], "chemprot")
    words = read.encoder.encode([NESTED.text[a:b] for a, b in word_spans(NESTED.text)])
    with torch.inference_mode():
        _, vectors = network.encode(collate(read.encoder, [words]))
        drug, gene = type_index("Drug"), type_index("Gene")
        batch = mention_batch([(0, 0, 7)], [[(0, 0, drug), (2, 3, gene), (5, 5, gene)]])
        logits, flags = network.pair_scores(vectors, batch, "chemprot")
    assert many[0].pairs == many[2].pairs == []
    for scores in (many[1], many[3]):
        at = scores.pairs.index((0, 3))
        torch.testing.assert_close(scores.logits[at], logits[0, 0, 2], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(scores.flags[at], flags[0, 0, 2].sigmoid(), rtol=1e-4, atol=1e-5)


def test_mentions_read_stand_on_whole_words() -> None:
    found = reader().entities([NESTED.text, "", SENTENCES], "bc5cdr")
    assert found[1] == []
    for text, mentions in zip((NESTED.text, "", SENTENCES), found, strict=True):
        starts, ends = zip(*word_spans(text), strict=True) if text else ((), ())
        assert all(a in starts and b in ends and kind in ("Chemical", "Disease") for a, b, kind in mentions)
    assert any(found)  # a random network finds something
