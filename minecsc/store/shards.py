"""Shards: what a worker hands to the loader. One folder each, complete or not there at all.

A folder holds one Parquet file per table and ``shard.json`` with key, row counts and the files' digests.
It is written beside its final name and renamed, so that a worker killed at any moment leaves no half shard.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from minecsc.errors import StoreError
from minecsc.ids import file_digest
from minecsc.schema import Deletion, Extraction, RecordError
from minecsc.store.connect import sync
from minecsc.store.rows import SHARD_TABLES, tables

FORMAT: Final = 1
_UNFINISHED: Final = ".unfinished-"


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """A finished shard. ``counts``: rows per table."""

    path: Path
    key: str
    counts: Mapping[str, int]

    def file(self, table: str) -> Path:
        """Parquet file of a table."""
        return self.path / f"{table}.parquet"


def write_shard(
    folder: Path,
    extractions: Sequence[Extraction],
    deletions: Sequence[Deletion] = (),
    errors: Sequence[RecordError] = (),
    *,
    key: str,
) -> Path:
    """Writes one shard as ``folder/key``, atomically, and returns its path.

    key: names the content, so a shard of that name that is there and whole is kept as it is. A document
    may occur more than once; the loader takes the best. Raises StoreError for text that is no Unicode or a
    disk that fails.
    """
    final = folder / key
    try:
        read_shard(final)
    except StoreError:
        shutil.rmtree(final, ignore_errors=True)
    else:
        return final
    unfinished = folder / f"{_UNFINISHED}{key}-{secrets.token_hex(4)}"
    try:
        contents = tables(extractions, deletions, errors, key=key)
        unfinished.mkdir(parents=True)
        _write(unfinished, contents, key)
        unfinished.rename(final)
        sync(folder)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise StoreError(f"shard {key} could not be written ({error})") from error
    return final


def _write(folder: Path, contents: Mapping[str, pa.Table], key: str) -> None:
    digests: dict[str, str] = {}
    for name, table in contents.items():
        file = folder / f"{name}.parquet"
        pq.write_table(table, file, compression="zstd")
        sync(file)
        digests[name] = file_digest(file)
    about = {
        "format": FORMAT,
        "key": key,
        "counts": {name: table.num_rows for name, table in contents.items()},
        "digests": digests,
    }
    with (folder / "shard.json").open("w", encoding="utf-8") as stream:
        json.dump(about, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    sync(folder)


def read_shard(path: Path) -> ShardInfo:
    """The shard at ``path``, its files checked against their digests. Raises StoreError where one is off."""
    try:
        about = json.loads((path / "shard.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise StoreError(f"shard {path.name} is of format {about['format']}, not {FORMAT}")
        for name in SHARD_TABLES:
            if file_digest(path / f"{name}.parquet") != about["digests"][name]:
                raise StoreError(f"shard {path.name}: {name}.parquet is not what was written")
        return ShardInfo(path, about["key"], {name: int(about["counts"][name]) for name in SHARD_TABLES})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"shard {path.name} is missing or damaged ({error})") from error


def remove_unfinished(folder: Path) -> None:
    """Clears away what killed workers left behind; no worker may be at work in ``folder``."""
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
