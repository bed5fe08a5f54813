"""What every format shares: the registry entry and a byte stream that never raises while it is read."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from minecsc.schema import Record

BLOCK: Final = 1 << 18
HEAD: Final = 1 << 16
MAX_LINE: Final = 1 << 26
"""Bytes: longer lines (64 MiB) are reported and skipped, so that one cannot fill the memory."""

WHOLE_FILE: Final = "file"
"""``RecordError.record`` of a fault that concerns the file and not one record."""

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Format:
    """A readable format: one module each, listed in ``minecsc.sources.FORMATS``.

    sniff: whether the first bytes of a file (decompressed, at most 64 KiB) are of this format.
    read: the records of a stream; the second argument is the name to put into ``source``.
    """

    name: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: Callable[[InputStream, str], Iterator[Record]]


class InputStream:
    """The bytes of a file in blocks: gunzipped (by content, not by name), without a byte-order mark.

    Damage (truncated gzip, a failing disk) ends the iteration early instead of raising; ``fault``
    then says what happened. ``head`` holds the first bytes, which the iteration gives again. UTF-16
    with a byte-order mark is turned into UTF-8; other encodings are left alone.
    """

    def __init__(self, path: Path) -> None:
        self.fault: str | None = None
        self._raw: BinaryIO = path.open("rb")
        self._blocks = self._decoded()
        self.head = b""
        while len(self.head) < HEAD and (block := next(self._blocks, b"")):
            self.head += block
        self._started = self.head
        self.head = self.head[:HEAD]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[bytes]:
        if self._started:
            yield self._started
            self._started = b""
        yield from self._blocks

    def _decoded(self) -> Iterator[bytes]:
        try:
            yield from _without_mark(_gunzipped(self._raw))
        except zlib.error as error:
            self.fault = f"the gzip data is damaged ({error}); what stood before was read"
        except EOFError:
            self.fault = "the gzip data is truncated; what stood before was read"
        except UnicodeDecodeError as error:
            self.fault = f"the UTF-16 data is damaged ({error.reason}); what stood before was read"
        except OSError as error:
            self.fault = f"reading failed ({error.strerror or error}); what stood before was read"


def _gunzipped(raw: BinaryIO) -> Iterator[bytes]:
    """Blocks of ``raw``, decompressed where it starts like gzip. Raises EOFError where that is cut short."""
    block = raw.read(BLOCK)
    if not block.startswith(_GZIP_MAGIC):
        while block:
            yield block
            block = raw.read(BLOCK)
        return
    member = zlib.decompressobj(wbits=31)
    while block:
        while block:
            if member.eof:  # concatenated members are one file; tapes and some tools pad with zeros
                block = block.lstrip(b"\0")
                if not block:
                    break
                member = zlib.decompressobj(wbits=31)
            if data := member.decompress(block, BLOCK):
                yield data
            block = member.unconsumed_tail or member.unused_data
        block = raw.read(BLOCK)
    if data := member.flush():
        yield data
    if not member.eof:
        raise EOFError


def _without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, b"")
    while len(first) < 3 and (more := next(blocks, b"")):
        first += more
    if not first.startswith(_UTF16_MARKS):
        if first := first.removeprefix(codecs.BOM_UTF8):
            yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    yield decoder.decode(first).encode()
    for block in blocks:
        yield decoder.decode(block).encode()
    decoder.decode(b"", final=True)


def lines(stream: InputStream) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines of a stream, from 1, split at line feeds only; None for one longer than MAX_LINE."""
    number, parts, size = 1, [b""], 0
    for block in stream:
        first, *rest = block.split(b"\n")
        for piece in (first, *rest[:-1]) if rest else ():
            yield number, b"".join([*parts, piece]) if size + len(piece) <= MAX_LINE else None
            number, parts, size = number + 1, [], 0
        tail = rest[-1] if rest else first
        size += len(tail)
        if size <= MAX_LINE:
            parts.append(tail)
        else:
            parts = []
    if size:
        yield number, b"".join(parts) if size <= MAX_LINE else None
