"""Whether a probability means what it says, and which threshold buys which precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minecsc.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions with a probability in (low, high]: how many, their mean probability, share correct."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Keeping predictions with ``probability >= threshold``: their precision, and recall over gold."""

    threshold: float
    precision: float
    recall: float
    kept: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a set of predictions, each right or wrong.

    ece, ece_mass: expected calibration error over equal-width and equal-mass bins; brier: mean
    squared error of the probability; curve: precision and recall by threshold, ascending.
    at_precision: the point of highest recall that keeps ``target_precision``, None where none does.
    """

    predictions: int
    gold: int
    ece: float
    ece_mass: float
    brier: float
    bins: tuple[ReliabilityBin, ...]
    curve: tuple[OperatingPoint, ...]
    target_precision: float
    at_precision: OperatingPoint | None

    def to_dict(self, *, curve_points: int = 200) -> dict[str, Any]:
        """Plain values; the curve thinned to about ``curve_points`` points, both ends kept."""
        step = max(1, -(-len(self.curve) // curve_points))
        curve = [*self.curve[::step]]
        if self.curve and curve[-1] != self.curve[-1]:
            curve.append(self.curve[-1])
        return {
            "predictions": self.predictions,
            "gold": self.gold,
            "ece": self.ece,
            "ece_mass": self.ece_mass,
            "brier": self.brier,
            "bins": [_fields(item) for item in self.bins],
            "curve": [_fields(point) for point in curve],
            "target_precision": self.target_precision,
            "at_precision": None if self.at_precision is None else _fields(self.at_precision),
        }


def _fields(item: ReliabilityBin | OperatingPoint) -> dict[str, float]:
    return {name: getattr(item, name) for name in item.__slots__}


def calibrate(
    probabilities: Sequence[float],
    correct: Sequence[bool],
    *,
    gold: int,
    bins: int = 15,
    target_precision: float = 0.9,
) -> Calibration | None:
    """Measure the probabilities of ``len(probabilities)`` predictions; None where there are none.

    gold: number of gold items, the denominator of recall (missed items have no probability here).
    Raises EvaluationError for a probability outside [0, 1] or lengths that differ.
    """
    if len(probabilities) != len(correct):
        raise EvaluationError(f"{len(probabilities)} probabilities for {len(correct)} outcomes")
    if not len(probabilities):
        return None
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(correct, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise EvaluationError("a probability outside [0, 1]")
    order = np.lexsort((y, p))  # one order whatever the input's, so that sums are reproducible
    p, y = p[order], y[order]
    width = reliability(p, y, np.linspace(0.0, 1.0, bins + 1))
    mass = reliability(p, y, np.percentile(p, np.linspace(0.0, 1.0, bins + 1) * 100))
    points = curve(p, y, gold=gold)
    return Calibration(
        predictions=len(p),
        gold=gold,
        ece=calibration_error(width),
        ece_mass=calibration_error(mass),
        brier=float(np.mean((p - y) ** 2)),
        bins=width,
        curve=points,
        target_precision=target_precision,
        at_precision=best_point(points, target_precision),
    )


def reliability(
    p: NDArray[np.float64], y: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[ReliabilityBin, ...]:
    """The bins that hold a prediction; tied probabilities always share a bin."""
    place = np.searchsorted(edges[1:-1], p)
    count = np.bincount(place, minlength=len(edges) - 1)
    confidence = np.bincount(place, weights=p, minlength=len(edges) - 1)
    accuracy = np.bincount(place, weights=y, minlength=len(edges) - 1)
    return tuple(
        ReliabilityBin(
            float(edges[i]),
            float(edges[i + 1]),
            int(count[i]),
            float(confidence[i] / count[i]),
            float(accuracy[i] / count[i]),
        )
        for i in np.flatnonzero(count)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of confidence from accuracy, weighted by the predictions in each bin."""
    total = sum(item.count for item in bins)
    return sum(item.count * abs(item.confidence - item.accuracy) for item in bins) / total


def curve(p: NDArray[np.float64], y: NDArray[np.float64], *, gold: int) -> tuple[OperatingPoint, ...]:
    """One point for each distinct probability, ascending; ``p`` must be sorted ascending."""
    thresholds, first = np.unique(p, return_index=True)
    right = np.cumsum(y[::-1])[::-1][first]
    kept = len(p) - first
    return tuple(
        OperatingPoint(float(t), float(r / k), float(r / gold) if gold else 0.0, int(k))
        for t, r, k in zip(thresholds, right, kept, strict=True)
    )


def best_point(points: Sequence[OperatingPoint], precision: float) -> OperatingPoint | None:
    """The point of highest recall among those that reach ``precision``; the stricter one in a tie."""
    reached = [point for point in points if point.precision >= precision]
    return max(reached, key=lambda point: (point.recall, point.threshold), default=None)
