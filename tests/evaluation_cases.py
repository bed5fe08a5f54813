"""Readings to score: written out by hand, or drawn at random."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from minecsc.schema import (
    ENTITY_TYPES,
    RELATION_TYPES,
    Document,
    Extraction,
    Mention,
    Relation,
    Sentence,
    signature_allows,
)

MENTIONS = {
    "salinomycin": "Drug",
    "cisplatin": "Drug",
    "epithelial-mesenchymal transition": "Process",
    "EMT": "Process",
    "cancer stem cells": "CSC",
    "CSCs": "CSC",
    "SOX2": "Gene",
    "BMI1": "Gene",
}
TEXT = (
    "Salinomycin is tested here. In our model salinomycin lowered epithelial-mesenchymal transition (EMT) "
    "and SOX2 raised cancer stem cells (CSCs), while BMI1 did not change cisplatin."
)
SENTENCES = (Sentence(0, 0, 27), Sentence(1, 28, len(TEXT)))


def mention(name: str, *, type_: str | None = None, cut: int = 0, probability: float = 1.0, **link) -> Mention:
    """The mention of a name in TEXT; ``cut`` leaves out characters at its start."""
    start = TEXT.index(name) + cut
    surface = name[cut:]
    return Mention(start, start + len(surface), surface, type_ or MENTIONS[name], 1, probability, **link)


def reading(
    *relations: Relation, mentions: tuple[Mention, ...] | None = None, document_id: str = "pmid:1"
) -> Extraction:
    """TEXT with all its mentions (or the ones given) and the relations."""
    found = tuple(mention(name) for name in MENTIONS) if mentions is None else mentions
    return Extraction(Document(document_id, "", TEXT), SENTENCES, found, relations)


def relation(type_: str, head: str, tail: str, **fields) -> Relation:
    return Relation(type_, mention(head), mention(tail), **fields)


_WORDS = 14
_WORD_TEXT = " ".join(f"word{i:02d}" for i in range(_WORDS))
_STEP = len("word00 ")


@st.composite
def spans(draw) -> list[tuple[int, int, str]]:
    """Flat typed spans over the words of one sentence, as (start, end, type) in characters."""
    edges = sorted(draw(st.sets(st.integers(0, _WORDS), max_size=8)))
    found = []
    for first, last in pairwise(edges):
        if draw(st.booleans()):
            type_ = draw(st.sampled_from(ENTITY_TYPES[:4]))
            found.append((first * _STEP, last * _STEP - 1, type_))
    return found


@st.composite
def extractions(draw, document_id: str = "pmid:1") -> Extraction:
    """A random reading of one fixed text: flat mentions and relations that the signatures allow."""
    probability = st.floats(0, 1, allow_nan=False)
    mentions = [
        Mention(start, end, _WORD_TEXT[start:end], type_, 0, draw(probability)) for start, end, type_ in draw(spans())
    ]
    relations = {}
    for head in mentions:
        for tail in mentions:
            if head != tail and draw(st.booleans()):
                type_ = draw(st.sampled_from(RELATION_TYPES))
                if signature_allows(type_, head.type, tail.type):
                    relations[head, tail] = Relation(
                        type_, head, tail, draw(st.booleans()), draw(st.booleans()), draw(probability)
                    )
    return Extraction(
        Document(document_id, "", _WORD_TEXT),
        (Sentence(0, 0, len(_WORD_TEXT)),),
        tuple(mentions),
        tuple(relations.values()),
    )


@st.composite
def corpora(draw, size: int = 3) -> tuple[list[Extraction], dict[str, Extraction]]:
    """Gold readings and predictions for the same documents."""
    ids = [f"pmid:{n}" for n in range(1, size + 1)]
    gold = [draw(extractions(document_id=i)) for i in ids]
    return gold, {i: draw(extractions(document_id=i)) for i in ids}
