"""Broader concepts read from names, for vocabularies that reach us without their is-a links.

DOID, Mondo, NCIT, CL, BTO and GO come as names and cross-references; only MeSH tree numbers, FamPlex and Reactome
bring links. The rest follows from how such names are built: *metastatic breast carcinoma* is a *breast carcinoma*.
Only a name that exactly one concept of the kind bears counts (its preferred name before its synonyms), and a link
that would close a circle is dropped.

Rules, on the preferred name:
    *modifier*  words at the front fall away, the longest known rest wins: triple-negative breast cancer → breast cancer
    *middle*    words between the first and the head fall away (cancers): breast ductal carcinoma → breast carcinoma
    *head*      a wider head takes the place of the head (cancers): breast carcinoma → breast cancer → breast neoplasm
    *tail*      what follows ``with``, ``in``, ``of`` … falls away: lymphoma with plasmablastic features → lymphoma
    *subfamily* what precedes the word (gene groups): ATP binding cassette subfamily B → ATP binding cassette
    *number*    letter and number of a microRNA fall away: hsa-mir-34a → mir-34 family
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from minecsc.linking.layout import Concept
from minecsc.linking.lexicon import fold

_KINDS: Final = MappingProxyType(
    {"Cancer": "cancer", "Cell": "cell", "Process": "process", "Pathway": "process", "Gene": "gene", "Drug": "drug"}
)
_READ: Final = MappingProxyType(
    {
        "cancer": ("DOID:", "mondo:", "ncit:", "oncotree:", "mesh:"),
        "cell": ("CL:", "BTO:", "ncit:", "mesh:", "minecsc:"),
        "process": ("GO:", "mesh:", "minecsc:", "wikipathways:", "reactome:"),
        "gene": ("hgnc.genegroup:", "mesh:"),
        "drug": ("mesh:", "minecsc:"),
    }
)
"""Kind → vocabularies whose names are read by the rules: those with descriptive names."""
_WIDER: Final = MappingProxyType(
    {
        "adenocarcinoma": ("carcinoma",),
        "cystadenocarcinoma": ("adenocarcinoma", "carcinoma"),
        "adenosarcoma": ("sarcoma",),
        "carcinosarcoma": ("cancer",),
        **dict.fromkeys(("carcinoma", "sarcoma", "melanoma", "lymphoma", "blastoma"), ("cancer",)),
        "cancer": ("neoplasm", "tumor"),
        "adenoma": ("neoplasm", "tumor"),
    }
)
_LINK: Final = re.compile(
    r",?\s+(?:with|without|in|of|to|by|from|via|involving|involved|associated|arising|after|due|for|at|on)\b|,\s", re.I
)
_OF: Final = re.compile(r"^(?P<head>[\w-]+(?: cell)?(?: carcinoma)?) of (?:the )?(?P<site>[\w -]+)$", re.I)
_NOISE: Final = re.compile(r"\s*\((?:disease|disorder)\)$|, NOS$|, (?:human|mouse)$", re.I)
_JOINED: Final = re.compile(r"\band/or\b|\band\b|\bor\b|/", re.I)
_UNREADABLE: Final = re.compile(r"syndrome|predisposition|susceptib|^stage\b|\bgrade\b.*\bneoplasm|^non ", re.I)
_PREFIXES: Final = frozenset("non not no anti pre post pro pseudo without lack".split())
_COMPOUND: Final = (("bone", "marrow"), ("nerve", "sheath"))
_HAIRPIN: Final = re.compile(r"^(?:hsa-)?((?:mir|let)-\d+)[a-z]?\d?(?:-\d+)?$", re.I)
_MAX_PARENTS: Final = 4


class _Names:
    """Which concept of a kind bears a name; preferred names decide before synonyms, shared names are nobody's."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._preferred: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._other: dict[tuple[str, str], set[str]] = defaultdict(set)
        for concept in concepts:
            kind = _KINDS.get(concept.type)
            if kind is None or concept.concept_id.startswith(("cellosaurus:", "drugbank:", "hgnc:", "broad:")):
                continue
            self._preferred[kind, fold(_plain(concept.name))].add(concept.concept_id)
            for name in concept.synonyms:
                if " " in name:
                    self._other[kind, fold(_plain(name))].add(concept.concept_id)

    def find(self, kind: str, name: str) -> str | None:
        """The one concept of a kind that bears a name, or None."""
        key = (kind, fold(name))
        found = self._preferred.get(key) or self._other.get(key) or set()
        return next(iter(found)) if len(found) == 1 else None


def _plain(name: str) -> str:
    """A name without remarks, the site before the head: ``carcinoma of the breast`` → breast carcinoma."""
    name = _NOISE.sub("", name).replace("head and neck", "head-and-neck")
    turned = _OF.match(name)
    return f"{turned['site']} {turned['head']}" if turned else name


def derive(concepts: Sequence[Concept]) -> list[Concept]:
    """The concepts with the parents that their names tell added to those they have."""
    names = _Names(concepts)
    parents = {c.concept_id: list(c.parents) for c in concepts}
    for concept in concepts:
        known = parents[concept.concept_id]
        fresh = [p for p in dict.fromkeys(_broader(concept, names)) if p != concept.concept_id and p not in known]
        for parent in fresh[:_MAX_PARENTS]:
            if not _reaches(parent, concept.concept_id, parents):
                known.append(parent)
    return [replace(c, parents=tuple(sorted(parents[c.concept_id]))) for c in concepts]


def _reaches(start: str, goal: str, parents: dict[str, list[str]]) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        current = waiting.pop()
        if current == goal:
            return True
        fresh = set(parents.get(current, ())) - seen
        seen |= fresh
        waiting += fresh
    return False


def _broader(concept: Concept, names: _Names) -> Iterator[str]:
    kind = _KINDS.get(concept.type, "")
    if concept.concept_id.startswith(("hgnc:", "mirbase:")):
        yield from _microrna(concept, names)
    elif concept.concept_id.startswith(_READ.get(kind, ())) and "class)" not in concept.name:
        for name in _candidates(concept.name, kind, names):
            found = names.find(kind, name)
            if found is not None:
                yield found


def _candidates(name: str, kind: str, names: _Names) -> Iterator[str]:
    """Names of what is broader; within a rule only the longest that exists."""
    name = _plain(name)
    if _UNREADABLE.search(name):
        return
    if kind == "gene":
        head, mark, _ = name.partition(" subfamily ")
        if mark:
            yield from (f"{head}{end}" for end in ("", "s", " family", " superfamily", " transporters"))
    tail = _LINK.search(name)
    if tail and kind in ("cancer", "process"):
        yield name[: tail.start()]
    head = name[: tail.start()] if tail else name
    rest = name[tail.start() :] if tail else ""
    if _JOINED.search(head.replace("-and-", "")):
        return
    words = head.split()
    suffixes = [" ".join(words[i:]) + rest for i in range(1, len(words)) if words[i - 1].lower() not in _PREFIXES]
    yield from _first(suffixes, kind, names)
    if kind != "cancer" or rest:
        return
    lower = tuple(w.lower() for w in words)
    if len(words) > 2 and lower[:2] not in _COMPOUND and lower[-1] in {*_WIDER, "neoplasm", "tumor", "leukemia"}:
        yield from _first([" ".join([*words[:i], words[-1]]) for i in range(len(words) - 2, 0, -1)], kind, names)
    for wider in _WIDER.get(lower[-1], ()):
        yield " ".join([*words[:-1], wider])


def _first(candidates: Iterable[str], kind: str, names: _Names) -> Iterator[str]:
    found = next((name for name in candidates if names.find(kind, name)), None)
    if found is not None:
        yield found


def _microrna(concept: Concept, names: _Names) -> Iterator[str]:
    for name in (concept.name, *concept.synonyms):
        hairpin = _HAIRPIN.match(name)
        found = names.find("gene", f"{hairpin[1]} family") if hairpin else None
        if found is not None:
            yield found
