"""Inference in 32, 16 and 8 bits: against the network as it trains, and against itself in other company."""

from __future__ import annotations

import bisect
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, RobertaConfig

import minecsc
from minecsc.errors import ModelError
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Extractor, Prediction, TextInput
from minecsc.nlp.fast import FastNetwork, Mentions
from minecsc.nlp.model_io import load_extractor
from minecsc.nlp.network import Network, NetworkConfig, mention_batch
from minecsc.nlp.precision import Precision, QuantizedLinear, linear, pick_precision, supports_int8
from minecsc.nlp.sentences import sentence_spans
from minecsc.nlp.words import word_spans
from minecsc.resources import resource

CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(not supports_int8(), reason="this build of torch has no 8-bit kernels")


def _texts(count: int) -> list[TextInput]:
    found = []
    for line in (resource("corpus", "sample") / "abstracts.jsonl").read_text(encoding="utf-8").splitlines()[:count]:
        row = json.loads(line)
        text = f"{row['title']} {row['abstract']}"
        words = word_spans(text)
        starts = [a for a, _ in words]
        borders = [
            (bisect.bisect_left(starts, a), bisect.bisect_left(starts, b))
            for a, b in sentence_spans(text, len(row["title"]))
        ]
        found.append(TextInput([text[a:b] for a, b in words], [s for s in borders if s[1] > s[0]]))
    return found


TEXTS = _texts(16)


@pytest.fixture(scope="module")
def reference() -> Extractor:
    return load_extractor()


def _in(precision: Precision, reference: Extractor) -> Extractor:
    return Extractor(reference.network, reference.encoder, reference.decision, precision=precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
def test_company_changes_nothing(reference: Extractor, precision: Precision) -> None:
    extractor = _in(precision, reference)
    alone = [extractor.predict([text])[0] for text in TEXTS[:9]]
    assert extractor.predict(TEXTS[:9]) == alone
    assert extractor.predict(TEXTS[8::-1]) == alone[::-1]


@needs_int8
def test_threads_change_nothing(reference: Extractor) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = _in("int8", reference).predict(TEXTS[:6])
        torch.set_num_threads(2)
        assert _in("int8", reference).predict(TEXTS[:6]) == one
    finally:
        torch.set_num_threads(before)


@needs_int8
def test_a_copy_for_another_process_reads_the_same(reference: Extractor) -> None:
    extractor = _in("int8", reference)
    copied: Extractor = pickle.loads(pickle.dumps(extractor))
    assert copied.precision == "int8"
    assert copied.predict(TEXTS[:3]) == extractor.predict(TEXTS[:3])


def _agreement(found: list[Prediction], expected: list[Prediction]) -> tuple[float, float]:
    """F1 of mentions and of relations against those of another precision."""

    def items(predictions: list[Prediction]) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
        mentions = {(k, m.first, m.last, m.type) for k, p in enumerate(predictions) for m in p.mentions}
        relations = {
            (k, p.mentions[r.head].first, p.mentions[r.tail].first, r.type)
            for k, p in enumerate(predictions)
            for r in p.relations
        }
        return mentions, relations

    f1 = [2 * len(a & b) / (len(a) + len(b)) for a, b in zip(items(found), items(expected), strict=True)]
    return f1[0], f1[1]


@pytest.mark.parametrize(
    ("precision", "entities", "relations"),
    [("bf16", 0.98, 0.93), pytest.param("int8", 0.96, 0.88, marks=needs_int8)],
)
def test_fewer_bits_read_the_same(
    reference: Extractor, precision: Precision, entities: float, relations: float
) -> None:
    found = _agreement(_in(precision, reference).predict(TEXTS), reference.predict(TEXTS))
    assert found[0] >= entities
    assert found[1] >= relations


def _network(config: BertConfig | RobertaConfig) -> Network:
    torch.manual_seed(3)
    network = Network(NetworkConfig(feature_buckets=5000, word_width=32, pair_width=32, dropout=0.0), config)
    for parameter in network.parameters():
        if parameter.ndim < 2 or not parameter.abs().max():  # norms, biases and places: none at its neutral start
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(vocab_size=30522, **SIZES),
        BertConfig(vocab_size=30522, hidden_act="relu", **SIZES),
        RobertaConfig(vocab_size=30522, max_position_embeddings=514, pad_token_id=0, **SIZES),
    ],
    ids=["bert", "bert with another activation", "roberta"],
)
def test_the_fast_network_is_the_network(config: BertConfig | RobertaConfig, reference: Extractor) -> None:
    """Scores of words and of all pairs, against the padded, batched layers that train."""
    network = _network(config)
    encoder = PieceEncoder(reference.encoder.tokenizer, 5000, reference.encoder.max_pieces)
    text = TEXTS[0]
    sentences = text.sentences[:3]
    rows = [
        [(a + 1, a + 1, 0), (a + 3, a + 5, 1), (a + 4, a + 4, 5), (b - 2, b - 2, 2)] for a, b in sentences
    ]  # one mention overlaps another, and the last is far off
    fast = FastNetwork(network, "fp32")
    with torch.inference_mode():
        emissions, vectors = fast.encode(encoder, encoder.encode(text.words))
        padded = Extractor(network, encoder)._encode_padded([encoder.encode(t.words) for t in (text, TEXTS[1])])
        np.testing.assert_allclose(emissions.numpy(), padded[1][0], atol=2e-4)
        torch.testing.assert_close(vectors, padded[0][0][: len(text.words)], atol=2e-4, rtol=1e-3)
        logits, flags = network.pair_scores(vectors.unsqueeze(0), mention_batch([(0, *s) for s in sentences], rows))
        flat = np.array(rows).reshape(-1, 3)
        mentions = Mentions(flat[:, 0], flat[:, 1], flat[:, 2], np.repeat(np.arange(3), 4), np.array(sentences))
        head, tail, found, raised = fast.pair_scores(vectors, mentions)
    s, i, j = head // 4, head % 4, tail % 4
    torch.testing.assert_close(found, logits[s, i, j], atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(raised, flags[s, i, j], atol=2e-4, rtol=1e-3)
    scored = set(zip(head.tolist(), tail.tolist(), strict=True))
    hopeless = {
        (4 * s + i, 4 * s + j)
        for s in range(3)
        for i in range(4)
        for j in range(4)
        if i != j and (4 * s + i, 4 * s + j) not in scored
    }
    assert all(logits[a // 4, a % 4, b % 4, 1:].max() < -1000 for a, b in hopeless)
    assert len(scored) + len(hopeless) == 36


def test_extractors_of_padded_batches_agree(reference: Extractor) -> None:
    """The way of a GPU, walked on the CPU, reads what the way of a CPU reads."""
    padded = replace(reference)
    padded._fast = None
    found = _agreement(padded.predict(TEXTS[:8]), reference.predict(TEXTS[:8]))
    assert min(found) > 0.99


@needs_int8
def test_a_quantised_layer_is_near_the_exact_one() -> None:
    torch.manual_seed(0)
    weight, bias, x = torch.randn(24, 64), torch.randn(24), torch.randn(30, 64)
    weight[3] *= 100  # each channel has a scale of its own
    exact = x @ weight.T + bias
    for by_row in (False, True):
        found = QuantizedLinear(weight, bias, by_row=by_row)(x)
        assert ((found - exact).abs().amax(0) / exact.abs().amax(0)).max() < 0.03
    x[0] *= 1000  # one row far larger than the others takes their levels, unless each has a range of its own
    x[1] = 0
    shared, own = (
        (QuantizedLinear(weight, bias, by_row=b)(x) - x @ weight.T - bias)[1:].abs().max() for b in (False, True)
    )
    assert own < shared / 50
    torch.testing.assert_close(linear(weight, None, "fp32")(x), x @ weight.T)


def test_unknown_and_missing_precisions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="precision must be one of auto, fp32, bf16, int8"):
        minecsc.load(device="cpu", precision="int4")
    with pytest.raises(ModelError, match="for CPUs"):
        pick_precision("int8", torch.device("cuda"))
    monkeypatch.setattr("minecsc.nlp.precision._engines", list)
    with pytest.raises(ModelError, match=r"needs torch's fbgemm kernels.*it has: none"):
        minecsc.load(device="cpu", precision="int8")
    assert pick_precision("auto", CPU) == "fp32"
    assert pick_precision("auto", torch.device("cuda")) == "bf16"
