"""Lexicon files: rows in, and the entries that readers make of them.

A lexicon is a gzipped tab-separated file ``<name>.tsv.gz`` with the columns id, name, synonyms, type, xrefs (the
last two lists separated by ``|``).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import normalize
from minecsc.linking.layout import NAME, SYNONYM
from minecsc.schema import EntityType

MAX_NAME = 90
fold = cache(normalize.fold)
"""As :func:`minecsc.linking.normalize.fold`: during a build most names are folded several times."""


class Row(NamedTuple):
    """One line of a lexicon."""

    id: str
    name: str
    synonyms: tuple[str, ...]
    type: str
    xrefs: tuple[str, ...]


@dataclass(slots=True)
class Entry:
    """A vocabulary entry on its way into the knowledge base. names: (surface, tier), preferred name first."""

    id: str
    type: EntityType
    names: list[tuple[str, int]]
    xrefs: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    source: str = ""
    mechanism_class: str | None = None
    strategy_class: str | None = None


def rows(folder: Path, lexicon: str) -> Iterator[Row]:
    """The rows of a lexicon. Raises KnowledgeBaseError where the file is missing or has other columns."""
    path = folder / f"{lexicon}.tsv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as stream:
            header = next(stream).rstrip("\n").split("\t")
            if header != ["id", "name", "synonyms", "type", "xrefs"]:
                raise KnowledgeBaseError(f"{path}: unexpected columns {header}")
            for line in stream:
                id_, name, synonyms, type_, xrefs = line.rstrip("\n").split("\t")
                yield Row(id_, name, split_cell(synonyms), type_, split_cell(xrefs))
    except (OSError, ValueError) as error:
        raise KnowledgeBaseError(f"cannot read lexicon {path}: {error}") from error


def table(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a tab-separated table with a header; ``#`` lines are comments, missing trailing cells empty."""
    with path.open(encoding="utf-8") as stream:
        lines = (line.rstrip("\n") for line in stream)
        kept = (line for line in lines if line.strip() and not line.startswith("#"))
        header = next(kept).split("\t")
        for line in kept:
            cells = line.split("\t")
            if len(cells) > len(header):
                raise KnowledgeBaseError(f"{path.name}: more cells than columns in {line!r}")
            yield dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))


def split_cell(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split("|") if part) if cell else ()


_DROP_NAME = re.compile(r"^obsolete |\[|^[\W\d]+$|, somatic|susceptibility to|protection against|resistance to, ")


def names_of(row: Row, name_tier: int, tiers: Callable[[int, str], int]) -> list[tuple[str, int]]:
    out = [(row.name, name_tier)]
    out += [(s, tiers(i, s)) for i, s in enumerate(row.synonyms) if len(s) <= MAX_NAME and not _DROP_NAME.search(s)]
    return out


def plain(row: Row, type_: EntityType, tier: int = SYNONYM, source: str = "") -> Entry:
    return Entry(row.id, type_, names_of(row, NAME, lambda _i, _s: tier), list(row.xrefs), source=source)


def tidy(name: str) -> str:
    """A name as it is stored: readable, without the separators of the file format."""
    return normalize.clean(name.replace("\t", " ").replace("|", "/").replace("\n", " "))
