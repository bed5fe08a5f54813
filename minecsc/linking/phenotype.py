"""Grammar of marker-defined populations: ``CD44+/CD24−/low``, ``ALDHhigh cells``, ``CD133-positive CSCs``.

A phenotype has one identifier whatever way it is written: ``minecsc:cd44-pos-cd24-neg``. Positive and high markers
come first, then negative and low ones, each in natural order (CD9 before CD10). Readings that are folded together:

- ``-/low`` is negative; ``bright`` is high; ``dim`` is low; ``lacking``, ``deficient`` are not phenotypes;
- ALDH by activity (Aldefluor): positive and bright are high, since the assay only knows bright and dim;
- CD44 and CD24: high is positive, low is negative, as the breast-cancer literature uses them for one population.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from minecsc.linking.normalize import clean, spell_greek

Level = Literal["pos", "high", "neg", "low"]
PREFIX: Final = "minecsc:"
_ORDER: Final[dict[Level, int]] = {"pos": 0, "high": 0, "neg": 1, "low": 1}
_SIGN = MappingProxyType({"pos": "+", "high": "high", "neg": "-", "low": "low"})

_LEVELS: Final[tuple[tuple[str, Level], ...]] = (
    (r"[-(]*\s*(?:-|neg|negative|low|lo)\s*/\s*(?:-|low|lo|neg|negative|dim)\b[\s)]*", "neg"),
    (r"[-\s]?\(+\s*-\s*\)+", "neg"),
    (r"[-\s]?\(+\s*\+{1,3}\s*\)+", "pos"),
    (r"[-\s]?\(+\s*(?:high|hi|bright|br)\s*\)+", "high"),
    (r"[-\s]?\(+\s*(?:low|lo|dim)\s*\)+", "low"),
    (r"[-\s](?:positive|pos|expressing)\b", "pos"),
    (r"[-\s](?:negative|neg)\b", "neg"),
    (r"[-\s]?(?:high|hi|bright|br)(?![a-z])", "high"),
    (r"[-\s]?(?:low|lo|dim)(?![a-z])", "low"),
    (r"\s?\+{1,3}", "pos"),
    (r"-(?![A-Za-z0-9])|-(?=CD\d)", "neg"),
)
_COMPILED: Final = tuple((re.compile(pattern, re.IGNORECASE), level) for pattern, level in _LEVELS)
_MARKER: Final = re.compile(r"(?:[ck]-(?=[A-Z]))?[A-Za-z][A-Za-z0-9]*(?:-(?=[A-Za-z]*\d)[A-Za-z0-9]+)*")
_SEPARATOR: Final = re.compile(r"\s*(?:/|,|;|\band\b|&)?\s*", re.IGNORECASE)
_LINEAGE: Final = MappingProxyType({"lineage": "lin", "lin": "lin"})
_ALDH: Final = frozenset({"aldh", "aldefluor"})
_GRADED: Final = frozenset({"cd44", "cd24"})
_NOT_MARKERS = frozenset(
    (
        "non pre anti pro multi semi self stem side tumor cancer cell cells drug cisplatin resistant "
        "sensitive estrogen hormone receptor triple double single node hpv hbv hiv ebv long short low "
        "high wild mutant her2 er pr ph bcr oxygen glucose serum"
    ).split()
)
_ID: Final = re.compile(r"minecsc:(?P<body>(?:[a-z0-9]+-(?:pos|neg|high|low)-)*[a-z0-9]+-(?:pos|neg|high|low))$")


@dataclass(frozen=True, slots=True)
class Phenotype:
    """Markers with their levels in canonical order; ``rest`` is what the text says after them (``breast CSCs``)."""

    markers: tuple[tuple[str, Level], ...]
    rest: str = ""

    @property
    def concept_id(self) -> str:
        return PREFIX + "-".join(f"{marker}-{level}" for marker, level in self.markers)

    @property
    def name(self) -> str:
        """Readable name: ``CD44+/CD24- cell``."""
        return "/".join(f"{marker.upper()}{_SIGN[level]}" for marker, level in self.markers) + " cell"


def _natural(marker: str) -> list[tuple[int, str, int]]:
    return [
        (int(p.isdigit()), "" if p.isdigit() else p, int(p) if p.isdigit() else 0)
        for p in re.findall(r"\d+|\D+", marker)
    ]


def _level_at(text: str, position: int) -> tuple[Level, int] | None:
    for pattern, level in _COMPILED:
        match = pattern.match(text, position)
        if match and match.end() > position:
            return level, match.end()
    return None


def _marker_at(text: str, position: int) -> tuple[str, Level, int] | None:
    """Marker, level and end of one marker expression; the shortest marker that a level follows wins."""
    match = _MARKER.match(text, position)
    if match is None:
        return None
    for end in range(position + 2, match.end() + 1):
        stem = text[position:end]
        inside = end < match.end() and text[end] != "-"
        if inside and not (text[end].islower() and (stem[-1].isupper() or stem[-1].isdigit())):
            continue  # a level written onto the marker is lower case after upper case or a digit: ALDHhigh, CD44hi
        found = _level_at(text, end)
        if found is not None and stem.lower() not in _NOT_MARKERS:
            level, stop = found
            return stem, level, stop
    return None


def _canonical(marker: str, level: Level) -> tuple[str, Level]:
    key = re.sub(r"[^a-z0-9]", "", spell_greek(marker).lower())
    if key in _LINEAGE:
        return "lin", "neg" if level == "low" else level
    if key in _ALDH:
        return "aldh", "high" if level in ("pos", "high") else "low"
    if key in _GRADED:
        return key, "pos" if _ORDER[level] == 0 else "neg"
    return key, level


_LEAD = re.compile(r"^(?:the|human|murine|mouse|sorted|purified|isolated|primary)\s+", re.IGNORECASE)
_VERBAL = re.compile(
    r"^(?:cells?|CSCs?)\s+(?:expressing|positive for|with high|that express)\s+(?:expression of\s+)?([A-Za-z][\w-]*)$"
)


def parse(surface: str) -> Phenotype | None:
    """Read a marker phenotype at the start of the surface; None where there is none."""
    text = _LEAD.sub("", clean(surface)).replace("((", "(").replace("))", ")")
    verbal = _VERBAL.match(text)
    if verbal:
        return Phenotype((_canonical(verbal.group(1), "pos"),))
    markers: dict[str, Level] = {}
    position = 0
    while position < len(text):
        found = _marker_at(text, position)
        if found is None:
            break
        marker, level, position = found
        key, level = _canonical(marker, level)
        markers.setdefault(key, level)
        separator = _SEPARATOR.match(text, position)
        following = separator.end() if separator else position
        if _marker_at(text, following) is None:
            break
        position = following
    if not markers:
        return None
    ordered = sorted(markers.items(), key=lambda m: (_ORDER[m[1]], _natural(m[0])))
    return Phenotype(tuple(ordered), text[position:].strip(" -/,"))


def from_id(concept_id: str) -> Phenotype | None:
    """The phenotype that an identifier names, or None where it is not one."""
    match = _ID.match(concept_id)
    if match is None:
        return None
    parts = match.group("body").split("-")
    return Phenotype(tuple(zip(parts[::2], parts[1::2], strict=True)))  # type: ignore[arg-type]
