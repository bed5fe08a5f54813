"""Concepts in the database: those that mentions link to, and everything broader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from minecsc.store.rows import table

if TYPE_CHECKING:
    from minecsc.linking import Concept

_TEXTS = pa.list_(pa.string())
_CONCEPT = pa.schema(
    [
        ("concept_id", pa.string()), ("name", pa.string()), ("type", pa.string()), ("synonyms", _TEXTS),
        ("xrefs", _TEXTS), ("parents", _TEXTS), ("mechanism_class", pa.string()),
        ("strategy_class", pa.string()), ("genes", _TEXTS),
    ]
)  # fmt: skip


def with_ancestors(wanted: set[str], concepts: Callable[[set[str]], Iterable[Concept]]) -> dict[str, Concept]:
    """The concepts of the ids given and, upwards, all that their parents name; unknown ids are left out."""
    found: dict[str, Concept] = {}
    asked: set[str] = set()
    while wanted := wanted - asked:
        asked |= wanted
        level = {concept.concept_id: concept for concept in concepts(wanted)}
        found |= level
        wanted = {parent for concept in level.values() for parent in concept.parents}
    return found


def refresh_concepts(con: duckdb.DuckDBPyConnection, concepts: Callable[[set[str]], Iterable[Concept]]) -> None:
    """Brings ``concept`` and ``concept_ancestor`` in line with the mentions stored.

    A concept that ``concepts`` does not know keeps the row it has, so that evidence linked by an earlier
    knowledge base keeps its names; one that nothing leads to any more goes.
    """
    used = con.execute("SELECT DISTINCT concept_id FROM mention WHERE concept_id IS NOT NULL").fetchall()
    found = with_ancestors({row[0] for row in used}, concepts)
    rows = [
        {
            "concept_id": c.concept_id, "name": c.name, "type": c.type, "synonyms": c.synonyms,
            "xrefs": c.xrefs, "parents": c.parents, "mechanism_class": c.mechanism_class,
            "strategy_class": c.strategy_class, "genes": c.genes,
        }
        for c in found.values()
    ]  # fmt: skip
    con.register("found_concept", table(_CONCEPT, rows))
    con.execute("DELETE FROM concept WHERE concept_id IN (SELECT concept_id FROM found_concept)")
    con.execute("INSERT INTO concept BY NAME SELECT * FROM found_concept ORDER BY concept_id")
    con.unregister("found_concept")
    con.execute("DELETE FROM concept_ancestor")
    con.execute(
        """
        INSERT INTO concept_ancestor BY NAME
        WITH RECURSIVE above(concept_id, ancestor_id) AS (
            SELECT DISTINCT concept_id, concept_id FROM mention WHERE concept_id IS NOT NULL
            UNION
            SELECT above.concept_id, unnest(concept.parents)
            FROM above JOIN concept ON concept.concept_id = above.ancestor_id
        )
        SELECT concept_id, ancestor_id FROM above ORDER BY ALL
        """
    )
    con.execute("DELETE FROM concept WHERE concept_id NOT IN (SELECT ancestor_id FROM concept_ancestor)")
