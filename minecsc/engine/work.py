"""The folder beside a database that keeps finished shards until they are loaded."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minecsc.errors import StoreError
from minecsc.store import ShardInfo, read_shard
from minecsc.store.connect import exclusive
from minecsc.store.shards import remove_unfinished

_log = logging.getLogger(__name__)


class WorkFolder:
    """``<database>.minecsc-work``: shards by key, and a lock for the one run that may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def finished(self, key: str) -> ShardInfo | None:
        """The shard of that key, if an earlier run left a whole one."""
        with suppress(StoreError):
            return read_shard(self.path / key)
        return None

    def remove(self, keys: Iterable[str]) -> None:
        """Removes shards that are no longer needed."""
        for key in keys:
            shutil.rmtree(self.path / key, ignore_errors=True)

    def clear(self) -> None:
        """Removes all shards."""
        self.remove(entry.name for entry in self.path.iterdir() if entry.is_dir())


@contextmanager
def work_folder(db: Path) -> Iterator[WorkFolder]:
    """The locked work folder of ``db``; on leaving it is removed if it is empty.

    Raises StoreError where another run extracts into the same database.
    """
    path = db.with_name(f"{db.name}.minecsc-work")
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror})") from error
    with exclusive(path / "lock", f"another run is extracting into {db}"):
        remove_unfinished(path)
        yield WorkFolder(path)
    with suppress(OSError):  # not empty: shards of an interrupted run over other inputs
        path.rmdir()
        return
    _log.info("%s keeps shards of another, interrupted run", path)
