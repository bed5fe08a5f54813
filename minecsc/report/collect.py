"""What a reader wants to see together, gathered from an open evidence base as plain rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minecsc.errors import StoreError
from minecsc.review import REASONS, Assertion, Verdict
from minecsc.store import EvidenceBase


def document_rows(base: EvidenceBase, identifier: str) -> dict[str, Any]:
    """Everything read out of one document, named by PMID or document id.

    Keys: ``document, sentences, mentions, relations``. Raises StoreError where it is not in the base.
    """
    record = base.document(identifier)
    if record is None:
        raise StoreError(f"{identifier} is not in {base.path}")
    document_id = record["document_id"]
    sentences = base.sql(
        """
        SELECT sentence_id, start_char, end_char FROM sentence
        WHERE document_id = ? ORDER BY sentence_index
        """,
        [document_id],
    )
    relations = base.relations(pmid=document_id, include_negated=True).rows()
    return {
        "document": record,
        "sentences": sentences.rows(),
        "mentions": base.mentions(document_id).rows(),
        "relations": sorted(relations, key=lambda row: (row["head_start"], row["tail_start"])),
    }


def verdict_rows(
    base: EvidenceBase, verdicts: Sequence[Verdict], assertions: Sequence[Assertion]
) -> list[dict[str, Any]]:
    """Each assertion with its verdict, what the verdict means, and the sentences it rests on.

    Sentences are rows of view ``evidence`` with the ``stance`` and ``rule`` by which they count.
    """
    ids = sorted({sentence.relation_id for verdict in verdicts for sentence in verdict.evidence})
    found = base.sql("SELECT * FROM evidence WHERE relation_id IN (SELECT unnest(?::VARCHAR[]))", [ids]).rows()
    by_id = {row["relation_id"]: row for row in found}
    judged = {verdict.assertion_id: verdict for verdict in verdicts}
    rows = []
    for assertion in assertions:
        verdict = judged.get(assertion.assertion_id)
        if verdict is None:
            continue
        rows.append(
            {
                "assertion_id": assertion.assertion_id,
                "section": assertion.section,
                "validatable": assertion.validatable,
                "core": assertion.core,
                "head": assertion.head.name,
                "relation": assertion.relation,
                "tail": assertion.tail.name,
                "paraphrase": assertion.paraphrase,
                "verdict": verdict.verdict,
                "documents_for": verdict.documents_for,
                "documents_against": verdict.documents_against,
                "documents_speculative": verdict.documents_speculative,
                "belief": verdict.belief,
                "reason": verdict.reason,
                "meaning": REASONS[verdict.reason],
                "sentences": [
                    {"stance": sentence.stance, "rule": sentence.rule, **by_id[sentence.relation_id]}
                    for sentence in verdict.evidence
                    if sentence.relation_id in by_id
                ],
            }
        )
    return rows


def best_frames(base: EvidenceBase, *, limit: int) -> list[dict[str, Any]]:
    """The frames that say most: what a drug does to a mechanism, and what comes of it for a CSC population.

    Those with both effects and a population first, then the most believed; neither negated nor
    speculative, of papers in good standing, one a document.
    """
    return base.sql(
        """
        WITH standing AS (
            SELECT *, (drug_effect IS NOT NULL)::INT + (csc_effect IS NOT NULL)::INT
                + (population IS NOT NULL)::INT AS filled
            FROM frame_view
            WHERE drug IS NOT NULL AND mechanism IS NOT NULL
                AND NOT (negated OR speculative OR retracted OR deleted)
            QUALIFY row_number() OVER (
                PARTITION BY document_id ORDER BY filled DESC, belief DESC, len(missing), frame_id
            ) = 1
        )
        SELECT * EXCLUDE (filled) FROM standing
        ORDER BY filled DESC, belief DESC, len(missing), frame_id LIMIT ?
        """,
        [limit],
    ).rows()
