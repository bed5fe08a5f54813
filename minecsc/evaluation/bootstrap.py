"""Counts per document, and what resampling the documents says about the scores made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minecsc.errors import EvaluationError
from minecsc.evaluation.spans import MICRO, TallyTable

_CHUNK_CELLS = 4_000_000
"""Cells of the resampling weights held at once: 32 MB of float64."""

_ON_MATCHES = ("negation", "speculation", "linking.found")
"""Sections scored on what the prediction has in common with gold, whose number differs by system."""


@dataclass(frozen=True)
class Counts:
    """values: int64[document, key, (tp, fp, fn)]; keys are (section, label), documents are ids."""

    documents: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    values: NDArray[np.int64]

    @classmethod
    def of(cls, tallies: Mapping[str, TallyTable]) -> Counts:
        """Stack the tallies of every document, by document id; a key a document lacks counts zero."""
        documents = tuple(sorted(tallies))
        keys = tuple(sorted({key for table in tallies.values() for key in table}))
        column = {key: index for index, key in enumerate(keys)}
        values = np.zeros((len(documents), len(keys), 3), dtype=np.int64)
        for row, document in enumerate(documents):
            for key, counts in tallies[document].items():
                values[row, column[key]] = counts
        return cls(documents, keys, values)

    def column(self, section: str, label: str) -> NDArray[np.int64]:
        """Counts of one key: int64[document, 3]. Raises EvaluationError where nothing was counted."""
        try:
            return self.values[:, self.keys.index((section, label))]
        except ValueError:
            raise EvaluationError(f"nothing was scored under {section!r}, {label!r}") from None


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """System A against B on the same documents: F1 of both, and the difference A - B resampled.

    p_value: two-sided share of resamples that contradict the sign of the difference.
    """

    section: str
    label: str
    f1_a: float
    f1_b: float
    difference: float
    low: float
    high: float
    p_value: float
    samples: int


def ratios(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision, recall and F1 (last axis) from tp, fp, fn (last axis); NaN where undefined."""
    tp, fp, fn = totals[..., 0], totals[..., 1], totals[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)], axis=-1)


def _resampled(values: NDArray[np.int64], samples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Totals of ``samples`` draws of the documents with replacement: float64[draw, ...], in chunks."""
    documents = len(values)
    flat = values.reshape(documents, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    chance = np.full(documents, 1.0 / documents)
    step = max(1, min(samples, _CHUNK_CELLS // documents))
    for start in range(0, samples, step):
        weights = rng.multinomial(documents, chance, size=min(step, samples - start))
        yield (weights.astype(np.float64) @ flat).reshape(len(weights), *values.shape[1:])


def intervals(counts: Counts, *, samples: int, seed: int, level: float = 0.95) -> NDArray[np.float64]:
    """Percentile intervals: float64[key, (precision, recall, f1), (low, high)]; NaN where undefined.

    Documents are drawn, not mentions: the mentions of one abstract stand or fall together. Draws in
    which a score is undefined (none of a rare type was drawn) are left out for that score.
    """
    shape = (len(counts.keys), 3, 2)
    if samples <= 0 or not counts.documents or not counts.keys:
        return np.full(shape, np.nan)
    drawn = np.concatenate([ratios(totals) for totals in _resampled(counts.values, samples, seed)])
    bounds = np.full(shape, np.nan)
    defined = ~np.isnan(drawn).all(axis=0)
    tail = (1 - level) / 2 * 100
    if defined.any():
        bounds[defined] = np.nanpercentile(drawn[:, defined], [tail, 100 - tail], axis=0).T
    return bounds


def paired_bootstrap(
    a: Counts, b: Counts, *, section: str, label: str = "micro", samples: int = 1000, seed: int = 13
) -> PairedComparison:
    """Whether system A's F1 differs from B's on the same gold documents.

    Both are resampled together, so that documents hard for both do not blur the difference.
    Raises EvaluationError where the two were not scored on the same documents.
    """
    if a.documents != b.documents:
        raise EvaluationError("the two systems were not scored on the same documents")
    both = np.stack([a.column(section, label), b.column(section, label)], axis=1)
    support = both[..., 0] + both[..., 2]
    if not section.startswith(_ON_MATCHES) and not np.array_equal(support[:, 0], support[:, 1]):
        raise EvaluationError(f"the two systems were not scored against the same gold ({section}, {label})")
    f1_a, f1_b = np.nan_to_num(ratios(both.sum(axis=0).astype(np.float64))[:, 2])
    drawn = np.concatenate([ratios(totals)[..., 2] for totals in _resampled(both, samples, seed)])
    differences = np.nan_to_num(drawn[:, 0]) - np.nan_to_num(drawn[:, 1])
    low, high = np.percentile(differences, [2.5, 97.5])
    against = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return PairedComparison(
        section=section,
        label=label,
        f1_a=float(f1_a),
        f1_b=float(f1_b),
        difference=float(f1_a - f1_b),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (against + 1) / (samples + 1)),
        samples=samples,
    )


def compare(a: Counts, b: Counts, *, samples: int = 1000, seed: int = 13) -> tuple[PairedComparison, ...]:
    """System A against B in every section that both were scored in, over all types.

    Sections where an F1 is undefined are left out. p-values are not corrected for their number. Raises
    EvaluationError as :func:`paired_bootstrap` does.
    """
    return tuple(
        paired_bootstrap(a, b, section=section, samples=samples, seed=seed)
        for section, label in a.keys
        if label == MICRO
        and (section, label) in b.keys
        and not any(np.isnan(ratios(c.column(section, label).sum(axis=0).astype(np.float64))[2]) for c in (a, b))
    )
