"""How good a reading is, which of two is better, and when to give up.

Score of a candidate = name grade x form x type x way, each at most 1:

name grade  from our tables 1, as in the seed review .995, preferred .99, official long name .97, synonym .92,
            weak (old or shared) .80; MeSH and HGNC group names of genes x .93, since they name classes
form        same string 1, other case .97, same after folding .93; a name of up to three characters in another
            case .85, folded .75
type        same type 1, a neighbouring type .80 to .97 (a cytokine given as a drug, a GO process for a pathway)
way         direct 1, rewritten .95 a step, Greek letter for Latin .93, the document's long form .98, composed
            .85 and more, broader .75 and less (see the linker)

Two equally good readings are decided by the text around them, then by a family that carries the name, then by a
clear difference in how much is written about them (the number of names is the measure), at .75; otherwise the
answer is NIL. Nothing below :data:`MIN_SCORE` is returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from minecsc.linking.layout import CURATED, NAME, OFFICIAL, REVIEW, SYNONYM, WEAK, Concept, Posting
from minecsc.schema import EntityType

MIN_SCORE: Final = 0.5
GREEK, LONG, PAREN, SLASH, SYMBOL, SENSE = 0.93, 0.98, 0.97, 0.90, 0.85, 0.95
_MAX_CANDIDATES = 5
_GRADE: Final = MappingProxyType({CURATED: 1.0, REVIEW: 0.995, NAME: 0.99, OFFICIAL: 0.97, SYNONYM: 0.92, WEAK: 0.80})
_CASE, _FOLDED, _SHORT_CASE, _SHORT_FOLDED = 0.97, 0.93, 0.85, 0.75
_SHORT_KEY, _WORD_KEY, _CODE_KEY = 3, 5, 6
_CLASS_NAME, _GENE_CLASSES = 0.93, ("mesh:", "hgnc.genegroup:")
_TIE, _TIE_FACTOR, _TIE_RATIO, _MAX_TIED, _REST_FACTOR = 0.001, 0.75, 1.8, 3, 0.6

COMPATIBLE: Final[MappingProxyType[str, dict[str, float]]] = MappingProxyType(
    {
        "Drug": {"Drug": 1.0, "Chemical": 0.97, "Gene": 0.88, "Process": 0.80},
        "Chemical": {"Chemical": 1.0, "Drug": 0.97, "Gene": 0.80},
        "Gene": {"Gene": 1.0},
        "Pathway": {"Pathway": 1.0, "Process": 0.92},
        "Process": {"Process": 1.0, "Pathway": 0.95, "Drug": 0.80},
        "CSC": {"CSC": 1.0, "Cell": 0.80},
        "Cell": {"Cell": 1.0, "CSC": 0.90},
        "Cancer": {"Cancer": 1.0},
    }
)
"""Mention type → the concept types it may stand for, with their weights."""

_PREFIXES: Final[MappingProxyType[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Gene": ("hgnc:", "fplx:", "hgnc.genegroup:", "mirbase"),
        "Drug": ("drugbank:", "CHEBI:", "mesh:", "broad:"),
        "Chemical": ("CHEBI:", "drugbank:", "mesh:", "broad:"),
        "Cancer": ("DOID:", "mondo:", "ncit:", "mesh:", "oncotree:"),
        "Cell": ("CL:", "mesh:", "cellosaurus:", "BTO:", "ncit:"),
        "CSC": ("mesh:", "BTO:", "minecsc:"),
        "Process": ("GO:", "mesh:", "minecsc:"),
        "Pathway": ("GO:", "reactome:", "wikipathways:", "mesh:"),
    }
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A concept as a reading of a mention, with its score."""

    concept: Concept
    score: float


def score(text: str, key: str, concept: Concept, posting: Posting, type_: EntityType | None) -> float:
    """Score of a concept found under a folded surface, without the way it was found; 0 where it is no reading."""
    weight = 1.0 if type_ is None else COMPATIBLE[type_].get(posting.type, 0.0)
    if not weight:
        return 0.0
    if posting.type == "Gene":
        if type_ == "Drug" and not _given_as_drug(posting, key):
            return 0.0
        if concept.concept_id.startswith(_GENE_CLASSES):
            weight *= _CLASS_NAME
    return weight * _graded(text, key, concept, posting, type_)


def _graded(text: str, key: str, concept: Concept, posting: Posting, type_: EntityType | None) -> float:
    grade = _GRADE[posting.tier]
    if text == concept.name:
        return grade
    if text in concept.synonyms:
        # a synonym that folds to the preferred name is still only a synonym
        return max(grade * _FOLDED, _GRADE[SYNONYM]) if posting.tier == NAME else grade
    if type_ is None and (
        len(key) <= _SHORT_KEY or (len(key) <= _WORD_KEY and text.islower() and concept.type != "Drug")
    ):
        return 0.0  # an ordinary word as likely as not
    if posting.tier in (CURATED, REVIEW):
        return grade * _CASE
    low = text.lower()
    cased = any(n.lower() == low for n in _names(concept))
    if len(key) <= _SHORT_KEY:
        if type_ in ("Cancer", "Cell", "Process") and not cased:
            return 0.0
        return grade * (_SHORT_CASE if cased else _SHORT_FOLDED)
    return grade * (_CASE if cased else _FOLDED)


def _given_as_drug(posting: Posting, key: str) -> bool:
    """Whether a gene's name may be read as an agent: aliases of a few letters are codes of other things."""
    return posting.tier in (CURATED, NAME, OFFICIAL, REVIEW) or len(key) >= _CODE_KEY


def _priority(concept: Concept) -> int:
    for rank, prefix in enumerate(_PREFIXES[concept.type]):
        if concept.concept_id.startswith(prefix):
            return rank
    return len(_PREFIXES[concept.type])


def ranked(found: Iterable[Scored]) -> tuple[Scored, ...]:
    """Best first, each concept once; equal scores by vocabulary, then number of names, then identifier."""
    best: dict[str, Scored] = {}
    for scored in found:
        known = best.get(scored.concept.concept_id)
        if known is None or known.score < scored.score:
            best[scored.concept.concept_id] = scored

    def order(scored: Scored) -> tuple[float, int, int, str]:
        concept = scored.concept
        return -scored.score, _priority(concept), -len(concept.synonyms), concept.concept_id

    return tuple(sorted(best.values(), key=order))


def scaled(found: Iterable[Scored], factor: float) -> tuple[Scored, ...]:
    """The same readings with every score multiplied."""
    return tuple(Scored(s.concept, round(s.score * factor, 4)) for s in found)


def good(found: Iterable[Scored]) -> tuple[Scored, ...]:
    """The readings that reach :data:`MIN_SCORE`."""
    return tuple(s for s in found if s.score >= MIN_SCORE)


def decide(found: Sequence[Scored], context: str) -> tuple[Scored, ...]:
    """Settle a tie at the top, or give up; then keep what is good enough."""
    if not found:
        return ()
    top = found[0]
    rank = _priority(top.concept)
    tied = [
        s
        for s in found
        if top.score - s.score <= _TIE and s.concept.type == top.concept.type and _priority(s.concept) == rank
    ]
    if len(tied) > 1:
        chosen = _by_context(tied, context) or _by_family(tied, found) or _by_weight(tied)
        if chosen is None:
            return ()
        rest = scaled((s for s in found if s is not chosen), _REST_FACTOR)
        found = [*scaled([chosen], _TIE_FACTOR), *rest]
    return good(found[:_MAX_CANDIDATES])


def _by_context(tied: Sequence[Scored], context: str) -> Scored | None:
    low = context.lower()
    named = [s for s in tied if low and any(len(n) > 4 and n.lower() in low for n in _names(s.concept))]
    return named[0] if len(named) == 1 else None


def _by_family(tied: Sequence[Scored], found: Sequence[Scored]) -> Scored | None:
    """A family that carries the name too, where the tied are its members: IDH for IDH1 and IDH2."""
    shared = set.intersection(*(set(s.concept.parents) for s in tied))
    return next((s for s in found if s.concept.concept_id in shared), None)


def _by_weight(tied: Sequence[Scored]) -> Scored | None:
    if len(tied) > _MAX_TIED:
        return None
    ordered = sorted(tied, key=lambda s: (-len(s.concept.synonyms), s.concept.concept_id))
    first, second = ordered[0], ordered[1]
    clear = len(first.concept.synonyms) >= _TIE_RATIO * max(len(second.concept.synonyms), 1)
    return first if clear else None


def _names(concept: Concept) -> tuple[str, ...]:
    return (concept.name, *concept.synonyms)
