"""Which statements say the same of something narrower: NOTCH3 increases chemoresistance refines Notch increases it.

As in INDRA, statement B refines statement A where both are of one type and each argument of B is that of A or
narrower, and they differ. Only statements that have evidence of their own are related.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from minecsc.evidence.rows import ConceptLike

Key = tuple[str, str, str]
"""Head key, relation type, tail key: what a statement is told by."""

_SUBSTANCE: Final = frozenset({"Drug", "Chemical"})


def ancestors(concept_id: str, parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The concept itself at distance 0 and everything broader with its distance; circles end by themselves."""
    found, level = {concept_id: 0}, [concept_id]
    for distance in count(1):
        level = sorted({p for c in level for p in parents.get(c, ()) if p not in found})
        if not level:
            break
        found |= dict.fromkeys(level, distance)
    return found


def refinements(keys: Iterable[Key], concepts: Mapping[str, ConceptLike]) -> dict[Key, list[Key]]:
    """Statement → the statements that refine it, sorted; without those that nothing refines.

    concepts: id → concept of every linked argument and everything broader. Broader means a broader concept of
    the same entity type (drugs and chemicals are one): a vocabulary files a cell line under the cancer it comes
    from and a leukaemia stem cell under leukaemia, and what holds of the part need not hold of the whole.
    """
    held = frozenset(keys)
    parents = {concept_id: concept.parents for concept_id, concept in concepts.items()}
    arguments = {argument for head, _, tail in held for argument in (head, tail)}
    broader: dict[str, tuple[str, ...]] = {}
    for argument in arguments:
        concept = concepts.get(argument)
        broader[argument] = (argument,) if concept is None else tuple(
            above for above in ancestors(argument, parents)
            if above in arguments and _one_kind(concept, concepts.get(above))
        )  # fmt: skip
    found: dict[Key, list[Key]] = defaultdict(list)
    for key in sorted(held):
        head, type_, tail = key
        for wider_head in broader[head]:
            for wider_tail in broader[tail]:
                wider = (wider_head, type_, wider_tail)
                if wider != key and wider in held:
                    found[wider].append(key)
    return dict(found)


def _one_kind(concept: ConceptLike, other: ConceptLike | None) -> bool:
    return other is not None and (concept.type == other.type or {concept.type, other.type} == _SUBSTANCE)
