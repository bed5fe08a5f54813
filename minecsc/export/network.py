"""GraphML and SIF: the network of statements, for Cytoscape, Gephi, networkx and their like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import duckdb
from lxml import etree

from minecsc.export.base import Choice, Output, one_line
from minecsc.export.edges import edges, gather, nodes

_GRAPHML: Final = "http://graphml.graphdrawing.org/xmlns"
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NODE_KEYS: Final = MappingProxyType({"name": "string", "type": "string", "mechanism_class": "string"})
_EDGE_KEYS: Final = MappingProxyType(
    {
        "interaction": "string", "belief": "double", "documents_for": "int", "documents_against": "int",
        "contested": "boolean", "first_year": "int", "last_year": "int", "mechanism_class": "string",
        "pmids": "string",
    }
)  # fmt: skip


def write_graphml(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes a directed graph with parallel edges: a node a concept, an edge a statement that papers assert."""
    gather(con, choice.min_belief, denied=False)
    counts = {"nodes": 0, "edges": 0}
    with (
        out.file() as path,
        etree.xmlfile(str(path), encoding="utf-8") as xml,
    ):
        xml.write_declaration()
        with xml.element(f"{{{_GRAPHML}}}graphml", nsmap={None: _GRAPHML}):
            for kind, keys in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
                for name, type_ in keys.items():
                    about = {"id": f"{kind}_{name}", "for": kind, "attr.name": name, "attr.type": type_}
                    xml.write(etree.Element("key", about), "\n")
            with xml.element("graph", {"id": "minecsc", "edgedefault": "directed"}):
                for row in nodes(con):
                    xml.write(_element("node", {"id": row["id"]}, row, _NODE_KEYS), "\n")
                    counts["nodes"] += 1
                for row in edges(con):
                    row |= {"interaction": row["type"], "pmids": " ".join(row["pmids"]) or None}
                    ends = {"id": row["statement_id"], "source": row["head_id"], "target": row["tail_id"]}
                    xml.write(_element("edge", ends, row, _EDGE_KEYS), "\n")
                    counts["edges"] += 1
    return counts


def write_sif(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes ``head<tab>relation<tab>tail`` a line, by name; a name that two concepts share gets its identifier."""
    gather(con, choice.min_belief, denied=False)
    shared = {row["id"] for row in nodes(con) if row["ambiguous"]}
    count = 0
    with out.file() as path, path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in edges(con):
            head, tail = (_label(row[side], row[f"{side}_id"], shared) for side in ("head", "tail"))
            stream.write(f"{head}\t{row['type']}\t{tail}\n")
            count += 1
    return {"edges": count}


def _label(name: str, key: str, shared: set[str]) -> str:
    return one_line(f"{name} ({key})" if key in shared else name)


def _element(
    kind: str, attributes: Mapping[str, str], row: Mapping[str, Any], keys: Mapping[str, str]
) -> etree._Element:
    # plain names: within the root they are in its namespace, and need not declare it one by one
    element = etree.Element(kind, {name: _clean(value) for name, value in attributes.items()})
    for name in keys:
        if (value := row[name]) is not None:
            data = etree.SubElement(element, "data", {"key": f"{kind}_{name}"})
            data.text = str(value).lower() if isinstance(value, bool) else _clean(str(value))
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub(" ", text)
