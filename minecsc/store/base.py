"""The evidence base for those who ask: read-only, named questions, or any SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb

from minecsc.errors import StoreError
from minecsc.schema import RELATION_TYPES
from minecsc.store import queries
from minecsc.store.connect import connect_read_only
from minecsc.store.result import Result

_EFFECTS: Final = ("increases", "decreases", "resistance_to", "sensitizes_to")

_SUMMARY: Final = """
    SELECT
        (SELECT count(*) FROM document) AS documents,
        (SELECT count(*) FROM document WHERE retracted) AS retracted,
        (SELECT count(*) FROM document WHERE deleted) AS deleted,
        (SELECT count(*) FROM sentence) AS sentences,
        (SELECT count(*) FROM mention) AS mentions,
        (SELECT count(concept_id) FROM mention) AS linked_mentions,
        (SELECT count(*) FROM concept) AS concepts,
        (SELECT count(*) FROM relation) AS relations,
        (SELECT count(*) FROM frame) AS frames,
        (SELECT count(*) FROM statement) AS statements,
        (SELECT count(*) FROM statement WHERE contested) AS contested_statements,
        (SELECT count(*) FROM assertion_verdict) AS verdicts,
        (SELECT count(*) FROM error) AS errors,
        (SELECT count(*) FROM run) AS runs
"""


class EvidenceBase:
    """An open evidence base, as it stood when it was opened. Close it, or use it in a ``with`` block.

    Names in filters match a concept's identifier, name or synonym, or the name as written, whatever its
    case; a concept also stands for all narrower ones (Notch for NOTCH1, ABC transporter for ABCB1), unless a
    question is asked with ``exact=True``. Not to be shared between threads.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._con = con
        self.path = path

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Result:
        """Any SELECT over tables and views; ``params`` for ``?`` or ``$name``. Raises StoreError."""
        values = dict(params) if isinstance(params, Mapping) else list(params or ())
        try:
            relation = self._con.sql(query, params=values or None)
            if relation is None:
                raise StoreError("that is no query: it returns no rows")
            return Result(relation.to_arrow_table())
        except duckdb.Error as error:
            raise StoreError(f"the query failed: {error}") from error

    def relations(
        self,
        head: str | None = None,
        tail: str | None = None,
        type: str | None = None,
        *,
        drug: str | None = None,
        gene: str | None = None,
        mechanism: str | None = None,
        population: str | None = None,
        cancer: str | None = None,
        min_probability: float = 0.0,
        include_negated: bool = False,
        pmid: str | int | None = None,
        exact: bool = False,
        limit: int | None = None,
    ) -> Result:
        """Relations with sentence and paper (view ``evidence``), most probable first.

        drug, gene, mechanism, population: what either argument must be, with a type of that kind; mechanism
        may be a mechanism class. cancer: named anywhere in the document. pmid: PMID or document id.
        Retracted and deleted papers are included and flagged.
        """
        _one_of(type, RELATION_TYPES, "relation type")
        slots = {"drug": drug, "gene": gene, "mechanism": mechanism, "population": population}
        page = queries.relations(
            head=self._name(head, exact),
            tail=self._name(tail, exact),
            either=self._slots(slots, exact),
            cancer=self._name(cancer, exact),
            type=type,
            min_probability=min_probability,
            include_negated=include_negated,
            document=None if pmid is None else str(pmid),
            limit=limit,
        )
        return self._rows(page)

    def frames(
        self,
        drug: str | None = None,
        mechanism: str | None = None,
        population: str | None = None,
        cancer: str | None = None,
        *,
        effect: str | None = None,
        min_belief: float = 0.0,
        exact: bool = False,
        limit: int | None = None,
    ) -> Result:
        """Frames in words (view ``frame_view``), most believed first; among equals the fuller first.

        effect: on the mechanism or on the population. Retracted and deleted papers are included and flagged.
        """
        _one_of(effect, _EFFECTS, "effect")
        slots = {"drug": drug, "mechanism": mechanism, "population": population, "cancer": cancer}
        page = queries.frames(slots=self._slots(slots, exact), effect=effect, min_belief=min_belief, limit=limit)
        return self._rows(page)

    def statements(
        self,
        head: str | None = None,
        tail: str | None = None,
        type: str | None = None,
        *,
        drug: str | None = None,
        gene: str | None = None,
        mechanism: str | None = None,
        population: str | None = None,
        min_belief: float = 0.0,
        contested: bool | None = None,
        exact: bool = False,
        limit: int | None = None,
    ) -> Result:
        """Triples over all papers (view ``statement_view``), most believed first."""
        _one_of(type, RELATION_TYPES, "relation type")
        slots = {"drug": drug, "gene": gene, "mechanism": mechanism, "population": population}
        page = queries.statements(
            head=self._name(head, exact),
            tail=self._name(tail, exact),
            either=self._slots(slots, exact),
            type=type,
            min_belief=min_belief,
            contested=contested,
            limit=limit,
        )
        return self._rows(page)

    def document(self, id: str | int) -> dict[str, Any] | None:
        """The record of a document id or PMID, or None."""
        found = self.sql(
            "SELECT * FROM document WHERE ? IN (document_id, pmid) ORDER BY document_id LIMIT 1", [str(id)]
        ).rows()
        return found[0] if found else None

    def mentions(self, id: str | int) -> Result:
        """Mentions of a document id or PMID in reading order, with concept names."""
        return self.sql(
            """
            SELECT m.*, c.name AS concept_name, c.mechanism_class FROM mention m
            LEFT JOIN concept c USING (concept_id)
            WHERE m.document_id IN (SELECT document_id FROM document WHERE ? IN (document_id, pmid))
            ORDER BY m.document_id, m.start_char
            """,
            [str(id)],
        )

    def errors(self) -> Result:
        """Records that could not be read or processed, and why."""
        return self.sql("SELECT * FROM error ORDER BY ALL")

    def runs(self) -> Result:
        """Runs, oldest first, with the documents whose rows are theirs."""
        return self.sql(
            """
            SELECT r.* EXCLUDE (shards), len(r.shards) AS shards, count(d.document_id) AS documents
            FROM run r LEFT JOIN document d USING (run_id) GROUP BY ALL ORDER BY run_id
            """
        )

    def summary(self) -> dict[str, int]:
        """Counts of everything stored."""
        return self.sql(_SUMMARY).rows()[0]

    def close(self) -> None:
        """Lets the file go."""
        self._con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EvidenceBase {self.path.name}>"

    def _rows(self, page: queries.Page) -> Result:
        try:
            return self.sql(*page.rows(self._con))
        except duckdb.Error as error:
            raise StoreError(f"the query failed: {error}") from error

    def _name(self, name: str | None, exact: bool) -> queries.Name | None:
        return None if name is None else queries.resolve(self._con, name, exact=exact)

    def _slots(self, slots: Mapping[str, str | None], exact: bool) -> list[tuple[str, queries.Name]]:
        return [
            (slot, queries.resolve(self._con, name, classes=slot == "mechanism", exact=exact))
            for slot, name in slots.items()
            if name is not None
        ]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What decides whether a record must be worked on again; ``revised`` is "" where there is no date."""

    version: int
    revised: str
    record_digest: str
    pipeline_digest: str


def stored_records(db: Path | str, ids: Collection[str]) -> dict[str, StoredRecord]:
    """Those of the document ids that ``db`` has. Raises StoreError."""
    with connect_read_only(db) as con:
        rows = con.execute(
            """
            SELECT d.document_id, d.version, coalesce(d.revised, ''), d.record_digest, r.pipeline_digest
            FROM document d JOIN run r USING (run_id) WHERE d.document_id IN (SELECT unnest(?::VARCHAR[]))
            """,
            [list(ids)],
        ).fetchall()
    return {row[0]: StoredRecord(*row[1:]) for row in rows}


def _one_of(value: str | None, allowed: Sequence[str], what: str) -> None:
    if value is not None and value not in allowed:
        raise StoreError(f"unknown {what} {value!r}; known: {', '.join(allowed)}")


def open_base(path: Path | str) -> EvidenceBase:
    """Opens an evidence base read-only. Raises StoreError where it is missing, locked or foreign."""
    return EvidenceBase(connect_read_only(path), Path(path))
