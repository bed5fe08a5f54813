"""Sentence borders for titles and abstracts.

Rules, not a model: abstracts break at a full stop, question or exclamation mark followed by white space
and something that can open a sentence, save after abbreviations and initials. Against the sentences of the
annotated abstracts see ``tests/test_nlp_text.py``.
"""

from __future__ import annotations

import re

_END = re.compile(r"[.!?][\"'”’)\]]*(\s+)(?=[\[(\"'“‘]*[^\W_a-zà-ÿ]|[\[(\"'“‘]*[a-z]{1,3}-?[A-Z0-9]|[<>≥≤~±+-]?\d)")
_BEFORE = re.compile(r"(\S+)$")
_ABBREVIATIONS = frozenset(
    (
        "e.g i.e vs al approx ca cf fig figs ref refs eq no nos vol dr mr mrs ms prof st jr sr inc ltd co "
        "corp resp spp sp ssp subsp var viz etc max min dept univ wt conc i.v i.p s.c p.o i.m s.d s.e u.s "
        "u.k"
    ).split()
)
# These may end a sentence as well: only a following capitalised word shows which.
_MAY_END = frozenset(["al", "etc", "inc", "co", "corp", "sp", "spp", "i.v", "i.p", "s.c", "p.o", "i.m"])
_LABEL = re.compile(r"[A-Z][A-Z/&, ]{2,40}:")


def sentence_spans(text: str, title_end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences of ``text`` without outer white space.

    title_end: where the title stops, if known: a border whatever the punctuation.
    """
    borders: list[tuple[int, int]] = []
    for match in _END.finditer(text):
        gap_start, gap_end = match.span(1)
        if _is_border(text, match.start(), gap_end):
            borders.append((gap_start, gap_end))
    if title_end is not None and 0 < title_end < len(text):
        after = title_end
        while after < len(text) and text[after].isspace():
            after += 1
        borders = [b for b in borders if b[1] <= title_end or b[0] >= after]
        borders.append((title_end, after))
        borders.sort()
    spans: list[tuple[int, int]] = []
    start = 0
    for gap_start, gap_end in [*borders, (len(text), len(text))]:
        piece = text[start:gap_start]
        lead = len(piece) - len(piece.lstrip())
        if piece.strip():
            spans.append((start + lead, start + len(piece.rstrip())))
        start = gap_end
    return spans


def _is_border(text: str, mark: int, following: int) -> bool:
    if text[mark] != ".":
        return True
    before = _BEFORE.search(text[max(0, mark - 40) : mark])
    if before is None:  # tokenised text: the stop stands alone
        return True
    word = before.group(1).lstrip("([\"'“‘")
    if _LABEL.match(text, following):
        return True
    lower = word.lower()
    if lower in _ABBREVIATIONS:
        return lower in _MAY_END and text[following].isupper() and not text[following : following + 2].isupper()
    if len(word) == 1 and word.isalpha() and word.isupper():
        # "E. coli", "J. Smith" against "hepatitis B. Patients ...", "vitamin D. In"
        tail = re.match(r"[A-Z][a-z]+", text[following : following + 20])
        return tail is not None and bool(re.search(r"\s$", text[max(0, mark - 2) : mark - 1])) and _opens(tail.group())
    return True


def _opens(word: str) -> bool:
    return word in _OPENERS


_OPENERS = frozenset(
    (
        "The This These Those In We Our It Its A An To For However Moreover Furthermore Here Both Also As "
        "At By From On When While Although Thus Therefore Patients Results Conclusions Methods Using "
        "After Of With"
    ).split()
)
