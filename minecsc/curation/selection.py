"""Which evidence is most worth a human look, with all that a curator needs to judge it.

uncertain   probability nearest to 0.5
contested   curators disagree, or papers do: the nearer both sides, the sooner
novel       the only paper on a statement that no assertion of the review matches, by falling belief
impact      how much rests on it: its share in its statement, in frames and in verdicts on the review, summed
random      a fixed shuffle of all evidence: the only sample that tells the precision of the whole (:mod:`.report`)
mixed       the five in turn

Each strategy takes one relation a statement before it takes a second. Left out: retracted and deleted papers,
all copies of a text but one, and what has been judged, unless curators disagree or the verdict has lapsed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final, Literal, get_args

import duckdb
import pyarrow as pa

from minecsc.store.connect import connect_read_only
from minecsc.store.curation import EVIDENCE_ID, ShownEvidence, shown_evidence, standing_curations

Strategy = Literal["uncertain", "contested", "novel", "impact", "random", "mixed"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
SHUFFLE: Final = "md5(evidence_id)"
"""SQL that puts evidence into an order that has nothing to do with what it says and never changes."""
_IN_TURN: Final = ("contested", "uncertain", "impact", "novel", "random")

_CANDIDATES: Final = f"""
    CREATE TEMP TABLE candidate AS
    WITH paper AS (
        SELECT text_sha256, min(document_id) AS document_id FROM document
        WHERE NOT (retracted OR deleted) GROUP BY text_sha256
    ), item AS (
        SELECT {EVIDENCE_ID} AS evidence_id, r.relation_id, r.type, r.probability, r.negated, r.speculative
        FROM relation r JOIN paper d ON d.document_id = r.document_id
    ), spoken AS (
        SELECT statement_id, unnest(relations_for) AS relation_id FROM statement
        UNION
        SELECT statement_id, unnest(relations_against) AS relation_id FROM statement
    ), about AS (
        SELECT i.relation_id,
            arg_min(s.statement_id, row(s.documents_for + s.documents_against, s.statement_id)) AS statement_id
        FROM spoken p
        JOIN item i USING (relation_id)
        JOIN statement s ON s.statement_id = p.statement_id AND s.type = i.type
        GROUP BY i.relation_id
    ), review AS (
        SELECT assertion_id, unnest(list_distinct(relations_for || relations_against)) AS relation_id,
            1 / greatest(documents_for + documents_against, 1) AS share
        FROM assertion_verdict
    ), asserted AS (
        SELECT relation_id, count(*) AS assertions, sum(share) AS share FROM review GROUP BY relation_id
    ), framed AS (
        SELECT relation_id, count(*) AS frames, sum(share) AS share
        FROM (
            SELECT unnest(relation_ids) AS relation_id, 1 / len(relation_ids) AS share
            FROM frame WHERE csc_effect IS NOT NULL
        )
        GROUP BY relation_id
    ), reviewed AS (
        SELECT DISTINCT statement_id FROM about SEMI JOIN review USING (relation_id)
    )
    SELECT i.evidence_id, i.relation_id, a.statement_id,
        s.documents_for, s.documents_against, s.belief,
        coalesce(f.frames, 0) AS frames, coalesce(v.assertions, 0) AS assertions,
        x.evidence_id IS NOT NULL AS disputed,
        1 - abs(2 * i.probability - 1) AS uncertain,
        CASE
            WHEN x.evidence_id IS NOT NULL THEN 2
            WHEN s.contested THEN
                least(s.documents_for, s.documents_against) / greatest(s.documents_for, s.documents_against, 1)
        END AS contested,
        CASE
            WHEN s.documents_for = 1 AND s.documents_against = 0 AND NOT (i.negated OR i.speculative)
                AND a.statement_id NOT IN (SELECT statement_id FROM reviewed)
            THEN s.belief
        END AS novel,
        i.probability * (
            1 / greatest(s.documents_for + s.documents_against, 1) + coalesce(f.share, 0) + coalesce(v.share, 0)
        ) AS impact
    FROM item i
    ANTI JOIN judged j ON j.evidence_id = i.evidence_id
    LEFT JOIN disputed x ON x.evidence_id = i.evidence_id
    LEFT JOIN about a ON a.relation_id = i.relation_id
    LEFT JOIN statement s ON s.statement_id = a.statement_id
    LEFT JOIN framed f ON f.relation_id = i.relation_id
    LEFT JOIN asserted v ON v.relation_id = i.relation_id
"""

_DETAILS: Final = """
    SELECT c.* EXCLUDE (contested, uncertain, novel, impact), d.pmid, d.year, d.title,
        substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS sentence,
        h.start_char - s.start_char AS head_start, h.end_char - s.start_char AS head_end,
        t.start_char - s.start_char AS tail_start, t.end_char - s.start_char AS tail_end,
        hc.name AS head_name, tc.name AS tail_name,
        concat_ws(' ', w.head, w.type, w.tail) AS statement
    FROM candidate c
    JOIN relation r USING (relation_id)
    JOIN document d ON d.document_id = r.document_id
    JOIN sentence s ON s.sentence_id = r.sentence_id
    JOIN mention h ON h.mention_id = r.head_mention_id
    JOIN mention t ON t.mention_id = r.tail_mention_id
    LEFT JOIN concept hc ON hc.concept_id = h.concept_id
    LEFT JOIN concept tc ON tc.concept_id = t.concept_id
    LEFT JOIN statement_view w ON w.statement_id = c.statement_id
    WHERE c.evidence_id IN (SELECT unnest($ids::VARCHAR[]))
"""


def select(
    db: Path | str, *, limit: int = 50, strategy: Strategy = "mixed", curator: str | None = None
) -> list[dict[str, Any]]:
    """The evidence to look at, best first: rows for :func:`minecsc.curation.sheet.write_sheet`.

    curator: leave out what this one has judged, and nothing else; None leaves out what anyone has judged.
    Raises StoreError.
    """
    with connect_read_only(db) as con:
        judged, disputed = _judged(con, curator)
        for name, ids in (("judged", judged), ("disputed", disputed)):
            con.register(name, pa.table({"evidence_id": pa.array(sorted(ids), pa.string())}))
        con.execute(_CANDIDATES)
        if strategy == "mixed":
            chosen = _in_turn({name: _best(con, name, limit) for name in _IN_TURN}, limit)
        else:
            chosen = dict.fromkeys(_best(con, strategy, limit), strategy)
        found = con.sql(_DETAILS, params={"ids": list(chosen)}).to_arrow_table().to_pylist()
        shown = shown_evidence(con, chosen)
    details = {row["evidence_id"]: row for row in found}
    return [_row(shown[key], details[key], why) for key, why in chosen.items()]


def _judged(con: duckdb.DuckDBPyConnection, curator: str | None) -> tuple[set[str], set[str]]:
    """Evidence to leave out for ``curator``, and evidence on which curators disagree."""
    by_relation = standing_curations(con)
    by_evidence = {curations[0].evidence_id: curations for curations in by_relation.values()}
    judged: set[str] = set()
    disputed: set[str] = set()
    for key, shown in shown_evidence(con, by_evidence).items():
        valid = [c for c in by_evidence[key] if not c.lapsed(shown.relation)]
        if {True, False} <= {c.correct for c in valid}:
            disputed.add(key)
        if any(c.curator == curator for c in valid) or (curator is None and valid and key not in disputed):
            judged.add(key)
    return judged, disputed


def _best(con: duckdb.DuckDBPyConnection, strategy: str, limit: int) -> list[str]:
    if strategy == "random":
        query = f"SELECT evidence_id FROM candidate ORDER BY {SHUFFLE} LIMIT ?"
    else:
        best = f"{strategy} DESC, relation_id"
        query = f"""
            SELECT evidence_id FROM candidate WHERE {strategy} IS NOT NULL
            ORDER BY row_number() OVER (PARTITION BY coalesce(statement_id, relation_id) ORDER BY {best}), {best}
            LIMIT ?
        """
    return [row[0] for row in con.execute(query, [limit]).fetchall()]


def _in_turn(lists: dict[str, list[str]], limit: int) -> dict[str, str]:
    """The first of each list, then the second of each, every one once, with the list that it came from first."""
    turns: Iterable[tuple[str, str] | None] = chain.from_iterable(
        zip_longest(*([(key, name) for key in keys] for name, keys in lists.items()))
    )
    chosen: dict[str, str] = {}
    for turn in turns:
        if turn is not None and len(chosen) < limit:
            chosen.setdefault(*turn)
    return chosen


def _row(shown: ShownEvidence, details: dict[str, Any], strategy: str) -> dict[str, Any]:
    relation = shown.relation
    flags = [name for name, flag in (("negated", relation.negated), ("speculative", relation.speculative)) if flag]
    reading = f"{relation.head_surface} {relation.type} {relation.tail_surface}"
    return {
        "relation": f"{reading} ({', '.join(flags)})" if flags else reading,
        "sentence": _marked(details),
        "head": relation.head_surface,
        "head_type": relation.head_type,
        "head_concept": _concept(details["head_name"], relation.head_concept_id),
        "type": relation.type,
        "tail": relation.tail_surface,
        "tail_type": relation.tail_type,
        "tail_concept": _concept(details["tail_name"], relation.tail_concept_id),
        "negated": relation.negated,
        "speculative": relation.speculative,
        "probability": round(relation.probability, 4),
        "statement": details["statement"],
        "belief": None if details["belief"] is None else round(details["belief"], 4),
        "documents_for": details["documents_for"],
        "documents_against": details["documents_against"],
        "pmid": details["pmid"] or relation.document_id,
        "year": details["year"],
        "title": details["title"],
        "why": f"{strategy}: {_why(strategy, relation.probability, details)}",
        "evidence_id": shown.evidence_id,
        "shown": shown.fingerprint,
    }


def _marked(details: dict[str, Any]) -> str:
    """The sentence with head and tail in brackets, each named."""
    text = str(details["sentence"])
    spans = [(details[f"{side}_start"], details[f"{side}_end"], side.upper()) for side in ("head", "tail")]
    for start, end, name in sorted(spans, reverse=True):
        text = f"{text[:start]}[{name}: {text[start:end]}]{text[end:]}"
    return text


def _concept(name: str | None, concept_id: str | None) -> str | None:
    return None if concept_id is None else f"{name} ({concept_id})"


def _why(strategy: str, probability: float, details: dict[str, Any]) -> str:
    if strategy == "uncertain":
        return f"probability {probability:.2f}"
    if strategy == "contested" and details["disputed"]:
        return "curators disagree"
    if strategy == "contested":
        return f"papers for {details['documents_for']}, against {details['documents_against']}"
    if strategy == "novel":
        return f"the only paper on it, belief {details['belief']:.2f}"
    if strategy == "impact":
        papers = (details["documents_for"] or 0) + (details["documents_against"] or 0)
        rests = f"frames {details['frames']}, assertions of the review {details['assertions']}"
        return f"papers on its statement {papers}, {rests}"
    return "sample of all evidence"
