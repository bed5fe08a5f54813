"""Teaching: an ensemble reads texts, its labels survive their file, and a student learns from them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmark_cases import ENCODER, tiny_network, tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from minecsc.errors import ModelError, SourceError
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision, Extractor, TextInput
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.nlp.words import word_spans
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES, signature_allows
from minecsc.training.corpora import HeldOut, held_out, read_lines, text_key
from minecsc.training.examples import AnnotatedText, Example, SoftLabels, batches, make_example, type_index
from minecsc.training.loop import TrainConfig, Trainer, losses
from minecsc.training.selection import Evaluator
from minecsc.training.teaching import (
    Ensemble,
    Reading,
    evaluate,
    harden,
    pick_texts,
    read_readings,
    taught_example,
    taught_examples,
    topic_rank,
    write_readings,
)

CPU = torch.device("cpu")
HEADS = NetworkConfig(feature_buckets=50, feature_width=4, word_width=16, pair_width=16, attention_heads=2)
NOBODY = HeldOut(frozenset(), frozenset())
TITLES = (
    "Zelbin kills cancer stem cells",
    "Fom1 makes glioma cells resistant to zelbin",
    "A tumour marker called baf3",
    "Sleep of barn owls",
)
BODY = "Zelbin blocked Fom1 in AB2 cells. Loss of baf3 raised Fom1, and the cells grew; no effect of dalomin was seen."


def other_tokenizer() -> Tokenizer:
    """Another vocabulary: longer pieces for a few words."""
    pieces = ["[UNK]", "[PAD]", "[SEP]", "[CLS]", *"abcdefghijklmnop123", "zel", "##bin", "cell", "##s", "fom", "##1"]
    made = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def teacher(seed: int, vocabulary: Tokenizer | None = None) -> Extractor:
    """An untrained network, its scores stretched so that it has views of its own."""
    network = tiny_network((), seed)
    with torch.no_grad():
        for head in (network.entity_out["csc"], network.relation_out["csc"]):
            head.weight.mul_(5)
    return Extractor(network, PieceEncoder(vocabulary or tokenizer(), 50), Decision(0.0))


def source(k: int) -> AnnotatedText:
    title = TITLES[k]
    return AnnotatedText(str(100 + k), f"{title} {BODY}", [], [], relation_head="csc", title_end=len(title))


def text_inputs(sources: Sequence[AnnotatedText]) -> list[TextInput]:
    found = []
    for text in sources:
        example = make_example(text, PieceEncoder(tokenizer(), 50), HEADS.entity_heads, HEADS.relation_heads)
        assert example is not None
        found.append(TextInput([text.text[a:b] for a, b in word_spans(text.text)], example.sentences))
    return found


SOURCES = [source(k) for k in range(len(TITLES))]
INPUTS = text_inputs(SOURCES)


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return list(Ensemble.of([teacher(3), teacher(4, other_tokenizer())]).read(INPUTS))


def facts(**changes: Any) -> dict[str, Any]:
    heads = {"entity_heads": list(ENTITY_TYPES), "relation_heads": list(RELATION_TYPES)}
    return {"teachers": ["a", "b"], "decision": asdict(Decision()), **heads, **changes}


def shared_folder(folder: Path, records: Sequence[dict[str, Any]], gold: Sequence[dict[str, Any]] = ()) -> Path:
    for name in ("csc", "gold", "corpora"):
        (folder / name).mkdir()
    for name, rows in (("csc_abstracts", records[:1]), ("background_abstracts", records[1:])):
        with gzip.open(folder / "csc" / f"{name}.jsonl.gz", "wt") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
    (folder / "gold" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in gold))
    return folder


def records() -> list[dict[str, Any]]:
    return [{"pmid": str(100 + k), "title": title, "abstract": BODY} for k, title in enumerate(TITLES)]


def test_an_ensemble_of_one_is_the_model() -> None:
    alone = teacher(3)
    ensemble = Ensemble.of([alone])
    ensemble.set_min_probability(0.0)
    for mine, its in zip(ensemble.predict(INPUTS), alone.predict(INPUTS), strict=True):
        assert its.mentions
        assert mine.mentions == its.mentions
        assert [(r.type, r.head, r.tail, r.negated) for r in mine.relations] == [
            (r.type, r.head, r.tail, r.negated) for r in its.relations
        ]
        assert [r.probability for r in mine.relations] == pytest.approx(
            [r.probability for r in its.relations], abs=2e-4
        )


def test_teachers_have_equal_voices_whatever_their_order_and_vocabulary(readings: list[Reading]) -> None:
    turned = Ensemble.of([teacher(4, other_tokenizer()), teacher(3)]).read(INPUTS)
    first = Ensemble.of([teacher(3)]).read(INPUTS)
    second = Ensemble.of([teacher(4, other_tokenizer())]).read(INPUTS)
    for both, swapped, one, two in zip(readings, turned, first, second, strict=True):
        assert both.path == swapped.path
        assert both.mentions == swapped.mentions
        np.testing.assert_array_equal(both.pairs, swapped.pairs)
        np.testing.assert_allclose(both.relations, swapped.relations, atol=1e-6)
        np.testing.assert_allclose(both.tags, (one.tags + two.tags) / 2, atol=1e-6)
        assert not np.allclose(one.tags, two.tags, atol=1e-3)


def test_a_reading_holds_every_allowed_pair_once(readings: list[Reading]) -> None:
    assert sum(len(r.pairs) for r in readings) > 10
    for r in readings:
        allowed = [
            [i, j]
            for i, head in enumerate(r.mentions)
            for j, tail in enumerate(r.mentions)
            if i != j
            and head.sentence == tail.sentence
            and any(signature_allows(kind, head.type, tail.type) for kind in RELATION_TYPES)
        ]
        assert r.pairs.tolist() == allowed
        np.testing.assert_allclose(r.relations.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(r.tags.sum(axis=1), 1, atol=1e-5)


def test_what_cannot_be_joined_is_refused() -> None:
    small = replace(HEADS, entity_heads={"csc": ENTITY_TYPES[:3]})
    stranger = Extractor(Network(small, ENCODER), PieceEncoder(tokenizer(), 50))
    with pytest.raises(ModelError, match="differ in their entity heads"):
        Ensemble.of([teacher(3), stranger])
    with pytest.raises(ModelError, match="its own mentions"):
        Ensemble.of([teacher(3)]).predict([replace_given(INPUTS[0])])


def replace_given(text: TextInput) -> TextInput:
    return TextInput(text.words, text.sentences, [(0, 0, "Drug")])


def test_readings_come_back_from_their_file(tmp_path: Path, readings: list[Reading]) -> None:
    path = tmp_path / "taught.safetensors"
    write_readings(path, SOURCES, readings, facts())
    found, said = read_readings(path)
    assert said == json.loads(json.dumps(facts()))
    assert len(found) == len(SOURCES)
    assert not any(word in path.read_bytes() for word in (b"Zelbin", b"zelbin", b"blocked"))
    for back, was in zip(found.values(), readings, strict=True):
        assert back.sentences == was.sentences
        assert back.path == was.path
        assert [(m.first, m.last, m.type, m.sentence) for m in back.mentions] == [
            (m.first, m.last, m.type, m.sentence) for m in was.mentions
        ]
        np.testing.assert_array_equal(back.pairs, was.pairs)
        np.testing.assert_allclose(back.tags, was.tags, atol=6e-3)
        np.testing.assert_allclose(back.relations, was.relations, atol=2e-3)
        np.testing.assert_allclose(back.flags, was.flags, atol=2e-3)
    (tmp_path / "other").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="cannot be read"):
        read_readings(tmp_path / "other")


def test_offsets_of_taught_mentions_are_those_that_the_teachers_read(tmp_path: Path, readings: list[Reading]) -> None:
    path = tmp_path / "taught.safetensors"
    write_readings(path, SOURCES, readings, facts())
    folder = tmp_path / "shared"
    folder.mkdir()
    shared_folder(folder, records()[::-1])  # the order of the texts is the file's
    examples = taught_examples(path, folder, PieceEncoder(other_tokenizer(), 50), HEADS, NOBODY)
    assert [e.text_id for e in examples] == [s.text_id for s in SOURCES]
    for example, reading in zip(examples, readings, strict=True):
        assert example.tags == reading.path
        spans = [(first, last, ENTITY_TYPES[kind]) for row in example.mentions for first, last, kind in row]
        assert spans == [(m.first, m.last, m.type) for m in reading.mentions]
        assert example.soft is not None
        targets = [example.pair_targets(k, len(RELATION_TYPES))[0] for k in range(len(example.sentences))]
        mass = sum(float(t[..., 1:].sum()) for t in targets)
        assert mass == pytest.approx(float(reading.relations[:, 1:].sum()), abs=0.1)


def test_a_held_out_or_missing_text_is_not_taught(tmp_path: Path, readings: list[Reading]) -> None:
    path = tmp_path / "taught.safetensors"
    write_readings(path, SOURCES, readings, facts())
    folder = tmp_path / "shared"
    folder.mkdir()
    shared_folder(folder, records()[:3])
    encoder = PieceEncoder(tokenizer(), 50)
    with pytest.raises(SourceError, match="1 of 4 texts are not in"):
        taught_examples(path, folder, encoder, HEADS, NOBODY)
    with pytest.raises(SourceError, match="102 is a held-out text"):
        taught_examples(path, folder, encoder, HEADS, HeldOut(frozenset({"102"}), frozenset()))
    write_readings(path, SOURCES, readings, facts(entity_heads=["Drug"]))
    with pytest.raises(ModelError, match="other entity heads"):
        taught_examples(path, folder, encoder, HEADS, NOBODY)
    with pytest.raises(SourceError, match="other words"):
        taught_example(replace(SOURCES[0], text=SOURCES[0].text + " More."), readings[0], encoder, HEADS)


def test_texts_near_the_field_are_picked_first_and_gold_never(tmp_path: Path) -> None:
    assert [topic_rank(f"{title} {BODY}") for title in TITLES] == [0, 1, 2, 3]
    lines = records()
    lines.append({**lines[0], "pmid": "200"})  # the same abstract under another number
    lines.append({"pmid": None, "title": "Cancer stem cells", "abstract": BODY})
    lines.append({**lines[0], "pmid": "300", "title": "On leukemia stem cells", "held_out": True})
    shared = shared_folder(tmp_path, lines)
    numbers = [text.text_id for text in pick_texts(shared, 9, NOBODY)]
    assert numbers[0] in ("100", "200")
    assert numbers[1:] == ["101", "102", "103"]
    assert [t.text_id for t in pick_texts(shared, 2, NOBODY)] == numbers[:2]
    exclude = HeldOut(frozenset({"101"}), frozenset())
    assert "101" not in [t.text_id for t in pick_texts(shared, 9, exclude)]
    gold = [{"pmid": "102", "text": "Another text"}, {"pmid": "7", "text": f"{TITLES[0]} {BODY}"}]
    (shared / "gold" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in gold))
    assert [t.text_id for t in pick_texts(shared, 9, NOBODY)] == ["101", "103"]


def test_no_real_text_to_teach_from_is_held_out_or_gold(shared: Path) -> None:
    exclude = held_out(shared)
    picked = pick_texts(shared, 400, exclude)
    assert len({t.text_id for t in picked}) == 400
    assert not [t.text_id for t in picked if (t.text_id, t.text) in exclude]
    gold = [r for name in ("train", "dev") for r in read_lines(shared / "gold" / f"{name}.jsonl")]
    assert not {str(r["pmid"]) for r in gold} & {t.text_id for t in picked}
    assert not {text_key(r["text"]) for r in gold} & {text_key(t.text) for t in picked}


def gold_example(encoder: PieceEncoder) -> Example:
    text = "Zelbin blocks fom1 here. Fom1 helped dalomin and zelbin."
    entities = [(0, 6, "Drug"), (14, 18, "Gene"), (25, 29, "Gene"), (37, 44, "Drug"), (49, 55, "Drug")]
    relations = [("decreases", 0, 1, True, False), ("sensitizes_to", 2, 3, False, True)]
    types = [type_index(kind) for _, _, kind in entities]
    source = AnnotatedText("1", text, entities, types, relations, "csc", "csc")
    example = make_example(source, encoder, HEADS.entity_heads, HEADS.relation_heads)
    assert example is not None
    return example


def certain(example: Example) -> Example:
    """The same labels as probabilities of 0 and 1."""
    n_tags, n_types = 2 * len(ENTITY_TYPES) + 1, len(RELATION_TYPES)
    assert example.tags is not None
    pairs, relations, flags = [], [], []
    for k, row in enumerate(example.mentions):
        wanted, raised = example.pair_targets(k, n_types)
        head, tail = (~torch.eye(len(row), dtype=torch.bool)).nonzero().unbind(1)
        pairs.append(torch.stack([head, tail], dim=1))
        relations.append(wanted[head, tail].half())
        flags.append(raised[head, tail].half())
    tags = torch.eye(n_tags)[torch.tensor(example.tags)].half()
    return replace(example, labels=[{} for _ in pairs], soft=SoftLabels(tags, pairs, relations, flags))


def test_certain_labels_teach_what_annotation_does() -> None:
    encoder = PieceEncoder(tokenizer(), 50)
    network = tiny_network(())
    example = gold_example(encoder)
    hard = losses(network, encoder, [example], CPU)
    soft = losses(network, encoder, [certain(example)], CPU)
    assert set(hard) == {"entity", "relation", "flag"}
    for name, value in hard.items():
        assert value.item() > 0
        torch.testing.assert_close(soft[name], value)


def test_a_student_that_agrees_with_its_teachers_learns_nothing_new() -> None:
    """The gradients of entity and relation scores vanish where the student's own probabilities are the labels."""
    extractor = teacher(5)
    network = extractor.network
    (reading,) = Ensemble.of([extractor]).read(INPUTS[:1])
    own = taught_example(SOURCES[0], reading, extractor.encoder, HEADS)
    assert own.soft is not None

    def gradients(example: Example) -> tuple[float, float]:
        network.zero_grad()
        parts = losses(network, extractor.encoder, [example], CPU)
        (parts["entity"] + parts["relation"]).backward()
        heads: Any = (network.entity_out["csc"], network.relation_out["csc"])
        return float(heads[0].bias.grad.abs().max()), float(heads[1].bias.grad.abs().max())

    entity, relation = gradients(own)
    assert entity < 1e-3
    assert relation < 1e-3
    turned = replace(own.soft, tags=own.soft.tags.roll(1, 1), relations=[r.flip(1) for r in own.soft.relations])
    entity, relation = gradients(replace(own, soft=turned))
    assert entity > 1e-2
    assert relation > 1e-2


def test_hard_labels_leave_unsure_pairs_out(readings: list[Reading]) -> None:
    reading = max(readings, key=lambda r: len(r.pairs))
    best = reading.relations[:, 1:].max(axis=1)
    low, high = (float(q) for q in np.quantile(best, (0.3, 0.7)))
    decided = harden(reading, Decision(calibration=(0.0, 1.0, 0.0, 0.0)), (low, high))
    assert decided.tags.argmax(axis=1).tolist() == reading.path
    assert set(np.unique(decided.relations).tolist()) == {0.0, 1.0}
    none, unsure = decided.relations[:, 0] == 1, decided.relations.sum(axis=1) == 0
    assert (best[none] <= low + 1e-6).all()
    assert (best[~none & ~unsure] >= high - 1e-6).all()
    assert none.any()
    assert unsure.any()
    held = ~none & ~unsure
    np.testing.assert_array_equal(decided.relations[held, 1:].argmax(1), reading.relations[held, 1:].argmax(1))
    network, encoder = tiny_network(()), PieceEncoder(tokenizer(), 50)
    place = [r is reading for r in readings].index(True)
    parts = losses(network, encoder, [taught_example(SOURCES[place], decided, encoder, HEADS)], CPU)
    assert all(torch.isfinite(value) for value in parts.values())


def test_a_student_learns_from_taught_texts(tmp_path: Path, readings: list[Reading]) -> None:
    encoder = PieceEncoder(tokenizer(), 50)
    taught = [taught_example(s, r, encoder, HEADS) for s, r in zip(SOURCES, readings, strict=True)]
    gold = gold_example(encoder)
    groups = batches([gold, *taught], range(5), 100_000)
    assert sorted(map(sorted, groups)) == [[0], [1, 2, 3, 4]]
    text = TextInput(["Zelbin"], [(0, 1)])
    evaluator = Evaluator(
        encoder, [gold], [replace(text, words=["x"] * len(gold.encoded), sentences=gold.sentences)], CPU
    )
    config = TrainConfig(mixed_epochs=0, gold_epochs=12, bf16=False, taught_share=0.5, head_rate=5e-3, ema=0.5)
    trainer = Trainer(tiny_network((), 9), encoder, config, tmp_path, CPU, evaluator, lambda _: None)
    before = losses(trainer.network, encoder, taught, CPU)
    history = trainer.run([gold], [], taught).history
    assert {"loss_entity", "loss_taught_entity", "loss_relation", "loss_taught_relation"} <= set(history[-1])
    after = losses(trainer.network.eval(), encoder, taught, CPU)
    for name in ("entity", "relation"):
        assert after[name].item() < before[name].item()
    assert trainer._drawn(0, taught, 0.5) != trainer._drawn(3, taught, 0.5)
    assert len(trainer._drawn(0, taught, 0.5)) == 2


def test_an_ensemble_has_figures_on_annotated_texts() -> None:
    encoder = PieceEncoder(tokenizer(), 50)
    ensemble = Ensemble.of([teacher(3), teacher(4)])
    predictions = ensemble.predict(INPUTS)
    middle = np.median([r.probability for p in predictions for r in p.relations])
    texts, examples = [], []
    for given, prediction in zip(SOURCES, predictions, strict=True):
        words = word_spans(given.text)
        entities = [(words[m.first][0], words[m.last][1], m.type) for m in prediction.mentions]
        likely = [r for r in prediction.relations if r.probability >= middle]
        relations = [(r.type, r.head, r.tail, False, False) for r in likely]
        text = replace(given, entities=entities, pair_types=[type_index(e[2]) for e in entities], relations=relations)
        example = make_example(text, encoder, HEADS.entity_heads, HEADS.relation_heads)
        assert example is not None
        texts.append(text)
        examples.append(example)
    decision, figures = evaluate(ensemble, examples, texts)
    assert figures["entity_f1"] == 100.0
    assert 50 < figures["best_f1"] <= 100.0
    assert decision.calibration != Decision().calibration
