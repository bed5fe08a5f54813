"""Which records of the input need work: the rest is known already, displaced, or no document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minecsc.ids import json_digest
from minecsc.schema import Deletion, Document, Record, RecordError
from minecsc.store import StoredRecord, stored_records
from minecsc.store.rows import record_digest, unicode_fault

_Rank = tuple[int, str]


@dataclass(slots=True)
class Chunk:
    """Consecutive records: those that need work, in input order, and counts of those that need none."""

    documents: list[Document] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)
    present: int = 0
    superseded: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.documents or self.deletions or self.errors)

    def key(self, processor_digest: str) -> str:
        """Name of its shard: content and processor decide it, so an equal chunk is never done twice."""
        return json_digest(
            [
                processor_digest,
                self.digests,
                [(d.pmid, d.source) for d in self.deletions],
                [(e.source, e.record, e.reason) for e in self.errors],
            ]
        )


class Selection:
    """Remembers what the run has met, so that of several records of one id only the useful are worked on."""

    def __init__(self, db: Path, processor_digest: str) -> None:
        self._db = db
        self._processor = processor_digest
        self._met: dict[str, tuple[_Rank, str]] = {}

    def chunk(self, records: Sequence[Record]) -> Chunk:
        """Sorts records out; ``records`` are the next of the input."""
        chunk = Chunk()
        stored = self._stored(record.document_id for record in records if isinstance(record, Document))
        for record in records:
            if isinstance(record, Deletion):
                chunk.deletions.append(record)
            elif isinstance(record, RecordError):
                chunk.errors.append(record)
            elif (fault := unicode_fault(record)) is not None:
                chunk.errors.append(RecordError(record.source or "", record.document_id, fault))
            else:
                self._place(chunk, record, stored.get(record.document_id))
        return chunk

    def _stored(self, ids: Iterable[str]) -> dict[str, StoredRecord]:
        wanted = set(ids)
        return stored_records(self._db, wanted) if wanted and self._db.exists() else {}

    def _place(self, chunk: Chunk, document: Document, stored: StoredRecord | None) -> None:
        rank: _Rank = (document.version, document.revised or "")
        digest = record_digest(document)
        met = self._met.get(document.document_id)
        if met is not None and (rank < met[0] or digest == met[1]):
            chunk.superseded += 1
            return
        if stored is not None and rank < (stored.version, stored.revised):
            chunk.superseded += 1
            return
        self._met[document.document_id] = (rank, digest)
        # A record met before is being loaded; of equal ranks the last counts, so this one has to follow it.
        if (
            met is None
            and stored is not None
            and stored.record_digest == digest
            and stored.pipeline_digest == self._processor
        ):
            chunk.present += 1
            return
        chunk.documents.append(document)
        chunk.digests.append(digest)
