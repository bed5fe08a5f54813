"""What every exporter shares: rows that stream, and files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from minecsc.errors import ExportError

_BATCH: Final = 2048


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the base is wanted. views: of the tables, by name, none for all; min_belief: of statements."""

    views: tuple[str, ...] = ()
    min_belief: float = 0.0


class Output:
    """Where an export goes: ``path`` is its one file, or the folder of its several files."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path = path
        self.files: list[Path] = []
        self._force = force

    @contextmanager
    def file(self, name: str | None = None) -> Iterator[Path]:
        """Path to write to; leaving the block puts the file in its place. name: within the folder.

        Raises ExportError where the file is there and may not be replaced.
        """
        final = self.path if name is None else self.path / name
        if name is None and final.is_dir():
            raise ExportError(f"{final} is a folder, and this format is one file")
        if final.exists() and not self._force:
            raise ExportError(f"{final} is there already: --force replaces it")
        if name is not None:
            self.path.mkdir(parents=True, exist_ok=True)
        staged = final.with_name(f".{final.name}.unfinished")
        try:
            yield staged
            os.replace(staged, final)
        finally:
            staged.unlink(missing_ok=True)
        self.files.append(final)


Writer = Callable[[duckdb.DuckDBPyConnection, Output, Choice], dict[str, int]]
"""Writes a format; returns what it wrote: name → count."""


def rows(con: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    """Rows of a query as they come. One such stream at a time on a connection."""
    con.execute(sql, list(params))
    names = [column[0] for column in con.description or ()]
    while batch := con.fetchmany(_BATCH):
        for values in batch:
            yield dict(zip(names, values, strict=True))


def one_line(text: str) -> str:
    """The text with every character that breaks a line or a column made a space; of the same length."""
    if text.isprintable():
        return text
    return "".join(" " if c == "\t" or c.splitlines() == [""] else c for c in text)
