"""How far to believe: the formulas, and nothing else.

Frame
    The product of the probabilities of the relations it is joined from: all of them must hold.
    Each speculative one is scaled by :data:`SPECULATIVE_WEIGHT`.

Statement
    Every paper has one vote (:mod:`.votes`): for, with weight ``w`` = max(asserted probability,
    SPECULATIVE_WEIGHT × speculative probability), or against, with weight ``a`` = the probability of its
    denial or of the asserted opposite, whichever is the larger. With ``F = Σw`` and ``A = Σa``::

        belief = (1 - Π(1 - w)) · F / (F + A)

    The first factor is the noisy-or: the chance that at least one paper in favour was read rightly. The
    second is the share of the evidence that is in favour, so that one dissenting paper dents ten that agree
    and halves a single one. Belief is 0 without evidence for, never leaves [0, 1], never falls when
    evidence for is added or strengthened and never rises when evidence against is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SPECULATIVE_WEIGHT: Final = 0.3
"""What a relation put as a possibility is worth beside one that is asserted."""

CONTESTED_SHARE: Final = 0.2
"""A statement is contested where the weaker side holds at least this share of the evidence."""


def frame_belief(links: Iterable[tuple[float, bool]]) -> float:
    """Belief of a frame from the (probability, speculative) pairs of its relations."""
    belief = 1.0
    for probability, speculative in links:
        belief *= probability * SPECULATIVE_WEIGHT if speculative else probability
    return belief


def statement_belief(weights_for: Iterable[float], weights_against: Iterable[float] = ()) -> float:
    """Belief of a statement from one weight in [0, 1] a paper for, and one a paper against."""
    doubt, total = 1.0, 0.0
    for weight in sorted(weights_for):
        doubt *= 1.0 - weight
        total += weight
    if total <= 0.0:
        return 0.0
    return (1.0 - doubt) * total / (total + sum(sorted(weights_against)))


def contested(weights_for: Iterable[float], weights_against: Iterable[float]) -> bool:
    """Whether both sides have evidence and neither outweighs the other by more than four to one."""
    favour, against = sum(sorted(weights_for)), sum(sorted(weights_against))
    return min(favour, against) > 0.0 and min(favour, against) >= CONTESTED_SHARE * (favour + against)
