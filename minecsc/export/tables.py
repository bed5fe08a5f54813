"""Views as Parquet or CSV, one file each, written by DuckDB itself."""

from __future__ import annotations

from difflib import get_close_matches

import duckdb

from minecsc.errors import ExportError
from minecsc.export.base import Choice, Output

_NESTED = ("LIST", "STRUCT", "MAP", "ARRAY")


def write_parquet(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes ``<view>.parquet`` into the folder for each view wanted; types stay as they are."""
    return {
        view: _copy(con, out, f"{view}.parquet", f'SELECT * FROM "{view}"', "FORMAT parquet, COMPRESSION zstd")
        for view in _wanted(con, choice)
    }


def write_csv(con: duckdb.DuckDBPyConnection, out: Output, choice: Choice) -> dict[str, int]:
    """Writes ``<view>.csv`` into the folder for each view wanted; lists and records become JSON."""
    written = {}
    for view in _wanted(con, choice):
        relation = con.sql(f'SELECT * FROM "{view}"')
        columns = ", ".join(
            f'to_json("{name}") AS "{name}"' if type_.id.upper() in _NESTED else f'"{name}"'
            for name, type_ in zip(relation.columns, relation.types, strict=True)
        )
        written[view] = _copy(con, out, f"{view}.csv", f'SELECT {columns} FROM "{view}"', "FORMAT csv, HEADER")
    return written


def _wanted(con: duckdb.DuckDBPyConnection, choice: Choice) -> list[str]:
    known = [
        row[0]
        for row in con.execute(
            """
            SELECT view_name FROM duckdb_views()
            WHERE database_name = current_database() AND NOT internal AND comment IS NOT NULL ORDER BY view_name
            """
        ).fetchall()
    ]
    for name in choice.views:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ExportError(f"no view {name!r}: {hint}")
    return list(dict.fromkeys(choice.views)) or known


def _copy(con: duckdb.DuckDBPyConnection, out: Output, name: str, query: str, options: str) -> int:
    with out.file(name) as path:
        target = str(path).replace("'", "''")
        row = con.execute(f"COPY ({query}) TO '{target}' ({options})").fetchone()
    return int(row[0]) if row else 0
