"""What a document says about a reading: its other names, the concepts around it, and whether it is about stem cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold, fold_tokens
from minecsc.linking.scoring import names

_MIN_SAID: Final = 5
_BROKEN: Final = re.compile(r"^[^()]+\)[\s,]+(?:and|or)\b")
"""A long form that begins within the brackets of another: ``Erk1), and 2``."""
_WORD = re.compile(r"[\w+-]+")
_POPULATION_SHORT: Final = frozenset(
    ("csc cic tic tpc lsc lic gsc sp cslc bcsc ocsc lcsc pcsc ccsc tsc crcsc csp hcsc bcic gic btic mic").split()
)
_STEM: Final = re.compile(
    r"\bstem|initiating|propagating|side[- ]population|self-?renew|sphere|progenitor|\bSCs?\b", re.IGNORECASE
)
_CANCER: Final = re.compile(
    r"cancer|tumou?r|carcinom|leuk|gliom|blastom|sarcom|lymphom|myelom|melanom|neoplas|malignan", re.IGNORECASE
)
_OF_HEALTHY: Final = re.compile(
    r"\b(?:germ(?:line|inal)?|limbal|spermatogonial|embryonic|ha?ematopoietic|mesenchymal|skeletal|satellite|epidermal"
    r"|intestinal|neural|trophoblast|retina\w*|serous|smoke)\b",
    re.IGNORECASE,
)
_HEALTHY_STEM: Final = re.compile(rf"(?:{_OF_HEALTHY.pattern})[\s/-]+(?:like[\s-]+)?stem", re.IGNORECASE)
_NAMED: Final[MappingProxyType[str, re.Pattern[str]]] = MappingProxyType(
    {
        "lsc": re.compile(r"leuk|lung cancer|liver cancer|hepatocell", re.IGNORECASE),
        "gsc": re.compile(r"gliom|glioblastom|gastric|gliosarcom", re.IGNORECASE),
    }
)
"""Cancers whose stem cells a short form names, though it names those of a healthy tissue as well."""
_SORTED: Final = re.compile(r"hoechst|side[- ]population", re.IGNORECASE)
_HEALTHY_CELL: Final = re.compile(rf"((?:{_OF_HEALTHY.pattern})[\s-]+stem[\s-]+cell)s?\b", re.IGNORECASE)
_ENGLISH: Final = frozenset(
    (
        "act arc bad bid camp can cape cat chip damage dive face fat flip gap gas had hit impact jam kit large map "
        "mark met miss not peak plan put race rest set ship star stop task trap type was"
    ).split()
)
"""Words that are gene symbols in capitals."""


def is_bare_population(surface: str) -> bool:
    """Whether a surface is nothing but a short form that stem-cell populations share with other things."""
    rest = [t for t in fold_tokens(surface) if t not in ("cell", "line", "population", "like")]
    return bool(rest) and all(t in _POPULATION_SHORT for t in rest)


def is_plain_word(surface: str) -> bool:
    """Whether a surface is an English word in lower case that only capitals would make a symbol."""
    return surface.strip() in _ENGLISH


def healthy_population(surface: str, long: str | None, context: str) -> str | None:
    """The stem cells of a healthy tissue that a short form stands for, as the document writes them out, or None."""
    short = fold_tokens(surface)[0]
    for text in (long or "", context):
        for match in _HEALTHY_CELL.finditer(text):
            if "".join(word[0] for word in fold_tokens(match.group(1))) == short:
                return match.group(1)
    return None


def speaks_of_stem_cells(surface: str, long: str | None, context: str) -> bool:
    """Whether a short form of :func:`is_bare_population` means cancer stem cells where it stands.

    The document's long form decides; else its text must speak of cancer and of stem cells. Without a text: yes.
    """
    if long is not None:
        return bool(_STEM.search(long)) and (bool(_CANCER.search(long)) or not _OF_HEALTHY.search(long))
    if not context or ("sp" in fold_tokens(surface) and _SORTED.search(context)):
        return True
    if not (_STEM.search(context) and _CANCER.search(context)):
        return False
    named = next((_NAMED[t] for t in fold_tokens(surface) if t in _NAMED), None)
    return named is None or bool(named.search(context)) or not _HEALTHY_STEM.search(context)


@lru_cache(maxsize=64)
def lowered(context: str) -> str:
    """A text in lower case; the last ones are kept, since a document asks for each of its mentions."""
    return context.lower()


def other_names(concept: Concept, surface: str) -> tuple[str, ...]:
    """Lower-case names of a concept, five letters or more, whose presence in a text is no echo of the surface."""
    low = surface.lower()
    return tuple(n for n in dict.fromkeys(n.lower() for n in names(concept) if len(n) >= _MIN_SAID) if n not in low)


def kin(concept: Concept, neighbours: Collection[str]) -> bool:
    """Whether the document has a concept that this one is part of or acts on."""
    return any(i in neighbours for i in concept.parents) or any(i in neighbours for i in concept.genes)


def long_form(surface: str, expansions: Mapping[str, str]) -> str | None:
    """What the document defines the surface to mean, or None."""
    text = surface.strip()
    for form in (text, text[:-1] if text.endswith("s") else f"{text}s"):
        long = expansions.get(form)
        if long and fold(long) != fold(text) and not _BROKEN.search(long):
            return long
    return None


def written_out(surface: str, expansions: Mapping[str, str]) -> str:
    """Short forms within a longer name written out: ``CML LSCs`` → chronic myeloid leukemia LSCs."""
    if " " not in surface and "-" not in surface:
        return surface

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        long = expansions.get(word) or (expansions.get(word[:-1]) if word.endswith("s") else None)
        return long if long and len(word) > 1 and word.lower() not in long.lower() else word

    return _WORD.sub(replace, surface)
