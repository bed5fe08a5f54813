"""Running the pipeline over gold documents: end to end, or between the gold entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minecsc.errors import EvaluationError
from minecsc.nlp.records import extract_documents, make_doc
from minecsc.schema import Extraction, Mention, RecordError, Relation, signature_allows

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


def predict(gold: Sequence[Extraction], nlp: Language, *, batch_size: int = 64) -> dict[str, Extraction]:
    """What the pipeline reads out of the gold documents, by document id.

    Raises EvaluationError where a document cannot be processed: scores would silently leave it out.
    """
    predicted: dict[str, Extraction] = {}
    documents = [reading.document for reading in gold]
    for result in extract_documents(nlp, documents, batch_size=batch_size):
        if isinstance(result, RecordError):
            raise EvaluationError(f"{result.record}: {result.reason}")
        predicted[result.document.document_id] = result
    return predicted


def predict_given(gold: Sequence[Extraction], nlp: Language, *, batch_size: int = 64) -> dict[str, Extraction]:
    """The relations the pipeline finds between the gold entities, by document id.

    nlp: a pipeline loaded with ``given_entities=True``. The readings returned hold exactly the gold
    mentions; a mention that the tokens of the pipeline cannot express takes part in no relation.
    """
    docs: list[Doc] = []
    places: list[dict[tuple[int, int], Mention]] = []
    for reading in gold:
        doc = make_doc(nlp, reading.document)
        taken: dict[tuple[int, int], Mention] = {}
        spans = []
        end = 0
        for mention in sorted(reading.mentions, key=lambda m: (m.start, m.end)):
            span = doc.char_span(mention.start, mention.end, label=mention.type, alignment_mode="expand")
            if span is not None and span.start >= end:
                taken[span.start, span.end] = mention
                spans.append(span)
                end = span.end
        doc.ents = spans
        docs.append(doc)
        places.append(taken)
    return {
        reading.document.document_id: _on_gold(reading, doc, taken)
        for reading, doc, taken in zip(gold, nlp.pipe(docs, batch_size=batch_size), places, strict=True)
    }


def _on_gold(reading: Extraction, doc: Doc, taken: dict[tuple[int, int], Mention]) -> Extraction:
    kept = {(entity.start, entity.end) for entity in doc.ents}
    if kept != taken.keys():
        raise EvaluationError("the pipeline did not keep the gold entities; load it with given_entities=True")
    relations = []
    for found in doc._.relations:
        head, tail = taken[found.head.start, found.head.end], taken[found.tail.start, found.tail.end]
        if head.sentence == tail.sentence and signature_allows(found.type, head.type, tail.type):
            relations.append(Relation(found.type, head, tail, found.negated, found.speculative, found.probability))
    return Extraction(reading.document, reading.sentences, reading.mentions, tuple(relations))
