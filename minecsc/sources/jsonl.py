"""JSON lines: one object a line with the keys of :mod:`minecsc.sources.rows`, as most tools write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from minecsc.schema import Record, RecordError
from minecsc.sources.base import MAX_LINE, Format, InputStream, lines
from minecsc.sources.rows import record

_OBJECT = re.compile(rb"\s*\{[ \t]*[\"}]")


def sniff(head: bytes) -> bool:
    """Whether the first bytes begin a JSON object that goes on in its first line."""
    return _OBJECT.match(head) is not None


def read(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents, deletions (``"delete": true``) and error rows of a stream, in file order.

    Empty lines are passed over; an error row names the line.
    """
    for number, line in lines(stream):
        if line is None:
            yield _error(source, number, f"the line is longer than {MAX_LINE >> 20} MiB")
        elif line.strip():
            try:
                row = json.loads(line.decode())
                if isinstance(row, dict):
                    yield record(row, source, collection="jsonl")
                else:
                    yield _error(source, number, f"a JSON {type(row).__name__}, not an object")
            except UnicodeDecodeError as error:
                yield _error(source, number, f"bytes that are not UTF-8, at byte {error.start + 1}")
            except json.JSONDecodeError as error:
                yield _error(source, number, f"not JSON: {error.msg}, at character {error.pos + 1}")
            except RecursionError:
                yield _error(source, number, "not a record: nested too deeply")
            except ValueError as error:
                yield _error(source, number, str(error))


FORMAT: Final = Format("jsonl", (".jsonl", ".ndjson"), sniff, read)


def _error(source: str, number: int, reason: str) -> RecordError:
    return RecordError(source, f"line {number}", reason)
