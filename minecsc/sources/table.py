"""Tables: CSV and TSV with a header line, and Parquet; columns as in :mod:`minecsc.sources.rows`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from minecsc.errors import SchemaError
from minecsc.schema import Record, RecordError
from minecsc.sources.base import MAX_LINE, WHOLE_FILE, Format, InputStream, lines
from minecsc.sources.rows import record

_TEXT_NAMES = frozenset({"title", "abstract", "text", "delete", "deleted"})
_NAMES = _TEXT_NAMES | {"pmid", "id"}
_PARQUET = b"PAR1"
_NUL = re.compile("\0")


def sniff_csv(head: bytes) -> bool:
    """Whether the first line is a header that names a text column, between commas or tabs."""
    names = _header(head.partition(b"\n")[0].decode("utf-8", "replace"))
    return len(names) > 1 and len(_NAMES.intersection(names)) > 1


def sniff_parquet(head: bytes) -> bool:
    return head.startswith(_PARQUET)


def read_csv(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents, deletions and error rows of a table; a row names the line it begins in."""
    try:
        csv.field_size_limit(MAX_LINE)
        text = _text_lines(stream)
        header = next(text, "")
        delimiter = "\t" if "\t" in header else ","
        names = _header(header)
        if missing := _missing(names):
            yield RecordError(source, WHOLE_FILE, missing)
            return
        reader = csv.reader(text, delimiter=delimiter)
        line = 2
        for values in reader:
            if values:
                yield _record(dict(zip(names, values, strict=False)), source, f"line {line}")
            line = reader.line_num + 2
    except csv.Error as error:
        yield RecordError(source, f"line {line}", f"not a table row: {error}")


def read_parquet(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents, deletions and error rows of a Parquet file; a row names its number, from 1.

    The whole file is held in memory, since a Parquet file is read from its end.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        table = pq.ParquetFile(pa.BufferReader(b"".join(stream)))
        if missing := _missing(table.schema_arrow.names):
            yield RecordError(source, WHOLE_FILE, missing)
            return
        for batch in table.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                number += 1
                yield _record(row, source, f"row {number}")
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        yield RecordError(source, WHOLE_FILE if not number else f"row {number + 1}", f"not readable Parquet: {reason}")


CSV: Final = Format("csv", (".csv", ".tsv"), sniff_csv, read_csv)
PARQUET: Final = Format("parquet", (".parquet",), sniff_parquet, read_parquet)


def _missing(names: list[str]) -> str | None:
    """Why a table with these columns holds no documents; None where it may."""
    if _TEXT_NAMES.intersection(names):
        return None
    return f"no column of text: {', '.join(sorted(_TEXT_NAMES))} are looked for, there are {', '.join(names[:8])}"


def _header(line: str) -> list[str]:
    try:
        names = next(csv.reader(io.StringIO(line), delimiter="\t" if "\t" in line else ","), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in names]


def _text_lines(stream: InputStream) -> Iterator[str]:
    """Lines for the csv module, which puts quoted ones together; bytes that are not UTF-8 become U+FFFD."""
    for _, line in lines(stream):
        if line is None:
            raise csv.Error(f"a line longer than {MAX_LINE >> 20} MiB")
        yield _NUL.sub("", line.decode("utf-8", "replace")) + "\n"


def _record(row: Mapping[str, Any], source: str, name: str) -> Record:
    try:
        return record(row, source, collection="table")
    except SchemaError as error:
        return RecordError(source, name, str(error))
