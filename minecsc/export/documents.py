"""Documents with their mentions and relations, for the formats of annotated text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import duckdb

from minecsc.evidence.rows import concept_key
from minecsc.export.base import rows

_DOCUMENTS: Final = """
    SELECT document_id, pmid, title, abstract, text, year, journal, doi, retracted, deleted
    FROM document ORDER BY document_id
"""
_MENTIONS: Final = "SELECT * EXCLUDE (sentence_id) FROM mention ORDER BY document_id, start_char"
_RELATIONS: Final = "SELECT * EXCLUDE (sentence_id) FROM relation ORDER BY document_id, relation_id"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A row of table ``document`` with its mentions in reading order and its relations."""

    row: dict[str, Any]
    mentions: list[dict[str, Any]]
    relations: list[dict[str, Any]]

    @property
    def identifier(self) -> str:
        """PMID, or document id where there is none."""
        return str(self.row["pmid"] or self.row["document_id"])


def documents(con: duckdb.DuckDBPyConnection) -> Iterator[Annotated]:
    """All documents by identifier, retracted and deleted ones included; three sorted streams side by side."""
    catalog = con.execute("SELECT current_database()").fetchall()[0][0]
    with ExitStack() as stack:

        def stream(sql: str) -> Iterator[dict[str, Any]]:
            cursor = stack.enter_context(con.cursor())
            cursor.execute(f'USE "{catalog}"')
            return rows(cursor, sql)

        mentions, relations = _Groups(stream(_MENTIONS)), _Groups(stream(_RELATIONS))
        for row in stream(_DOCUMENTS):
            yield Annotated(row, mentions.of(row["document_id"]), relations.of(row["document_id"]))


def mention_key(mention: dict[str, Any]) -> str:
    """Concept key of a stored mention."""
    return concept_key(mention["concept_id"], mention["type"], mention["surface"])


class _Groups:
    """The rows of each document out of a stream that is sorted as the documents are."""

    def __init__(self, stream: Iterator[dict[str, Any]]) -> None:
        self._groups = groupby(stream, key=itemgetter("document_id"))
        self._next = next(self._groups, None)

    def of(self, document_id: str) -> list[dict[str, Any]]:
        if self._next is None or self._next[0] != document_id:
            return []
        found = list(self._next[1])
        self._next = next(self._groups, None)
        return found
