"""The database as a file: refused, locked, replaced under readers, left alone by what fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from store_factory import fetch, load, manifest, paper, shard

from minecsc.errors import StoreError
from minecsc.store import load_shards, open_base


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "base.duckdb"


def test_a_failed_load_leaves_the_database_as_it_was(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    content = db.read_bytes()

    def failing(ids):
        raise RuntimeError("knowledge base gone")

    with pytest.raises(RuntimeError, match="knowledge base gone"):
        load_shards(db, [shard(tmp_path, paper(2), key="b")], manifest("run-2"), failing)
    damaged = shard(tmp_path, paper(3), key="c")
    (damaged / "relation.parquet").write_bytes(b"")
    with pytest.raises(StoreError, match="not what was written"):
        load(db, damaged)
    assert db.read_bytes() == content
    assert sorted(path.name for path in tmp_path.glob("base*")) == ["base.duckdb"]


def test_a_first_load_that_fails_leaves_no_file(tmp_path, db):
    def failing(ids):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        load_shards(db, [shard(tmp_path, paper(1), key="a")], manifest(), failing)
    assert not db.exists()


@pytest.mark.parametrize("make", ["text", "foreign", "version"])
def test_a_file_that_is_not_ours_is_refused_untouched(tmp_path, db, make):
    if make == "text":
        db.write_text("not a database at all, " * 400)
    elif make == "foreign":
        with duckdb.connect(str(db)) as con:
            con.execute("CREATE TABLE document (a INTEGER)")
    else:
        load(db, shard(tmp_path, paper(1), key="a"))
        with duckdb.connect(str(db)) as con:
            con.execute("UPDATE base_state SET schema_version = 99")
    content = db.read_bytes()
    expected = {"text": "cannot be opened", "foreign": "not one that minecsc made", "version": "version 99"}[make]
    for action in (lambda: open_base(db), lambda: load(db, shard(tmp_path, paper(2), key="b"))):
        with pytest.raises(StoreError, match=expected):
            action()
    assert db.read_bytes() == content


def test_a_missing_database_or_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"no\.duckdb does not exist"):
        open_base(tmp_path / "no.duckdb")
    with pytest.raises(StoreError, match="nowhere is not a folder"):
        load(tmp_path / "nowhere" / "a.duckdb")


def holding(db: Path, how: str) -> subprocess.Popen:
    """Another process that keeps ``db`` in use until its standard input closes."""
    code = {
        "writer": "import duckdb; c = duckdb.connect(p)",
        "reader": "from minecsc.store import open_base; c = open_base(p)",
        "loader": "from minecsc.store.connect import writing; c = writing(p); c.__enter__()",
    }[how]
    script = f"import sys; p = sys.argv[1]; {code}; print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_another_process_does_with_the_file(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    second = shard(tmp_path, paper(2), key="b")
    with holding(db, "writer") as other:
        for action in (lambda: open_base(db), lambda: load(db, second)):
            with pytest.raises(StoreError, match=rf"open for writing elsewhere.*{other.pid}"):
                action()
        other.stdin.close()
    with holding(db, "loader") as other:
        with pytest.raises(StoreError, match=rf"being written by another process.*{other.pid}"):
            load(db, second)
        assert fetch(db, "SELECT count(*) FROM document") == [(1,)]  # readers never wait
        other.kill()
    with holding(db, "reader") as other:  # the killed loader left its files: nobody minds
        load(db, second, run="run-2")
        assert fetch(db, "SELECT count(*) FROM document") == [(2,)]
        other.stdin.close()
    assert sorted(path.name for path in tmp_path.glob("base*")) == ["base.duckdb"]


def test_an_open_base_shows_its_moment_and_a_new_one_the_present(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    with open_base(db) as before:
        load(db, shard(tmp_path, paper(2), key="b"), run="run-2")
        with open_base(db) as after:
            assert (before.summary()["documents"], after.summary()["documents"]) == (1, 2)


def test_the_log_of_a_session_that_died_is_not_lost(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    insert = "c.execute(\"INSERT INTO error VALUES ('a', 'b', 'c', 'd')\")"
    script = f"import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); {insert}; os._exit(0)"
    subprocess.run([sys.executable, "-c", script, str(db)], check=True)
    assert Path(f"{db}.wal").exists()
    load(db, shard(tmp_path, paper(2), key="b"), run="run-2")
    assert fetch(db, "SELECT source FROM error") == [("a",)]
    assert not Path(f"{db}.wal").exists()
