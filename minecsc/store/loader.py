"""The one writer: shards into the database, in one transaction, as often as one likes.

Rules, whatever the order of files, shards and loads
    *Revision.* A record replaces the stored one of the same id where its (version, revised) is not lower;
    a lower one is ignored and counted. Within a load the highest wins, and of equals the last in the input.
    *Deletion.* A DeleteCitation is kept for ever: the PMID's record is flagged, also if it arrives later and
    also in a newer revision, since PubMed never gives a PMID out again. Its evidence stays visible.
    *Retraction.* A record is retracted if it says so itself, names a notice against it, or is named by any
    stored notice, deleted notices included. Flags are derived anew at each load, so order has no say.
    *Errors* are kept once per (source, record, reason).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from minecsc.errors import StoreError
from minecsc.store.concepts import refresh_concepts
from minecsc.store.connect import writing
from minecsc.store.evidence_io import Evidence, EvidenceRows, evidence_rows, put_evidence
from minecsc.store.manifest import RunManifest, write_run
from minecsc.store.shards import ShardInfo, read_shard

if TYPE_CHECKING:
    from minecsc.linking import Concept

_OWNED: Final = ("relation", "mention", "sentence", "document")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did, in rows.

    inserted, replaced, unchanged: documents that are now stored as the shards have them.
    superseded: documents that a better or later one of the same id displaced.
    deletions, errors: as they stood in the shards; new_errors: not known before.
    retracted, deleted: documents whose flag this load changed.
    """

    inserted: int
    replaced: int
    unchanged: int
    superseded: int
    deletions: int
    errors: int
    new_errors: int
    retracted: int
    deleted: int
    sentences: int
    mentions: int
    relations: int

    @property
    def documents(self) -> int:
        """Documents in the shards, the superseded ones left out."""
        return self.inserted + self.replaced + self.unchanged

    @property
    def changed(self) -> bool:
        """Whether evidence must be assembled again."""
        return bool(self.inserted or self.replaced or self.retracted or self.deleted)


def load_shards(
    db: Path | str,
    shards: Sequence[Path],
    run: RunManifest,
    concepts: Callable[[set[str]], Iterable[Concept]],
    evidence: Callable[[EvidenceRows], Evidence] | None = None,
) -> LoadReport:
    """Loads ``shards``, in input order, into ``db``, which is made if it is not there.

    concepts: the concepts with the ids given, unknown ids left out; asked for those that mentions link to
    and for their parents, upwards. evidence: makes frames and statements, which then change together with
    what they rest on; without it they stay behind and are marked as such. Raises StoreError, leaving the
    database as it was, where a shard is damaged or the database is locked, foreign or of another schema.
    """
    # Of a shard named twice, the last place counts, as it would for its documents.
    paths = list(dict.fromkeys(reversed([Path(path) for path in shards])))[::-1]
    infos = [read_shard(path) for path in paths]
    if len({info.key for info in infos}) < len(infos):
        raise StoreError("two of the shards have one key")
    with writing(db, create=True) as con:
        report = _load(con, infos, run)
        refresh_concepts(con, concepts)
        write_run(con, run, [info.key for info in infos])
        if report.changed:
            con.execute("UPDATE base_state SET evidence_current = false")
        if evidence is not None and (False,) in con.execute("SELECT evidence_current FROM base_state").fetchall():
            put_evidence(con, *evidence(evidence_rows(con)))
    return report


def _load(con: duckdb.DuckDBPyConnection, infos: Sequence[ShardInfo], run: RunManifest) -> LoadReport:
    actions: dict[str, int] = {}
    rows = dict.fromkeys(_OWNED, 0)
    new_errors = 0
    if infos:
        actions = _choose(con, infos, run)
        _drop_replaced(con)
        rows = {table: _insert(con, table, infos, run) for table in reversed(_OWNED)}
        _insert_deletions(con, infos)
        new_errors = _insert_errors(con, infos, run)
    retracted, deleted = _update_flags(con)
    return LoadReport(
        inserted=actions.get("insert", 0),
        replaced=actions.get("replace", 0),
        unchanged=actions.get("keep", 0),
        superseded=actions.get("ignore", 0),
        deletions=sum(info.counts["deletion"] for info in infos),
        errors=sum(info.counts["error"] for info in infos),
        new_errors=new_errors,
        retracted=retracted,
        deleted=deleted,
        sentences=rows["sentence"],
        mentions=rows["mention"],
        relations=rows["relation"],
    )


def _files(infos: Sequence[ShardInfo], table: str) -> list[str]:
    return [str(info.file(table)) for info in infos]


def _changes(con: duckdb.DuckDBPyConnection, sql: str, parameters: object = None) -> int:
    """Number of rows that an INSERT or UPDATE touched."""
    return int(con.execute(sql, parameters).fetchall()[0][0])


def _choose(con: duckdb.DuckDBPyConnection, infos: Sequence[ShardInfo], run: RunManifest) -> dict[str, int]:
    """Decides for every incoming document and remembers it in the temporary table ``incoming``."""
    con.execute(
        """
        CREATE TEMP TABLE incoming AS
        WITH ranked AS (
            SELECT document_id, shard, document_row, version, coalesce(revised, '') AS revised,
                record_digest, extraction_digest,
                row_number() OVER (
                    PARTITION BY document_id
                    ORDER BY version DESC, coalesce(revised, '') DESC,
                        list_position($keys, shard) DESC, document_row DESC
                ) AS place
            FROM read_parquet($files)
        )
        SELECT i.document_id, i.shard, i.document_row,
            CASE
                WHEN i.place > 1 THEN 'ignore'
                WHEN d.document_id IS NULL THEN 'insert'
                WHEN i.version < d.version
                    OR (i.version = d.version AND i.revised < coalesce(d.revised, '')) THEN 'ignore'
                WHEN i.record_digest = d.record_digest AND i.extraction_digest = d.extraction_digest
                    AND r.pipeline_digest = $pipeline THEN 'keep'
                ELSE 'replace'
            END AS action
        FROM ranked i
        LEFT JOIN document d ON d.document_id = i.document_id
        LEFT JOIN run r ON r.run_id = d.run_id
        """,
        {
            "keys": [info.key for info in infos],
            "files": _files(infos, "document"),
            "pipeline": run.pipeline_digest,
        },
    )
    counted = con.execute("SELECT action, count(*) FROM incoming GROUP BY action").fetchall()
    return {action: int(count) for action, count in counted}


def _drop_replaced(con: duckdb.DuckDBPyConnection) -> None:
    for table in _OWNED:
        con.execute(
            f"""
            DELETE FROM {table}
            WHERE document_id IN (SELECT document_id FROM incoming WHERE action = 'replace')
            """
        )


_DECIDED_BY_LOADER: Final = {
    "document": "false AS retracted, false AS deleted, $run AS run_id",
    "relation": "$run AS run_id",
}


def _insert(con: duckdb.DuckDBPyConnection, table: str, infos: Sequence[ShardInfo], run: RunManifest) -> int:
    added = _DECIDED_BY_LOADER.get(table)
    parameters: dict[str, object] = {"files": _files(infos, table)} | ({"run": run.run_id} if added else {})
    return _changes(
        con,
        f"""
        INSERT INTO {table} BY NAME
        SELECT s.* EXCLUDE (shard, document_row) {", " + added if added else ""}
        FROM read_parquet($files) s
        SEMI JOIN (SELECT shard, document_row FROM incoming WHERE action IN ('insert', 'replace')) i
            ON s.shard = i.shard AND s.document_row = i.document_row
        """,
        parameters,
    )


def _insert_deletions(con: duckdb.DuckDBPyConnection, infos: Sequence[ShardInfo]) -> None:
    con.execute(
        """
        INSERT INTO deletion BY NAME
        SELECT pmid, min(source) AS source FROM read_parquet(?)
        WHERE pmid NOT IN (SELECT pmid FROM deletion) GROUP BY pmid
        """,
        [_files(infos, "deletion")],
    )


def _insert_errors(con: duckdb.DuckDBPyConnection, infos: Sequence[ShardInfo], run: RunManifest) -> int:
    return _changes(
        con,
        """
        INSERT INTO error BY NAME
        SELECT DISTINCT source, record, reason, ? AS run_id FROM read_parquet(?) e
        ANTI JOIN error USING (source, record, reason)
        """,
        [run.run_id, _files(infos, "error")],
    )


def _update_flags(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Derives both flags of all documents anew; the numbers of those whose flag changed."""
    retracted = _changes(
        con,
        """
        UPDATE document SET retracted = NOT retracted
        WHERE retracted IS DISTINCT FROM (
            record_retracted OR len(retracted_by) > 0 OR coalesce(
                pmid IN (SELECT unnest(retraction_of) FROM document WHERE len(retraction_of) > 0), false)
        )
        """,
    )
    deleted = _changes(
        con,
        """
        UPDATE document SET deleted = NOT deleted
        WHERE deleted IS DISTINCT FROM coalesce(pmid IN (SELECT pmid FROM deletion), false)
        """,
    )
    return retracted, deleted
