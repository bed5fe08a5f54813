"""Tags of many texts read from a conditional random field at once: best path and posteriors in one pass.

The steps over words run in numpy on all texts together, the recursions of the posteriors in probability space
with a scaled sum (Rabiner, 1989, § V.A). Every sum runs over tags alone and in their order, so that a text's
result is the same to the last bit whatever it is decoded with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from minecsc.nlp.crf import Crf

Floats = npt.NDArray[np.float64]


class Decoder:
    """Reads tag scores by the transitions of a field as they stand when this is made."""

    def __init__(self, crf: Crf) -> None:
        matrix = crf.matrix().detach().double().cpu().numpy()
        self._into = np.ascontiguousarray(matrix)  # [before, after]
        self._moves = np.exp(self._into)
        self._moves_back = np.ascontiguousarray(self._moves.T)
        self._begin = crf.begin.detach().double().cpu().numpy()

    def __call__(self, emissions: Sequence[npt.NDArray[np.float32]]) -> list[tuple[list[int], Floats]]:
        """For each text its best tag path (Viterbi) and float64[words, tags], the posterior of each tag.

        emissions: float32[words, tags] per text, at least one word each.
        """
        order = sorted(range(len(emissions)), key=lambda i: -len(emissions[i]))
        lengths = np.array([len(emissions[i]) for i in order])
        scores = np.zeros((int(lengths[0]), len(order), len(self._begin)))
        for row, i in enumerate(order):
            scores[: lengths[row], row] = emissions[i]
        scores[0] += self._begin
        # Longest first: the texts that still have a word at step t are the first active[t].
        active = [int((lengths > t).sum()) for t in range(len(scores))]
        paths, posterior = self._paths(scores, lengths, active), self._posteriors(scores, active)
        results: list[tuple[list[int], Floats]] = [([], posterior[:0, 0])] * len(order)
        for row, i in enumerate(order):
            results[i] = paths[: lengths[row], row].tolist(), posterior[: lengths[row], row]
        return results

    def _paths(self, scores: Floats, lengths: npt.NDArray[np.int64], active: Sequence[int]) -> npt.NDArray[np.int64]:
        best = scores.copy()
        for t in range(1, len(scores)):
            n = active[t]
            best[t, :n] += (best[t - 1, :n, :, None] + self._into).max(axis=1)
        rows = np.arange(len(lengths))
        paths = np.zeros(scores.shape[:2], dtype=np.int64)
        paths[lengths - 1, rows] = best[lengths - 1, rows].argmax(axis=1)
        towards = self._into.T
        for t in range(len(scores) - 1, 0, -1):
            n = active[t]
            paths[t - 1, :n] = (best[t - 1, :n] + towards[paths[t, :n]]).argmax(axis=1)
        return paths

    def _posteriors(self, scores: Floats, active: Sequence[int]) -> Floats:
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        forward = weights.copy()
        for t in range(1, len(scores)):
            n = active[t]
            moved = (forward[t - 1, :n, :, None] * self._moves).sum(axis=1)
            moved *= weights[t, :n]
            moved /= moved.sum(axis=1, keepdims=True)
            forward[t, :n] = moved
        backward = np.ones_like(scores)
        for t in range(len(scores) - 1, 0, -1):
            n = active[t]
            moved = ((backward[t, :n] * weights[t, :n])[:, :, None] * self._moves_back).sum(axis=1)
            moved /= moved.sum(axis=1, keepdims=True)
            backward[t - 1, :n] = moved
        forward *= backward
        forward /= forward.sum(axis=2, keepdims=True)
        return forward
