"""Predictions that are already in a database, brought back as extractions for scoring."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from minecsc.schema import Document, Extraction, Mention, Relation, Sentence

if TYPE_CHECKING:
    from minecsc.store import EvidenceBase

_ROWS = {
    "sentence": "SELECT * FROM sentence WHERE {} ORDER BY document_id, sentence_index",
    "mention": "SELECT * FROM mention WHERE {} ORDER BY mention_id",
    "relation": "SELECT * FROM relation WHERE {} ORDER BY relation_id",
}


def stored_extractions(base: EvidenceBase, document_ids: Iterable[str]) -> dict[str, Extraction]:
    """The extractions of those of the documents that the base holds, by document id.

    Documents come with title, abstract and PMID only, which is all that scoring looks at.
    """
    ids = sorted(set(document_ids))
    chosen = "document_id IN (SELECT unnest(?::VARCHAR[]))"
    rows: dict[str, dict[str, list[dict[str, Any]]]] = {
        table: _by_document(base.sql(query.format(chosen), [ids])) for table, query in _ROWS.items()
    }
    documents = base.sql(f"SELECT document_id, title, abstract, pmid FROM document WHERE {chosen}", [ids])
    return {
        record["document_id"]: _extraction(
            Document(**record), *(rows[table].get(record["document_id"], []) for table in _ROWS)
        )
        for record in documents
    }


def _by_document(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["document_id"], []).append(row)
    return groups


def _extraction(
    document: Document,
    sentence_rows: list[dict[str, Any]],
    mention_rows: list[dict[str, Any]],
    relation_rows: list[dict[str, Any]],
) -> Extraction:
    index = {row["sentence_id"]: row["sentence_index"] for row in sentence_rows}
    mentions = {
        row["mention_id"]: Mention(
            start=row["start_char"],
            end=row["end_char"],
            surface=row["surface"],
            type=row["type"],
            sentence=index[row["sentence_id"]],
            probability=row["probability"],
            concept_id=row["concept_id"],
            link_score=row["link_score"],
        )
        for row in mention_rows
    }
    relations = tuple(
        Relation(
            type=row["type"],
            head=mentions[row["head_mention_id"]],
            tail=mentions[row["tail_mention_id"]],
            negated=row["negated"],
            speculative=row["speculative"],
            probability=row["probability"],
        )
        for row in relation_rows
    )
    sentences = tuple(Sentence(row["sentence_index"], row["start_char"], row["end_char"]) for row in sentence_rows)
    return Extraction(document, sentences, tuple(mentions.values()), relations)
