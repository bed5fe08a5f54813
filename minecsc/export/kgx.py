"""Biolink knowledge graph in KGX's TSV: ``nodes.tsv`` and ``edges.tsv``.

A direction is written as Biolink does: the core triple says ``biolink:affects``, the qualifiers that it causes an
increase or a decrease. A marker of a stem cell population is ``biolink:associated_with``: Biolink's biomarkers are
those of diseases. Column ``original_predicate`` keeps our own relation.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any, Final

import duckdb

from minecsc.export.base import Choice, Output, one_line
from minecsc.export.curies import biolink_id, prefix
from minecsc.export.edges import edges, gather, nodes

_CATEGORIES: Final = {
    "Drug": "Drug",
    "Gene": "Gene",
    "Chemical": "ChemicalEntity",
    "Pathway": "Pathway",
    "Process": "BiologicalProcess",
    "CSC": "Cell",
    "Cell": "Cell",
    "Cancer": "Disease",
}
_BY_PREFIX: Final = {
    ("Gene", "hgnc.genegroup"): "GeneFamily",
    ("Gene", "fplx"): "GeneFamily",
    ("Gene", "mirbase.family"): "GeneFamily",
    ("Gene", "mirbase.mature"): "MicroRNA",
    ("Gene", "mesh"): "Protein",
    ("Cell", "cellosaurus"): "CellLine",
}
_PREDICATES: Final = {
    "increases": "affects",
    "decreases": "affects",
    "resistance_to": "associated_with_resistance_to",
    "sensitizes_to": "associated_with_sensitivity_to",
    "marker_of": "associated_with",
    "associated_with": "associated_with",
}
_DIRECTIONS: Final = {"increases": "increased", "decreases": "decreased"}
_MOLECULES: Final = frozenset({"Drug", "Chemical"})
_NODE_COLUMNS: Final = ("id", "category", "name", "synonym", "xref", "provided_by")
_EDGE_COLUMNS: Final = (
    "id", "category", "subject", "predicate", "object", "qualified_predicate", "object_aspect_qualifier",
    "object_direction_qualifier", "negated", "publications", "has_confidence_score", "evidence_count",
    "primary_knowledge_source", "knowledge_level", "agent_type", "original_predicate",
)  # fmt: skip
_SOURCE: Final = "infores:minecsc"


def write(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes both tables; lists within a cell are separated by ``|``."""
    gather(con, choice.min_belief, denied=True)
    counts = {}
    for name, columns, lines in (
        ("nodes", _NODE_COLUMNS, (_node(row) for row in nodes(con))),
        ("edges", _EDGE_COLUMNS, (_edge(row) for row in edges(con))),
    ):
        counts[name] = 0
        with out.file(f"{name}.tsv") as path, path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(
                stream, columns, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
            )
            table.writeheader()
            for line in lines:
                table.writerow({column: _cell(value) for column, value in line.items()})
                counts[name] += 1
    return counts


def _node(row: dict[str, Any]) -> dict[str, Any]:
    category = _BY_PREFIX.get((row["type"], prefix(row["id"])), _CATEGORIES[row["type"]])
    return {
        "id": biolink_id(row["id"]),
        "category": f"biolink:{category}",
        "name": row["name"],
        "synonym": row["synonyms"],
        "xref": [biolink_id(xref) for xref in row["xrefs"]],
        "provided_by": _SOURCE,
    }


def _edge(row: dict[str, Any]) -> dict[str, Any]:
    direction = _DIRECTIONS.get(row["type"])
    molecular = row["tail_type"] in (*_MOLECULES, "Gene")
    return {
        "id": f"minecsc:statement/{row['statement_id']}",
        "category": f"biolink:{_association(row)}",
        "subject": biolink_id(row["head_id"]),
        "predicate": f"biolink:{_PREDICATES[row['type']]}",
        "object": biolink_id(row["tail_id"]),
        "qualified_predicate": "biolink:causes" if direction else None,
        "object_aspect_qualifier": "activity_or_abundance" if direction and molecular else None,
        "object_direction_qualifier": direction,
        "negated": row["negated"],
        "publications": [f"PMID:{pmid}" for pmid in row["pmids"]],
        # belief is that the statement holds: of one that papers only deny it is no confidence in the edge
        "has_confidence_score": None if row["negated"] else round(row["belief"], 4),
        "evidence_count": row["documents"],
        "primary_knowledge_source": _SOURCE,
        "knowledge_level": "not_provided",
        "agent_type": "text_mining_agent",
        "original_predicate": f"minecsc:{row['type']}",
    }


def _association(row: dict[str, Any]) -> str:
    """The class of associations that takes the qualifiers of a direction between these ends."""
    head, tail = row["head_type"], row["tail_type"]
    if row["type"] not in _DIRECTIONS:
        return "Association"
    if head in _MOLECULES and tail not in _MOLECULES:
        return "ChemicalAffectsGeneAssociation" if tail == "Gene" else "ChemicalAffectsBiologicalEntityAssociation"
    if head == "Gene" and tail in _MOLECULES:
        return "GeneAffectsChemicalAssociation"
    return "GeneToGeneAssociation" if head == tail == "Gene" else "Association"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "|".join(one_line(item).replace("|", " ") for item in value)
    return one_line(str(value))
