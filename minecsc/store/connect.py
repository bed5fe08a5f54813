"""Opening the database: read-only for everyone, writing through a staged copy that replaces the file at once.

A writer copies the file, changes the copy in one transaction and renames it over the original. So a
reader never waits and never sees half a load, and whatever happens to a writer, the file stays as it was.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb

from minecsc.errors import StoreError

if sys.platform != "win32":
    import fcntl

SCHEMA_VERSION: Final = 3
_CATALOG: Final = "base"
_QUIET: Final = "SET enable_progress_bar = false"  # it would be drawn on stdout, into what is printed there
_log = logging.getLogger(__name__)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _opening_failed(path: Path, error: duckdb.Error) -> StoreError:
    message = str(error)
    if "lock" in message.lower():
        return StoreError(f"{path} is open for writing elsewhere; close it there first ({message.strip()})")
    return StoreError(f"{path} cannot be opened as a DuckDB database ({message.strip()})")


def _check_version(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        rows = con.execute("SELECT schema_version FROM base_state").fetchall()
    except duckdb.CatalogException:
        raise StoreError(f"{path} is a DuckDB database, but not one that minecsc made") from None
    if rows != [(SCHEMA_VERSION,)]:
        found = rows[0][0] if rows else "none"
        raise StoreError(f"{path} has schema version {found}; this minecsc reads and writes {SCHEMA_VERSION}")


def connect_read_only(path: Path | str) -> duckdb.DuckDBPyConnection:
    """Connection that reads ``path`` as it stands now; tables and views are found by their plain names.

    The file is attached to a fresh in-memory instance: DuckDB shares one instance per path within a
    process, which would go on showing the old file after a writer has replaced it.
    Raises StoreError where the file is missing, locked, or no evidence base of this schema version.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise StoreError(f"{path} does not exist; `minecsc extract INPUT --db {path.name}` makes it")
    con = duckdb.connect(":memory:")
    con.execute(_QUIET)
    try:
        con.execute(f"ATTACH {_quoted(path)} AS {_CATALOG} (READ_ONLY)")
        con.execute(f"USE {_CATALOG}")
        _check_version(con, path)
    except duckdb.Error as error:
        con.close()
        raise _opening_failed(path, error) from error
    except StoreError:
        con.close()
        raise
    return con


@contextmanager
def exclusive(path: Path, refusal: str) -> Iterator[None]:
    """Holds the lock file ``path``; raises StoreError with ``refusal`` and the holder's pid if it is taken.

    The operating system drops the lock of a killed process, so a left-over file blocks nobody. Windows has
    no lock of this kind: there, to write with one process at a time is up to the user.
    """
    if sys.platform == "win32":
        yield
        return
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode("ascii", "replace")
            os.close(handle)
            raise StoreError(f"{refusal} (process {holder or 'unknown'})") from None
        except OSError as error:  # a file system without locks
            _log.warning("no lock on %s: %s", path.name, error)
        # The file may have been removed by its last holder between opening and locking it.
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            break
        os.close(handle)
    os.truncate(handle, 0)
    os.write(handle, str(os.getpid()).encode("ascii"))
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(handle)


def create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Makes all tables and views in an empty database."""
    folder = files("minecsc.store")
    con.execute(folder.joinpath("schema.sql").read_text(encoding="utf-8"))
    con.execute(folder.joinpath("views.sql").read_text(encoding="utf-8"))
    created = datetime.now(UTC).replace(tzinfo=None)
    con.execute("INSERT INTO base_state VALUES (?, ?, true)", [SCHEMA_VERSION, created])


def _fold_in_log(path: Path) -> None:
    """A session that wrote to the file in place and died has left a log: let DuckDB put it into the file."""
    if not Path(f"{path}.wal").exists():
        return
    try:
        with duckdb.connect(str(path)) as con:
            con.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise _opening_failed(path, error) from error


def _stage(path: Path, staged: Path) -> None:
    if not path.exists():
        return
    _fold_in_log(path)
    connect_read_only(path).close()
    shutil.copyfile(path, staged)
    shutil.copymode(path, staged)


def sync(path: Path) -> None:
    """Forces a file or folder to disk, as far as the platform can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # folders cannot be opened on Windows
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(staged: Path) -> None:
    for leftover in (staged, Path(f"{staged}.wal")):
        with suppress(FileNotFoundError):
            leftover.unlink()


@contextmanager
def writing(path: Path | str, *, create: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connection inside one transaction on a copy of ``path``; leaving the block puts the copy in place.

    create: make a new database where there is none. Raises StoreError, and changes nothing, where the file
    is missing, of another schema, being written by another process, or where the database fails inside the
    block; any other error from the block passes through and changes nothing either.
    """
    path = Path(path).expanduser().resolve()
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent} is not a folder")
    if not create and not path.exists():
        raise StoreError(f"{path} does not exist")
    staged = path.with_name(f"{path.name}.staged.duckdb")
    with exclusive(path.with_name(f"{path.name}.lock"), f"{path} is being written by another process"):
        try:
            _discard(staged)
            _stage(path, staged)
            with duckdb.connect(str(staged)) as con:
                con.execute(_QUIET)
                con.execute("BEGIN")
                if not path.exists():
                    create_schema(con)
                yield con
                con.execute("COMMIT")
                con.execute("CHECKPOINT")
            sync(staged)
            os.replace(staged, path)
            sync(path.parent)
        except (duckdb.Error, OSError) as error:
            raise StoreError(f"writing {path} failed and left it as it was ({error})") from error
        finally:
            _discard(staged)
