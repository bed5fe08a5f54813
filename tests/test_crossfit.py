"""Calibration on out-of-fold answers: what is fitted, what is refused, and what a model folder then holds."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_training import ENCODER, HEADS, tiny_tokenizer

from minecsc.errors import ModelError
from minecsc.evaluation import calibrate
from minecsc.evaluation.relations import Comparison
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision, TextInput, calibration_features
from minecsc.nlp.model_io import load_extractor, model_digest, read_meta, save_model, update_meta
from minecsc.nlp.network import Network
from minecsc.schema import Document, Extraction, Mention, Relation, Sentence
from minecsc.training.crossfit import (
    CALIBRATORS,
    compare_calibrators,
    fit_decision,
    fit_platt,
    flag_f1,
    flag_threshold,
    head_figures,
    pool,
    raw,
    read_answers,
    read_folds,
)
from minecsc.training.examples import AnnotatedText, make_example, type_index
from minecsc.training.loop import TrainConfig, Trainer
from minecsc.training.reliability import reliability_svg
from minecsc.training.run import Fold
from minecsc.training.selection import (
    Candidates,
    apply_calibration,
    candidates,
    choose,
    fit_calibration,
    operating_point,
    steady_threshold,
)

TRUE = (-0.4, 0.6, 1.2, 2.0)
SHARP = (0.5, 2.0, 1.2, 2.0)
"""Weights under which many candidates are almost surely right."""
CPU = torch.device("cpu")


def simulated(n: int = 20_000, texts: int = 400, weights: tuple[float, ...] = TRUE, seed: int = 1) -> Candidates:
    """Candidates that are right exactly as often as a logistic calibration with these weights says."""
    torch.manual_seed(seed)
    features = torch.stack([torch.randn(n) * 2 + 1, -torch.rand(n) * 0.7, -torch.rand(n) * 0.7], dim=1)
    right = torch.rand(n) < torch.sigmoid(weights[0] + features @ torch.tensor(weights[1:]))
    text = torch.randint(0, texts, (n,))
    return Candidates(features, right, text, torch.bincount(text[right], minlength=texts) + 1)


# fitting


def test_the_weights_that_made_the_candidates_are_found_again() -> None:
    found = simulated()
    assert fit_calibration(found.features, found.right) == pytest.approx(TRUE, abs=0.25)
    bias, slope, head, tail = fit_calibration(found.features, found.right, (True, True, False, False))
    assert (head, tail) == (0.0, 0.0)
    assert slope == pytest.approx(TRUE[1], abs=0.1)
    assert bias < TRUE[0]  # it stands in for the mentions


def test_temperature_moves_probabilities_and_keeps_their_order() -> None:
    found = simulated(weights=(0.0, 0.5, 0.0, 0.0))
    weights = fit_calibration(found.features, found.right, (False, True, False, False))
    assert weights == pytest.approx((0.0, 0.5, 0.0, 0.0), abs=0.05)
    ranked = apply_calibration(weights, found.features)[raw(found).argsort()]
    assert (ranked.diff() >= -1e-6).all()


@pytest.mark.parametrize("name", CALIBRATORS)
def test_every_calibrator_rises_with_the_score_and_gives_probabilities(name: str) -> None:
    found = simulated(n=2000)
    scores = torch.zeros(200, 3)
    scores[:, 0] = torch.linspace(-9, 9, 200)
    p = CALIBRATORS[name](found.features, found.right)(scores)
    assert ((p >= 0) & (p <= 1)).all()
    assert (p.diff() >= -1e-6).all()


def test_the_calibration_that_fits_wins_the_comparison() -> None:
    rows = {row.name: row for row in compare_calibrators(simulated(n=8000), samples=200)}
    assert list(rows) == list(CALIBRATORS)
    best = rows["logistic with both mentions"]
    assert best.difference == 0.0
    assert best.ece < 0.02
    for name in ("none", "temperature", "Platt", "isotonic"):  # none of them sees the mentions
        assert rows[name].interval[0] > 0, name
    assert abs(rows["logistic, then isotonic"].difference) < 0.01
    assert rows["none"].ece > 0.1


# thresholds


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.integers(1, 20))
def test_from_a_steady_threshold_on_precision_holds(rows: list[tuple[float, bool]], support: int) -> None:
    probability = torch.tensor([p for p, _ in rows], dtype=torch.double)
    right = torch.tensor([r for _, r in rows], dtype=torch.bool)
    threshold = steady_threshold(probability, right, precision=0.7, support=support)
    if threshold is None:
        return
    for lowest in [threshold, *(p for p, _ in rows if p >= threshold)]:
        kept = right[probability >= lowest]
        assert len(kept) < support or kept.double().mean() >= 0.7


def test_a_few_lucky_ones_are_no_operating_point() -> None:
    probability = torch.cat([torch.full((10,), 0.95), torch.linspace(0.3, 0.9, 400)])
    right = torch.cat([torch.ones(10), torch.tensor([1.0, 0.0]).repeat(200)]).bool()
    assert steady_threshold(probability, right, support=5) is not None
    assert steady_threshold(probability, right, support=50) is None


def test_an_operating_point_counts_and_its_interval_is_by_text() -> None:
    found = simulated(n=3000, texts=60)
    p = apply_calibration(TRUE, found.features)
    point = operating_point(found, p, 0.8)
    kept = p >= 0.8
    assert point.kept == int(kept.sum())
    assert point.precision == pytest.approx(float(found.right[kept].float().mean()))
    assert point.recall == pytest.approx(int(found.right[kept].sum()) / found.total)
    assert point.precision_interval[0] < point.precision < point.precision_interval[1]
    assert operating_point(found, p, 1.1).precision == 0.0
    few = operating_point(pool([found] * 4), p.repeat(4), 0.8)  # four times the texts: half the width
    width = [b - a for a, b in (point.precision_interval, few.precision_interval)]
    assert width[1] < 0.7 * width[0]


def test_dev_chooses_thresholds_and_leaves_a_fitted_calibration_alone() -> None:
    fitted = Decision(calibration=SHARP, confident_probability=0.93, speculation_threshold=0.4)
    decision, figures = choose(simulated(n=1500, texts=50, weights=SHARP, seed=2), fitted)
    assert (decision.calibration, decision.speculation_threshold) == (SHARP, 0.4)
    assert decision.min_probability == figures["threshold"] >= figures["best_threshold"]
    assert decision.confident_probability == figures["precise_threshold"] >= 0.93
    assert figures["precise_precision"] > 0.9
    assert figures["precise_low"] <= figures["precise_precision"] <= figures["precise_high"]
    assert figures["ece"] < 0.06
    low, _ = choose(simulated(n=1500, texts=50, weights=SHARP, seed=2), replace(fitted, confident_probability=0.02))
    assert low.confident_probability is not None
    assert low.confident_probability > 0.02  # precision does not hold there on dev


def test_flags_take_another_threshold_only_where_it_carries_over() -> None:
    torch.manual_seed(0)
    text = torch.arange(600) % 60
    flagged = torch.rand(600) < 0.2
    odds = torch.where(flagged, torch.tensor(-1.0), torch.tensor(-4.0)) + 0.5 * torch.randn(600)
    gold = torch.bincount(text[flagged], minlength=60)
    shy = Candidates(torch.stack([odds, odds * 0, odds * 0], dim=1), flagged, text, gold)
    threshold = flag_threshold(shy)
    assert threshold < 0.3
    assert flag_f1(shy, threshold) > 0.9 > flag_f1(shy, 0.5)
    sure = replace_features(shy, odds + 2.5)
    assert flag_f1(sure, flag_threshold(sure)) >= flag_f1(sure, 0.5)


def replace_features(found: Candidates, odds: torch.Tensor) -> Candidates:
    return replace(found, features=torch.stack([odds, odds * 0, odds * 0], dim=1))


# what counts


def test_a_name_and_its_abbreviation_are_one_candidate_the_likelier() -> None:
    text = "aba lowers cell plasticity (CP)."
    sentences = (Sentence(0, 0, len(text)),)
    drug = Mention(0, 3, "aba", "Drug", 0, 0.9)
    long = Mention(11, 26, "cell plasticity", "Process", 0, 0.8)
    short = Mention(28, 30, "CP", "Process", 0, 0.7)
    document = Document("t", "", text)
    gold = Extraction(document, sentences, (drug, long, short), (Relation("decreases", drug, long),))
    found = Extraction(
        document,
        sentences,
        (drug, long, short),
        (Relation("decreases", drug, long, probability=0.4), Relation("decreases", drug, short, probability=0.6)),
    )
    made = candidates([Comparison(gold, found)])
    assert made.right.tolist() == [True]
    assert made.total == 1
    expected = calibration_features(*(torch.tensor(p) for p in (0.6, 0.9, 0.7)))
    torch.testing.assert_close(made.features[0], torch.stack(expected))
    assert len(candidates([Comparison(gold, replace(found, relations=()))]).right) == 0


# folds


def texts(count: int = 32) -> list[AnnotatedText]:
    """Abstracts whose entity types can only be known by heart."""
    rng = random.Random(4)
    made = []
    for n in range(count):
        first, second = ("".join(rng.choice("abcdefgh") for _ in range(5)) for _ in range(2))
        kinds = [rng.choice(("Drug", "Chemical")), rng.choice(("Gene", "Process"))]
        text = f"{first} hits {second} here."
        entities = [(0, 5, kinds[0]), (11, 16, kinds[1])]
        relations = [("decreases" if n % 2 else "increases", 0, 1, n % 3 == 0, n % 2 == 0)]
        pair_types = [type_index(kind) for kind in kinds]
        made.append(AnnotatedText(f"t{n}", text, entities, pair_types, relations, "csc", "csc"))
    return made


def encoder() -> PieceEncoder:
    return PieceEncoder(tiny_tokenizer(), HEADS.feature_buckets)


class Latest:
    """Every epoch is better than the one before."""

    epochs = 0.0

    def __call__(self, _: Network) -> dict[str, float]:
        self.epochs += 1
        return {"score": self.epochs}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder and the run folders of two folds, trained until they know their texts."""
    folder = tmp_path_factory.mktemp("folds")
    config = TrainConfig(
        mixed_epochs=0, gold_epochs=40, encoder_rate=5e-3, head_rate=8e-3, ema=0.5, max_pieces=150, bf16=False
    )
    for k in (0, 1):
        torch.manual_seed(0)
        network = Network(HEADS, ENCODER)
        kept = [text for text in texts() if not Fold(k, 2).holds(text.text_id)]
        made = [make_example(text, encoder(), HEADS.entity_heads, HEADS.relation_heads) for text in kept]
        trainer = Trainer(network, encoder(), config, folder / f"f{k}", CPU, Latest(), lambda _: None)
        trainer.run([example for example in made if example is not None], [])
    save_model(folder / "model", network, ENCODER, tiny_tokenizer(), {"decision": asdict(Decision()), "dev": {}})
    return folder


def test_each_text_is_read_by_the_network_that_left_it_out(runs: Path) -> None:
    said: list[str] = []
    found = read_folds(runs / "model", [runs / "f0", runs / "f1"], texts(), CPU, say=said.append)
    assert len(said) == 2
    for part in (found.relations, found.mentions, found.negation, found.speculation):
        assert len(part.gold) == len(texts())
        assert len(part.text) == 0 or 0 <= int(part.text.min()) <= int(part.text.max()) < len(texts())
    assert found.mentions.total == 2 * len(texts())
    assert len(found.negation.right) == found.relations.total == len(texts())
    assert int(found.speculation.right.sum()) == len(texts()) // 2

    with pytest.raises(ModelError, match="another order"):
        read_folds(runs / "model", [runs / "f1", runs / "f0"], texts(), CPU)
    with pytest.raises(ModelError, match="at least two folds"):
        read_folds(runs / "model", [runs / "f0"], texts(), CPU)
    with pytest.raises(ModelError, match="no epoch"):
        read_folds(runs / "model", [runs / "f0", runs / "none"], texts(), CPU)


def test_a_run_of_another_architecture_is_refused(runs: Path, tmp_path: Path) -> None:
    other = Network(replace(HEADS, word_width=32), ENCODER)
    save_model(tmp_path, other, ENCODER, tiny_tokenizer(), {"decision": {}})
    with pytest.raises(ModelError, match="another architecture"):
        read_folds(tmp_path, [runs / "f0", runs / "f1"], texts(), CPU)


def test_a_decision_is_fitted_and_every_head_measured(runs: Path) -> None:
    extractor = load_extractor(runs / "model")
    dev = read_answers(extractor.network, extractor.encoder, texts(), CPU)
    found = replace(dev, relations=simulated(weights=SHARP), mentions=simulated(weights=(-0.5, 0.5, 0.0, 0.0)))
    decision = fit_decision(found)
    assert decision.calibration == pytest.approx(SHARP, abs=0.3)
    assert decision.mention_calibration == pytest.approx((-0.5, 0.5), abs=0.1)
    assert decision.confident_probability is not None
    heads = {head.name: head for head in head_figures(found, found, replace(decision, min_probability=0.3))}
    assert len(heads) == 5
    assert heads["mentions"].dev.ece < 0.02 < heads["mentions"].dev_raw.ece
    assert heads["relations"].out_of_fold.ece < 0.02
    assert heads["relations from 0.30 on"].dev.predictions < heads["relations"].dev.predictions


# the model folder


def test_a_new_decision_keeps_the_digests_and_says_what_it_fitted(runs: Path, tmp_path: Path) -> None:
    for path in (runs / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    words = [TextInput([*text.text[:-1].split(), "."], [(0, 5)]) for text in texts()]
    before = load_extractor(tmp_path)
    before.decision = replace(before.decision, min_probability=0.0)
    raw_answers = before.predict(words)
    old = model_digest(tmp_path)

    decision = Decision(0.0, (0.1, 0.5, 0.3, 0.2), confident_probability=0.9, mention_calibration=(-0.3, 0.6))
    update_meta(tmp_path, decision=asdict(decision), calibration={"folds": 2})
    assert model_digest(tmp_path) != old
    assert read_meta(tmp_path)["calibration"] == {"folds": 2}
    after = load_extractor(tmp_path)  # checks every file against its digest
    assert after.decision == decision
    for was, now in zip(raw_answers, after.predict(words), strict=True):
        odds = torch.logit(torch.tensor([m.probability for m in was.mentions]), eps=1e-4)
        expected = torch.sigmoid(-0.3 + 0.6 * odds)
        torch.testing.assert_close(torch.tensor([m.probability for m in now.mentions]), expected, atol=1e-4, rtol=0)
        ends = [
            torch.tensor([was.mentions[getattr(r, e)].probability for r in was.relations]) for e in ("head", "tail")
        ]
        expected = decision.calibrate(torch.tensor([r.probability for r in was.relations]), *ends)
        assert [(r.head, r.tail, r.type) for r in now.relations] == [(r.head, r.tail, r.type) for r in was.relations]
        torch.testing.assert_close(torch.tensor([r.probability for r in now.relations]), expected, atol=2e-3, rtol=0)
    (given_ones,) = after.predict([replace(words[0], given=[(0, 0, "Drug"), (2, 2, "Gene")])])
    assert [m.probability for m in given_ones.mentions] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"digests": {}}, "belong to its files"), ({"decision": {"temperature": 2}}, "not a decision")],
)
def test_what_a_model_is_made_of_cannot_be_changed(runs: Path, changes: dict[str, object], message: str) -> None:
    said = (runs / "model" / "meta.json").read_bytes()
    with pytest.raises(ModelError, match=message):
        update_meta(runs / "model", **changes)
    assert (runs / "model" / "meta.json").read_bytes() == said


def test_a_diagram_has_a_dot_for_each_bin() -> None:
    found = simulated(n=500)
    measured = calibrate(fit_platt(found.features, found.right)(found.features).tolist(), found.right.tolist(), gold=1)
    assert measured is not None
    svg = reliability_svg([("relations < all", measured), ("mentions", measured)])
    root = ET.fromstring(svg)
    assert len(root.findall("{*}circle")) == 2 * len(measured.bins)
    assert any((text.text or "").startswith("relations < all: ECE") for text in root.findall("{*}text"))
