"""INDRA statements as JSON (https://indra.readthedocs.io), with every sentence as evidence.

Between drugs, chemicals and genes, ``increases`` and ``decreases`` are Activation and Inhibition, INDRA's general
regulation: our relations do not tell activity from amount. Where an end is no molecule it is an Influence between
Events on Concepts, the direction in the polarity of the second. What makes resistant or sensitive to a drug
influences "resistance to" the drug; cells that *are* resistant, markers and associations are Associations of two
Events. Our own relation stands in the annotations of the evidence.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import duckdb

from minecsc.export.base import Choice, Output, rows
from minecsc.export.curies import indra_refs

_AGENTS: Final = frozenset({"Drug", "Gene", "Chemical"})
_CELLS: Final = frozenset({"CSC", "Cell"})
_REGULATION: Final = ("increases", "decreases")
_RESPONSE: Final = ("resistance_to", "sensitizes_to")
_POLARITY: Final = {"increases": 1, "decreases": -1, "resistance_to": 1, "sensitizes_to": -1}
_SQL: Final = """
    SELECT s.statement_id, s.type, s.belief, s.head_id, s.head, s.head_type, s.tail_id, s.tail, s.tail_type,
        coalesce(hc.xrefs, []) AS head_xrefs, coalesce(tc.xrefs, []) AS tail_xrefs,
        e.relation_id, e.document_id, e.pmid, d.doi, e.year, e.run_id, e.sentence, e.negated, e.speculative,
        e.probability, e.head AS head_text, e.tail AS tail_text,
        [e.head_start - p.start_char, e.head_end - p.start_char] AS head_coords,
        [e.tail_start - p.start_char, e.tail_end - p.start_char] AS tail_coords
    FROM (
        SELECT *, unnest(list_concat(relations_for, relations_against)) AS relation_id
        FROM statement_view WHERE belief >= ?
    ) s
    JOIN evidence e ON e.relation_id = s.relation_id AND e.type = s.type AND NOT (e.retracted OR e.deleted)
    JOIN document d ON d.document_id = e.document_id
    JOIN sentence p ON p.sentence_id = e.sentence_id
    LEFT JOIN concept hc ON hc.concept_id = s.head_id
    LEFT JOIN concept tc ON tc.concept_id = s.tail_id
    ORDER BY s.statement_id, e.relation_id
"""


def write(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes a JSON list of statements, one a line; retracted and deleted papers are no evidence."""
    counts = {"statements": 0, "evidence": 0}
    with out.file() as path, path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("[")
        for found in _grouped(con, choice.min_belief):
            statement = _statement(found[0]) | {"evidence": [_evidence(row) for row in found]}
            stream.write(",\n" if counts["statements"] else "\n")
            json.dump(statement, stream, ensure_ascii=False)
            counts["statements"] += 1
            counts["evidence"] += len(found)
        stream.write("\n]\n")
    return counts


def _grouped(con: duckdb.DuckDBPyConnection, min_belief: float) -> Iterator[list[dict[str, Any]]]:
    """The rows of each statement, a piece of evidence each."""
    for _, found in groupby(rows(con, _SQL, [min_belief]), key=itemgetter("statement_id")):
        yield list(found)


def _statement(row: dict[str, Any]) -> dict[str, Any]:
    """A statement without its evidence."""
    type_, polarity = row["type"], _POLARITY.get(row["type"])
    identity = {"id": _uuid(row["statement_id"]), "belief": row["belief"]}
    head, tail = _entity(row, "head"), _entity(row, "tail")
    if type_ in _REGULATION and row["head_type"] in _AGENTS and row["tail_type"] in _AGENTS:
        name = "Activation" if type_ == "increases" else "Inhibition"
        return {"type": name, "subj": head, "obj": tail, "obj_activity": "activity", **identity}
    if type_ in _RESPONSE:
        name = f"resistance to {row['tail']}"
        tail = {"name": name, "db_refs": {"TEXT": name}}
    subject = _event(head, None, f"{row['statement_id']}/head")
    object_ = _event(tail, polarity, f"{row['statement_id']}/tail")
    if type_ in _REGULATION or (type_ in _RESPONSE and row["head_type"] not in _CELLS):
        return {"type": "Influence", "subj": subject, "obj": object_, **identity}
    # INDRA reads the members as Events, its schema wants Agents: these are both
    return {"type": "Association", "members": [subject | head, object_ | tail], **identity}


def _entity(row: dict[str, Any], side: str) -> dict[str, Any]:
    """What INDRA's Agent and Concept have in common."""
    refs = indra_refs(row[f"{side}_id"], row[f"{side}_xrefs"], row[f"{side}_text"])
    return {"name": row[side], "db_refs": refs}


def _event(concept: dict[str, Any], polarity: int | None, key: str) -> dict[str, Any]:
    delta = {"type": "qualitative", "polarity": polarity}
    return {"type": "Event", "concept": concept, "delta": delta, "id": _uuid(key)}


def _evidence(row: dict[str, Any]) -> dict[str, Any]:
    epistemics = {"negated": row["negated"], "hypothesis": row["speculative"]}
    evidence = {
        "source_api": "minecsc",
        "source_id": row["relation_id"],
        "text": row["sentence"],
        "annotations": {
            "agents": {
                "raw_text": [row["head_text"], row["tail_text"]],
                "coords": [row["head_coords"], row["tail_coords"]],
            },
            "relation": row["type"],
            "head_id": row["head_id"],
            "tail_id": row["tail_id"],
            "probability": row["probability"],
            "document_id": row["document_id"],
            "year": row["year"],
            "run_id": row["run_id"],
        },
        "epistemics": {name: True for name, holds in epistemics.items() if holds},
    }
    references = {"PMID": row["pmid"], "DOI": row["doi"]}
    evidence["text_refs"] = {name: value for name, value in references.items() if value}
    if row["pmid"]:
        evidence["pmid"] = row["pmid"]
    return evidence


def _uuid(key: str) -> str:
    """The same UUID for the same statement in every export."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"minecsc:statement/{key}"))
