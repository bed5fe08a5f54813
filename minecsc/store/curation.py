"""Verdicts of curators in the database: put in, never taken out, and found again by the text they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Final

import duckdb
import pyarrow as pa

from minecsc.errors import StoreError
from minecsc.evidence import LinkedRelation
from minecsc.evidence.curation import Curation
from minecsc.ids import digest

EVIDENCE_ID: Final = "d.text_sha256 || '#' || substr(r.relation_id, length(r.document_id) + 2)"
"""SQL for the evidence_id of relation ``r`` of document ``d``."""
_COLUMNS: Final = tuple(f.name for f in fields(Curation))
_VERDICT: Final = (
    "correct", "category", "corrected_type", "corrected_negated", "corrected_speculative", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredVerdicts:
    """How many verdicts were new, and how many were known."""

    added: int
    known: int


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """A relation as it stands in the database. Of several documents with one text, the first in good standing."""

    evidence_id: str
    run_id: str
    relation: LinkedRelation

    @property
    def fingerprint(self) -> str:
        """Changes with links, entity types and flags: is it what a curator saw? No spreadsheet reads it as a number."""
        r = self.relation
        links = (r.head_type, r.head_concept_id or "", r.tail_type, r.tail_concept_id or "")
        return "v" + digest(*links, str(r.negated), str(r.speculative), size=8)


def standing_curations(con: duckdb.DuckDBPyConnection) -> dict[str, list[Curation]]:
    """relation_id → the newest verdict of each curator, for the relations that stand in the database now.

    A verdict reaches every document with the text it was given on. Those whose text or relation is no longer
    there stay stored and are left out.
    """
    rows = con.execute(
        f"""
        SELECT r.relation_id, {", ".join(f"c.{name}" for name in _COLUMNS)}
        FROM standing_curation c
        JOIN document d ON d.text_sha256 = c.evidence_id[:64]
        JOIN relation r ON r.relation_id = d.document_id || c.evidence_id[65:]
        ORDER BY r.relation_id, c.curator
        """
    ).fetchall()
    found: dict[str, list[Curation]] = defaultdict(list)
    for relation_id, *values in rows:
        found[relation_id].append(Curation(*values))
    return dict(found)


def shown_evidence(con: duckdb.DuckDBPyConnection, ids: Collection[str]) -> dict[str, ShownEvidence]:
    """evidence_id → the relation as it stands, for those of the ids that do."""
    rows = con.execute(
        f"""
        SELECT {EVIDENCE_ID}, r.run_id, r.relation_id, r.document_id, r.sentence_id, r.type,
            r.head_mention_id, h.concept_id, h.surface, h.type,
            r.tail_mention_id, t.concept_id, t.surface, t.type,
            r.negated, r.speculative, r.probability
        FROM (SELECT DISTINCT unnest($ids::VARCHAR[]) AS evidence_id) e
        JOIN document d ON d.text_sha256 = e.evidence_id[:64]
        JOIN relation r ON r.relation_id = d.document_id || e.evidence_id[65:]
        JOIN mention h ON h.mention_id = r.head_mention_id
        JOIN mention t ON t.mention_id = r.tail_mention_id
        ORDER BY d.retracted OR d.deleted DESC, r.relation_id DESC
        """,
        {"ids": list(ids)},
    ).fetchall()
    return {row[0]: ShownEvidence(row[0], row[1], LinkedRelation(*row[2:])) for row in rows}


def known_texts(con: duckdb.DuckDBPyConnection, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that are of a text in the database."""
    rows = con.execute(
        "SELECT DISTINCT text_sha256 FROM document WHERE text_sha256 IN (SELECT unnest(?::VARCHAR[]))", [list(hashes)]
    ).fetchall()
    return {row[0] for row in rows}


def add_curations(con: duckdb.DuckDBPyConnection, curations: Sequence[Curation]) -> StoredVerdicts:
    """Stores those verdicts that are new, inside an open transaction: neither what stands nor what was read before.

    Frames and statements are marked as older than what they rest on. Raises StoreError where a value cannot be
    stored.
    """
    schema = con.sql("FROM curation LIMIT 0").to_arrow_table().schema
    try:
        columns = [pa.array([getattr(c, f.name) for c in curations], f.type) for f in schema]
    except (pa.ArrowException, UnicodeError) as error:
        raise StoreError(f"a verdict holds a value that does not fit: {error}") from error
    con.register("verdicts", pa.table(columns, schema=schema))
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM v.{name}" for name in ("evidence_id", "curator", *_VERDICT))
    (added,) = con.execute(
        f"""
        INSERT INTO curation BY NAME SELECT v.* FROM verdicts v
        ANTI JOIN standing_curation s ON {same}
        ANTI JOIN curation s ON s.judged = v.judged AND {same}
        """
    ).fetchall()[0]
    con.unregister("verdicts")
    if added:
        con.execute("UPDATE base_state SET evidence_current = false")
    return StoredVerdicts(int(added), len(curations) - int(added))
