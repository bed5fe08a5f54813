"""How far to believe: the formulas, and nothing else. What was fitted, on what, and how well it holds: docs/belief.md.

Frame
    The product of the probabilities of the relations it is joined from: all of them must hold.
    Each speculative one is scaled by ``WEIGHTS.speculative``.

Statement
    The belief that at least one paper states it, times the share of the evidence that is in favour.
    The relations of a paper that assert the statement make its weight ``w`` = pooled(probabilities,
    ``WEIGHTS.repetition``), one that only puts it as a possibility entering with ``WEIGHTS.speculative``
    times its probability; those that deny it or assert the opposite make its weight ``a`` against in the same
    way. With ``F = Σw`` and ``A = Σa`` over the papers in good standing::

        belief = pooled(w, WEIGHTS.corroboration) · F / (F + WEIGHTS.dissent · A)

    ``pooled(p, s)`` = 1 - (1 - max p) · Π(1 - other p)^s lies between the largest (s = 0) and the noisy-or
    (s = 1): how far further evidence can be wrong for reasons of its own. Belief is 0 without evidence for,
    never leaves [0, 1], never falls when evidence for is added or strengthened and never rises when evidence
    against is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BeliefWeights:
    """What evidence is worth, each in [0, 1].

    speculative: a relation put as a possibility, beside one that is asserted. repetition: further relations
    of the same paper. corroboration: further papers. dissent: a paper against, beside one for.
    """

    speculative: float
    repetition: float
    corroboration: float
    dissent: float


WEIGHTS: Final = BeliefWeights(speculative=0.32, repetition=0.41, corroboration=1.0, dissent=0.1)
"""The weights in use, fitted by ``scripts/fit_belief.py``: see docs/belief.md.

The fit leaves 0 to 0.15 for ``dissent``: whether some paper states a thing hardly depends on others that deny it. It is
not 0, so that of two statements with equal support the undisputed one ranks first.
"""

CONTESTED_SHARE: Final = 0.2
"""A statement is contested where the weaker side holds at least this share of the evidence."""


def frame_belief(links: Iterable[tuple[float, bool]]) -> float:
    """Belief of a frame from the (probability, speculative) pairs of its relations."""
    belief = 1.0
    for probability, speculative in links:
        belief *= probability * WEIGHTS.speculative if speculative else probability
    return belief


def pooled(probabilities: Iterable[float], share: float) -> float:
    """Probability that any holds: the largest for ``share`` 0, noisy-or for 1, in between by exponent."""
    ordered = sorted(probabilities)
    if not ordered:
        return 0.0
    largest = ordered.pop()
    doubt = 1.0
    for probability in ordered:
        doubt *= 1.0 - probability
    return 1.0 - (1.0 - largest) * doubt**share


def statement_belief(
    weights_for: Iterable[float], weights_against: Iterable[float] = (), weights: BeliefWeights = WEIGHTS
) -> float:
    """Belief of a statement from one weight in [0, 1] a paper for, and one a paper against."""
    favour = sorted(weights_for)
    total = sum(favour)
    if total <= 0.0:
        return 0.0
    return pooled(favour, weights.corroboration) * total / (total + weights.dissent * sum(sorted(weights_against)))


def contested(weights_for: Iterable[float], weights_against: Iterable[float]) -> bool:
    """Whether both sides have evidence and neither outweighs the other by more than four to one."""
    favour, against = sum(sorted(weights_for)), sum(sorted(weights_against))
    return min(favour, against) > 0.0 and min(favour, against) >= CONTESTED_SHARE * (favour + against)
