"""Fitting the belief of statements on gold, and measuring it against other formulas.

A candidate is a statement that some relation read out of the documents asserts or puts as a possibility. It is right
where the gold of one of these documents asserts it: same type, same concept keys, neither negated nor speculative.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from minecsc.errors import EvaluationError
from minecsc.evaluation.calibration import ReliabilityBin, calibration_error, reliability
from minecsc.evaluation.relations import abbreviation_heads
from minecsc.evaluation.spans import span_of
from minecsc.evidence.belief import WEIGHTS, BeliefWeights
from minecsc.evidence.refinement import Key
from minecsc.evidence.rows import DocumentInfo, LinkedRelation, concept_key
from minecsc.evidence.statements import collect
from minecsc.evidence.votes import Ballot
from minecsc.ids import digest
from minecsc.schema import Extraction, Mention

FOLDS: Final = 5
PRIOR: Final = BeliefWeights(speculative=0.3, repetition=0.0, corroboration=1.0, dissent=1.0)
"""The formula before anything was fitted: a paper counts with its strongest relation."""
MAXIMUM: Final = BeliefWeights(speculative=1.0, repetition=0.0, corroboration=0.0, dissent=0.0)
NOISY_OR: Final = BeliefWeights(speculative=1.0, repetition=1.0, corroboration=1.0, dissent=0.0)
FITTED: Final = tuple(field.name for field in fields(BeliefWeights))
_EDGES: Final = np.linspace(0.0, 1.0, 11)
_TINY: Final = 1e-4  # no belief is held for certain: one surprise must not cost everything


@dataclass(frozen=True, slots=True)
class Candidate:
    """A statement that was read out of gold documents.

    relations_for: number of relations that assert it or put it as a possibility; documents: those they are from;
    possibility_only: none of them asserts it. relations_against: those that deny it or assert the opposite.
    """

    key: Key
    ballot: Ballot
    relations_for: int
    relations_against: int
    documents: frozenset[str]
    possibility_only: bool
    right: bool

    @property
    def fold(self) -> int:
        """The fold it is tested in: that of its first document."""
        return fold_of(min(self.documents))


def fold_of(document_id: str) -> int:
    """The fold of a document, the same in every run."""
    return int(digest(document_id)[:8], 16) % FOLDS


@dataclass(frozen=True, slots=True)
class Correction:
    """Logistic correction of relation probabilities: log odds times ``slope`` plus ``shift``."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, probability: float) -> float:
        if not 0.0 < probability < 1.0:
            return probability
        odds = self.slope * math.log(probability / (1.0 - probability)) + self.shift
        return 1.0 / (1.0 + math.exp(-odds))


def correction(found: Sequence[Candidate]) -> Correction:
    """What makes the probabilities of statements with a single relation, and nothing against it, right on average.

    Whether further evidence is worth its probability can be told only where that of single evidence is right.
    """
    single = [c for c in found if c.relations_for == 1 and not c.relations_against and not c.possibility_only]
    right = [candidate.right for candidate in single]
    stated = [candidate.ballot.belief(MAXIMUM) for candidate in single]
    best = minimize(
        lambda v: log_loss([Correction(float(v[0]), float(v[1]))(p) for p in stated], right),
        np.array([1.0, 0.0]),
        method="Nelder-Mead",
        options={"xatol": 0.005, "fatol": 1e-6},
    )
    return Correction(round(float(best.x[0]), 3), round(float(best.x[1]), 3))


def candidates(
    gold: Sequence[Extraction], predicted: Mapping[str, Extraction], corrected: Callable[[float], float] = Correction()
) -> list[Candidate]:
    """The statements of the readings ``predicted``, by document id, held against linked gold; sorted by key.

    corrected: applied to the probability of every relation.
    Raises EvaluationError where a gold document has no reading.
    """
    missing = [g.document.document_id for g in gold if g.document.document_id not in predicted]
    if missing:
        raise EvaluationError(f"{len(missing)} gold documents without a reading, {missing[0]} the first")
    stated = {key for reading in gold for key in asserted(reading)}
    relations = [row for g in gold for row in _rows(predicted[g.document.document_id], corrected)]
    documents = {g.document.document_id: DocumentInfo(g.document.document_id) for g in gold}
    where = {row.relation_id: row.document_id for row in relations}
    found = []
    for key, evidence in sorted(collect(relations, documents).items()):
        favour = [*evidence.stating, *evidence.hinting]
        if favour:
            sources = frozenset(where[relation_id] for relation_id in favour)
            found.append(
                Candidate(
                    key=key,
                    ballot=evidence.ballot,
                    relations_for=len(favour),
                    relations_against=len(evidence.denying),
                    documents=sources,
                    possibility_only=not evidence.stating,
                    right=key in stated,
                )
            )
    return found


def asserted(reading: Extraction) -> set[Key]:
    """Keys of what a gold reading asserts; an argument counts under each name that its brackets give it."""
    heads = abbreviation_heads(reading.document.text, reading.mentions)
    names: dict[object, list[Mention]] = defaultdict(list)
    for mention in reading.mentions:
        names[heads.get(span_of(mention), span_of(mention))].append(mention)

    def keys(mention: Mention) -> Iterator[str]:
        for name in names[heads.get(span_of(mention), span_of(mention))]:
            yield concept_key(name.concept_id, name.type, name.surface)

    return {
        (head, relation.type, tail)
        for relation in reading.relations
        if not (relation.negated or relation.speculative)
        for head in keys(relation.head)
        for tail in keys(relation.tail)
    }


def _rows(reading: Extraction, corrected: Callable[[float], float]) -> Iterator[LinkedRelation]:
    document_id = reading.document.document_id
    for number, relation in enumerate(reading.relations):
        head, tail = relation.head, relation.tail
        yield LinkedRelation(
            f"{document_id}#{number}", document_id, f"{document_id}#s{head.sentence}", relation.type,
            "", head.concept_id, head.surface, head.type, "", tail.concept_id, tail.surface, tail.type,
            relation.negated, relation.speculative, corrected(relation.probability),
        )  # fmt: skip


def log_loss(beliefs: Sequence[float], right: Sequence[bool]) -> float:
    """Mean negative log likelihood of the outcomes, in nats."""
    return float(_losses(np.asarray(beliefs), np.asarray(right, dtype=bool)).mean())


def _losses(beliefs: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    held = np.clip(np.where(right, beliefs, 1.0 - beliefs), _TINY, 1.0)
    return np.asarray(-np.log(held), dtype=np.float64)


def fit(found: Iterable[Candidate]) -> BeliefWeights:
    """The weights of greatest likelihood, two decimals each; :data:`PRIOR` where nothing tells of them.

    Statements with a single relation say nothing of any weight, unless it is speculative, and are left out.
    """
    telling = [candidate for candidate in found if _tells(candidate)]
    if not telling:
        return PRIOR
    right = [candidate.right for candidate in telling]

    def loss(values: NDArray[np.float64]) -> float:
        weights = BeliefWeights(*(float(v) for v in values))
        return log_loss([candidate.ballot.belief(weights) for candidate in telling], right)

    first = np.full(len(FITTED), 0.5)
    best = minimize(
        loss, first, method="Nelder-Mead", bounds=[(0.0, 1.0)] * len(FITTED), options={"xatol": 0.01, "fatol": 1e-5}
    )
    return BeliefWeights(*(round(float(v), 2) for v in best.x))


def _tells(candidate: Candidate) -> bool:
    low, high = (candidate.ballot.belief(replace(MAXIMUM, speculative=s, repetition=s)) for s in (0.0, 1.0))
    return candidate.relations_for + candidate.relations_against > 1 or low != high


def likely(found: Sequence[Candidate], weights: BeliefWeights, name: str, drop: float = 1.92) -> tuple[float, float]:
    """The values of one weight whose log likelihood is within ``drop`` of the best, the others held: about 95 %."""
    telling = [candidate for candidate in found if _tells(candidate)]
    grid = [round(0.05 * step, 2) for step in range(21)]
    if not telling:
        return grid[0], grid[-1]
    right = [candidate.right for candidate in telling]
    total = [
        len(telling) * log_loss([c.ballot.belief(replace(weights, **{name: value})) for c in telling], right)
        for value in grid
    ]
    kept = [value for value, loss in zip(grid, total, strict=True) if loss <= min(total) + drop]
    return kept[0], kept[-1]


def indra(found: Sequence[Candidate], train: Sequence[Candidate]) -> list[float]:
    """Beliefs of ``found`` by INDRA's simple scorer (Gyori et al., 2017), its two errors fitted on ``train``.

    With one source: score(n) = 1 - (syst + rand^n) for n relations, whatever their probability;
    belief = score(for) · (1 - score(against)).
    """

    def score(number: int, syst: float, rand: float) -> float:
        return max(0.0, 1.0 - (syst + rand**number))

    def beliefs(of: Sequence[Candidate], syst: float, rand: float) -> list[float]:
        return [
            score(c.relations_for, syst, rand)
            * (1.0 - (score(c.relations_against, syst, rand) if c.relations_against else 0.0))
            for c in of
        ]

    right = [candidate.right for candidate in train]
    best = minimize(
        lambda v: log_loss(beliefs(train, float(v[0]), float(v[1])), right),
        np.array([0.05, 0.3]),
        method="Nelder-Mead",
        bounds=[(0.0, 1.0)] * 2,
        options={"xatol": 0.005, "fatol": 1e-5},
    )
    return beliefs(found, float(best.x[0]), float(best.x[1]))


@dataclass(frozen=True, slots=True)
class Measured:
    """A formula on the candidates; intervals over resampled documents, each a statement's first one.

    gain: log loss saved against the baseline. bins: the reliability diagram, which ``ece`` sums up.
    """

    name: str
    log_loss: float
    log_loss_interval: tuple[float, float]
    brier: float
    brier_interval: tuple[float, float]
    ece: float
    ece_interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    bins: tuple[ReliabilityBin, ...]


def cross_fitted(
    found: Sequence[Candidate], predict: Callable[[Sequence[Candidate], Sequence[Candidate]], list[float]]
) -> list[float]:
    """Beliefs of each fold by ``predict(fold, rest)``; the rest shares no document with the fold."""
    beliefs = [0.0] * len(found)
    for fold in range(FOLDS):
        places = [place for place, candidate in enumerate(found) if candidate.fold == fold]
        rest = [c for c in found if all(fold_of(document) != fold for document in c.documents)]
        for place, belief in zip(places, predict([found[p] for p in places], rest), strict=True):
            beliefs[place] = belief
    return beliefs


def systems(found: Sequence[Candidate]) -> dict[str, list[float]]:
    """Name of a formula → its beliefs; those with fitted parameters cross-fitted over documents."""
    fixed = {"largest": MAXIMUM, "noisy-or": NOISY_OR, "before": PRIOR}
    return {
        **{name: [c.ballot.belief(weights) for c in found] for name, weights in fixed.items()},
        "INDRA, fitted": cross_fitted(found, indra),
        "fitted": cross_fitted(found, _fitted),
        "in use": [c.ballot.belief(WEIGHTS) for c in found],
    }


def _fitted(found: Sequence[Candidate], train: Sequence[Candidate]) -> list[float]:
    weights = fit(train)
    return [candidate.ballot.belief(weights) for candidate in found]


def measure(
    found: Sequence[Candidate],
    beliefs: Mapping[str, Sequence[float]],
    *,
    baseline: str = "before",
    samples: int = 500,
    seed: int = 13,
) -> list[Measured]:
    """Every formula on the same candidates; gain: log loss saved against ``baseline``. Raises EvaluationError."""
    if not found:
        raise EvaluationError("no statement was read out of the gold documents")
    right = np.array([candidate.right for candidate in found], dtype=np.float64)
    document = np.unique([min(candidate.documents) for candidate in found], return_inverse=True)[1]
    draws = _draws(document, samples, seed)
    reference = _losses(np.asarray(beliefs[baseline]), right > 0)
    results = []
    for name, values in beliefs.items():
        p = np.asarray(values, dtype=np.float64)
        losses, squares = _losses(p, right > 0), (p - right) ** 2
        bins = reliability(p, right, _EDGES)
        gaps = [calibration_error(reliability(p[rows], right[rows], _EDGES)) for rows in draws]
        results.append(
            Measured(
                name=name,
                log_loss=float(losses.mean()),
                log_loss_interval=_interval([losses[rows].mean() for rows in draws]),
                brier=float(squares.mean()),
                brier_interval=_interval([squares[rows].mean() for rows in draws]),
                ece=calibration_error(bins),
                ece_interval=_interval(gaps),
                gain=float((reference - losses).mean()),
                gain_interval=_interval([(reference - losses)[rows].mean() for rows in draws]),
                bins=bins,
            )
        )
    return results


def _draws(document: NDArray[np.int64], samples: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of the candidates of documents drawn with replacement, a draw each."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(document == d) for d in range(int(document.max()) + 1)]
    return [np.concatenate([members[d] for d in rng.integers(0, len(members), len(members))]) for _ in range(samples)]


def _interval(values: Collection[float]) -> tuple[float, float]:
    low, high = np.percentile(list(values), [2.5, 97.5])
    return float(low), float(high)
