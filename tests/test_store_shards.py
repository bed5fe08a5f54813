from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from store_factory import paper, read_all, read_words

from minecsc.errors import StoreError
from minecsc.schema import Deletion, Document, RecordError
from minecsc.store import read_shard, write_shard
from minecsc.store.shards import remove_unfinished


def test_a_shard_says_what_it_holds(tmp_path):
    extractions = list(read_all([paper(1), paper(2)]))
    path = write_shard(tmp_path, extractions, [Deletion("9")], [RecordError("f", "r", "why")], key="k1")
    info = read_shard(path)
    assert path == tmp_path / "k1"
    assert info.key == "k1"
    assert info.counts == {
        "document": 2, "sentence": 6, "mention": 10, "relation": 4, "deletion": 1, "error": 1
    }  # fmt: skip
    assert pq.read_table(info.file("mention")).num_rows == 10


def test_an_empty_shard_is_a_shard(tmp_path):
    assert set(read_shard(write_shard(tmp_path, [], key="none")).counts.values()) == {0}


def test_a_finished_shard_is_kept_and_a_damaged_one_replaced(tmp_path):
    path = write_shard(tmp_path, [read_words(paper(1))], key="k")
    about = path / "shard.json"
    before = about.stat().st_ino
    write_shard(tmp_path, [read_words(paper(1))], key="k")
    assert about.stat().st_ino == before

    (path / "mention.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"mention\.parquet is not what was written"):
        read_shard(path)
    write_shard(tmp_path, [read_words(paper(1))], key="k")
    assert read_shard(path).counts["mention"] == 5


def test_a_shard_of_another_format_is_refused(tmp_path):
    path = write_shard(tmp_path, [], key="k")
    about = json.loads((path / "shard.json").read_text())
    (path / "shard.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(StoreError, match="format 99"):
        read_shard(path)


def test_a_failed_write_leaves_nothing(tmp_path):
    lone_surrogate = Document("sample:1", "", "half a pair: \ud83d")
    with pytest.raises(StoreError, match="could not be written"):
        write_shard(tmp_path, [read_words(lone_surrogate)], key="k")
    assert list(tmp_path.iterdir()) == []


def test_an_error_may_quote_broken_text(tmp_path):
    path = write_shard(tmp_path, [], [], [RecordError("f", "r", "bad \udce9")], key="k")
    assert pq.read_table(path / "error.parquet")["reason"].to_pylist() == ["bad \\udce9"]


def test_leftovers_of_killed_workers_are_cleared_and_nothing_else(tmp_path):
    path = write_shard(tmp_path, [], key="k")
    (tmp_path / ".unfinished-k2-ab").mkdir()
    (tmp_path / ".unfinished-k2-ab" / "mention.parquet").write_bytes(b"PAR")
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
