"""What the validation of the review reads from the base, and how its outcome is put there: all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minecsc.evidence import DocumentInfo, LinkedRelation, concept_key
from minecsc.evidence.curation import Curation
from minecsc.store.connect import connect_read_only, writing
from minecsc.store.curation import standing_curations
from minecsc.store.evidence_io import document_infos, linked_relations, replace_rows


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A stored statement, as far as the review's room asks for it; fields as in :class:`.evidence.Statement`."""

    statement_id: str
    head_id: str
    head_name: str
    head_type: str
    type: str
    tail_id: str
    tail_name: str
    tail_type: str
    belief: float
    documents_for: int
    documents_against: int
    contested: bool


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A stored frame of a drug or a cancer, as far as the review's room asks for it."""

    frame_id: str
    document_id: str
    drug_id: str | None
    cancer_id: str | None
    belief: float


@dataclass(frozen=True, slots=True)
class ReviewRows:
    """All that validation is computed from.

    occurrences: (concept key, ids of the documents that mention it), a key once for each of its spellings.
    curations: relation_id → newest verdict of each curator; not yet applied to ``relations``.
    statements: those that some paper asserts. frames: those that are not denied.
    """

    relations: list[LinkedRelation]
    occurrences: list[tuple[str, list[str]]]
    documents: dict[str, DocumentInfo]
    curations: Mapping[str, Sequence[Curation]]
    statements: list[StatementRow]
    frames: list[FrameRow]


def read_review(db: Path | str) -> ReviewRows:
    """Reads what validation needs, relations in order of identifier. Raises StoreError."""
    with connect_read_only(db) as con:
        occurrences = con.execute(
            """
            SELECT concept_id, CASE WHEN concept_id IS NULL THEN type END AS kind,
                CASE WHEN concept_id IS NULL THEN surface END AS name, list(DISTINCT document_id)
            FROM mention GROUP BY concept_id, kind, name
            """
        ).fetchall()
        statements = con.execute(
            """
            SELECT statement_id, head_id, head_name, head_type, type, tail_id, tail_name, tail_type,
                belief, documents_for, documents_against, contested
            FROM statement WHERE documents_for > 0 ORDER BY statement_id
            """
        ).fetchall()
        frames = con.execute(
            """
            SELECT frame_id, document_id, drug_id, cancer_id, belief FROM frame
            WHERE NOT negated AND (drug_id IS NOT NULL OR cancer_id IS NOT NULL) ORDER BY frame_id
            """
        ).fetchall()
        return ReviewRows(
            relations=linked_relations(con),
            occurrences=[(concept_key(*row[:3]), row[3]) for row in occurrences],
            documents=document_infos(con),
            curations=standing_curations(con),
            statements=[StatementRow(*row) for row in statements],
            frames=[FrameRow(*row) for row in frames],
        )


def replace_review(
    db: Path | str,
    *,
    assertions: Iterable[object],
    trials: Iterable[object],
    verdicts: Iterable[object],
    trial_links: Iterable[object] = (),
    novel: Iterable[object] = (),
) -> None:
    """Puts the review and what the base says of it in the place of what is stored, in one transaction.

    Each: mappings or objects with the columns of ``review_assertion``, ``trial``, ``assertion_verdict``,
    ``trial_link`` and ``novel_statement``. Raises StoreError, changing nothing.
    """
    with writing(db) as con:
        replace_rows(con, "review_assertion", assertions)
        replace_rows(con, "trial", trials)
        replace_rows(con, "assertion_verdict", verdicts)
        replace_rows(con, "trial_link", trial_links)
        replace_rows(con, "novel_statement", novel)
