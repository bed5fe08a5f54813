"""spaCy factories of the pipeline. Each states what it needs and what it writes.

Custom attributes: ``doc._.title_end`` (int or None), ``doc._.abbreviations`` (scispaCy's: short-form spans with
``span._.long_form``), ``doc._.expansions`` (short → long form), ``doc._.relations`` (list of
:class:`RelationSpan`), ``span._.probability``, ``span._.link_score``, ``span._.candidates``.
"""

from __future__ import annotations

import bisect
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scispacy.abbreviation import AbbreviationDetector
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from minecsc.errors import ModelError
from minecsc.linking import KnowledgeBase, Linker
from minecsc.nlp.abbreviations import find_definitions
from minecsc.nlp.entity_models import EntityModel
from minecsc.nlp.extractor import Extractor, Prediction, TextInput, pick_device
from minecsc.nlp.extractor import Span as WordSpan
from minecsc.nlp.model_io import default_model, load_extractor, model_digest
from minecsc.nlp.sentences import sentence_spans

# scispaCy's detector matches an empty pattern set where a text defines nothing; spaCy warns each time.
warnings.filterwarnings("ignore", message=r"\[W036\]", module=r"scispacy\.")

MAX_BRACKETS = 60
"""Texts with more brackets skip scispaCy's detector, whose time grows with their square."""


@dataclass(frozen=True, slots=True)
class RelationSpan:
    """A relation between two entities of a Doc, head → tail. ``probability`` is calibrated."""

    type: str
    head: Span
    tail: Span
    probability: float
    negated: bool
    speculative: bool


def register_extensions() -> None:
    """Custom attributes; registering them again is harmless."""
    for owner, name, default in (
        (Doc, "title_end", None),
        (Doc, "expansions", {}),
        (Doc, "relations", []),
        (Span, "probability", None),
        (Span, "link_score", None),
        (Span, "candidates", ()),
    ):
        if not owner.has_extension(name):
            owner.set_extension(name, default=default)


register_extensions()


class Sentences:
    """Sets sentence starts by the rules of :mod:`minecsc.nlp.sentences`; the title is a sentence of its own."""

    def __call__(self, doc: Doc) -> Doc:
        starts = {start for start, _ in sentence_spans(doc.text, doc._.title_end)}
        places = doc.to_array("IDX").tolist()
        marks = [1 if idx in starts or i == 0 else -1 for i, idx in enumerate(places)]
        # In one go: setting them token by token looks through the whole Doc for a parse each time.
        values: Any = np.array(marks, dtype=np.int64).astype(np.uint64)
        return doc.from_array(["SENT_START"], values)


class Abbreviations:
    """scispaCy's AbbreviationDetector where it is fast, and the definitions it misses."""

    def __init__(self, nlp: Language) -> None:
        self._detector = AbbreviationDetector(nlp)

    def __call__(self, doc: Doc) -> Doc:
        text = doc.text
        if "(" not in text:
            doc._.expansions = {}
            return doc
        if text.count("(") <= MAX_BRACKETS:
            doc = self._detector(doc)
        known = {span.text: span._.long_form.text for span in doc._.abbreviations}
        sentences = [(s.start_char, s.end_char) for s in doc.sents]
        for definition in find_definitions(text, sentences):
            if definition.short in known:
                continue
            known[definition.short] = definition.long
            short = doc.char_span(definition.start, definition.end)
            at = text.find(definition.long)
            long = doc.char_span(at, at + len(definition.long)) if at >= 0 else None
            if short is not None and long is not None:
                short._.long_form = long
                doc._.abbreviations.append(short)
        doc._.expansions = known
        return doc


class ExtractorComponent:
    """Entities and relations from the network; many texts at a time through :meth:`pipe`.

    given_entities: keep the entities that a Doc already has and only score relations between them.
    """

    def __init__(self, extractor: Extractor, digest: str, *, given_entities: bool = False) -> None:
        self.extractor = extractor
        self.digest = digest
        self.given_entities = given_entities

    def __call__(self, doc: Doc) -> Doc:
        return next(iter(self._annotate([doc])))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        for docs in minibatch(stream, size=batch_size):
            yield from self._annotate(list(docs))

    def _annotate(self, docs: list[Doc]) -> list[Doc]:
        tokens = [[t.i for t in doc if not t.is_space] for doc in docs]
        inputs = [self._input(doc, kept) for doc, kept in zip(docs, tokens, strict=True)]
        for doc, kept, prediction in zip(docs, tokens, self.extractor.predict(inputs), strict=True):
            self._write(doc, kept, prediction)
        return docs

    def _input(self, doc: Doc, kept: list[int]) -> TextInput:
        sentences = []
        for sentence in doc.sents:
            first, stop = bisect.bisect_left(kept, sentence.start), bisect.bisect_left(kept, sentence.end)
            if stop > first:
                sentences.append((first, stop))
        given: list[WordSpan] | None = None
        if self.given_entities:
            given = [
                (bisect.bisect_left(kept, e.start), bisect.bisect_left(kept, e.end) - 1, e.label_) for e in doc.ents
            ]
        return TextInput([doc[i].text for i in kept], sentences, given)

    def _write(self, doc: Doc, kept: list[int], prediction: Prediction) -> None:
        spans = []
        for mention in prediction.mentions:
            span = Span(doc, kept[mention.first], kept[mention.last] + 1, label=mention.type)
            if not self.given_entities:  # of entities that others set nothing is known
                span._.probability = mention.probability
            spans.append(span)
        if not self.given_entities:
            doc.ents = filter_spans(spans)  # type: ignore[assignment]
        doc._.relations = [
            RelationSpan(r.type, spans[r.head], spans[r.tail], r.probability, r.negated, r.speculative)
            for r in prediction.relations
        ]


class LinkerComponent:
    """Gives each entity its concept (``ent.kb_id_``) or leaves it NIL."""

    def __init__(self, linker: Linker, digest: str) -> None:
        self.linker = linker
        self.digest = digest

    def __call__(self, doc: Doc) -> Doc:
        found = self.linker.link_document(
            [(entity.text, entity.label_) for entity in doc.ents],  # type: ignore[misc]
            context=doc.text,
            expansions=doc._.expansions,
        )
        linked = []
        for entity, candidates in zip(doc.ents, found, strict=True):
            span = Span(
                doc,
                entity.start,
                entity.end,
                label=entity.label_,
                kb_id=candidates[0].concept_id if candidates else "",
            )
            span._.candidates = tuple(candidates)
            span._.link_score = candidates[0].score if candidates else None
            linked.append(span)
        doc.ents = linked  # type: ignore[assignment]
        return doc


@Language.factory("minecsc_sentences", assigns=["token.is_sent_start"])
def make_sentences(nlp: Language, name: str) -> Sentences:
    return Sentences()


@Language.factory(
    "minecsc_abbreviations",
    requires=["token.is_sent_start"],
    assigns=["doc._.abbreviations", "doc._.expansions", "span._.long_form"],
)
def make_abbreviations(nlp: Language, name: str) -> Abbreviations:
    return Abbreviations(nlp)


@Language.factory(
    "minecsc_extractor",
    requires=["token.is_sent_start"],
    assigns=["doc.ents", "doc._.relations", "span._.probability"],
    default_config={
        "model": None,
        "device": "auto",
        "precision": "auto",
        "min_probability": None,
        "given_entities": False,
    },
)
def make_extractor(
    nlp: Language,
    name: str,
    model: str | None,
    device: str,
    precision: str,
    min_probability: float | None,
    given_entities: bool,
) -> ExtractorComponent:
    folder = Path(model) if model else default_model()
    extractor = load_extractor(folder, pick_device(device), precision=precision)
    if min_probability is not None:
        if not 0.0 <= min_probability <= 1.0:
            raise ModelError(f"min_probability must lie in 0..1, not {min_probability}")
        extractor.set_min_probability(min_probability)
    return ExtractorComponent(extractor, model_digest(folder), given_entities=given_entities)


@Language.factory(
    "minecsc_linker",
    requires=["doc.ents"],
    assigns=["doc.ents", "token.ent_kb_id", "span._.link_score", "span._.candidates"],
    default_config={"knowledge_base": None},
)
def make_linker(nlp: Language, name: str, knowledge_base: str | None) -> LinkerComponent:
    base = KnowledgeBase.load(Path(knowledge_base) if knowledge_base else None)
    return LinkerComponent(Linker(base), base.digest)


def pipeline_digests(nlp: Language) -> dict[str, Any]:
    """Digests of the models and the knowledge base of a pipeline: what the run manifest records."""
    digests: dict[str, Any] = {}
    for _, component in nlp.pipeline:
        if isinstance(component, ExtractorComponent):
            digests["model"] = component.digest
        elif isinstance(component, LinkerComponent):
            digests["knowledge_base"] = component.digest
        elif isinstance(component, EntityModel):
            digests["entities"] = component.digest
    return digests
