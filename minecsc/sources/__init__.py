"""Reading the literature: files of any known format in, one stream of records out.

A format is one module with a ``FORMAT`` entry (name, suffixes, a test of the first bytes, a reader);
adding one means writing that module and listing it in ``FORMATS``.
"""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from minecsc.errors import SourceError
from minecsc.schema import Record, RecordError
from minecsc.sources import bioc, table
from minecsc.sources.base import WHOLE_FILE, Format, InputStream
from minecsc.sources.detect import describe, foreign_format
from minecsc.sources.jsonl import FORMAT as JSONL
from minecsc.sources.medline import FORMAT as MEDLINE
from minecsc.sources.pubmed_xml import FORMAT as PUBMED_XML
from minecsc.sources.pubtator import FORMAT as PUBTATOR

__all__ = ["FORMATS", "Format", "expand_inputs", "read"]

_log = logging.getLogger(__name__)

FORMATS: Final[dict[str, Format]] = {
    entry.name: entry for entry in (PUBMED_XML, bioc.XML, bioc.JSON, JSONL, MEDLINE, PUBTATOR, table.PARQUET, table.CSV)
}
"""Format name → its reader. Order is the order in which first bytes are tried."""


def read(path: Path | str, *, format: str | None = None) -> Iterator[Record]:
    """Records of one file, in file order; what cannot be read comes as RecordError rows in their place.

    The format is told from the first bytes, then from the name; ``format``, a key of
    :data:`FORMATS`, overrides both. Gzip is recognised by content. Nothing is merged: duplicates and versions all pass.
    Raises SourceError at once for a missing file, a folder or an unknown ``format``; never later.
    """
    file = Path(path)
    if format is not None and format not in FORMATS:
        raise SourceError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if not file.exists():
        raise SourceError(f"{file}: no such file")
    if file.is_dir():
        raise SourceError(f"{file} is a folder; expand_inputs lists the files in it")
    return _records(file, format)


def expand_inputs(inputs: Sequence[str | Path]) -> list[Path]:
    """Files named by paths, folders and glob patterns, each once, in the order given.

    A folder gives the files below it, sorted by path, whose names end like a known format (with or
    without ``.gz``), hidden ones left out; a file named outright or by a pattern is taken whatever its
    name. Raises SourceError naming every input that matches nothing.
    """
    found: dict[Path, None] = {}
    empty: list[str] = []
    for given in inputs:
        matches = _matches(given)
        found.update(dict.fromkeys(matches))
        if not matches:
            empty.append(str(given))
    if empty:
        raise SourceError(f"nothing to read in: {', '.join(empty)}")
    return list(found)


def _records(file: Path, name: str | None) -> Iterator[Record]:
    source = str(file)
    try:
        stream = InputStream(file)
    except OSError as error:
        yield RecordError(source, WHOLE_FILE, f"cannot be opened: {error.strerror or error}")
        return
    with stream:
        if not stream.head.strip():
            yield RecordError(source, WHOLE_FILE, stream.fault or "the file is empty")
            return
        entry = FORMATS[name] if name else _recognised(stream.head, file)
        if entry is None:
            known = ", ".join(FORMATS)
            reason = f"unknown format: it looks like {describe(stream.head)} (known: {known})"
            yield RecordError(source, WHOLE_FILE, reason)
            return
        yield from entry.read(stream, source)
        if stream.fault:
            yield RecordError(source, WHOLE_FILE, stream.fault)


def _recognised(head: bytes, file: Path) -> Format | None:
    """By content; by name only where the content does not speak against it, as in a damaged first line."""
    for entry in FORMATS.values():
        if entry.sniff(head):
            return entry
    return _by_name(file) if foreign_format(head) is None else None


def _by_name(file: Path) -> Format | None:
    name = file.name.lower().removesuffix(".gz")
    return next((entry for entry in FORMATS.values() if name.endswith(entry.suffixes)), None)


def _matches(given: str | Path) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return [path]
    matches: list[Path] = []
    for match in sorted(glob.glob(str(given), recursive=True)):
        matches += _in_folder(Path(match)) if Path(match).is_dir() else [Path(match)]
    return matches


def _in_folder(folder: Path) -> list[Path]:
    visible = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    known = sorted(path for path in visible if _by_name(path))
    if len(known) < len(visible):
        _log.info("%s: %d files without a known suffix passed over", folder, len(visible) - len(known))
    return known
