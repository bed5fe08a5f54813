"""Cutting PubMed XML into records before it is parsed, so that damage stays inside the record it hit.

An XML parser that meets an unclosed tag loses its place for the rest of the file. Here each record is
found by its start and end tag in the byte stream and later parsed on its own; where a tag is missing,
cutting goes on at the next record. Nothing of the prolog is interpreted: entities declared in a
DOCTYPE do not exist for the records, and no DTD is ever opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MAX_RECORD: Final = 1 << 24
"""Bytes: a longer record is reported and skipped, so that an unclosed one cannot fill the memory.

16 MiB; most have some 10 kB, those with thousands of authors a few MB.
"""

_LOOKAHEAD = 4096
_LONGEST_DOCTYPE = 1 << 17

ROOTS: Final = frozenset({"PubmedArticleSet", "PubmedBookArticleSet", "MedlineCitationSet"})
ARTICLES: Final = frozenset({"PubmedArticle", "PubmedBookArticle", "MedlineCitation"})
DELETIONS: Final = frozenset({"DeleteCitation", "DeleteDocument"})
_RECORDS = ARTICLES | DELETIONS

_SPACE = re.compile(rb"\s*")
_TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9]*)(?=[\s/>])")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]{0,2000}(?:\[.{0,65536}?\]\s{0,99})?>", re.DOTALL)
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_START = re.compile(rb"<(PubmedArticle|PubmedBookArticle|DeleteCitation|DeleteDocument)(?=[\s>])")
_MEDLINE_START = re.compile(rb"<(MedlineCitation|DeleteCitation)(?=[\s>])")
_SET = rb"|</?(?:PubmedArticle|PubmedBookArticle|MedlineCitation)Set[\s>]"
_RESUME = re.compile(_START.pattern + _SET)
_RESUME_MEDLINE = re.compile(_MEDLINE_START.pattern + _SET)
_LONGEST_MARK = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """A record's bytes, or where ``fault`` is set, bytes from which no record could be cut.

    name: element name of the record, "" for bytes outside any. line: of the first byte, from 1.
    """

    name: str
    data: bytes
    line: int
    fault: str | None = None


def split_nested(piece: Piece) -> list[Piece]:
    """The records of a piece that swallowed others because one was never closed; [] if it holds just one."""
    pattern = _MEDLINE_START if piece.name == "MedlineCitation" else _START
    starts = [(match.start(), match[1].decode()) for match in pattern.finditer(piece.data)]
    if len(starts) < 2:
        return []
    pieces = []
    line = piece.line
    for (start, name), (stop, _) in pairwise([*starts, (len(piece.data), "")]):
        data = piece.data[start:stop]
        end = data.find(b"</" + name.encode() + b">")
        if end < 0:
            pieces.append(Piece(name, data, line, f"no closing tag </{name}> before the next record"))
        else:
            pieces.append(Piece(name, data[: end + len(name) + 3], line))
        line += data.count(b"\n")
    return pieces


class _Window:
    """The part of the stream at hand: grows at the end, is consumed at the front, counts lines."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.data = b""
        self.position = 0
        self.line = 1

    def more(self) -> bool:
        """Load another block; False at the end of the stream."""
        block = next(self._blocks, b"")
        if block:
            self.data = self.data[self.position :] + block
            self.position = 0
        return bool(block)

    def at_hand(self) -> int:
        return len(self.data) - self.position

    def reach(self, size: int) -> None:
        """Have ``size`` bytes at hand, or all that are left."""
        while self.at_hand() < size and self.more():
            pass

    def find(self, mark: bytes, offset: int = 0) -> int:
        """Offset of ``mark`` from the front, loading as needed; -1 if not within MAX_RECORD or the stream."""
        while (hit := self.data.find(mark, self.position + offset)) < 0:
            offset = max(offset, self.at_hand() - len(mark) + 1)
            if self.at_hand() > MAX_RECORD or not self.more():
                return -1
        return hit - self.position

    def take(self, length: int) -> bytes:
        """Consume ``length`` bytes from the front."""
        piece = self.data[self.position : self.position + length]
        self.position += len(piece)
        self.line += piece.count(b"\n")
        return piece


class Splitter:
    """Iterates over the pieces of one stream. ``encoding`` is that of the last XML declaration met.

    ``root_met`` tells whether there was a root element, and ``unclosed``, after the iteration, names the
    one that was opened and never closed.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._window = _Window(blocks)
        self._resume = _RESUME
        self.encoding = "utf-8"
        self.root_met = False
        self.unclosed: str | None = None

    def __iter__(self) -> Iterator[Piece]:
        window = self._window
        while self._skip_space():
            window.reach(_LOOKAHEAD)
            tag = _TAG.match(window.data, window.position)
            name = tag[2].decode() if tag else ""
            if tag and not tag[1] and name in _RECORDS:
                yield self._record(name)
            elif not (tag and name in ROOTS and self._root(name, closes=bool(tag[1]))) and not self._prolog():
                yield self._junk()

    def _skip_space(self) -> bool:
        """Move to the next byte that is not white space; False at the end of the stream."""
        window = self._window
        while True:
            match = _SPACE.match(window.data, window.position)
            if match:
                window.take(match.end() - match.start())
            if window.at_hand():
                return True
            if not window.more():
                return False

    def _root(self, name: str, *, closes: bool) -> bool:
        end = self._window.find(b">")
        if end < 0:
            return False
        tag = self._window.take(end + 1)
        if name == "MedlineCitationSet":
            self._resume = _RESUME_MEDLINE
        self.root_met = True
        self.unclosed = None if closes or tag.endswith(b"/>") else name
        return True

    def _prolog(self) -> bool:
        """Pass over a declaration, comment or DOCTYPE; False if there is none or it does not end."""
        window = self._window
        if window.data.startswith(b"<!DOCTYPE", window.position):
            window.reach(_LONGEST_DOCTYPE)
            match = _DOCTYPE.match(window.data, window.position)
            end = match.end() - window.position if match else 0
        elif window.data.startswith(b"<!--", window.position):
            end = window.find(b"-->", 4) + 3
        elif window.data.startswith(b"<?", window.position):
            end = window.find(b"?>", 2) + 2
        else:
            return False
        if end < 4:
            return False
        declared = _ENCODING.match(window.take(end))
        if declared:
            self.encoding = declared[1].decode()
        return True

    def _record(self, name: str) -> Piece:
        """The bytes up to the closing tag, which ``split_nested`` may find to be that of a later record."""
        window = self._window
        stop = b"</" + name.encode() + b">"
        end = window.find(stop, len(name))
        if end < 0:
            return self._unclosed(name)
        line = window.line
        return Piece(name, window.take(end + len(stop)), line)

    def _unclosed(self, name: str) -> Piece:
        window = self._window
        line = window.line
        resume = self._resume.search(window.data, window.position + 1)
        if resume:
            data = window.take(resume.start() - window.position)
            fault = f"no closing tag </{name}> before the next record"
        elif window.at_hand() > MAX_RECORD:
            data = window.take(len(window.data)) + self._drop()
            fault = f"no closing tag </{name}> within {MAX_RECORD >> 20} MiB"
        else:
            data = window.take(window.at_hand())
            fault = f"the file ends inside this {name}"
            self.unclosed = None
        return Piece(name, data, line, fault)

    def _junk(self) -> Piece:
        """Bytes that belong to no record, up to the next place where one can begin."""
        line = self._window.line
        data = self._window.take(1) + self._drop()
        sample = " ".join(data[:60].decode("utf-8", "replace").split())
        fault = f"content outside any record: {sample!r}"
        if self.unclosed and not self._window.at_hand():
            fault += f"; the file is cut short there, without </{self.unclosed}>"
            self.unclosed = None
        return Piece("", data, line, fault)

    def _drop(self) -> bytes:
        """Consume up to the next place where a record can begin; gives the first bytes of what went."""
        window = self._window
        kept = b""
        while not (resume := self._resume.search(window.data, window.position)):
            kept = (kept + window.take(max(0, window.at_hand() - _LONGEST_MARK)))[:_LOOKAHEAD]
            if not window.more():
                return (kept + window.take(window.at_hand()))[:_LOOKAHEAD]
        return (kept + window.take(resume.start() - window.position))[:_LOOKAHEAD]
