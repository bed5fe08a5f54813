"""Architectures under comparison: each reads as it should, learns, and ends up in one table."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_models import make_encoder, record
from typer.testing import CliRunner

from minecsc.errors import ModelError
from minecsc.nlp.crf import bio_tags
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.network import NetworkConfig, PairLayer, mention_batch
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES
from minecsc.training.architectures import (
    Architecture,
    BetweenPairs,
    ComparedNetwork,
    PooledPairs,
    Softmax,
    SpanScorer,
    objective,
)
from minecsc.training.comparison import (
    CROWD,
    Reading,
    Setting,
    best_threshold,
    build,
    crowded_sentence,
    longest_span,
    read,
    read_results,
    table,
    trial,
    truncated,
)
from minecsc.training.corpora.gold import annotated
from minecsc.training.encoders import load_pretrained
from minecsc.training.examples import Example, make_example
from minecsc.training.loop import TrainConfig, losses
from minecsc.training.markers import mark_pair, marker

HEADS = NetworkConfig(feature_buckets=50, feature_width=4, word_width=16, pair_width=16, attention_heads=2, dropout=0.0)
CONFIG = TrainConfig(mixed_epochs=0, gold_epochs=1, max_pieces=300, bf16=False)
DRUG, GENE = ENTITY_TYPES.index("Drug"), ENTITY_TYPES.index("Gene")
CPU = torch.device("cpu")
KINDS = {
    "shipped": Architecture(),
    "softmax": Architecture(entities="softmax"),
    "spans": Architecture(entities="spans"),
    "between": Architecture(pairs="between"),
    "pooled": Architecture(pairs="pooled"),
    "markers": Architecture(entities="none", pairs="markers"),
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    pretrained = load_pretrained(make_encoder("bert", tmp_path_factory.mktemp("encoder") / "bert"))
    pretrained.config.hidden_dropout_prob = 0.0
    encoder = PieceEncoder(pretrained.tokenizer, HEADS.feature_buckets)
    made = [make_example(annotated(record(n)), encoder, HEADS.entity_heads, HEADS.relation_heads) for n in range(8)]
    examples = [e for e in made if e is not None]
    return Setting(pretrained, HEADS, encoder, examples[:6], examples[6:])


def network_of(setting: Setting, architecture: Architecture) -> ComparedNetwork:
    return build(architecture, setting.pretrained, setting.heads, setting.encoder, seed=3)


def _script() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "scripts" / "compare_architectures.py"
    spec = importlib.util.spec_from_file_location("compare_architectures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sketch(
    sentences: list[tuple[int, int]], mentions: list[list[tuple[int, int, int]]], encoder: PieceEncoder
) -> Example:
    encoded = encoder.encode(["word"] * sentences[-1][1])
    return Example("t", encoded, "csc", "csc", None, sentences, mentions, [{} for _ in sentences])


# entities


def test_a_span_scorer_finds_what_it_was_trained_on(setting: Setting) -> None:
    torch.manual_seed(1)
    words = torch.randn(2, 12, 16)
    examples = [
        sketch([(0, 6), (6, 12)], [[(0, 2, DRUG), (4, 4, GENE)], [(7, 8, DRUG)]], setting.encoder),
        sketch([(0, 12)], [[(3, 3, GENE), (4, 7, GENE)]], setting.encoder),
    ]
    scorer = SpanScorer(16, 4, 0.0)
    optimizer = torch.optim.Adam(scorer.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        scorer.loss(words, examples, negatives=10).backward()
        optimizer.step()
    found = scorer.eval().decode(words, [e.sentences for e in examples])
    assert found == [[m for row in e.mentions for m in row] for e in examples]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), border=st.integers(1, 14), longest=st.integers(1, 20))
def test_decoded_spans_neither_overlap_nor_leave_their_sentence(seed: int, border: int, longest: int) -> None:
    torch.manual_seed(seed)
    scorer = SpanScorer(16, longest, 0.0).eval()
    sentences = [[(0, border), (border, 15)], [(0, 9)]]  # the second text is padded
    found = scorer.decode(3 * torch.randn(2, 15, 16), sentences)
    assert any(found)
    for mentions, borders in zip(found, sentences, strict=True):
        words = [w for first, last, _ in mentions for w in range(first, last + 1)]
        assert len(words) == len(set(words))
        for first, last, kind in mentions:
            assert 0 <= kind < len(ENTITY_TYPES)
            assert last - first < longest
            assert any(begin <= first and last < end for begin, end in borders)


def test_spans_over_a_border_and_longer_ones_are_not_learnt() -> None:
    scorer = SpanScorer(16, 3, 0.0)
    inside = scorer.within([[(0, 2), (2, 5)], [(0, 3)]], 5)
    kept = {(t, w, w + k) for t, w, k in inside.nonzero().tolist()}
    first = {(0, a, b) for a, b in [(0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 4)]}
    assert kept == first | {(1, a, b) for a, b in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]}


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_greedy_repair_gives_well_formed_tags_and_keeps_those_that_were(path: list[int]) -> None:
    tags = bio_tags(("A", "B", "C"))
    emissions = torch.nn.functional.one_hot(torch.tensor([path]), len(tags)).float()
    (found,) = Softmax().decode(emissions, torch.ones(1, len(path), dtype=torch.bool)).tolist()
    for k, (tag, was) in enumerate(zip(found, path, strict=True)):
        before = tags[found[k - 1]] if k else "O"
        assert tags[tag][2:] == tags[was][2:]
        assert not tags[tag].startswith("I-") or before[2:] == tags[tag][2:]
        goes_on = tags[was].startswith("I-") and k > 0 and tags[path[k - 1]][2:] == tags[was][2:]
        assert tag == (was if goes_on or not tags[was].startswith("I-") else was - 1)


def test_the_longest_span_covers_the_share_asked_for(setting: Setting) -> None:
    lengths = [1] * 90 + [3] * 9 + [40]
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    example = sketch([(0, 300)], [[(a, a + n - 1, 0) for a, n in zip(starts, lengths, strict=True)]], setting.encoder)
    assert [longest_span([example], share) for share in (0.9, 0.91, 0.99, 1.0)] == [1, 3, 3, 40]
    with pytest.raises(ModelError, match="no mention"):
        longest_span([sketch([(0, 3)], [[]], setting.encoder)])


# pairs


def test_what_each_pair_layer_sees() -> None:
    """Changing a word outside the pair moves the full layer alone; one between, also the layer without attention."""
    batch = mention_batch([(0, 0, 9)], [[(1, 2, DRUG), (5, 5, GENE)]])
    seen = {}
    for layer in (PairLayer, BetweenPairs, PooledPairs):
        torch.manual_seed(2)
        made = layer(24, HEADS).eval()
        words = torch.randn(1, 9, 24)
        changed = []
        for word in (8, 3, 5):
            other = words.clone()
            other[0, word] += 5
            changed.append(not torch.allclose(made(words, batch)[0, 0, 1], made(other, batch)[0, 0, 1], atol=1e-5))
        seen[layer] = changed
    assert seen == {
        PairLayer: [True, True, True],
        BetweenPairs: [False, True, True],
        PooledPairs: [False, False, True],
    }


@pytest.mark.parametrize("swap", [False, True])
def test_markers_stand_around_their_mentions(setting: Setting, swap: bool) -> None:
    encoder = setting.encoder
    text = encoder.encode(["Today", "DAPT", "lowers", "CD44", "+", "Notch", "here", "End"])
    head, tail = (1, 1, DRUG), (3, 5, GENE)
    if swap:
        head, tail = tail, head
    marked = mark_pair(encoder, text, (1, 7), head, tail, first_marker=1000)
    pieces = [text.pieces[text.starts[w] : text.starts[w + 1]] for w in range(8)]
    sides = {0: (head, 0), 1: (tail, 1)}
    expected = [encoder.cls]
    for word in range(1, 7):
        expected += [1000 + marker(role, 0, m[2]) for m, role in sides.values() if m[0] == word]
        expected += pieces[word]
        expected += [1000 + marker(role, 1, m[2]) for m, role in sides.values() if m[1] == word]
    assert marked.ids == [*expected, encoder.sep]
    assert marked.ids[marked.head] == 1000 + marker(0, 0, head[2])
    assert marked.ids[marked.tail] == 1000 + marker(1, 0, tail[2])
    assert len({marker(r, c, k) for r in (0, 1) for c in (0, 1) for k in range(8)}) == 32


def test_a_marked_sentence_fits_the_encoder(setting: Setting) -> None:
    short = PieceEncoder(setting.encoder.tokenizer, 50, max_pieces=10)
    text = short.encode(["STAT3"] * 30)
    marked = mark_pair(short, text, (0, 30), (0, 0, DRUG), (29, 29, GENE), first_marker=1000)
    assert len(marked.ids) == 12
    assert max(marked.head, marked.tail) < 12


def test_marked_pairs_score_alike_alone_and_together(setting: Setting) -> None:
    network = network_of(setting, KINDS["markers"]).eval()
    texts = [e.encoded for e in setting.train]
    spans = [(i, *border) for i, e in enumerate(setting.train) for border in e.sentences]
    asked = network.candidates(spans, [row for e in setting.train for row in e.mentions])
    with torch.inference_mode():
        logits, _ = network.relate(setting.encoder, texts, None, asked)
        alone = [network.relate(setting.encoder, texts, None, replace(asked, pairs=[p]))[0] for p in asked.pairs[::5]]
    assert len(logits) == len(asked.pairs) > 20
    torch.testing.assert_close(logits[::5], torch.cat(alone), atol=1e-4, rtol=1e-4)
    assert all(network.allowed[asked.mentions[s][i][2], asked.mentions[s][j][2]] for s, i, j in asked.pairs)
    assert network.relate(setting.encoder, texts, None, replace(asked, pairs=[]))[0].shape == (0, 7)


# training


def test_the_shipped_architecture_is_trained_by_the_shipped_losses(setting: Setting) -> None:
    network = network_of(setting, Architecture()).eval()
    own = objective(network, setting.encoder, setting.train, CPU)
    shipped = losses(network, setting.encoder, setting.train, CPU)
    assert own.keys() == shipped.keys() == {"entity", "relation", "flag"}
    torch.testing.assert_close(own, shipped)


def test_the_marker_loss_over_all_pairs_is_their_mean_cross_entropy(setting: Setting) -> None:
    network = network_of(setting, replace(KINDS["markers"], pair_negatives=1e6)).eval()
    example = setting.train[0]
    asked = network.candidates([(0, *b) for b in example.sentences], example.mentions)
    gold = torch.tensor([example.labels[s].get((i, j), (0,))[0] for s, i, j in asked.pairs])
    with torch.no_grad():
        found = objective(network, setting.encoder, [example], CPU)["relation"]
        logits, _ = network.relate(setting.encoder, [example.encoded], None, asked)
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(logits, gold))


@pytest.mark.parametrize("kind", ["spans", "pooled", "markers"])
def test_steps_lower_the_losses(kind: str, setting: Setting) -> None:
    network = network_of(setting, KINDS[kind])
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    seen = []
    for step in range(25):
        torch.manual_seed(step)
        parts = objective(network, setting.encoder, setting.train, CPU, word_dropout=0.05)
        optimizer.zero_grad()
        sum(parts.values(), start=torch.zeros(())).backward()
        optimizer.step()
        seen.append({k: float(v.detach()) for k, v in parts.items()})
    assert "entity" in seen[0] or kind == "markers"
    assert all(seen[-1][k] < 0.6 * seen[0][k] for k in seen[0] if k != "flag"), (seen[0], seen[-1])


def test_every_variant_has_its_own_size(setting: Setting) -> None:
    sizes = {name: sum(p.numel() for p in network_of(setting, a).parameters()) for name, a in KINDS.items()}
    assert len(set(sizes.values())) == len(sizes)
    assert sizes["pooled"] < sizes["between"] < sizes["shipped"]
    assert sizes["shipped"] - sizes["softmax"] == len(bio_tags(ENTITY_TYPES)) ** 2


def test_an_encoder_keeps_its_first_layers(setting: Setting) -> None:
    config = setting.pretrained.config
    doubled = type(config)(**{**config.to_dict(), "num_hidden_layers": 2})
    first = setting.pretrained.weights
    second = {k.replace("layer.0.", "layer.1."): v + 1 for k, v in first.items() if "layer.0." in k}
    deep = replace(setting.pretrained, config=doubled, weights={**first, **second})
    shallow = truncated(deep, 1)
    assert shallow.weights.keys() == first.keys()
    assert shallow.config.num_hidden_layers == 1
    assert doubled.num_hidden_layers == 2
    assert truncated(deep, None) is deep
    for wrong in (0, 3):
        with pytest.raises(ModelError, match="2 layers"):
            truncated(deep, wrong)


# figures


def test_an_association_is_counted_once_and_in_its_likelier_direction() -> None:
    logits = torch.zeros(3, 7)
    logits[0, 1 + RELATION_TYPES.index("associated_with")] = 3.0
    logits[1, 1 + RELATION_TYPES.index("associated_with")] = 4.0
    logits[2, 0], logits[2, 1 + RELATION_TYPES.index("decreases")] = 5.0, 4.0
    mentions = [(0, 0, DRUG), (2, 2, GENE), (4, 4, GENE)]
    found = Reading(mentions, [(0, 1), (1, 0), (0, 2)], logits).relations()
    assert [(held, item) for _, held, item in found] == [
        (True, ("associated_with", 2, 2, GENE, 0, 0, DRUG)),
        (False, ("decreases", 0, 0, DRUG, 4, 4, GENE)),
    ]


def test_the_best_threshold_is_the_best_of_all() -> None:
    mentions = [(k, k, DRUG) for k in range(5)]
    logits = torch.full((4, 7), -9.0)
    for k, value in enumerate((4.0, 3.0, 2.0, 1.0)):
        logits[k, 0], logits[k, 1] = 0.0, value
    reading = Reading(mentions, [(0, k) for k in range(1, 5)], logits)
    items = [item for _, _, item in reading.relations()]
    threshold = best_threshold([reading], [{items[0], items[2]}])
    assert [p >= threshold for p, _, _ in reading.relations()] == [True, True, True, False]


def test_trials_go_into_one_table_and_are_not_mixed(setting: Setting, tmp_path: Path) -> None:
    said: list[str] = []
    files = []
    for name, architecture in KINDS.items():
        result = trial(tmp_path / name, architecture, CONFIG, setting, said.append)
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(json.dumps(result) + "\n", encoding="utf-8")
        wanted = {"relations"} if name == "markers" else {"relations", "entities", "end_to_end"}
        assert result["tallies"].keys() == wanted
        assert sum(t[0] + t[2] for t in result["tallies"]["relations"].values()) == 4  # two a text
        assert result["cpu_training"] > 0
        assert ("full_crowded_sentence" in result) == (architecture.pairs != "full")
    lines = table(read_results(files)).splitlines()
    assert len(lines) == 2 + len(KINDS)
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split("|")[1].strip() for line in lines[2:]] == [a.name for a in KINDS.values()]
    assert "–" in lines[-1]
    shown = CliRunner().invoke(_script().app, ["table", *map(str, files)])
    assert (shown.exit_code, shown.output.splitlines()) == (0, lines)

    again = trial(tmp_path / "spans", KINDS["spans"], CONFIG, setting, said.append)  # nothing is left to train
    (before,) = read_results([tmp_path / "spans.jsonl"])
    assert again["history"] == before["history"]
    assert {k: {t: list(v) for t, v in by.items()} for k, by in again["tallies"].items()} == before["tallies"]
    with pytest.raises(ModelError, match="another architecture"):
        trial(tmp_path / "spans", KINDS["softmax"], CONFIG, setting, said.append)
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="no results"):
        read_results([tmp_path / "empty.jsonl"])


def test_an_unknown_layer_is_refused(tmp_path: Path) -> None:
    arguments = ["run", "--run", str(tmp_path / "r"), "--out", str(tmp_path / "o"), "--pairs", "graph"]
    shown = CliRunner().invoke(_script().app, arguments, env={"COLUMNS": "200"})
    assert shown.exit_code == 2
    assert "'graph' is none of full, between, pooled, markers" in shown.output


def test_given_mentions_and_allowed_pairs_are_what_is_read(setting: Setting) -> None:
    network = network_of(setting, Architecture())
    readings, costs = read(network, setting.encoder, setting.dev, given=True)
    for reading, example in zip(readings, setting.dev, strict=True):
        assert reading.mentions == [m for row in example.mentions for m in row]
        assert len(reading.pairs) == len(set(reading.pairs)) == len(reading.logits)
    assert costs.scored == sum(len(r.pairs) for r in readings)
    crowd = crowded_sentence(setting.encoder)
    (reading,), _ = read(network, setting.encoder, [crowd], given=True)
    assert len(reading.mentions) == CROWD
    assert len(reading.pairs) > CROWD * (CROWD - 1) / 2
