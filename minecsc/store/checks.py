"""What must hold in every database, and one hash that says whether two hold the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minecsc.ids import digest
from minecsc.store.connect import connect_read_only


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks an invariant: which one, the row's key, and what was found."""

    check: str
    key: str
    detail: str


# DuckDB's substr counts code points, as Python's slices do (substring_grapheme would not).
_CHECKS: Final[dict[str, str]] = {
    "mention is where it says": """
        SELECT m.mention_id, format('{:s} at {:d}:{:d}', m.surface, m.start_char, m.end_char)
        FROM mention m LEFT JOIN document d USING (document_id)
        WHERE substr(d.text, m.start_char + 1, m.end_char - m.start_char) IS DISTINCT FROM m.surface
            OR m.mention_id <> m.document_id || '#' || m.start_char || '-' || m.end_char
    """,
    "mention lies in its sentence": """
        SELECT m.mention_id, m.sentence_id FROM mention m LEFT JOIN sentence s USING (sentence_id)
        WHERE s.sentence_id IS NULL OR s.document_id <> m.document_id
            OR m.start_char < s.start_char OR m.end_char > s.end_char
    """,
    "sentence lies in its document": """
        SELECT s.sentence_id, s.start_char || ':' || s.end_char
        FROM sentence s LEFT JOIN document d USING (document_id)
        WHERE d.document_id IS NULL
            OR s.start_char < 0 OR s.end_char > length(d.text) OR s.start_char >= s.end_char
    """,
    "relation joins two mentions of its sentence": """
        SELECT r.relation_id, r.sentence_id FROM relation r
        LEFT JOIN mention h ON h.mention_id = r.head_mention_id
        LEFT JOIN mention t ON t.mention_id = r.tail_mention_id
        WHERE h.sentence_id IS DISTINCT FROM r.sentence_id OR t.sentence_id IS DISTINCT FROM r.sentence_id
            OR h.document_id IS DISTINCT FROM r.document_id
    """,
    "probability lies in 0 to 1": """
        SELECT mention_id, probability::VARCHAR FROM mention
        WHERE NOT (probability BETWEEN 0 AND 1) OR NOT (coalesce(link_score, 0) BETWEEN 0 AND 1)
        UNION ALL
        SELECT relation_id, probability::VARCHAR FROM relation WHERE NOT (probability BETWEEN 0 AND 1)
    """,
    "text is title, one space, abstract": """
        SELECT document_id, left(title, 60) FROM document
        WHERE text <> concat_ws(' ', nullif(title, ''), nullif(abstract, ''))
    """,
    "row leads to its run": """
        SELECT document_id, run_id FROM document WHERE run_id NOT IN (SELECT run_id FROM run)
        UNION ALL
        SELECT relation_id, run_id FROM relation WHERE run_id NOT IN (SELECT run_id FROM run)
    """,
    "frame leads to its relations": """
        SELECT f.frame_id, f.relation_id
        FROM (SELECT frame_id, unnest(relation_ids) AS relation_id FROM frame) f
        ANTI JOIN relation USING (relation_id)
        WHERE (SELECT evidence_current FROM base_state)
    """,
    "linked concept is stored with its way up": """
        SELECT DISTINCT m.concept_id, 'not among its own ancestors'
        FROM mention m ANTI JOIN concept_ancestor a ON a.concept_id = m.concept_id AND a.distance = 0
        WHERE m.concept_id IS NOT NULL
    """,
    "ancestors are closed under parents": """
        SELECT a.concept_id, p.parent_id
        FROM concept_ancestor a
        JOIN (SELECT concept_id, unnest(parents) AS parent_id FROM concept) p ON p.concept_id = a.ancestor_id
        LEFT JOIN concept_ancestor known ON known.concept_id = a.concept_id AND known.ancestor_id = p.parent_id
        WHERE known.distance IS NULL OR known.distance > a.distance + 1
    """,
    "ancestor is named once": """
        SELECT concept_id, ancestor_id FROM concept_ancestor GROUP BY ALL HAVING count(*) > 1
    """,
    "stored concept is used": """
        SELECT concept_id, name FROM concept WHERE concept_id NOT IN (SELECT ancestor_id FROM concept_ancestor)
    """,
} | {
    f"{table}_id is unique": f"""
        SELECT {table}_id, count(*)::VARCHAR FROM {table} GROUP BY ALL HAVING count(*) > 1
    """
    for table in ("document", "sentence", "mention", "relation", "concept", "frame", "statement", "run")
}


def check_base(db: Path | str) -> list[Violation]:
    """Every row of ``db`` that breaks an invariant, above all that each mention stands where it says."""
    with connect_read_only(db) as con:
        return [
            Violation(check, str(key), str(detail))
            for check, sql in _CHECKS.items()
            for key, detail in con.execute(sql).fetchall()
        ]


_DOCUMENT: Final = (
    "document_id", "pmid", "title", "abstract", "text_sha256", "year", "journal", "language", "doi",
    "sections", "other_abstracts", "mesh", "keywords", "chemicals", "publication_types", "authors",
    "version", "revised", "retracted_by", "retraction_of", "retracted", "deleted",
)  # fmt: skip
_PROBABILITY: Final = "round(probability * 10000)::INTEGER"
_CONTENT: Final[dict[str, str]] = {
    "document": ", ".join(_DOCUMENT),
    "sentence": "sentence_id, document_id, start_char, end_char",
    "mention": f"mention_id, document_id, sentence_id, surface, type, concept_id, "
    f"round(link_score * 10000)::INTEGER, {_PROBABILITY}",
    "relation": f"relation_id, document_id, sentence_id, type, head_mention_id, tail_mention_id, negated, "
    f"speculative, {_PROBABILITY}",
    "concept": "concept_id, name, type, synonyms, xrefs, parents, mechanism_class, strategy_class, genes",
    "concept_ancestor": "concept_id, ancestor_id, distance",
}


def content_hash(db: Path | str) -> str:
    """Hash of what ``db`` says: documents, sentences, mentions, relations, flags, concepts; hexadecimal.

    Probabilities count to four places. Runs, times, sources, row order and load order do not count, nor
    does what is derived (frames, statements).
    """
    parts: list[str] = []
    with connect_read_only(db) as con:
        for table, columns in _CONTENT.items():
            # A sum of row hashes does not depend on order, and unlike an exclusive or it sees repeated rows.
            counted = con.execute(
                f"""
                SELECT count(*), sum(md5_number_lower(line)), sum(md5_number_upper(line))
                FROM (SELECT to_json(row({columns}))::VARCHAR AS line FROM {table})
                """
            ).fetchall()
            parts += [table, str(counted)]
    return digest(*parts)
