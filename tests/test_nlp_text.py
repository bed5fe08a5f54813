"""Words, sentences, abbreviations: against hand-made cases and the annotated abstracts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from minecsc.nlp.abbreviations import find_definitions
from minecsc.nlp.sentences import sentence_spans
from minecsc.nlp.tokenization import WordTokenizer
from minecsc.nlp.words import word_spans


def test_words_split_marker_phenotypes() -> None:
    text = "CD44+/CD24− breast CSCs, 5-FU."
    assert [text[a:b] for a, b in word_spans(text)] == [
        "CD44", "+", "/", "CD24", "−", "breast", "CSCs", ",", "5", "-", "FU", ".",
    ]  # fmt: skip


TOKENIZER = WordTokenizer(spacy.blank("en").vocab)


@given(st.text(max_size=300))
def test_tokenizer_keeps_every_character(text: str) -> None:
    doc = TOKENIZER(text)
    assert doc.text == text
    assert [(t.idx, t.idx + len(t)) for t in doc if not t.is_space] == word_spans(text)


@given(st.text(alphabet="aB1 .?!()\n", max_size=200))
def test_sentences_are_ordered_disjoint_and_lose_no_word(text: str) -> None:
    spans = sentence_spans(text)
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    covered = {i for a, b in spans for i in range(a, b)}
    assert all(i in covered for i, c in enumerate(text) if not c.isspace())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Smith et al. showed it. We did not.", 2),
        ("Cells (e.g. MCF-7) died. Others lived.", 2),
        ("Treated with 5-FU. CD133+ cells grew.", 2),
        ("Infection with E. coli was seen.", 1),
        ("p = 0.05 was chosen. It held.", 2),
        ("We saw it ( Fig. 2 ) twice.", 1),
        ("BACKGROUND: A is B. METHODS: We did C.", 2),
    ],
)
def test_sentence_counts(text: str, expected: int) -> None:
    assert len(sentence_spans(text)) == expected


def test_the_title_is_a_sentence_even_without_a_full_stop() -> None:
    title, abstract = "Salinomycin and Wnt", "We treated cells."
    spans = sentence_spans(f"{title} {abstract}", len(title))
    assert spans == [(0, len(title)), (len(title) + 1, len(title) + 1 + len(abstract))]


def test_sentences_agree_with_the_annotated_ones(shared: Path) -> None:
    right = found = gold = 0
    for line in (shared / "gold" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        expected = {tuple(s) for s in record["sentences"]}
        spans = set(sentence_spans(record["text"], len(record["title"]) if record["title"] else None))
        right, found, gold = right + len(spans & expected), found + len(spans), gold + len(expected)
    assert right / found > 0.985
    assert right / gold > 0.985


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("breast cancer resistance protein (BCRP/ABCG2) was", "BCRP", "breast cancer resistance protein"),
        ("the γ-secretase inhibitor (GSI) was", "GSI", "γ-secretase inhibitor"),
        ("CSC (cancer stem cell) theory", "CSC", "cancer stem cell"),
        ("5-fluorouracil (5-FU) with CD133(+) cells", "5-FU", "5-fluorouracil"),
        ("central serous chorioretinopathy (CSC) and", "CSC", "central serous chorioretinopathy"),
        ("cigarette smoke condensate (CSC)", "CSC", "cigarette smoke condensate"),
        ("hypoxia-inducible factor 1α (HIF-1α) rose", "HIF-1α", "hypoxia-inducible factor 1α"),
        ("epithelial-mesenchymal transition (EMT)", "EMT", "epithelial-mesenchymal transition"),
        ("reactive oxygen species (ROS; p < 0.05)", "ROS", "reactive oxygen species"),
    ],
)
def test_definitions(text: str, short: str, long: str) -> None:
    found = {d.short: d.long for d in find_definitions(text, [(0, len(text))])}
    assert found.get(short) == long


@pytest.mark.parametrize("text", ["in patients (Figure 2) we", "CD133(+) cells", "( n = 5 )", "cells (See above)"])
def test_brackets_that_define_nothing(text: str) -> None:
    assert find_definitions(text, [(0, len(text))]) == []


def test_definitions_stay_in_their_sentence() -> None:
    first, second = "We used cancer stem.", "Cells (CSC) grew."
    text = f"{first} {second}"
    assert find_definitions(text, [(0, len(first)), (len(first) + 1, len(text))]) == []


def test_a_hundred_thousand_brackets_are_no_trouble() -> None:
    """Time that grows with the square of the brackets would take minutes here."""
    text = "( a ) (BC) " * 50_000 + "side population (SP)"
    assert [(d.short, d.long) for d in find_definitions(text, [(0, len(text))])] == [("SP", "side population")]
