"""The vocabulary and the records: the only currency between the rooms of the package.

Types, relations and signatures follow the project's annotation guidelines; mechanism and strategy
classes follow the chapters of the seed review. Records are frozen and check themselves: an invalid
one cannot be built. All offsets are Python string indices into ``Document.text``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

from minecsc.errors import SchemaError

EntityType = Literal["Drug", "Gene", "Pathway", "Process", "Chemical", "CSC", "Cell", "Cancer"]
RelationType = Literal["increases", "decreases", "resistance_to", "sensitizes_to", "marker_of", "associated_with"]

ErrorCategory = Literal[
    "boundary",
    "type",
    "no_entity",
    "grounding",
    "no_relation",
    "wrong_direction",
    "wrong_polarity",
    "wrong_type",
    "spurious",
    "negation_missed",
    "speculation_missed",
]
"""What can be wrong with a piece of evidence, in evaluation and in curation alike; see ``ERROR_MEANINGS``."""

ENTITY_TYPES: Final[tuple[EntityType, ...]] = get_args(EntityType)
RELATION_TYPES: Final[tuple[RelationType, ...]] = get_args(RelationType)

ERROR_MEANINGS: Final[MappingProxyType[ErrorCategory, str]] = MappingProxyType(
    {
        "boundary": "an argument's span overlaps the right one but differs",
        "type": "an argument was found with another entity type",
        "no_entity": "an argument was not found at all",
        "grounding": "right relation, an argument was linked to another concept, or to none",
        "no_relation": "both arguments were found, the relation was not",
        "wrong_direction": "right type, head and tail exchanged",
        "wrong_polarity": "right pair, opposite relation (increases/decreases, resistance/sensitizes)",
        "wrong_type": "right pair, another relation type",
        "spurious": "no relation holds between the two",
        "negation_missed": "right relation, its negation was not seen",
        "speculation_missed": "right relation, its speculation was not seen",
    }
)
"""Error category → what it means, in the order of reports."""

_ANY_HEAD = frozenset(ENTITY_TYPES) - {"Cancer"}
_ACTED_ON = frozenset({"Gene", "Pathway", "Process", "Chemical", "CSC", "Cell"})

SIGNATURES: Final = MappingProxyType(
    {
        "increases": (_ANY_HEAD, _ACTED_ON),
        "decreases": (_ANY_HEAD, _ACTED_ON),
        "resistance_to": (_ANY_HEAD, frozenset({"Drug"})),
        "sensitizes_to": (_ANY_HEAD, frozenset({"Drug"})),
        "marker_of": (frozenset({"Gene", "Process", "Chemical"}), frozenset({"CSC"})),
        "associated_with": (_ANY_HEAD, frozenset({"CSC", "Drug", "Process", "Pathway", "Gene"})),
    }
)
"""Relation type → (allowed head types, allowed tail types)."""

MECHANISM_CLASSES: Final[tuple[str, ...]] = (
    "wnt", "notch", "hedgehog", "pi3k_akt", "jak_stat", "nfkb", "hippo_yap", "tgf_beta", "egfr", "emt",
    "caf", "immune_cells", "msc", "ecm", "endothelial_hypoxia", "exosome", "abc_transporter", "dormancy",
    "ferroptosis_iron", "lipid_metabolism", "autophagy", "ros_antioxidant", "aldh", "dna_damage_repair",
    "epigenetic", "mirna", "inflammatory_cytokine", "telomerase", "apoptosis_evasion", "mitochondria",
    "surface_marker", "heterogeneity_plasticity", "other",
)  # fmt: skip

STRATEGY_CLASSES: Final[tuple[str, ...]] = (
    "pathway_blockade", "microenvironment", "abc_transporter_inhibition", "dormancy_targeting",
    "ferroptosis_induction", "antioxidant_iron_metabolism", "surface_marker_targeting",
    "aldh_inhibition", "immunotherapy", "epigenetic_modification", "mirna_targeting",
    "mitochondria_targeting", "emt_targeting", "other",
)  # fmt: skip


def signature_allows(relation: str, head: str, tail: str) -> bool:
    """Whether ``relation`` may hold from a mention of type ``head`` to one of type ``tail``."""
    allowed = SIGNATURES.get(relation)
    return allowed is not None and head in allowed[0] and tail in allowed[1]


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise SchemaError(message)


@dataclass(frozen=True, slots=True)
class Section:
    """A labelled part of a structured abstract; ``start``/``end`` index ``Document.text``."""

    label: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check(0 <= self.start <= self.end, f"section {self.label!r}: bad span {self.start}:{self.end}")


@dataclass(frozen=True, slots=True)
class MeshHeading:
    """A MeSH descriptor of the record, e.g. ``D014411`` *Neoplastic Stem Cells*."""

    ui: str
    name: str
    major: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One bibliographic record. ``text`` is title, one space, abstract (either may be empty).

    document_id: ``pmid:<n>`` for PubMed records, else ``<collection>:<id>``.
    version: PubMed record version (1 = first); ``revised`` is ISO date of the last revision.
    retracted_by / retraction_of: PMIDs of the notices against this record / of the records this
    notice withdraws.
    """

    document_id: str
    title: str
    abstract: str
    pmid: str | None = None
    year: int | None = None
    journal: str | None = None
    language: str | None = None
    doi: str | None = None
    sections: tuple[Section, ...] = ()
    other_abstracts: tuple[tuple[str, str], ...] = ()
    mesh: tuple[MeshHeading, ...] = ()
    keywords: tuple[str, ...] = ()
    chemicals: tuple[str, ...] = ()
    publication_types: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    version: int = 1
    revised: str | None = None
    retracted: bool = False
    retracted_by: tuple[str, ...] = ()
    retraction_of: tuple[str, ...] = ()
    source: str | None = None
    text: str = field(init=False)

    def __post_init__(self) -> None:
        _check(bool(self.document_id.strip()), "document without an id")
        _check(bool(self.title or self.abstract), f"{self.document_id}: neither title nor abstract")
        _check(self.version >= 1, f"{self.document_id}: version {self.version} < 1")
        if self.pmid is not None:
            _check(self.pmid.isdigit(), f"{self.document_id}: PMID {self.pmid!r} is not a number")
        if self.year is not None:
            _check(1500 <= self.year <= 2200, f"{self.document_id}: year {self.year} out of range")
        text = f"{self.title} {self.abstract}" if self.title and self.abstract else self.title or self.abstract
        object.__setattr__(self, "text", text)
        for section in self.sections:
            _check(section.end <= len(text), f"{self.document_id}: section {section.label!r} ends past the text")

    @property
    def text_sha256(self) -> str:
        """SHA-256 of the UTF-8 text, lower-case hexadecimal: the key of stand-off annotations."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Deletion:
    """A ``DeleteCitation`` entry: the record is withdrawn from PubMed."""

    pmid: str
    source: str | None = None

    def __post_init__(self) -> None:
        _check(self.pmid.isdigit(), f"DeleteCitation: PMID {self.pmid!r} is not a number")


@dataclass(frozen=True, slots=True)
class RecordError:
    """A record that could not be read or processed: where it stood and why it failed."""

    source: str
    record: str
    reason: str


Record = Document | Deletion | RecordError
"""What a source yields: every input record ends as exactly one of these."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document; ``index`` counts from 0 in reading order."""

    index: int
    start: int
    end: int

    def __post_init__(self) -> None:
        _check(self.index >= 0, f"sentence index {self.index} < 0")
        _check(0 <= self.start < self.end, f"sentence {self.index}: bad span {self.start}:{self.end}")


@dataclass(frozen=True, slots=True)
class Mention:
    """A typed name in the text. ``concept_id`` is a CURIE, or None where linking abstained (NIL)."""

    start: int
    end: int
    surface: str
    type: EntityType
    sentence: int
    probability: float = 1.0
    concept_id: str | None = None
    link_score: float | None = None

    def __post_init__(self) -> None:
        _check(self.type in ENTITY_TYPES, f"unknown entity type {self.type!r}")
        _check(0 <= self.start < self.end, f"mention {self.surface!r}: bad span {self.start}:{self.end}")
        _check(len(self.surface) == self.end - self.start, f"mention {self.surface!r} does not fill its span")
        _check(0.0 <= self.probability <= 1.0, f"mention {self.surface!r}: probability {self.probability}")
        _check(
            (self.concept_id is None) == (self.link_score is None),
            f"mention {self.surface!r}: concept and link score go together",
        )
        if self.link_score is not None:
            _check(0.0 <= self.link_score <= 1.0, f"mention {self.surface!r}: link score {self.link_score}")


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed relation between two mentions of one sentence (head → tail)."""

    type: RelationType
    head: Mention
    tail: Mention
    negated: bool = False
    speculative: bool = False
    probability: float = 1.0

    def __post_init__(self) -> None:
        _check(self.type in RELATION_TYPES, f"unknown relation type {self.type!r}")
        _check(self.head != self.tail, f"{self.type}: one mention at both ends")
        _check(
            self.head.sentence == self.tail.sentence,
            f"{self.type}({self.head.surface!r}, {self.tail.surface!r}): arguments in two sentences",
        )
        _check(
            signature_allows(self.type, self.head.type, self.tail.type),
            f"{self.type}({self.head.type}, {self.tail.type}) is not in the signature table",
        )
        _check(0.0 <= self.probability <= 1.0, f"{self.type}: probability {self.probability}")


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was read out of one document. Checks that every span is where it says it is."""

    document: Document
    sentences: tuple[Sentence, ...]
    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]

    def __post_init__(self) -> None:
        text, doc_id = self.document.text, self.document.document_id
        for sentence in self.sentences:
            _check(sentence.end <= len(text), f"{doc_id}: sentence {sentence.index} ends past the text")
        for mention in self.mentions:
            _check(
                text[mention.start : mention.end] == mention.surface,
                f"{doc_id}: {mention.surface!r} is not at {mention.start}:{mention.end}",
            )
            _check(mention.sentence < len(self.sentences), f"{doc_id}: {mention.surface!r} in no sentence")
            sentence = self.sentences[mention.sentence]
            _check(
                sentence.start <= mention.start and mention.end <= sentence.end,
                f"{doc_id}: {mention.surface!r} outside its sentence",
            )
        known = set(self.mentions)
        for relation in self.relations:
            _check(
                relation.head in known and relation.tail in known,
                f"{doc_id}: {relation.type} names a mention that is not in the document",
            )
