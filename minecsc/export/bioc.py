"""BioC JSON: each document with its mentions as annotations and its relations, written by the ``bioc`` package."""

from __future__ import annotations

import json
from typing import Any

import duckdb
from bioc import (
    BioCAnnotation,
    BioCCollection,
    BioCDocument,
    BioCLocation,
    BioCNode,
    BioCPassage,
    BioCRelation,
    biocjson,
)

from minecsc.export.base import Choice, Output
from minecsc.export.documents import Annotated, documents


def write(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes one collection, a document a line; offsets are in characters of title, one space, abstract."""
    counts = {"documents": 0, "mentions": 0, "relations": 0}
    with out.file() as path, path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(_opening(con))
        for document in documents(con):
            stream.write(",\n" if counts["documents"] else "\n")
            stream.write(biocjson.dumps(_document(document), ensure_ascii=False))
            counts["documents"] += 1
            counts["mentions"] += len(document.mentions)
            counts["relations"] += len(document.relations)
        stream.write("\n]}\n")
    return counts


def _opening(con: duckdb.DuckDBPyConnection) -> str:
    """A collection up to its first document; its date is that of the newest run."""
    newest = con.execute("SELECT max(started) FROM run").fetchall()[0][0]
    collection = BioCCollection()
    collection.source = "minecsc"
    collection.date = "" if newest is None else newest.date().isoformat()
    collection.key = "minecsc"
    return json.dumps(biocjson.toJSON(collection), ensure_ascii=False).removesuffix("]}")


def _document(found: Annotated) -> BioCDocument:
    document = BioCDocument()
    document.id = found.identifier
    document.infons = _infons(
        {name: found.row[name] for name in ("year", "journal")}
        | {"article-id_pmid": found.row["pmid"], "article-id_doi": found.row["doi"]}
        | {name: True for name in ("retracted", "deleted") if found.row[name]}
    )
    offset = 0
    for kind in ("title", "abstract"):
        if text := found.row[kind]:
            passage = BioCPassage()
            passage.offset, passage.text, passage.infons = offset, text, {"type": kind}
            document.add_passage(passage)
            offset += len(text) + 1
    for mention in found.mentions:
        _home(document, mention).add_annotation(_annotation(mention))
    for relation in found.relations:
        document.add_relation(_relation(relation))
    return document


def _home(document: BioCDocument, mention: dict[str, Any]) -> BioCPassage | BioCDocument:
    """The passage that holds the mention; the document where it runs over from the title into the abstract."""
    for passage in document.passages:
        if passage.offset <= mention["start_char"] and mention["end_char"] <= passage.offset + len(passage.text):
            return passage
    return document


def _annotation(mention: dict[str, Any]) -> BioCAnnotation:
    annotation = BioCAnnotation()
    annotation.id = mention["mention_id"]
    annotation.text = mention["surface"]
    annotation.add_location(BioCLocation(mention["start_char"], mention["end_char"] - mention["start_char"]))
    annotation.infons = _infons(
        {"type": mention["type"], "identifier": mention["concept_id"]}
        | {name: mention[name] for name in ("probability", "link_score")}
    )
    return annotation


def _relation(row: dict[str, Any]) -> BioCRelation:
    relation = BioCRelation()
    relation.id = row["relation_id"]
    relation.infons = _infons({name: row[name] for name in ("type", "negated", "speculative", "probability", "run_id")})
    relation.add_node(BioCNode(row["head_mention_id"], "head"))
    relation.add_node(BioCNode(row["tail_mention_id"], "tail"))
    return relation


def _infons(values: dict[str, Any]) -> dict[str, str]:
    """BioC's infons are strings; what is not known has none."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }
