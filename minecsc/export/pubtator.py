"""PubTator: title, abstract, a line a mention, a line a relation between identifiers.

A mention that was not linked has its concept key (text:<type>:<name>) for an identifier, so that relations can name
it. A relation's fifth column, where it has one, says ``negated``, ``speculative`` or both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import duckdb

from minecsc.export.base import Choice, Output, one_line
from minecsc.export.documents import Annotated, documents, mention_key

_BREAKS_ID: Final = re.compile(r"[|\s]")


def write(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes all documents, an empty line between two."""
    counts = {"documents": 0, "mentions": 0, "relations": 0}
    with out.file() as path, path.open("w", encoding="utf-8", newline="\n") as stream:
        for document in documents(con):
            relations = list(dict.fromkeys(_relations(document)))
            lines = [*_text(document), *_mentions(document), *relations, ""]
            stream.write("\n".join(lines) + "\n")
            counts["documents"] += 1
            counts["mentions"] += len(document.mentions)
            counts["relations"] += len(relations)
    return counts


def _identifier(document: Annotated) -> str:
    return _BREAKS_ID.sub("_", document.identifier)


def _text(document: Annotated) -> Iterator[str]:
    name = _identifier(document)
    yield f"{name}|t|{one_line(document.row['title'])}"
    yield f"{name}|a|{one_line(document.row['abstract'])}"


def _mentions(document: Annotated) -> Iterator[str]:
    # PubTator counts title, one character, abstract, also where there is no title
    shift = 0 if document.row["title"] else 1
    for mention in document.mentions:
        span = (mention["start_char"] + shift, mention["end_char"] + shift)
        cells = (_identifier(document), *span, mention["surface"], mention["type"], mention_key(mention))
        yield "\t".join(one_line(str(cell)) for cell in cells)


def _relations(document: Annotated) -> Iterator[str]:
    """Lines of relations; two mentions of one pair of concepts give the same line twice."""
    keys = {mention["mention_id"]: mention_key(mention) for mention in document.mentions}
    for row in document.relations:
        flags = [flag for flag in ("negated", "speculative") if row[flag]]
        ends = (keys[row["head_mention_id"]], keys[row["tail_mention_id"]])
        cells = (_identifier(document), row["type"], *ends, *([",".join(flags)] if flags else []))
        yield "\t".join(one_line(cell) for cell in cells)
