"""Abbreviations and their long forms, in time linear in the text.

scispaCy's ``AbbreviationDetector`` (Schwartz & Hearst, 2003) does the common case; its cost grows with the
square of the brackets, so it is left out where a text has many. :func:`find_definitions` adds what it misses:
Greek first letters (``γ-secretase inhibitor (GSI)``), short forms with digits and hyphens
(``5-fluorouracil (5-FU)``), aliases (``… resistance protein (BCRP/ABCG2)``), and the reverse order
(``CSC (cancer stem cell)``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_GREEK = str.maketrans(
    {
        "α": "a", "β": "b", "γ": "g", "δ": "d", "ε": "e", "κ": "k", "λ": "l", "μ": "m", "σ": "s", "τ": "t",
        "Α": "a", "Β": "b", "Γ": "g", "Δ": "d", "Κ": "k", "Σ": "s",
    }
)  # fmt: skip
_SHORT = re.compile(r"[^\W_][\w+\-–‑/.]{0,11}s?")
_SEPARATOR = re.compile(r"[/;,]|\bor\b")
_MAX_INSIDE = 120


@dataclass(frozen=True, slots=True)
class Definition:
    """``short`` stands for ``long``; offsets are those of the short form where it is defined."""

    short: str
    long: str
    start: int
    end: int


def find_definitions(text: str, sentences: Sequence[tuple[int, int]]) -> list[Definition]:
    """Definitions in brackets, each within one sentence; the first definition of a short form wins."""
    found: dict[str, Definition] = {}
    for begin, end in sentences:
        opened = -1
        for at in range(begin, end):
            if text[at] == "(":
                opened = at
            elif text[at] == ")" and opened >= 0:
                if 2 <= at - opened <= _MAX_INSIDE:
                    for definition in _in_brackets(text, begin, opened, at):
                        found.setdefault(definition.short, definition)
                opened = -1
    return list(found.values())


def _in_brackets(text: str, begin: int, opened: int, closed: int) -> list[Definition]:
    inside = text[opened + 1 : closed]
    definitions = []
    offset = opened + 1
    for part in _SEPARATOR.split(inside):
        at = text.find(part, offset)
        offset = at + len(part)
        name = part.strip()
        if _is_short(name):
            words = 2 * len(name) + 5
            before = _last_words(text[max(begin, opened - 240) : opened], words)
            long = long_form(name, before)
            if long:
                start = at + part.find(name)
                definitions.append(Definition(name, long, start, start + len(name)))
    if not definitions:
        before = text[max(begin, opened - 16) : opened].rstrip()
        match = re.search(r"[^\s(),;]+$", before)
        if match and _is_short(match.group()) and " " in inside.strip():
            short = match.group()
            long = long_form(short, inside.strip())
            if long and len(long) == len(inside.strip()):
                start = begin + match.start()
                definitions.append(Definition(short, long, start, start + len(short)))
    return definitions


def _is_short(name: str) -> bool:
    """Two to twelve characters, one word, and not a plain lower-case word or a number."""
    if not 2 <= len(name) <= 12 or not _SHORT.fullmatch(name):
        return False
    letters = [c for c in name if c.isalpha()]
    return bool(letters) and any(c.isupper() for c in letters)


def _last_words(before: str, count: int) -> str:
    """The last ``count`` words, not reaching over a bracket, colon or semicolon."""
    stop = max(before.rfind(c) for c in "():;")
    parts = before[stop + 1 :].split()
    kept = parts[-count:]
    return " ".join(kept)


def long_form(short: str, candidate: str) -> str | None:
    """Shortest ending of ``candidate`` that spells ``short`` by the rule of Schwartz and Hearst, or None.

    Letters are matched from the right, Greek ones as their Latin initials; the first must open a word.
    A plural s of the short form is optional.
    """
    for letters in (short, short[:-1]) if short.endswith("s") and len(short) > 2 else (short,):
        long = _spell(letters, candidate)
        if long is not None and len(long) > len(short) + 1 and long.lower() != short.lower():
            return long
    return None


def _spell(short: str, candidate: str) -> str | None:
    folded = candidate.translate(_GREEK).lower()
    if len(folded) != len(candidate):
        return None
    at = len(folded) - 1
    letters = [c for c in short.translate(_GREEK).lower() if c.isalnum()]
    for position in range(len(letters) - 1, -1, -1):
        letter = letters[position]
        while at >= 0 and (folded[at] != letter or (position == 0 and at > 0 and candidate[at - 1].isalnum())):
            at -= 1
        if at < 0:
            return None
        at -= 1
    long = candidate[at + 1 :].strip()
    # A long form of very many words, or one that is itself the abbreviation, is an accident.
    return long if len(long.split()) <= min(len(letters) + 5, 2 * len(letters)) + 1 else None
