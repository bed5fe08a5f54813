"""What a run tells at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Where every input record went, and what came of it.

    read: records in the inputs. Each ended as one of extracted, present, superseded, deletions, errors.
    extracted: documents that this run put into the database. present: were there already, from an equal
    text and model. superseded: displaced by a newer or later record of the same id. deletions: PubMed
    withdrawals. errors: unreadable or failed records; ``new_errors`` were not known before.
    processed: documents that the models read in this run; resumed: that an interrupted run had done.
    mentions, relations: rows that this run wrote. frames, statements: all that the database now holds.
    seconds: wall time in all; processing_seconds: of that, in the models.
    """

    run_id: str
    database: str
    files: int
    read: int
    extracted: int
    present: int
    superseded: int
    deletions: int
    errors: int
    new_errors: int
    processed: int
    resumed: int
    mentions: int
    relations: int
    frames: int
    statements: int
    seconds: float
    processing_seconds: float

    @property
    def skipped(self) -> Mapping[str, int]:
        """Records without rows of their own from this run, by reason."""
        return {
            "already present": self.present,
            "superseded by a better record": self.superseded,
            "withdrawn by PubMed": self.deletions,
            "error": self.errors,
        }

    @property
    def accounted(self) -> bool:
        """Whether every record read ended in one of the counts."""
        return self.read == self.extracted + sum(self.skipped.values())

    @property
    def abstracts_per_second(self) -> float:
        """Documents a second through the models; 0 where none had to be read."""
        return self.processed / self.processing_seconds if self.processed else 0.0
