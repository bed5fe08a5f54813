"""Statements as the edges of a graph, their ends as its nodes: what network formats share.

An edge is a statement that papers in good standing, neither retracted nor deleted, assert or deny without hedging
it. Speculation alone makes no edge: a graph has no room for "may".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import duckdb

from minecsc.export.base import rows

_EDGES: Final = """
    CREATE OR REPLACE TEMP TABLE exported_edge AS
    WITH reading AS (
        SELECT statement_id, type, unnest(list_concat(relations_for, relations_against)) AS relation_id
        FROM statement WHERE belief >= $min_belief
    ), stated AS (
        SELECT p.statement_id, bool_and(r.negated) AS negated,
            list(DISTINCT d.pmid ORDER BY d.pmid) FILTER (NOT r.negated AND d.pmid IS NOT NULL) AS asserting,
            list(DISTINCT d.pmid ORDER BY d.pmid) FILTER (r.negated AND d.pmid IS NOT NULL) AS denying,
            count(DISTINCT r.document_id) FILTER (NOT r.negated) AS asserted,
            count(DISTINCT r.document_id) FILTER (r.negated) AS denied
        FROM reading p
        JOIN relation r ON r.relation_id = p.relation_id AND r.type = p.type AND NOT r.speculative
        JOIN document d ON d.document_id = r.document_id AND NOT (d.retracted OR d.deleted)
        GROUP BY p.statement_id
    )
    SELECT v.statement_id, v.head_id, v.head, v.head_type, v.type, v.tail_id, v.tail, v.tail_type,
        v.mechanism_class, v.belief, v.documents_for, v.documents_against, v.contested, v.first_year, v.last_year,
        s.negated, if(s.negated, s.denied, s.asserted) AS documents,
        coalesce(if(s.negated, s.denying, s.asserting), []) AS pmids
    FROM stated s JOIN statement_view v USING (statement_id)
    WHERE $denied OR NOT s.negated
"""
_NODES: Final = """
    WITH ends AS (
        SELECT head_id AS id, head AS name, head_type AS type FROM exported_edge
        UNION ALL SELECT tail_id, tail, tail_type FROM exported_edge
    ), node AS (
        SELECT id, min(name) AS name, min(type) AS type FROM ends GROUP BY id
    )
    SELECT n.id, n.name, coalesce(c.type, n.type) AS type, c.mechanism_class,
        coalesce(c.synonyms, []) AS synonyms, coalesce(c.xrefs, []) AS xrefs,
        count(*) OVER (PARTITION BY n.name) > 1 AS ambiguous
    FROM node n LEFT JOIN concept c ON c.concept_id = n.id ORDER BY n.id
"""


def gather(con: duckdb.DuckDBPyConnection, min_belief: float, *, denied: bool) -> None:
    """Chooses the edges for :func:`edges` and :func:`nodes`. denied: also those that papers only deny."""
    con.execute(_EDGES, {"min_belief": min_belief, "denied": denied})


def edges(con: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """The edges, by identifier. documents, pmids: that assert it or, where negated, deny it."""
    return rows(con, "SELECT * FROM exported_edge ORDER BY statement_id")


def nodes(con: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """The ends of the edges, by identifier. ambiguous: another node has the same name."""
    return rows(con, _NODES)
