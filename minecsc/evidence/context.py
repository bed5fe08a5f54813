"""The context of a frame: which cancer it is about and which model systems show it, each with what says so.

Rules, the first that answers wins; ``docs/frames.md`` gives them with examples.

Cancer
    population  the cancer of the frame's population, by its concept or by its name; where the sentence or the
                document names a narrower one, that one.
    sentence    a Cancer mention of the frame's sentences, the document's commonest first.
    cell        the cancer of a Cell mention of those sentences (a cell line, "ovarian cancer cells"); where
                the document's own cancer is broader or narrower, the document's.
    document    the document's own cancer: the commonest of those that its title names and of narrower ones, else
                the one that at least half of its Cancer mentions mean. Where no Cancer mention tells, populations
                and cells do in the same way.
    mesh        the one cancer among the MeSH headings, major ones first.
Model systems
    A review is a review and nothing else. Otherwise all that the frame's sentences show, else all that the
    document shows: words of the text (``data/model_systems.tsv``) and linked cell lines first, then MeSH
    headings and publication types. A cell line makes "cultured cells" superfluous.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import dropwhile
from pathlib import Path
from typing import Final, cast

from minecsc.evidence.rows import (
    CancerSource,
    ConceptLike,
    DocumentContext,
    LinkedMention,
    ModelCue,
    ModelSystem,
    System,
    concept_key,
    normalise,
)
from minecsc.ids import mention_id, sentence_id
from minecsc.linking.normalize import fold_tokens
from minecsc.schema import MeshHeading

_LEXICON: Final = Path(__file__).with_name("data") / "model_systems.tsv"
_LINE_PREFIX: Final = "cellosaurus:"
_UNLINKED: Final = concept_key(None, "Cancer", "")
_MAX_NAME: Final = 7
"""Longest name of a cancer, in words, that is looked for inside the name of a population or cell."""

_SHORT: Final = 5
"""Names of cancers of up to so many characters are abbreviations that other things share."""

_GENERIC: Final = frozenset(
    (
        "cancer tumor neoplasm malignancy malignant carcinoma adenocarcinoma disease of cellular proliferation "
        "bulk human primary recurrent advanced metastatic aggressive resistant refractory experimental other "
        "drug therapy circulating non stem like cell initiating slow cycling quiescent residual differentiated "
        "patient derived mouse murine established cultured"
    ).split()
)
"""Words of which a name may be made that names no particular cancer."""
_TUMOUR: Final = re.compile(r"(?:cancer|tumor|neoplasm|leukemia|\w+oma)$")
_SITE: Final = re.compile(r"[a-z]{4,}")
_NEOPLASMS: Final = re.compile(
    r".+ Neoplasms\b|\w*carcinoma\b|(?:Leukemia|Lymphoma|Sarcoma)\b|\w{4,}oma$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class FoundCancer:
    """A cancer and what shows it. mentions: empty where a MeSH heading shows it; name: as that spells it."""

    key: str
    name: str
    source: CancerSource
    mentions: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, dict[str, System]]:
    """kind → value → system, in the order of the file."""
    lines = _LEXICON.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    table: dict[str, dict[str, System]] = defaultdict(dict)
    for system, kind, value in rows:
        table[kind][value if kind == "word" else value.casefold()] = cast(System, system)
    return table


@lru_cache(maxsize=1)
def cue_pattern() -> str:
    """One regular expression, for Python and RE2 alike, that matches every word that shows a model system."""
    groups: dict[System, list[str]] = defaultdict(list)
    for value, system in _lexicon()["word"].items():
        groups[system].append(value)
    parts = (f"(?P<{system}>{'|'.join(values)})" for system, values in groups.items())
    return rf"(?i)\b(?:{'|'.join(parts)})\b"


@lru_cache(maxsize=1)
def _cues() -> re.Pattern[str]:
    return re.compile(cue_pattern())


def find_cues(document_id: str, sentence: str, text: str, start: int = 0) -> list[ModelCue]:
    """The words of one sentence that show a model system, in order.

    sentence: its id; text: its text; start: offset of that text in the document's.
    """
    found = []
    for word in _cues().finditer(text):
        span = mention_id(document_id, start + word.start(), start + word.end())
        found.append(ModelCue(cast(System, word.lastgroup), sentence, span))
    return found


class Cancers:
    """What concepts and names tell of cancers: the cancer of a population or cell, and which of two is narrower."""

    def __init__(self, concepts: Mapping[str, ConceptLike]) -> None:
        self._concepts = concepts
        self._known: dict[tuple[str | None, str], tuple[str, str] | None] = {}
        self._above: dict[str, tuple[str, ...]] = {}
        self._generic: dict[str, bool] = {}

    @cached_property
    def _cancers(self) -> list[ConceptLike]:
        return sorted((c for c in self._concepts.values() if c.type == "Cancer"), key=lambda c: c.concept_id)

    @cached_property
    def _names(self) -> dict[tuple[str, ...], tuple[str, str]]:
        found: dict[tuple[str, ...], tuple[str, str]] = {}
        for preferred in (True, False):
            for concept in self._cancers:
                for name in (concept.name,) if preferred else concept.synonyms:
                    if len(name) > _SHORT:
                        found.setdefault(_words(name), (concept.concept_id, concept.name))
        return found

    @cached_property
    def _headings(self) -> dict[str, tuple[str, str]]:
        return {
            curie: (concept.concept_id, concept.name)
            for concept in reversed(self._cancers)
            for curie in (concept.concept_id, *concept.xrefs)
            if curie.startswith("mesh:")
        }

    def generic(self, key: str, surface: str) -> bool:
        """Whether a Cancer mention names no particular cancer: "tumours", "bulk tumours", "carcinoma"."""
        if key not in self._generic:
            concept = self._concepts.get(key)
            name = normalise(concept.name if concept is not None else surface)
            self._generic[key] = all(word in _GENERIC for word in name.split())
        return self._generic[key]

    def above(self, key: str) -> tuple[str, ...]:
        """The key and all above it, nearest first: concepts, or names that it ends with ("leukemia")."""
        if key not in self._above:
            found = {key: None}
            level = [key]
            if key.startswith(_UNLINKED):
                words = key.removeprefix(_UNLINKED).split()
                found |= dict.fromkeys(_UNLINKED + " ".join(words[i:]) for i in range(1, len(words)))
            while level:
                upwards = [p for k in level if (c := self._concepts.get(k)) is not None for p in c.parents]
                level = [p for p in dict.fromkeys(upwards) if p not in found]
                found |= dict.fromkeys(level)
            self._above[key] = tuple(found)
        return self._above[key]

    def of(self, mention: LinkedMention) -> tuple[str, str] | None:
        """Key and name of the cancer that a population or cell comes from, by its name or its concept."""
        place = (mention.concept_id, mention.surface)
        if place not in self._known:
            self._known[place] = (
                self._by_name(mention) or self._by_concept(mention.concept_id) or self._by_host(mention)
            )
        return self._known[place]

    def _by_concept(self, concept_id: str | None) -> tuple[str, str] | None:
        for key in self.above(concept_id) if concept_id is not None else ():
            concept = self._concepts.get(key)
            if concept is not None and concept.type == "Cancer" and not self.generic(key, concept.name):
                return key, concept.name
        return None

    def _by_name(self, mention: LinkedMention) -> tuple[str, str] | None:
        words = _words(mention.surface)
        for length in range(min(_MAX_NAME, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                name = words[start : start + length]
                found = self._names.get(name)
                # A site stands for its cancer in "breast CSCs", not in "breast epithelial cells".
                if found is None or self.generic(*found):
                    continue
                if mention.type == "CSC" or any(map(_TUMOUR.match, name)):
                    return found
        return None

    def _by_host(self, mention: LinkedMention) -> tuple[str, str] | None:
        """The cancer that the name of the population or cell begins with: "lung cancer cell line"."""
        concept = self._concepts.get(mention.concept_id or "")
        words = _words(mention.surface if concept is None else concept.name)
        head = "stem" if mention.type == "CSC" else "cell"
        site = tuple(dropwhile(_GENERIC.__contains__, words[: words.index(head)] if head in words else ()))
        name = " ".join(site)
        if not site or not _TUMOUR.match(site[-1]):
            return None
        if site[-1] in _GENERIC and not (len(site) > 1 and _SITE.fullmatch(site[-2]) and site[-2] not in _GENERIC):
            return None
        return self._names.get(site) or (concept_key(None, "Cancer", name), name)

    def of_heading(self, heading: MeshHeading) -> tuple[str, str] | None:
        """Key and name of the cancer that a MeSH heading stands for, or None."""
        curie = f"mesh:{heading.ui}"
        found = self._headings.get(curie)
        if found is None and _NEOPLASMS.match(heading.name):
            found = (curie, heading.name)
        return None if found is None or self.generic(curie, heading.name) else found


class Surroundings:
    """What one document names besides its relations: populations, cancers, cells, words of model systems."""

    def __init__(
        self,
        document_id: str,
        mentions: Iterable[LinkedMention],
        context: DocumentContext,
        cancers: Cancers,
        concepts: Mapping[str, ConceptLike],
    ) -> None:
        self._cancers = cancers
        self._concepts = concepts
        self._context = context
        self._title = sentence_id(document_id, 0)
        told = (m for m in mentions if m.type in ("CSC", "Cell", "Cancer"))
        kept = (m for m in told if m.type != "Cancer" or not cancers.generic(m.key, m.surface))
        ordered = sorted(kept, key=lambda m: (m.start_char, m.mention_id))
        self._frequency = Counter(m.key for m in ordered)
        self._in_sentence: dict[tuple[str, str], list[LinkedMention]] = defaultdict(list)
        for mention in ordered:
            self._in_sentence[mention.sentence_id, mention.type].append(mention)
        self._named = [m for m in ordered if m.type == "Cancer"]
        self._by_id = {m.mention_id: m for m in ordered if m.type == "CSC"}
        self._hosts = [m for m in ordered if m.type in ("CSC", "Cell")]
        self._spelt = {_words(m.surface): m for m in reversed(self._named)}
        self._shown = [
            *((cue.system, cue.sentence_id, cue.span_id) for cue in context.cues),
            *(
                ("cell_line", m.sentence_id, m.mention_id)
                for m in self._hosts
                if m.concept_id is not None and m.concept_id.startswith(_LINE_PREFIX)
            ),
        ]

    def population(self, sentence_ids: Iterable[str]) -> LinkedMention | None:
        """The CSC mention of the first sentence that has one, the document's commonest first.

        One that links to a normal cell is none.
        """
        for sentence in sentence_ids:
            found = [
                m
                for m in self._in_sentence.get((sentence, "CSC"), ())
                if (concept := self._concepts.get(m.key)) is None or concept.type == "CSC"
            ]
            if found:
                return max(found, key=lambda m: self._frequency[m.key])
        return None

    def cancer(self, sentence_ids: Sequence[str], populations: Iterable[str]) -> FoundCancer | None:
        """The cancer of a frame with those sentences and mentions of its population."""
        here = [m for s in sentence_ids for m in self._in_sentence.get((s, "Cancer"), ())]
        here.sort(key=lambda m: -self._frequency[m.key])
        for population in (self._by_id[p] for p in sorted(populations) if p in self._by_id):
            found = self._cancer_of(population)
            if found is not None:
                for mention in here:
                    if found[0] in self._cancers.above(mention.key):
                        return _by_mention(mention, "sentence")
                if self._own is not None and found[0] in self._cancers.above(self._own.key):
                    return self._own
                return FoundCancer(*found, "population", (population.mention_id,))
        if here:
            return _by_mention(here[0], "sentence")
        for cell in (m for s in sentence_ids for m in self._in_sentence.get((s, "Cell"), ())):
            found = self._cancer_of(cell)
            if found is not None:
                own = self._own
                if own is not None and (
                    found[0] in self._cancers.above(own.key) or own.key in self._cancers.above(found[0])
                ):
                    return own
                return FoundCancer(*found, "cell", (cell.mention_id,))
        return self._own or self._by_mesh()

    def _cancer_of(self, host: LinkedMention) -> tuple[str, str] | None:
        """As :meth:`Cancers.of`, and by the document's own names for its cancers ("HNSCC cells")."""
        found = self._cancers.of(host)
        if found is None:
            for word in _words(host.surface):
                if (word,) in self._spelt:
                    return self._spelt[word,].key, self._spelt[word,].surface
        return found

    @cached_property
    def _own(self) -> FoundCancer | None:
        """The document's own cancer."""
        named = [(_by_mention(m, "document"), m.sentence_id) for m in self._named]
        hosted = [
            (FoundCancer(*found, "document", (host.mention_id,)), host.sentence_id)
            for host in self._hosts
            if (found := self._cancer_of(host)) is not None
        ]
        for told in (named, hosted):
            titled = {cancer.key for cancer, place in told if place == self._title}
            for group in (named, hosted) if titled else ():
                subject = [c for c, _ in group if not titled.isdisjoint(self._cancers.above(c.key))]
                if subject:
                    return _commonest(subject)
        for told in (named, hosted):
            if told:
                best = _commonest([cancer for cancer, _ in told])
                return best if 2 * sum(cancer.key == best.key for cancer, _ in told) >= len(told) else None
        return None

    def _by_mesh(self) -> FoundCancer | None:
        headings = self._context.mesh
        for chosen in ([h for h in headings if h.major], headings):
            found = dict.fromkeys(f for heading in chosen if (f := self._cancers.of_heading(heading)) is not None)
            narrow = [f for f in found if not any(f != g and f[0] in self._cancers.above(g[0]) for g in found)]
            if len(narrow) == 1:
                return FoundCancer(*narrow[0], "mesh")
        return None

    def model_systems(self, sentence_ids: Sequence[str]) -> tuple[ModelSystem, ...]:
        """The model systems of a frame with those sentences, one each, in order of name."""
        whole = _first_of_each(self._of_document())
        if "review" in whole:
            return (whole["review"],)
        here = _first_of_each(
            ModelSystem(system, "sentence", span) for system, place, span in self._shown if place in sentence_ids
        )
        found = here or whole
        if "cell_line" in found:
            found.pop("cell_culture", None)
        return tuple(found[system] for system in sorted(found))

    def _of_document(self) -> Iterator[ModelSystem]:
        for system, _, span in self._shown:
            yield ModelSystem(system, "document", span)
        lexicon = _lexicon()
        for heading in self._context.mesh:
            known = lexicon["mesh"].get(heading.name.casefold())
            if known is not None:
                yield ModelSystem(known, "mesh", heading.name)
        for name in self._context.publication_types:
            known = lexicon["publication_type"].get(name.casefold())
            if known is not None:
                yield ModelSystem(known, "publication_type", name)


def _words(name: str) -> tuple[str, ...]:
    return tuple(fold_tokens(name))


def _by_mention(mention: LinkedMention, source: CancerSource) -> FoundCancer:
    return FoundCancer(mention.key, mention.surface, source, (mention.mention_id,))


def _commonest(found: Sequence[FoundCancer]) -> FoundCancer:
    times = Counter(cancer.key for cancer in found)
    return max(found, key=lambda cancer: times[cancer.key])


def _first_of_each(found: Iterable[ModelSystem]) -> dict[System, ModelSystem]:
    kept: dict[System, ModelSystem] = {}
    for model in found:
        kept.setdefault(model.system, model)
    return kept
