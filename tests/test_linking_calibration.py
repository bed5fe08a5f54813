"""The linker's probability: its fit, its file, and that it means what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import calibration
from minecsc.linking.calibration import FEATURES, Calibrator, features, fit, probabilities, read, shipped, write
from minecsc.linking.layout import Concept
from minecsc.linking.scoring import Scored

_GENE = Concept("hgnc:1", "ABC1", "Gene", ("alpha beta cell 1",))


def test_the_fit_finds_the_odds_of_the_data() -> None:
    random = np.random.default_rng(1)
    mentions, size = 3000, 2
    rows = np.zeros((mentions * size, len(FEATURES)))
    rows[:, 0] = 1
    rows[:, 1] = random.normal(size=len(rows))
    each = np.exp(0.5 + 2.0 * rows[:, 1]).reshape(mentions, size)
    chances = np.column_stack([each, np.ones(mentions)]) / (each.sum(axis=1, keepdims=True) + 1)
    chosen = (random.random((mentions, 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    right = (np.arange(size) == chosen[:, None]).ravel()
    found = fit(rows, right, np.arange(0, len(rows), size))
    assert found[0] == pytest.approx(0.5, abs=0.15)
    assert found[1] == pytest.approx(2.0, abs=0.2)
    assert all(c == 0 for c in found[2:])


def test_a_coefficient_against_its_meaning_is_held_at_zero() -> None:
    at = FEATURES.index("misspelled")
    rows = np.zeros((400, len(FEATURES)))
    rows[:, 0] = 1
    rows[::2, at] = 1
    found = fit(rows, rows[:, at] > 0, np.arange(400))
    assert found[at] == 0


def test_features_say_how_a_reading_was_found() -> None:
    found = dict(
        zip(FEATURES, features([Scored(_GENE, 0.9, "rewritten", form="cased", key=3)], "Gene")[0], strict=True)
    )
    assert {n for n, v in found.items() if v and n.startswith(("type", "way", "form", "key"))} == {
        "type_Gene", "way_rewritten", "form_cased", "key_short",
    }  # fmt: skip


def test_what_the_document_says_raises_the_odds() -> None:
    model = shipped()
    assert model.odds(0.0, True, False, False) > model.odds(0.0, False, False, False) == 0.0


@given(st.lists(st.floats(-1e6, 1e6), max_size=6))
def test_probabilities_keep_the_order_and_sum_to_one_at_most(odds: list[float]) -> None:
    found = probabilities(odds)
    assert all(0.0 <= p <= 1.0 for p in found)
    assert sum(found) <= 1.0 + 1e-9
    assert sorted(found) == [p for _, p in sorted(zip(odds, found, strict=True))]


def test_a_model_is_stored_whole(tmp_path: Path) -> None:
    model = Calibrator(tuple(round(0.1 * i, 4) for i in range(len(FEATURES))), 0.4)
    write(tmp_path / "model.json", model, {"fitted_on": ["nothing"]})
    assert read(tmp_path / "model.json") == model


def test_a_model_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"coefficients": {"bias": 1.0}, "threshold": 0.5}), encoding="utf-8")
    with pytest.raises(KnowledgeBaseError, match="no calibration"):
        read(path)
    with pytest.raises(KnowledgeBaseError, match="no calibration"):
        read(tmp_path / "absent.json")


def test_the_shipped_model_says_how_it_was_fitted() -> None:
    stored = json.loads(calibration.PATH.read_text(encoding="utf-8"))
    assert stored["fitted_on"]
    assert 0.3 <= stored["threshold"] <= 0.9
    assert stored["dev"]["all"]["ece"] <= 0.05
