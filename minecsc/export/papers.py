"""The papers behind the evidence as RIS or BibTeX, for reference managers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import duckdb

from minecsc.export.base import Choice, Output, one_line, rows

_SQL: Final = """
    SELECT document_id, pmid, title, abstract, authors, journal, year, doi, language, keywords, retracted
    FROM document
    WHERE NOT deleted AND document_id IN (SELECT document_id FROM relation)
    ORDER BY year DESC NULLS LAST, document_id
"""
_RETRACTED: Final = "Retracted"
_SPECIAL: Final = {
    "\\": r"{\textbackslash}", "{": r"{\textbraceleft}", "}": r"{\textbraceright}", "~": r"{\textasciitilde}",
    "^": r"{\textasciicircum}", **{c: f"\\{c}" for c in "&%$#_"},
}  # fmt: skip
_ESCAPED: Final = re.compile(r"[\\{}~^&%$#_]")
_AND: Final = re.compile(r"\band\b", re.IGNORECASE)
_NOT_A_KEY: Final = re.compile(r"[^\w.:/+-]", re.ASCII)


def write_ris(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes the papers that state at least one relation, the newest first, as RIS with their abstracts."""
    return _write(con, out, _ris)


def write_bibtex(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes the papers that state at least one relation, the newest first, as BibTeX in UTF-8."""
    return _write(con, out, _bibtex)


def _write(
    con: duckdb.DuckDBPyConnection, out: Output, entry: Callable[[dict[str, Any]], Iterator[str]]
) -> dict[str, int]:
    count = 0
    with out.file() as path, path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows(con, _SQL):
            stream.write("\n".join([*entry(row), ""]) + "\n")
            count += 1
    return {"papers": count}


def _ris(row: dict[str, Any]) -> Iterator[str]:
    fields = [
        ("TY", "JOUR"),
        ("ID", row["document_id"]),
        ("TI", row["title"]),
        *(("AU", author) for author in row["authors"]),
        ("PY", row["year"]),
        ("JO", row["journal"]),
        ("DO", row["doi"]),
        ("AN", row["pmid"]),
        ("UR", _link(row)),
        ("LA", row["language"]),
        *(("KW", keyword) for keyword in row["keywords"]),
        ("N1", _RETRACTED if row["retracted"] else None),
        ("AB", row["abstract"]),
    ]
    for tag, value in fields:
        if value not in (None, ""):
            yield f"{tag}  - {one_line(str(value))}"
    yield "ER  - "


def _bibtex(row: dict[str, Any]) -> Iterator[str]:
    name = f"pmid{row['pmid']}" if row["pmid"] else _NOT_A_KEY.sub("_", row["document_id"])
    fields = {
        "title": f"{{{_tex(row['title'])}}}" if row["title"] else None,  # doubly braced: capitals stay
        "author": " and ".join(_author(author) for author in row["authors"]),
        "year": row["year"],
        "journal": row["journal"] and _tex(row["journal"]),
        "doi": row["doi"],
        "pmid": row["pmid"],
        "url": _link(row),
        "keywords": ", ".join(_tex(keyword) for keyword in row["keywords"]),
        "note": _RETRACTED if row["retracted"] else None,
    }
    yield f"@article{{{name},"
    yield from (f"  {field} = {{{value}}}," for field, value in fields.items() if value not in (None, ""))
    yield "}"


def _link(row: dict[str, Any]) -> str | None:
    return f"https://pubmed.ncbi.nlm.nih.gov/{row['pmid']}/" if row["pmid"] else None


def _author(name: str) -> str:
    """An author's name; braces keep that of a group that holds an "and" whole."""
    return f"{{{_tex(name)}}}" if _AND.search(name) else _tex(name)


def _tex(text: str) -> str:
    return _ESCAPED.sub(lambda found: _SPECIAL[found.group()], one_line(text))
