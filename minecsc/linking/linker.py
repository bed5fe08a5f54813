"""From a mention's surface to ranked concepts, or to none.

Ways to read a surface, tried in this order until one gives a result: marker grammar; look-up after folding; the
name without its bracketed abbreviation; Greek letters for Latin ones; two names of one thing with a slash;
composition of parts; heads and modifiers taken off; composition of looser kinds; a broader name. Where all that is left
is a broader name or nothing, names near by spelling join (:mod:`minecsc.linking.ngrams`). The readings are then weighed
together with their document, and each gets a probability (:mod:`minecsc.linking.calibration`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from minecsc.errors import SchemaError
from minecsc.linking import calibration, document, scoring
from minecsc.linking.alignment import Alignment
from minecsc.linking.calibration import Calibrator
from minecsc.linking.compose import pathway_core
from minecsc.linking.composer import Composer, Stage
from minecsc.linking.kb import KnowledgeBase
from minecsc.linking.layout import CURATED, REVIEW, Concept
from minecsc.linking.ngrams import NgramIndex
from minecsc.linking.normalize import clean, fold, fold_tokens, greek_variants, join_tokens
from minecsc.linking.scoring import (
    COMPATIBLE,
    FUZZY,
    GREEK,
    LONG,
    MAX_CANDIDATES,
    PAREN,
    SLASH,
    SYMBOL,
    Scored,
    decide,
    good,
    ranked,
    scaled,
)
from minecsc.linking.variants import broader, first_of_several, parenthesised, rewrites, trim
from minecsc.schema import ENTITY_TYPES, EntityType

_CACHE = 100_000
_LONG_KEY = 8
_SENSE = 0.95
_CODE = re.compile(r"([A-Za-z]{2,4})[- ]?(\d{3,})")
_SEVERAL = re.compile(r"[/,&]|\b(?:and|or)\b")
_FUZZY_TYPES = frozenset({"Drug", "Chemical", "Gene", "Cancer", "Cell", "Process", "Pathway"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading of a mention. score: the probability that it is what the mention stands for."""

    concept_id: str
    name: str
    score: float
    xrefs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A concept that a mention may stand for, before its document is looked at.

    features: as :data:`minecsc.linking.calibration.FEATURES`; base: their log odds; others: the concept's other names.
    """

    scored: Scored
    features: tuple[float, ...]
    base: float
    others: tuple[str, ...]

    def context(self, text: str, neighbours: Collection[str]) -> tuple[bool, bool, bool]:
        """What a document says for it: another of its names, the concept by another name, its kin.

        text: lower case; neighbours: concepts of the document's other mentions.
        """
        concept = self.scored.concept
        return (
            any(name in text for name in self.others),
            concept.concept_id in neighbours,
            document.kin(concept, neighbours),
        )


class Linker:
    """Links surfaces to the concepts of a knowledge base. Results are cached; answers never depend on call order.

    threshold: probability below which the answer is NIL, by default the one chosen when the model was fitted.
    """

    def __init__(
        self, kb: KnowledgeBase, *, threshold: float | None = None, calibrator: Calibrator | None = None
    ) -> None:
        self.kb = kb
        self._calibrator = calibrator or calibration.shipped()
        self._threshold = threshold
        self._ngrams = NgramIndex.load(kb.folder, kb.meta)
        self._composer = Composer(kb, self._best)
        self._senses: dict[str, list[list[object]]] = kb.rules.get("senses", {})
        self._read = lru_cache(maxsize=_CACHE)(self._weigh)
        self._direct = lru_cache(maxsize=_CACHE)(self._look_up)

    def __reduce__(self) -> tuple[object, ...]:
        return _reload, (self.kb, self._threshold, self._calibrator)

    @property
    def threshold(self) -> float:
        """Probability below which the answer is NIL."""
        return self._calibrator.threshold if self._threshold is None else self._threshold

    def link(
        self,
        surface: str,
        type: EntityType | None = None,
        *,
        context: str = "",
        expansions: Mapping[str, str] | None = None,
        neighbours: Collection[str] = (),
    ) -> list[Candidate]:
        """Concepts that a mention may stand for, best first; an empty list is NIL.

        type: the mention's entity type, None where unknown; context: the text around it, best the whole abstract;
        expansions: short form → long form as defined in the same document; neighbours: ids of the concepts that other
        names in the document stand for. The first candidate reaches the threshold, the others need not.
        Raises SchemaError for an unknown type.
        """
        sensed = self._sensed(surface, type, context)
        if sensed is not None:
            return [sensed]
        found = self.readings(surface, type, context=context, expansions=expansions)
        return self._answer(found, context, neighbours)

    def _sensed(self, surface: str, type_: EntityType | None, context: str) -> Candidate | None:
        """The concept that a rule gives a name in documents of this kind, or None."""
        if type_ is not None and type_ not in ENTITY_TYPES:
            raise SchemaError(f"unknown entity type {type_!r}")
        key = fold(surface)
        sense = self._sense(key, type_, context) if key in self._senses else None
        return None if sense is None else Candidate(sense.concept_id, sense.name, _SENSE, sense.xrefs)

    def _answer(self, found: Sequence[Reading], context: str, neighbours: Collection[str]) -> list[Candidate]:
        """Readings weighed by the document; nothing where the best stays below the threshold."""
        text = document.lowered(context)
        odds = [self._calibrator.odds(reading.base, *reading.context(text, neighbours)) for reading in found]
        probabilities = calibration.probabilities(odds)
        weighed = sorted(zip(probabilities, (r.scored.concept for r in found), strict=True), key=lambda w: -w[0])
        if weighed and weighed[0][0] < self.threshold:
            weighed = self._widened(weighed)
        if not weighed or weighed[0][0] < self.threshold:
            return []
        return [Candidate(c.concept_id, c.name, round(p, 4), c.xrefs) for p, c in weighed]

    def _widened(self, weighed: Sequence[tuple[float, Concept]]) -> list[tuple[float, Concept]]:
        """Readings that share the probability with narrower ones, or with another entry of one heading, added up.

        A wider concept is right whichever of the two is meant: bone neoplasm where bone cancer is as likely.
        """
        sums = [(sum(q for q, d in weighed if d is c or self._covers(c, d)), c) for _, c in weighed]
        top = max(range(len(sums)), key=lambda i: (sums[i][0], -i))
        return [(min(sums[top][0], 1.0), sums[top][1]), *(w for i, w in enumerate(weighed) if i != top)]

    def _covers(self, wide: Concept, narrow: Concept) -> bool:
        above = {*narrow.parents, *(p for c in self.kb.concepts(narrow.parents) for p in c.parents)}
        return wide.concept_id in above or not {narrow.concept_id, *narrow.xrefs}.isdisjoint(wide.xrefs)

    def link_document(
        self,
        mentions: Sequence[tuple[str, EntityType]],
        *,
        context: str = "",
        expansions: Mapping[str, str] | None = None,
    ) -> list[list[Candidate]]:
        """Candidates of every (surface, type) of a document; ambiguous ones are read with the others as neighbours."""
        links: list[list[Candidate]] = []
        open_: dict[int, tuple[Reading, ...]] = {}
        for at, (surface, type_) in enumerate(mentions):
            sensed = self._sensed(surface, type_, context)
            if sensed is not None:
                links.append([sensed])
                continue
            found = self.readings(surface, type_, context=context, expansions=expansions)
            links.append(self._answer(found, context, ()))
            if len(found) > 1:
                open_[at] = found
        keys = [fold(surface) for surface, _ in mentions]
        named: dict[str, set[str]] = defaultdict(set)
        for key, candidates in zip(keys, links, strict=True):
            if candidates:
                named[candidates[0].concept_id].add(key)
        for at, found in open_.items():
            around = {id_ for id_, by in named.items() if by != {keys[at]}}
            links[at] = self._answer(found, context, around)
        return links

    def readings(
        self,
        surface: str,
        type: EntityType | None = None,
        *,
        context: str = "",
        expansions: Mapping[str, str] | None = None,
    ) -> tuple[Reading, ...]:
        """Every reading found for a mention, best prior score first; :meth:`link` weighs them by the document."""
        if type in (None, "Gene", "Drug") and document.is_plain_word(surface):
            return ()
        long = document.long_form(surface, expansions) if expansions else None
        if (
            type in (None, "CSC", "Cell")
            and document.is_bare_population(surface)
            and not document.speaks_of_stem_cells(surface, long, context)
        ):
            healthy = document.healthy_population(surface, long, context) if type == "Cell" else None
            return self._read(healthy, type, None) if healthy else ()
        found: tuple[Reading, ...] = ()
        if long is None and expansions:
            in_full = document.written_out(surface, expansions)
            found = self._read(in_full, type, None) if in_full != surface else ()
        return found or self._read(surface, type, long)

    def _weigh(self, surface: str, type_: EntityType | None, long: str | None) -> tuple[Reading, ...]:
        found = _decided(good(self._rank(surface, type_, long)))[:MAX_CANDIDATES]
        return tuple(
            Reading(scored, values, self._calibrator.base(values), document.other_names(scored.concept, surface))
            for scored, values in zip(found, calibration.features(found, type_), strict=True)
        )

    def _sense(self, key: str, type_: EntityType | None, context: str) -> Concept | None:
        low = document.lowered(context)
        for for_type, target, words in self._senses[key]:
            if type_ is not None and for_type not in COMPATIBLE[type_]:
                continue
            if any(word in low for word in words):  # type: ignore[attr-defined]
                concept = self.kb.concept(str(target))
                if concept is not None:
                    return concept
        return None

    def _rank(self, surface: str, type_: EntityType | None, long: str | None) -> tuple[Scored, ...]:
        text = trim(clean(surface))
        if not text:
            return ()
        if long is None:
            return self._with_near_ones(text, type_)
        by_long = self._with_near_ones(trim(clean(long)), type_)
        by_short = self._direct(text, type_)
        supported = [s for s in by_short if _supported(s.concept, long)]
        if by_long:
            if supported and supported[0].score > by_long[0].score:
                return tuple(supported)
            return scaled(by_long, LONG, None if by_long[0].way in ("fuzzy", "modifier", "broader") else "long")
        if not supported and type_ in ("Gene", "Drug", "Chemical"):
            # an official symbol or a drug's own name does not need its long form to be spelled as the nomenclature does
            supported = list(scaled((s for s in by_short if _is_symbol(text, s)), SYMBOL, "symbol"))
        return tuple(supported)

    def _with_near_ones(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        found = self._all_ways(text, type_)
        if type_ not in _FUZZY_TYPES or (found and found[0].way not in ("modifier", "broader")):
            return found
        return ranked([*found, *self._near(text, type_)])

    def _near(self, text: str, type_: EntityType) -> list[Scored]:
        """Names spelled nearly so; for codes of agents two letters exchanged, with all digits right."""
        out: list[Scored] = []
        code = _CODE.fullmatch(text) if type_ in ("Drug", "Chemical") else None
        if code:
            letters, digits = code.groups()
            for i in range(len(letters) - 1):
                swapped = letters[:i] + letters[i + 1] + letters[i] + letters[i + 2 :] + digits
                out += _near_ones(self._found(swapped, fold(swapped), type_), 0.8, Alignment(misspelled=1))
        if self._ngrams is None or _SEVERAL.search(text):
            return out
        inflect = type_ not in ("Drug", "Chemical")
        for near in self._ngrams.search(fold_tokens(text), inflect=inflect):
            name = " ".join(near.words)
            out += _near_ones(self._found(name, join_tokens(near.words), type_), near.cosine, near.alignment)
        return out

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
                return scaled(found, PAREN, "paren")
        found = self._by_greek(text, type_) or self._by_slash(text, type_) or self._composed(text, type_, "first")
        if found:
            return found
        for form, factor in rewrites(text, type_):
            found = self._direct(form, type_) or scaled(self._by_greek(form, type_), 0.97)
            if form.endswith("receptor") or not text.lower().rstrip("s").endswith("receptor") or _are_receptors(found):
                kept = good(scaled(found, factor, "rewritten"))
                if kept:
                    return kept
        found = self._composed(text, type_, "later")
        if found:
            return found
        first = first_of_several(text, type_)
        if first is not None and (found := self._direct(first, type_) or self._rewritten(first, type_)):
            return scaled(found, SLASH, "slash")
        for form, factor, way in broader(text, type_):
            found = self._direct(form, type_) or self._rewritten(form, type_) or self._composed(form, type_, "later")
            kept = good(scaled(found, factor, way))
            if kept:
                return kept
        return ()

    def _rewritten(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        for form, factor in rewrites(text, type_):
            found = self._direct(form, type_)
            if found:
                return scaled(found, factor, "rewritten")
        return ()

    def _composed(self, text: str, type_: EntityType | None, stage: Stage) -> tuple[Scored, ...]:
        out = []
        for concept_id, value in self._composer.compose(text, type_, stage):
            concept = self.kb.concept(concept_id)
            if concept is not None:
                out.append(Scored(concept, round(value, 4), "composed"))
        return tuple(out)

    def _by_greek(self, text: str, type_: EntityType | None) -> tuple[Scored, ...]:
        if type_ in ("Gene", "Chemical", "Drug", "Pathway", None):
            for key in greek_variants(text):
                found = self._found(text, key, type_)
                if found:
                    return scaled(found, GREEK, "greek")
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
        return tuple(scaled([s for s in found[0] if s.concept.concept_id in common], SLASH, "slash"))

    def _best(self, text: str, type_: EntityType) -> tuple[Concept, float] | None:
        """The composer's look-up: the first choice for a part of a name, without composition."""
        text = trim(text)
        found = self._direct(text, type_) or self._by_greek(text, type_) or self._rewritten(text, type_)
        decided = decide(found)
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
            scored = scoring.read(text, key, self.kb.row(posting.row), posting, type_)
            if scored is not None:
                out.append(scored)
        return ranked(out)


def _decided(found: Sequence[Scored]) -> Sequence[Scored]:
    """Names from our own tables and the seed review were chosen by hand against their namesakes."""
    if found and found[0].tier in (CURATED, REVIEW) and found[0].way in ("direct", "rewritten", "greek", "paren"):
        return [s for s in found if s.tier in (CURATED, REVIEW)]
    return found


def _reload(kb: KnowledgeBase, threshold: float | None, calibrator: Calibrator) -> Linker:
    return Linker(kb, threshold=threshold, calibrator=calibrator)


def _near_ones(found: Sequence[Scored], cosine: float, alignment: Alignment) -> list[Scored]:
    return [replace(s, way="fuzzy", cosine=cosine, alignment=alignment) for s in scaled(found, cosine**0.5 * FUZZY)]


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
    if text.upper() != scored.concept.name.upper():
        return False
    return len(text) >= 5 if scored.concept.type == "Drug" else len(text) >= 4 and any(c.isdigit() for c in text)


def _are_receptors(found: Sequence[Scored]) -> bool:
    return bool(found) and any("receptor" in n.lower() for n in (found[0].concept.name, *found[0].concept.synonyms))
