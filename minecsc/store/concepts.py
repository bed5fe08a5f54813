"""Concepts in the database: those that mentions link to, and everything broader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from minecsc.evidence.refinement import ancestors
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
_ANCESTOR = pa.schema([("concept_id", pa.string()), ("ancestor_id", pa.string()), ("distance", pa.int32())])


def class_ids(mechanism_class: str | None, strategy_class: str | None) -> list[str]:
    """Ids of the concepts that stand for a mechanism class and a strategy class."""
    named = (("mechanism", mechanism_class), ("strategy", strategy_class))
    return [f"minecsc:{kind}-{name.replace('_', '-')}" for kind, name in named if name]


def with_ancestors(wanted: set[str], concepts: Callable[[set[str]], Iterable[Concept]]) -> dict[str, Concept]:
    """The concepts of the ids given, upwards all that their parents name, and their classes; unknown ids left out."""
    found: dict[str, Concept] = {}
    asked: set[str] = set()
    while wanted := wanted - asked:
        asked |= wanted
        level = {concept.concept_id: concept for concept in concepts(wanted)}
        found |= level
        wanted = {id_ for c in level.values() for id_ in (*c.parents, *class_ids(c.mechanism_class, c.strategy_class))}
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
    _refresh_ancestors(con)
    con.execute("DELETE FROM concept WHERE concept_id NOT IN (SELECT ancestor_id FROM concept_ancestor)")


def _refresh_ancestors(con: duckdb.DuckDBPyConnection) -> None:
    """Closes the links of all that mentions lead to, each way upwards by its shortest length.

    A class counts for its own concepts alone: what a vocabulary files under a concept of another class is in its
    own class, not in both.
    """
    stored = con.execute("SELECT concept_id, parents, mechanism_class, strategy_class FROM concept").fetchall()
    parents = {row[0]: row[1] for row in stored}
    classes = {row[0]: class_ids(row[2], row[3]) for row in stored}
    used = con.execute("SELECT DISTINCT concept_id FROM mention WHERE concept_id IS NOT NULL").fetchall()
    rows: list[dict[str, object]] = []
    waiting = [row[0] for row in used]
    done: set[str] = set()
    while waiting:
        concept_id = waiting.pop()
        if concept_id in done:
            continue
        done.add(concept_id)
        above = dict.fromkeys(classes.get(concept_id, ()), 1) | ancestors(concept_id, parents)
        rows += [{"concept_id": concept_id, "ancestor_id": a, "distance": d} for a, d in above.items()]
        waiting += [a for a in above if a not in done]
    con.register("found_ancestor", table(_ANCESTOR, rows))
    con.execute("DELETE FROM concept_ancestor")
    con.execute("INSERT INTO concept_ancestor BY NAME SELECT * FROM found_ancestor ORDER BY ALL")
    con.unregister("found_ancestor")
