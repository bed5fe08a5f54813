"""The rows that evidence is computed from and the rows it yields: plain, frozen, free of text and database.

A *concept key* is what evidence aggregates by: the concept's CURIE where linking gave one, else
``text:<type>:<normalised surface>``, so that names the knowledge base does not hold still add up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from minecsc.linking.normalize import fold_tokens
from minecsc.schema import MeshHeading

CscEffect = Literal["increases", "decreases", "resistance_to", "sensitizes_to"]
DrugEffect = Literal["increases", "decreases"]
CscActor = Literal["drug", "mechanism", "population"]
FrameRule = Literal["chain", "co_stated", "mechanism", "drug", "population", "context"]
CancerSource = Literal["population", "sentence", "cell", "document", "mesh"]
System = Literal["animal", "cell_culture", "cell_line", "clinical_trial", "in_silico", "organoid", "patient", "review"]
SystemSource = Literal["sentence", "document", "mesh", "publication_type"]

_NEGATIVE = re.compile(r"(?<=\w)(?:[-‐‑‒–—−⁻](?=/|\s|$)|\([-–−]\))")
_POSITIVE = re.compile(r"(?<=\w)(?:[+⁺]|\(\+\))")
_NUMBER = re.compile(r"(?<=[^\W\d]) (?=\d)|(?<=\d) (?=[^\W\d])")


@lru_cache(maxsize=1 << 18)
def normalise(surface: str) -> str:
    """Surface with case, Greek letters, dashes, spacing, plural and spelling folded, in readable words.

    ``Notch-1`` and ``NOTCH 1`` give ``notch1``. A plus or minus that ends a word is spelt out, since it
    tells CD44+ from CD44− cells.
    """
    signed = _POSITIVE.sub(" pos ", _NEGATIVE.sub(" neg ", surface))
    return _NUMBER.sub("", " ".join(fold_tokens(signed))) or surface.casefold()


def concept_key(concept_id: str | None, type_: str, surface: str) -> str:
    """The key under which a mention aggregates: its concept, else its type and normalised surface."""
    return concept_id if concept_id is not None else f"text:{type_}:{normalise(surface)}"


class ConceptLike(Protocol):
    """What evidence needs to know of a concept (``minecsc.linking.Concept`` has it)."""

    @property
    def concept_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def synonyms(self) -> tuple[str, ...]: ...
    @property
    def xrefs(self) -> tuple[str, ...]: ...
    @property
    def parents(self) -> tuple[str, ...]: ...
    @property
    def mechanism_class(self) -> str | None: ...
    @property
    def strategy_class(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class LinkedMention:
    """A mention of one document with its concept, or None where linking abstained.

    start_char, end_char: offsets into the document's text; -1 where they are not known.
    """

    mention_id: str
    document_id: str
    sentence_id: str
    surface: str
    type: str
    concept_id: str | None = None
    probability: float = 1.0
    start_char: int = -1
    end_char: int = -1

    @property
    def key(self) -> str:
        """Concept key of the mention."""
        return concept_key(self.concept_id, self.type, self.surface)


@dataclass(frozen=True, slots=True)
class LinkedRelation:
    """A relation of one sentence, head → tail, with both arguments' surfaces, types and concepts."""

    relation_id: str
    document_id: str
    sentence_id: str
    type: str
    head_mention_id: str
    head_concept_id: str | None
    head_surface: str
    head_type: str
    tail_mention_id: str
    tail_concept_id: str | None
    tail_surface: str
    tail_type: str
    negated: bool = False
    speculative: bool = False
    probability: float = 1.0

    @property
    def head_key(self) -> str:
        """Concept key of the head."""
        return concept_key(self.head_concept_id, self.head_type, self.head_surface)

    @property
    def tail_key(self) -> str:
        """Concept key of the tail."""
        return concept_key(self.tail_concept_id, self.tail_type, self.tail_surface)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What belief depends on: year, standing of the record, and hash of the text (equal text = one paper)."""

    document_id: str
    year: int | None = None
    retracted: bool = False
    deleted: bool = False
    text_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCue:
    """A word of the text that shows a model system. span_id: ``<document_id>#<start>-<end>``, as of a mention."""

    system: System
    sentence_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class DocumentContext:
    """What tells of a document's cancer and model systems besides its mentions; see :mod:`.context`."""

    mesh: tuple[MeshHeading, ...] = ()
    publication_types: tuple[str, ...] = ()
    cues: tuple[ModelCue, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSystem:
    """A model system and what shows it.

    source: the frame's own sentences, the rest of the document, a MeSH heading or a publication type.
    shown_by: ``<document_id>#<start>-<end>`` of the words in the text, else the name of heading or type.
    """

    system: System
    source: SystemSource
    shown_by: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Drug, mechanism, CSC population, cancer and model systems as one document states them; slots may be None.

    drug_id, mechanism_id, population_id, cancer_id: concept keys.
    target_id: what ``csc_effect`` acts on: the population, a resistance or stemness process, or, for
    resistance_to and sensitizes_to, a drug (``drug_id`` is that drug where no other one acts).
    drug_effect: drug → mechanism. csc_effect: ``csc_actor`` → target.
    rule: the joining rule, see :mod:`.frames`; ``co_stated`` says that one sentence states both links, not that
    the one effect comes of the other.
    *_mentions: the mentions that fill each slot, sorted; the cancer's may be a population or a cell line that
    shows it. cancer_name: as mention, concept or heading spells it. cancer_source: how it was found.
    model_systems: sorted by name. relation_ids: the relations joined, sorted.
    missing: names of the empty slots among drug, mechanism, population, cancer, model_system.
    belief: probability, in [0, 1], that the document states the frame with its flags.
    """

    frame_id: str
    document_id: str
    drug_id: str | None
    mechanism_id: str | None
    population_id: str | None
    cancer_id: str | None
    target_id: str | None
    drug_effect: DrugEffect | None
    csc_effect: CscEffect | None
    csc_actor: CscActor | None
    negated: bool
    speculative: bool
    belief: float
    rule: FrameRule
    drug_mentions: tuple[str, ...] = ()
    mechanism_mentions: tuple[str, ...] = ()
    population_mentions: tuple[str, ...] = ()
    cancer_mentions: tuple[str, ...] = ()
    target_mentions: tuple[str, ...] = ()
    relation_ids: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    cancer_name: str | None = None
    cancer_source: CancerSource | None = None
    model_systems: tuple[ModelSystem, ...] = ()


@dataclass(frozen=True, slots=True)
class YearCount:
    """The papers of one year (None: not dated) that speak of a statement; the counts are those of Statement."""

    year: int | None
    documents_for: int
    documents_against: int
    documents_speculative: int
    documents_retracted: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One triple of concept keys, aggregated over documents.

    head_name, tail_name: the commonest surface. belief: in [0, 1], see :mod:`minecsc.evidence.belief`.
    documents_for/against: distinct papers in good standing that assert it / deny it or assert the opposite.
    documents_speculative: papers that only put it as a possibility. documents_retracted: papers, retracted
    or deleted, that speak of it and give no belief. first_year, last_year: over the papers that count.
    years: the same four counts by year, ascending, undated papers last. refined_by: ids of the statements of the
    same type on narrower concepts, sorted. belief_with_refinements, documents_with_refinements: belief, and
    papers that assert it, where what asserts a narrower statement asserts this one too.
    relations_for/against: ids of the evidence behind the counts (retracted papers included), sorted;
    speculative evidence is under ``relations_for``.
    """

    statement_id: str
    head_id: str
    head_name: str
    head_type: str
    type: str
    tail_id: str
    tail_name: str
    tail_type: str
    belief: float
    documents_for: int
    documents_against: int
    documents_speculative: int
    documents_retracted: int
    first_year: int | None
    last_year: int | None
    contested: bool
    years: tuple[YearCount, ...]
    refined_by: tuple[str, ...]
    belief_with_refinements: float
    documents_with_refinements: int
    relations_for: tuple[str, ...] = ()
    relations_against: tuple[str, ...] = ()
