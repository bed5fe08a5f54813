"""The knowledge base at run time: concepts by identifier and by folded surface, read from mapped files."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from minecsc.errors import KnowledgeBaseError, MinecscError
from minecsc.linking import layout
from minecsc.linking.compose import describe
from minecsc.linking.layout import REVIEW, Concept, Posting
from minecsc.linking.normalize import fold
from minecsc.resources import resource
from minecsc.schema import EntityType

_BLOCK_CACHE = 1024


class KnowledgeBase:
    """Read-only concepts and names. Cheap to fork and to pickle (a copy maps the same files again)."""

    def __init__(self, folder: Path, tables: layout.Tables, mask: frozenset[int] = frozenset()) -> None:
        self._folder = folder
        self._tables = tables
        self._mask = mask
        self._block = lru_cache(maxsize=_BLOCK_CACHE)(self._read_block)
        self._by_id = lru_cache(maxsize=16384)(self._find)

    @classmethod
    def load(cls, path: Path | None = None, *, mask: Collection[int] = ()) -> KnowledgeBase:
        """Map the knowledge base in ``path``, or the shipped one.

        mask: tiers of names to leave unread (see :class:`Posting`); tests on the seed review's entities mask 5.
        Raises KnowledgeBaseError where it is missing, incomplete or does not match its digests.
        """
        try:
            folder = Path(path) if path is not None else resource("models", "kb")
        except MinecscError as error:
            raise KnowledgeBaseError(f"the shipped knowledge base is missing: {error}") from error
        return cls(folder, layout.read(folder), frozenset(mask))

    def __reduce__(self) -> tuple[Any, ...]:
        return _reload, (self._folder, self._mask)

    def __len__(self) -> int:
        return int(self.meta["concepts"])

    @property
    def meta(self) -> dict[str, Any]:
        """Sources, counts and digests as written by the build."""
        return self._tables.meta

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self._folder

    @property
    def digest(self) -> str:
        """Digest of the content; equal content gives an equal digest whatever machine built it."""
        return str(self.meta["digest"])

    @property
    def rules(self) -> dict[str, Any]:
        """Curated rules for names whose reading depends on the document."""
        return self._tables.rules

    def concept(self, concept_id: str) -> Concept | None:
        """The concept of an identifier (stored, or composed of stored ones), or None."""
        return self._by_id(concept_id)

    def concepts(self, ids: Iterable[str]) -> list[Concept]:
        """The concepts of those identifiers that are known, in order of identifier, each once."""
        return [c for i in sorted(set(ids)) if (c := self.concept(i)) is not None]

    def postings(self, key: str) -> list[Posting]:
        """Which concepts carry a folded surface; see :func:`minecsc.linking.normalize.fold`."""
        value = np.uint64(layout.key_hash(key))
        keys = self._tables.keys
        start = int(np.searchsorted(keys, value))
        out = []
        while start < len(keys) and keys[start] == value:
            posting = layout.unpack(int(self._tables.postings[start]))
            if posting.tier not in self._mask:
                out.append(posting)
            start += 1
        return out

    def row(self, row: int) -> Concept:
        """The concept in a row, as named by a posting."""
        return self._block(row // layout.BLOCK)[row % layout.BLOCK]

    def resolve(self, name: str, type_: EntityType) -> Concept | None:
        """The one concept of a type that a name or slug stands for by its best names, or None."""
        found = [p for p in self.postings(fold(name)) if p.type == type_ or {p.type, type_} == {"Drug", "Chemical"}]
        if not found:
            return None
        best = min(map(_strength, found))
        rows = [self.row(p.row) for p in found if _strength(p) == best]
        return min(rows, key=lambda c: (c.type != type_, -len(c.synonyms), c.concept_id))

    def _read_block(self, block: int) -> tuple[Concept, ...]:
        tables = self._tables
        raw = zlib.decompress(tables.blob[int(tables.offsets[block]) : int(tables.offsets[block + 1])])
        return tuple(layout.decode(line) for line in raw.decode("utf-8").split("\n"))

    def _find(self, concept_id: str) -> Concept | None:
        block = bisect_right(self._tables.first, concept_id) - 1
        if block >= 0:
            for concept in self._block(block):
                if concept.concept_id == concept_id:
                    return concept
        return describe(concept_id, self.resolve)


def _strength(posting: Posting) -> int:
    return 0 if posting.tier == REVIEW else posting.tier


def _reload(folder: Path, mask: frozenset[int]) -> KnowledgeBase:
    return KnowledgeBase.load(folder, mask=mask)
