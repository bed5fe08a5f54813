"""From a mention's surface to ranked concepts, or to none. Scores are explained in :mod:`minecsc.linking.scoring`.

Ways to read a surface, tried in this order until one gives a result: marker grammar; look-up after folding; the
name without its bracketed abbreviation; Greek letters for Latin ones; two names of one thing with a slash;
composition of parts; heads and modifiers taken off; composition of looser kinds; a broader name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from minecsc.errors import SchemaError
from minecsc.linking.compose import pathway_core
from minecsc.linking.composer import Composer, Stage
from minecsc.linking.kb import KnowledgeBase
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import clean, fold, fold_tokens, greek_variants
from minecsc.linking.scoring import (
    COMPATIBLE,
    GREEK,
    LONG,
    MIN_SCORE,
    PAREN,
    SENSE,
    SLASH,
    SYMBOL,
    Scored,
    decide,
    good,
    ranked,
    scaled,
    score,
)
from minecsc.linking.variants import broader, parenthesised, rewrites, trim
from minecsc.schema import ENTITY_TYPES, EntityType

_CACHE = 200_000
_LONG_KEY = 8
_POPULATION_SHORT = frozenset(
    ("csc cic tic tpc lsc lic gsc sp cslc bcsc ocsc lcsc pcsc ccsc tsc crcsc csp hcsc bcic gic btic gic mic").split()
)
_STEM_CONTEXT = re.compile(
    r"\bstem|initiating|propagating|side[- ]population|self-?renew|sphere|progenitor|\bSCs?\b", re.IGNORECASE
)
_WORD = re.compile(r"[\w+-]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading of a mention. score: 0..1, comparable between mentions; see the module's text."""

    concept_id: str
    name: str
    score: float
    xrefs: tuple[str, ...] = ()


class Linker:
    """Links surfaces to the concepts of a knowledge base. Results are cached; answers never depend on call order."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self._composer = Composer(kb, self._best)
        self._senses: dict[str, list[list[object]]] = kb.rules.get("senses", {})
        self._ranked = lru_cache(maxsize=_CACHE)(self._rank)
        self._direct = lru_cache(maxsize=_CACHE)(self._look_up)

    def __reduce__(self) -> tuple[type[Linker], tuple[KnowledgeBase]]:
        return Linker, (self.kb,)

    def link(
        self,
        surface: str,
        type: EntityType | None = None,
        *,
        context: str = "",
        expansions: Mapping[str, str] | None = None,
    ) -> list[Candidate]:
        """Concepts that a mention may stand for, best first; an empty list is NIL.

        type: the mention's entity type, None where unknown; context: the text around it, best the whole abstract;
        expansions: short form → long form as defined in the same document. Raises SchemaError for an unknown type.
        """
        if type is not None and type not in ENTITY_TYPES:
            raise SchemaError(f"unknown entity type {type!r}")
        key = fold(surface)
        sense = self._sense(key, type, context) if key in self._senses else None
        if sense is not None:
            return [_candidate(sense)]
        long = _long_form(surface, expansions) if expansions else None
        if self._is_bare_population(surface, type) and not _speaks_of_stem_cells(long, context):
            return []
        found: tuple[Scored, ...] = ()
        if long is None and expansions:
            written_out = _expand_inside(surface, expansions)
            found = self._ranked(written_out, type, None) if written_out != surface else ()
        found = found or self._ranked(surface, type, long)
        return [_candidate(s) for s in decide(found, context)]

    def _sense(self, key: str, type_: EntityType | None, context: str) -> Scored | None:
        low = context.lower()
        for for_type, target, words in self._senses[key]:
            if type_ is not None and for_type not in COMPATIBLE[type_]:
                continue
            if any(word in low for word in words):  # type: ignore[attr-defined]
                concept = self.kb.concept(str(target))
                if concept is not None:
                    return Scored(concept, SENSE)
        return None

    @staticmethod
    def _is_bare_population(surface: str, type_: EntityType | None) -> bool:
        if type_ not in (None, "CSC", "Cell"):
            return False
        tokens = fold_tokens(surface)
        rest = [t for t in tokens if t not in ("cell", "line", "population", "like")]
        return bool(rest) and all(t in _POPULATION_SHORT for t in rest)

    def _rank(self, surface: str, type_: EntityType | None, long: str | None) -> tuple[Scored, ...]:
        text = trim(clean(surface))
        if not text:
            return ()
        if long is None:
            return self._all_ways(text, type_)
        by_long = self._all_ways(trim(clean(long)), type_)
        by_short = self._direct(text, type_)
        supported = [s for s in by_short if _supported(s.concept, long)]
        if by_long:
            if supported and supported[0].score > by_long[0].score:
                return tuple(supported)
            return scaled(by_long, LONG)
        if not supported and type_ == "Gene":
            # an official symbol does not need its long form to be spelled as the nomenclature does
            supported = [Scored(s.concept, round(s.score * SYMBOL, 4)) for s in by_short if _is_symbol(text, s)]
        return tuple(supported)

    def _all_ways(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        # folding drops signs, so CD133- must be read by the grammar before it can be looked up as cd133
        found = self._composed(text, type_, "markers") if type_ in ("CSC", "Cell", None) else ()
        direct = self._direct(text, type_)
        if type_ == "CSC":  # an ordinary cell of that name comes after the grammar of stem-cell populations
            same = tuple(s for s in direct if s.concept.type == "CSC")
            found = found or same or self._composed(text, type_, "first")
        found = found or direct
        if found:
            return found
        for inner in parenthesised(text):
            found = self._all_ways(inner, type_)
            if found:
                return scaled(found, PAREN)
        found = self._by_greek(text, type_) or self._by_slash(text, type_) or self._composed(text, type_, "first")
        if found:
            return found
        for form, factor in rewrites(text, type_):
            found = self._direct(form, type_) or scaled(self._by_greek(form, type_), 0.97)
            if form.endswith("receptor") or not text.lower().rstrip("s").endswith("receptor") or _are_receptors(found):
                kept = good(scaled(found, factor))
                if kept:
                    return kept
        found = self._composed(text, type_, "later")
        if found:
            return found
        for form, factor in broader(text, type_):
            found = self._direct(form, type_) or self._rewritten(form, type_) or self._composed(form, type_, "later")
            kept = good(scaled(found, factor))
            if kept:
                return kept
        return ()

    def _rewritten(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        for form, factor in rewrites(text, type_):
            found = self._direct(form, type_)
            if found:
                return scaled(found, factor)
        return ()

    def _composed(self, text: str, type_: EntityType | None, stage: Stage) -> tuple[Scored, ...]:
        out = []
        for concept_id, value in self._composer.compose(text, type_, stage):
            concept = self.kb.concept(concept_id)
            if concept is not None:
                out.append(Scored(concept, round(value, 4)))
        return tuple(out)

    def _by_greek(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        if type_ in ("Gene", "Chemical", "Drug", "Pathway", None):
            for key in greek_variants(text):
                found = self._found(text, key, type_)
                if found:
                    return scaled(found, GREEK)
        return ()

    def _by_slash(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        """``NRF2/NFE2L2``: two names of one thing. Names of two things are NIL."""
        parts = [p.strip() for p in text.split("/")]
        if type_ not in ("Gene", "Drug", "Cell", "Cancer") or not 2 <= len(parts) <= 3 or min(map(len, parts)) < 2:
            return ()
        found = [self._direct(p, type_) for p in parts]
        if not all(found):
            return ()
        ids = [{s.concept.concept_id for s in f} for f in found]
        common = set.intersection(*ids)
        return tuple(scaled([s for s in found[0] if s.concept.concept_id in common], SLASH))

    def _best(self, text: str, type_: EntityType) -> tuple[Concept, float] | None:
        """The composer's look-up: the first choice for a part of a name, without composition."""
        text = trim(text)
        found = self._direct(text, type_) or self._by_greek(text, type_) or self._rewritten(text, type_)
        decided = decide(found, "")
        return (decided[0].concept, decided[0].score) if decided else None

    def _look_up(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        found = self._found(text, fold(text), type_)
        if type_ == "Pathway" and (core := fold(pathway_core(text) or text)):
            found = ranked([*found, *self._found(text, core, type_, prefix="~")])
        return found

    def _found(self, text: str, key: str, type_: EntityType | None, *, prefix: str = "") -> tuple[Scored, ...]:
        if len(key) < 2:
            return ()
        out = []
        for posting in self.kb.postings(prefix + key):
            concept = self.kb.row(posting.row)
            value = score(text, key, concept, posting, type_)
            if value >= MIN_SCORE:
                out.append(Scored(concept, round(value, 4)))
        return ranked(out)


def _candidate(scored: Scored) -> Candidate:
    concept = scored.concept
    return Candidate(concept.concept_id, concept.name, min(scored.score, 1.0), concept.xrefs)


def _supported(concept: Concept, long: str) -> bool:
    """Whether a concept's names share enough with the document's long form to be what the short form means."""
    words, key = set(fold_tokens(long)), fold(long)
    for name in (concept.name, *concept.synonyms):
        own = set(fold_tokens(name))
        if len(own) > 1 and len(own & words) >= 0.5 * max(len(own), len(words)):
            return True
        own_key = fold(name)
        if own_key in words or (len(own_key) >= _LONG_KEY and own_key in key):
            return True
    return False


def _is_symbol(text: str, scored: Scored) -> bool:
    return len(text) >= 4 and text.upper() == scored.concept.name.upper() and any(c.isdigit() for c in text)


def _are_receptors(found: Sequence[Scored]) -> bool:
    return bool(found) and any("receptor" in n.lower() for n in (found[0].concept.name, *found[0].concept.synonyms))


def _speaks_of_stem_cells(long: str | None, context: str) -> bool:
    if long is not None:
        return bool(_STEM_CONTEXT.search(long))
    return not context or bool(_STEM_CONTEXT.search(context))


def _long_form(surface: str, expansions: Mapping[str, str]) -> str | None:
    text = surface.strip()
    for form in (text, text[:-1] if text.endswith("s") else f"{text}s"):
        long = expansions.get(form)
        if long and fold(long) != fold(text):
            return long
    return None


def _expand_inside(surface: str, expansions: Mapping[str, str]) -> str:
    """Short forms within a longer name written out: ``CML LSCs`` → chronic myeloid leukemia LSCs."""
    if " " not in surface and "-" not in surface:
        return surface

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        long = expansions.get(word) or (expansions.get(word[:-1]) if word.endswith("s") else None)
        return long if long and len(word) > 1 and word.lower() not in long.lower() else word

    return _WORD.sub(replace, surface)
