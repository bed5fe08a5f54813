"""How good a reading is before the document is looked at, and which of two is better.

Prior score of a candidate = name grade x form x type x way, each at most 1:

name grade  from our tables 1, as in the seed review .995, preferred .99, official long name .97, synonym .92,
            weak (old or shared) .80; MeSH and HGNC group names of genes x .93, since they name classes
form        same string 1, other case .97, same after folding .93; a name of up to three characters in another
            case .85, folded .75
type        same type 1, a neighbouring type .80 to .97 (a cytokine given as a drug, a GO process for a pathway)
way         direct 1, rewritten .95 a step, Greek letter for Latin .93, the document's long form .98, composed
            .85 and more, near by spelling its cosine x .9, broader .75 and less (see the linker)

The prior score picks and orders candidates and is one feature of the probability that the linker gives (see
:mod:`minecsc.linking.calibration`). For a part of a name, which has no document, :func:`decide` settles two equally
good readings by a family that carries the name, then by a clear difference in how much is written about them (the
number of names is the measure), at .75; else the part is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from minecsc.linking.alignment import Alignment
from minecsc.linking.layout import CURATED, NAME, OFFICIAL, REVIEW, SYNONYM, WEAK, Concept, Posting
from minecsc.schema import EntityType

MIN_SCORE: Final = 0.5
GREEK, LONG, PAREN, SLASH, SYMBOL, FUZZY = 0.93, 0.98, 0.97, 0.90, 0.85, 0.9
MAX_CANDIDATES: Final = 5
_GRADE: Final = MappingProxyType({CURATED: 1.0, REVIEW: 0.995, NAME: 0.99, OFFICIAL: 0.97, SYNONYM: 0.92, WEAK: 0.80})
_CASE, _FOLDED, _SHORT_CASE, _SHORT_FOLDED = 0.97, 0.93, 0.85, 0.75
_ELEMENT_KEY, _SHORT_KEY, _WORD_KEY, _CODE_KEY = 2, 3, 5, 6
_CLASS_NAME: Final = 0.93
CLASSES: Final = ("mesh:", "hgnc.genegroup:")
"""Vocabularies whose gene entries name classes."""
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


Way = Literal[
    "direct", "rewritten", "greek", "long", "symbol", "paren", "slash", "composed", "fuzzy", "modifier", "broader"
]
Form = Literal["same", "cased", "folded"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A concept as a reading of a mention: its prior score, and how it was found.

    tier: of the name (see :class:`minecsc.linking.layout.Posting`); key: length of the folded name; cosine, alignment:
    of a name near by spelling.
    """

    concept: Concept
    score: float
    way: Way = "direct"
    tier: int = CURATED
    form: Form = "same"
    key: int = _CODE_KEY
    cosine: float = 1.0
    alignment: Alignment | None = None


def read(text: str, key: str, concept: Concept, posting: Posting, type_: EntityType | None) -> Scored | None:
    """The reading of a surface as a concept found under its folded form; None where it is none."""
    weight = 1.0 if type_ is None else COMPATIBLE[type_].get(posting.type, 0.0)
    if posting.type == "Gene":
        if type_ == "Drug" and not _given_as_drug(posting, key):
            return None
        if concept.concept_id.startswith(CLASSES):
            weight *= _CLASS_NAME
    grade, form = _graded(text, key, concept, posting, type_) if weight else (0.0, "folded")
    value = round(weight * grade, 4)
    if value < MIN_SCORE:
        return None
    return Scored(concept, value, tier=posting.tier, form=form, key=len(key))


def _graded(text: str, key: str, concept: Concept, posting: Posting, type_: EntityType | None) -> tuple[float, Form]:
    grade = _GRADE[posting.tier]
    if text == concept.name:
        return grade, "same"
    if text in concept.synonyms:
        # a synonym that folds to the preferred name is still only a synonym
        return (max(grade * _FOLDED, _GRADE[SYNONYM]) if posting.tier == NAME else grade), "same"
    if type_ is None and (
        len(key) <= _SHORT_KEY or (len(key) <= _WORD_KEY and text.islower() and concept.type != "Drug")
    ):
        return 0.0, "folded"  # an ordinary word as likely as not
    low = text.lower()
    cased = any(n.lower() == low for n in names(concept))
    form: Form = "cased" if cased else "folded"
    if posting.tier in (CURATED, REVIEW):
        if cased and len(key) <= _ELEMENT_KEY and concept.type in ("Drug", "Chemical"):
            return 0.0, form  # Pb is lead, PB is not
        return grade * _CASE, form
    if len(key) <= _SHORT_KEY:
        if type_ in ("Cancer", "Cell", "Process") and not cased:
            return 0.0, form
        return grade * (_SHORT_CASE if cased else _SHORT_FOLDED), form
    return grade * (_CASE if cased else _FOLDED), form


def _given_as_drug(posting: Posting, key: str) -> bool:
    """Whether a gene's name may be read as an agent: aliases of a few letters are codes of other things."""
    return posting.tier in (CURATED, NAME, OFFICIAL, REVIEW) or len(key) >= _CODE_KEY


def priority(concept: Concept) -> int:
    """Rank of a concept's vocabulary among those of its type, 0 the first."""
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
        return -scored.score, priority(concept), -len(concept.synonyms), concept.concept_id

    return tuple(sorted(best.values(), key=order))


def scaled(found: Iterable[Scored], factor: float, way: Way | None = None) -> tuple[Scored, ...]:
    """The same readings with every prior score multiplied, found in that way where one is named."""
    return tuple(replace(s, score=round(s.score * factor, 4), way=way or s.way) for s in found)


def good(found: Iterable[Scored]) -> tuple[Scored, ...]:
    """The readings that reach :data:`MIN_SCORE`."""
    return tuple(s for s in found if s.score >= MIN_SCORE)


def decide(found: Sequence[Scored]) -> tuple[Scored, ...]:
    """Settle a tie at the top without a document, or give up; then keep what is good enough."""
    if not found:
        return ()
    top = found[0]
    rank = priority(top.concept)
    tied = [
        s
        for s in found
        if top.score - s.score <= _TIE and s.concept.type == top.concept.type and priority(s.concept) == rank
    ]
    if len(tied) > 1:
        chosen = _by_family(tied, found) or _by_weight(tied)
        if chosen is None:
            return ()
        rest = scaled((s for s in found if s is not chosen), _REST_FACTOR)
        found = [*scaled([chosen], _TIE_FACTOR), *rest]
    return good(found[:MAX_CANDIDATES])


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


def names(concept: Concept) -> tuple[str, ...]:
    """Preferred name and synonyms."""
    return (concept.name, *concept.synonyms)
