"""From explainable features of the readings of a mention to the probability that each is right.

A conditional logit: each reading has log odds against NIL, linear in what :class:`minecsc.linking.scoring.Scored` and
the document say of it, and the readings of one mention share one unit of probability with NIL. The coefficients lie in
``data/calibration.json`` and are fitted on training splits of public corpora by ``scripts/fit_linker.py``; the same
file holds the threshold below which the linker abstains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minecsc.errors import KnowledgeBaseError
from minecsc.linking.layout import CURATED, OFFICIAL, REVIEW, SYNONYM, WEAK
from minecsc.linking.scoring import CLASSES, Scored, priority
from minecsc.schema import EntityType

PATH: Final = Path(__file__).resolve().parent / "data" / "calibration.json"
_TIERS: Final = {CURATED: "curated", REVIEW: "curated", OFFICIAL: "official", SYNONYM: "synonym", WEAK: "weak"}
_FITTED_TYPES: Final = ("Gene", "Drug", "Cancer")
_SHORT, _BRIEF = 3, 5
_MAX_STEPS: Final = 50

FEATURES: Final = (
    "bias", "prior",
    *(f"type_{t}" for t in _FITTED_TYPES),
    *(f"way_{w}" for w in ("rewritten", "greek", "long", "symbol", "paren", "slash", "composed", "fuzzy")),
    "way_modifier", "way_broader", "name_curated", "name_official", "name_synonym", "name_weak",
    "form_cased", "form_folded", "key_short", "key_brief",
    "neighbouring_type", "gene_class", "vocabulary_rank", "fewer_names",
    "cosine", "inflected", "misspelled", "extra", "missing",
    "said", "linked", "kin",
)  # fmt: skip
"""What the model looks at, in the order of its coefficients.

prior: log odds of the prior score; vocabulary_rank: place of the concept's vocabulary among those of its type;
fewer_names: log ratio of synonyms against the reading that has most, as a measure of how much is written about it;
cosine: what is missing to 1; said: another name of the concept stands in the document; linked: the document has the
concept by another name; kin: or a concept that it is part of or acts on.
"""
_INDEX: Final = {name: i for i, name in enumerate(FEATURES)}
_PRIOR, _COMPOSED = _INDEX["prior"], _INDEX["way_composed"]
_FOR: Final = frozenset({"prior", "name_curated", "said", "linked", "kin"})
_EITHER: Final = frozenset({"bias", *(f"type_{t}" for t in _FITTED_TYPES), "key_brief"})
_SIGNS: Final = np.array([0 if f in _EITHER else 1 if f in _FOR else -1 for f in FEATURES])
_CONTEXT: Final = (_INDEX["said"], _INDEX["linked"], _INDEX["kin"])


def features(found: Sequence[Scored], type_: EntityType | None) -> list[tuple[float, ...]]:
    """Features of a mention's readings without those of the document, in the order of :data:`FEATURES`."""
    most = max((len(reading.concept.synonyms) for reading in found), default=0)
    return [tuple(_features(reading, type_, most)) for reading in found]


def _features(reading: Scored, type_: EntityType | None, most: int) -> list[float]:
    out = [0.0] * len(FEATURES)

    def put(name: str, value: float = 1.0) -> None:
        if name in _INDEX:
            out[_INDEX[name]] = value

    concept = reading.concept
    clipped = min(max(reading.score, 0.02), 0.995)
    put("bias")
    put("prior", log(clipped / (1 - clipped)))
    put(f"type_{'Drug' if type_ == 'Chemical' else type_}")
    put(f"way_{reading.way}")
    put(f"form_{reading.form}")
    if reading.way != "composed":
        put(f"name_{_TIERS.get(reading.tier)}")
        put("key_short", float(reading.key <= _SHORT))
        put("key_brief", float(_SHORT < reading.key <= _BRIEF))
    put("neighbouring_type", float(type_ is not None and concept.type != type_))
    put("gene_class", float(concept.type == "Gene" and concept.concept_id.startswith(CLASSES)))
    put("vocabulary_rank", float(priority(concept)))
    put("fewer_names", log((1 + most) / (1 + len(concept.synonyms))))
    if reading.alignment is not None:
        put("cosine", 1 - reading.cosine)
        for name in ("inflected", "misspelled", "extra", "missing"):
            put(name, float(getattr(reading.alignment, name)))
    return out


@dataclass(frozen=True)
class Calibrator:
    """Coefficients by feature, and the probability below which the answer is NIL."""

    coefficients: tuple[float, ...]
    threshold: float

    def base(self, values: Sequence[float]) -> float:
        """Log odds of a reading from its features.

        Those of a composed reading never exceed its prior's: the corpora hold too few to fit.
        """
        odds = sum(c * v for c, v in zip(self.coefficients, values, strict=True) if v)
        return min(odds, values[_PRIOR]) if values[_COMPOSED] else odds

    def odds(self, base: float, said: bool, linked: bool, kin: bool) -> float:
        """Log odds of a reading, with what the document adds."""
        for at, holds in zip(_CONTEXT, (said, linked, kin), strict=True):
            if holds:
                base += self.coefficients[at]
        return base


def probabilities(odds: Sequence[float]) -> list[float]:
    """Probabilities of the readings of one mention from their log odds; what they leave of 1 is that of NIL."""
    top = max([0.0, *odds])
    each = [exp(o - top) for o in odds]
    total = sum(each) + exp(-top)
    return [e / total for e in each]


def with_context(values: list[float], said: bool, linked: bool, kin: bool) -> list[float]:
    """Features of a reading in its document."""
    out = list(values)
    for at, holds in zip(_CONTEXT, (said, linked, kin), strict=True):
        out[at] = float(holds)
    return out


@cache
def shipped() -> Calibrator:
    """The model in the package. Raises KnowledgeBaseError where its file does not fit this version."""
    return read(PATH)


def read(path: Path) -> Calibrator:
    """A model written by :func:`write`. Raises KnowledgeBaseError where it is not one of this version's."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        coefficients: Mapping[str, float] = stored["coefficients"]
        return Calibrator(tuple(float(coefficients[name]) for name in FEATURES), float(stored["threshold"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"{path} holds no calibration of this version: {error!r}") from error


def write(path: Path, model: Calibrator, notes: Mapping[str, Any]) -> None:
    """Store a model with notes on how it was fitted."""
    stored = {
        "coefficients": {name: round(c, 4) for name, c in zip(FEATURES, model.coefficients, strict=True)},
        "threshold": round(model.threshold, 4),
        **notes,
    }
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def fit(
    rows: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64], *, ridge: float = 1.0
) -> tuple[float, ...]:
    """Coefficients of the conditional logit by Newton's method.

    A coefficient whose sign contradicts what its feature means (a misspelled word that would speak for a reading) is
    held at zero: it reflects the corpora, not the language. rows: float64[reading, feature], mention after mention;
    right: bool[reading], one of a mention's readings or none, for NIL; starts: first reading of each mention; ridge:
    penalty on every coefficient but the bias.
    """
    penalty = np.full(rows.shape[1], ridge)
    penalty[_INDEX["bias"]] = 1e-6
    used = np.ones(rows.shape[1], dtype=bool)
    while True:
        coefficients = np.zeros(rows.shape[1])
        coefficients[used] = _newton(rows[:, used], right, starts, penalty[used])
        against = used & (coefficients * _SIGNS < 0)
        if not against.any():
            return tuple(float(c) for c in coefficients)
        used &= ~against


def _newton(
    rows: npt.NDArray[np.float64],
    right: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    penalty: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    coefficients = np.zeros(rows.shape[1])
    sizes = np.diff(np.append(starts, len(rows)))
    for _ in range(_MAX_STEPS):
        odds = np.clip(rows @ coefficients, -30, 30)
        each = np.exp(odds)
        expected = each / np.repeat(np.add.reduceat(each, starts) + 1, sizes)
        weighted = rows * expected[:, None]
        means = np.add.reduceat(weighted, starts)
        gradient = rows.T @ (right - expected) - penalty * coefficients
        curvature = weighted.T @ rows - means.T @ means + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        coefficients += step
        if float(np.abs(step).max()) < 1e-8:
            break
    return coefficients
