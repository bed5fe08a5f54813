"""Between records and Docs: a Document goes in, an Extraction comes out."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from minecsc.errors import SchemaError
from minecsc.schema import (
    Document,
    Extraction,
    Mention,
    RecordError,
    Relation,
    Sentence,
    signature_allows,
)


def make_doc(nlp: Language, document: Document) -> Doc:
    """Tokenised text of a document; the border between title and abstract is noted."""
    doc = nlp.make_doc(document.text)
    if document.title and document.abstract:
        doc._.title_end = len(document.title)
    return doc


def extraction_from_doc(document: Document, doc: Doc) -> Extraction:
    """Plain records of what the pipeline found. Raises SchemaError where ``doc`` is of another text."""
    if doc.text != document.text:
        raise SchemaError(f"{document.document_id}: the processed text is not the document's")
    sentences: list[Sentence] = []
    token_ends: list[int] = []
    for span in doc.sents:
        raw = span.text
        words = raw.strip()
        if not words:
            continue
        begin = span.start_char + len(raw) - len(raw.lstrip())
        token_ends.append(span.end)
        sentences.append(Sentence(len(sentences), begin, begin + len(words)))
    mentions: dict[tuple[int, int], Mention] = {}
    for entity in doc.ents:
        mentions[entity.start, entity.end] = Mention(
            start=entity.start_char,
            end=entity.end_char,
            surface=entity.text,
            type=entity.label_,  # type: ignore[arg-type]
            sentence=bisect.bisect_right(token_ends, entity.start),
            probability=1.0 if entity._.probability is None else entity._.probability,
            concept_id=entity.kb_id_ or None,
            link_score=entity._.link_score if entity.kb_id_ else None,
        )
    relations = []
    for found in doc._.relations:
        head = mentions.get((found.head.start, found.head.end))
        tail = mentions.get((found.tail.start, found.tail.end))
        if head is None or tail is None or not signature_allows(found.type, head.type, tail.type):
            continue
        relations.append(Relation(found.type, head, tail, found.negated, found.speculative, found.probability))
    return Extraction(document, tuple(sentences), tuple(mentions.values()), tuple(relations))


def extract_documents(
    nlp: Language, documents: Iterable[Document], *, batch_size: int = 64
) -> Iterator[Extraction | RecordError]:
    """One result for each document, in order; a document that fails becomes a RecordError, the rest goes on.

    The pipeline's vocabulary is released after each batch, so that memory stays flat over long runs.
    """
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == batch_size:
            yield from _batch(nlp, batch)
            batch = []
    if batch:
        yield from _batch(nlp, batch)


def _batch(nlp: Language, documents: Sequence[Document]) -> list[Extraction | RecordError]:
    try:
        with nlp.memory_zone():
            docs = [make_doc(nlp, d) for d in documents]
            return [
                extraction_from_doc(document, doc)
                for document, doc in zip(documents, nlp.pipe(docs, batch_size=len(docs)), strict=True)
            ]
    except Exception as error:  # any failure of one text must not lose its neighbours
        if len(documents) == 1:
            document = documents[0]
            reason = f"extraction failed: {type(error).__name__}: {error}"
            return [RecordError(document.source or "", document.document_id, reason)]
        return [result for document in documents for result in _batch(nlp, [document])]
