"""Finding the evidence on a term: names to concepts, concepts to all that is narrower in the corpus."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from minecsc.evidence.rows import ConceptLike, DocumentInfo, LinkedRelation, normalise
from minecsc.evidence.votes import Paper, papers
from minecsc.linking.normalize import fold_tokens
from minecsc.review.assertions import Term
from minecsc.schema import EntityType

_PATHWAY_NOUN: Final = re.compile(r"\s+(?:signal+ing|pathways?|axis|cascade|signal+ing pathways?)$", re.IGNORECASE)
MIN_LINK_SCORE: Final = 0.76
"""Below it the linker has fallen back on a wider concept, or tossed between two readings."""
SURE_LINK_SCORE: Final = 0.97
"""From here on the name itself was found. Below, a word left over may make it another thing (:func:`_leaves_out`)."""
_LOOSE_TYPES: Final = frozenset({"Process", "Gene", "Cell", "Chemical"})
_EMPTY_WORDS: Final = frozenset(
    "of the a and in to cell cancer tumor drug agent conventional based gene ligand marker mechanism protein".split()
)
_REVERSED: Final = re.compile(r"\b(?:hypo|de)(?:methyl|acetyl|phosphoryl|ubiquitin|glycosyl)", re.IGNORECASE)
_FORM: Final = re.compile(r"\b(?:truncated|isoform|splice variant|dominant[- ]negative)\b", re.IGNORECASE)
"""Says that it is one form of a gene, whose effect may be the reverse of the gene's."""
_ANY_POPULATION: Final = "cancer stem cells"
_CONTEXT: Final = "cancer stem cells, drug resistance"
_MENTION_TYPES: Final = frozenset({"Drug", "Gene", "Pathway", "Chemical"})
_SAME_THING: Final = frozenset({"Gene", "Pathway"})


class CandidateLike(Protocol):
    """What matching needs of a link candidate (``minecsc.linking.Candidate`` has it)."""

    @property
    def concept_id(self) -> str: ...
    @property
    def score(self) -> float: ...


class LinkerLike(Protocol):
    """What matching needs of a linker: candidates for a name, best first, none where it abstains."""

    def link(self, surface: str, type: EntityType | None = None, *, context: str = "") -> Sequence[CandidateLike]: ...


class NamedConcept(ConceptLike, Protocol):
    """What matching needs of a concept (``minecsc.linking.Concept`` has it)."""

    @property
    def synonyms(self) -> tuple[str, ...]: ...
    @property
    def genes(self) -> tuple[str, ...]: ...


ConceptLookup = Callable[[str], NamedConcept | None]


def _leaves_out(name: str, concept: NamedConcept) -> bool:
    """Whether a word of the name is in no name of the concept: ferroptosis resistance is not drug resistance.

    Composed concepts are made of all the words, and have no list of names to look into.
    """
    if concept.concept_id.startswith("minecsc:"):
        return False
    names = " ".join("".join(fold_tokens(known)) for known in (concept.name, *concept.synonyms))
    return any(word not in names for word in fold_tokens(name) if word not in _EMPTY_WORDS)


@dataclass(frozen=True, slots=True)
class Match:
    """What a term of the review is in the evidence.

    concept_ids: the concepts its names link to. names: its normalised names. keys: concept keys in the
    corpus that are the term or narrower. firm: those of them that can speak against it; one member of a
    family or one kind of process does not refute what is said of the whole, so that is the term itself, or
    any kind of a population or cell. broader: keys of wider CSC populations, which stand for the term only
    in a document on the right cancer ("CSCs" in a paper on ovarian cancer).
    """

    concept_ids: frozenset[str]
    names: frozenset[str]
    keys: frozenset[str]
    firm: frozenset[str]
    broader: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        """Whether the knowledge base has the term, or else some mention bears its name."""
        return bool(self.concept_ids or self.keys)


class EvidenceIndex:
    """Relations and mentions of a corpus, arranged for looking up pairs of concept keys.

    relations: all of them, of any probability. occurrences: (concept key, ids of documents that mention it),
    a key any number of times. documents: document_id → standing. concept: id → concept, e.g. ``kb.concept``.
    populations: keys that were read as a cancer stem cell population in some relation.
    """

    def __init__(
        self,
        relations: Iterable[LinkedRelation],
        occurrences: Iterable[tuple[str, Iterable[str]]],
        documents: Mapping[str, DocumentInfo],
        concept: ConceptLookup,
    ) -> None:
        self.papers: dict[str, Paper] = papers(documents)
        self.concept = cache(concept)
        self._ancestors: dict[str, frozenset[str]] = {}
        self._documents: dict[str, set[str]] = defaultdict(set)
        for key, document_ids in occurrences:
            self._documents[key].update(document_ids)
        self.populations: set[str] = set()
        self._by_head: dict[str, dict[str, list[LinkedRelation]]] = defaultdict(lambda: defaultdict(list))
        self._by_tail: dict[str, dict[str, list[LinkedRelation]]] = defaultdict(dict)
        for relation in relations:
            head, tail = relation.head_key, relation.tail_key
            if head == tail:
                continue  # two names of one thing say nothing of a pair
            if self._misnamed(head, relation.head_type, relation.head_surface) or self._misnamed(
                tail, relation.tail_type, relation.tail_surface
            ):
                continue
            pair = self._by_head[head][tail]
            pair.append(relation)
            self._by_tail[tail][head] = pair
            if relation.head_type == "CSC":
                self.populations.add(head)
            if relation.tail_type == "CSC":
                self.populations.add(tail)
        self._narrower: dict[str, set[str]] = defaultdict(set)
        self._named: dict[str, set[str]] = defaultdict(set)
        for key in {*self._documents, *self._by_head, *self._by_tail}:
            if key.startswith("text:"):
                self._named[key.split(":", 2)[2]].add(key)
            else:
                for concept_id in {key, *self.ancestors(key)}:
                    self._narrower[concept_id].add(key)

    def _misnamed(self, key: str, type_: str, surface: str) -> bool:
        """Whether a mention was linked to a process that it is not.

        A drug named after it (*epigenetic drugs* are no epigenesis), or its reverse (*hypomethylation*).
        """
        reverse = _REVERSED.search(surface)
        concept = self.concept_of(key) if type_ == "Drug" or reverse else None
        if concept is None or concept.type != "Process":
            return False
        return reverse is None or reverse.group().casefold() not in concept.name.casefold()

    def ancestors(self, concept_id: str) -> frozenset[str]:
        """Ids of every broader concept, without the concept itself."""
        known = self._ancestors.get(concept_id)
        if known is None:
            known = self._ancestors[concept_id] = self._climb(concept_id)
        return known

    def _climb(self, concept_id: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = [concept_id]
        while waiting:
            concept = self.concept(waiting.pop())
            for parent in concept.parents if concept is not None else ():
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return frozenset(found - {concept_id})

    def narrower(self, concept_id: str, type_: str) -> set[str]:
        """Keys in the corpus that are this concept, or a narrower one of an entity type that fits."""
        return {key for key in self._narrower.get(concept_id, ()) if key == concept_id or self.fits(key, type_)}

    def fits(self, concept_id: str, type_: str) -> bool:
        """Whether a concept is of this entity type, or of the other one of gene and pathway."""
        concept = self.concept(concept_id)
        return concept is not None and (concept.type == type_ or {concept.type, type_} <= _SAME_THING)

    def concept_of(self, key: str) -> NamedConcept | None:
        """The concept of a concept key; None for an unlinked name."""
        return None if key.startswith("text:") else self.concept(key)

    def named(self, name: str) -> set[str]:
        """Keys of unlinked mentions that bear this normalised name, of any type."""
        return self._named.get(name, set())

    def of_type(self, type_: str) -> Iterator[tuple[str, NamedConcept]]:
        """(key, concept) of every linked key in the corpus whose concept is of this entity type."""
        for key in {*self._documents, *self._by_head, *self._by_tail}:
            concept = self.concept_of(key)
            if concept is not None and concept.type == type_:
                yield key, concept

    def documents(self, keys: Iterable[str]) -> frozenset[str]:
        """Documents that mention any of the keys."""
        return frozenset().union(*(self._documents.get(key, ()) for key in keys))

    def standing(self, documents: Iterable[str]) -> frozenset[str]:
        """Ids of the papers in good standing that the documents are copies of."""
        found = (self.papers[document_id] for document_id in documents)
        return frozenset(paper.paper_id for paper in found if paper.standing)

    def between(self, heads: Collection[str], tails: Collection[str] | None) -> Iterator[LinkedRelation]:
        """Relations from any of the heads to any of the tails; to anything where tails is None."""
        if tails is None:
            for head in heads:
                for pair in self._by_head.get(head, {}).values():
                    yield from pair
            return
        if self._degree(self._by_head, heads) <= self._degree(self._by_tail, tails):
            for head in heads:
                for tail, pair in self._by_head.get(head, {}).items():
                    if tail in tails:
                        yield from pair
        else:
            for tail in tails:
                for head, pair in self._by_tail.get(tail, {}).items():
                    if head in heads:
                        yield from pair

    @staticmethod
    def _degree(side: Mapping[str, Mapping[str, object]], keys: Iterable[str]) -> int:
        return sum(len(side[key]) for key in keys if key in side)


class Matcher:
    """Resolves terms of the review against one index; every name is linked, and every term resolved, once.

    A term is its name and aliases. How the review's sentence happens to put it (``mention``: "iota", "This
    pathway", "sensitivity") is asked only for a drug, molecule or pathway that the knowledge base does not
    know by name. A pathway named after one gene ("Notch signaling") is also that gene, since papers write
    either for the other.
    """

    def __init__(self, index: EvidenceIndex, linker: LinkerLike) -> None:
        self._index = index
        self._linker = linker
        self._linked: dict[tuple[str, EntityType], str | None] = {}
        self._wider: set[tuple[str, EntityType]] = set()
        self._resolved: dict[Term, Match] = {}

    def link(self, name: str, type_: EntityType) -> str | None:
        """Id of the best candidate, or None where the linker abstains or offers only something wider."""
        if (name, type_) not in self._linked:
            candidates = self._linker.link(name, type_, context=_CONTEXT)
            best = candidates[0] if candidates and candidates[0].score >= MIN_LINK_SCORE else None
            concept = None if best is None else self._index.concept(best.concept_id)
            if best is not None and concept is not None and self._is_wider(name, type_, concept, best.score):
                self._wider.add((name, type_))
                best = None
            self._linked[name, type_] = None if best is None else best.concept_id
        return self._linked[name, type_]

    @staticmethod
    def _is_wider(name: str, type_: EntityType, concept: NamedConcept, score: float) -> bool:
        if type_ == "Gene" and _FORM.search(name) and not _FORM.search(concept.name):
            return True
        return score < SURE_LINK_SCORE and type_ in _LOOSE_TYPES and _leaves_out(name, concept)

    def resolve(self, term: Term) -> Match:
        """The term's concepts and every key of the corpus that stands for it."""
        if term not in self._resolved:
            self._resolved[term] = self._resolve(term)
        return self._resolved[term]

    def _resolve(self, term: Term) -> Match:
        names = (term.name, *term.aliases)
        ids = {self.link(name, term.type) for name in names}
        known_wider = any((name, term.type) in self._wider for name in names)
        if ids == {None} and term.type in _MENTION_TYPES and not known_wider:
            ids = {self.link(name, term.type) for name in term.mention}
        concept_ids = {concept_id for concept_id in ids if concept_id is not None}
        folded = {normalise(name) for name in names}
        keys = {key for concept_id in concept_ids for key in self._index.narrower(concept_id, term.type)}
        for name in folded:
            keys |= self._index.named(name)
        if term.type == "CSC" and concept_ids & {self.link(_ANY_POPULATION, "CSC")}:
            keys |= self._index.populations
        genes: set[str] = set()
        if term.type == "Pathway":
            for core in self._gene_names(names):
                gene = self.link(core, "Gene")
                keys |= self._index.named(normalise(core))
                if gene is not None:
                    genes.add(gene)
                    keys |= self._index.narrower(gene, "Gene")
        broader: set[str] = set()
        if term.type == "CSC":
            wider = {a for concept_id in concept_ids for a in self._index.ancestors(concept_id)}
            broader = {
                concept_id
                for concept_id in wider - keys
                if (concept := self._index.concept(concept_id)) is not None and concept.type == "CSC"
            }
        named = {key for key in keys if key.startswith("text:")}
        firm = keys | broader if term.type in ("CSC", "Cell") else keys & (concept_ids | genes | named)
        return Match(frozenset(concept_ids), frozenset(folded), frozenset(keys), frozenset(firm), frozenset(broader))

    @staticmethod
    def _gene_names(names: Iterable[str]) -> Iterator[str]:
        for name in names:
            core = _PATHWAY_NOUN.sub("", name)
            if core != name and "/" not in core and " " not in core:
                yield core

    def context(self, names: str | None, type_: EntityType) -> set[str]:
        """Documents that mention any of the ``;``-parted names (or something narrower)."""
        documents: set[str] = set()
        for name in (names or "").split(";"):
            if name.strip():
                documents |= self._index.documents(self.resolve(Term(name.strip(), type_)).keys)
        return documents
