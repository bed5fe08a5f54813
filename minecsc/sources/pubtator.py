"""PubTator text: ``PMID|t|title`` and ``PMID|a|abstract``; annotation lines are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from minecsc.errors import SchemaError
from minecsc.schema import Document, Record, RecordError
from minecsc.sources.base import MAX_LINE, Format, InputStream, lines

_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_START = re.compile(rb"\s*[^|\t\n]{1,40}\|[ta]\|")


def sniff(head: bytes) -> bool:
    """Whether the first line that is not empty is a title or an abstract."""
    return _START.match(head) is not None


def read(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents and error rows of a stream, in file order; a row names the line.

    Identifiers that are numbers are PMIDs. Title and abstract stay as they are, so that PubTator's offsets, counted
    over title, one character, and abstract, hold for ``Document.text``.
    """
    parts: dict[str, str] = {}
    name = ""
    start = 1
    for number, line in lines(stream):
        if line is None:
            yield RecordError(source, f"line {number}", f"the line is longer than {MAX_LINE >> 20} MiB")
            continue
        try:
            match = _LINE.fullmatch(line.rstrip(b"\r").decode())
        except UnicodeDecodeError as error:
            yield RecordError(source, f"line {number}", f"bytes that are not UTF-8, at byte {error.start + 1}")
            continue
        if match is None:
            if line.strip() and b"\t" not in line:
                yield RecordError(source, f"line {number}", "neither title, abstract nor annotation")
            continue
        found, kind, text = match[1].strip(), match[2], match[3]
        if parts and (found != name or kind in parts):
            yield _record(name, parts, source, start)
            parts = {}
        if not parts:
            name, start = found, number
        parts[kind] = text
    if parts:
        yield _record(name, parts, source, start)


FORMAT: Final = Format("pubtator", (".pubtator",), sniff, read)


def _record(name: str, parts: dict[str, str], source: str, line: int) -> Record:
    pmid = name if name.isascii() and name.isdigit() else None
    try:
        return Document(
            document_id=f"pmid:{pmid}" if pmid else f"pubtator:{name}",
            title=parts.get("t", ""),
            abstract=parts.get("a", ""),
            pmid=pmid,
            source=source,
        )
    except SchemaError as error:
        return RecordError(source, f"line {line}", str(error))
