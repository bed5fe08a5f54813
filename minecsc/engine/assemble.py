"""From relations to frames and statements: the evidence of a database, made anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from minecsc.evidence import Frame, Statement, build_frames, build_statements
from minecsc.evidence.curation import apply_curations
from minecsc.store import EvidenceRows, collection_paused, read_evidence, replace_evidence


@dataclass(frozen=True, slots=True)
class Assembly:
    """Numbers of frames and statements that the database now holds."""

    frames: int
    statements: int


@collection_paused()
def evidence_of(rows: EvidenceRows) -> tuple[list[Frame], list[Statement]]:
    """Frames and statements of the relations given, as their curators see them."""
    relations = apply_curations(rows.relations, rows.curations)
    return (
        build_frames(relations, rows.mentions, rows.concepts, rows.contexts),
        build_statements(relations, rows.documents, rows.concepts),
    )


def assemble(db: Path | str) -> Assembly:
    """Computes all frames and statements of ``db`` from its relations and puts them in place at once.

    ``extract`` does so by itself; this is for a database made by an older version of the rules, or loaded
    without. Raises StoreError.
    """
    frames, statements = evidence_of(read_evidence(db))
    replace_evidence(db, frames, statements)
    return Assembly(len(frames), len(statements))
