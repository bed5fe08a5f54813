from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_factory import concepts, processor, read_all, read_words

from minecsc.engine import Processor, RunSummary, assemble, extract
from minecsc.engine.selection import Selection
from minecsc.errors import SourceError, StoreError
from minecsc.schema import Document, RecordError
from minecsc.store import check_base, content_hash, open_base

TEXT = "In CSCs of breast cancer salinomycin lowers Wnt {}. Notch1 stays."


def line(number: int, **fields) -> dict:
    return {"pmid": str(number), "title": f"Study {number}.", "abstract": TEXT.format(number)} | fields


def write(path: Path, *lines: dict | str) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in lines) + "\n", encoding="utf-8")
    return path


def run(inputs, db: Path, process=read_all, **options) -> RunSummary:
    fields = options.pop("identity", {})
    summary = extract(inputs, db, process=processor(process, **fields), progress=False, **options)
    assert summary.accounted, summary
    return summary


class Counting:
    """The stand-in, with a list of what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, documents):
        for document in documents:
            self.seen.append(document.document_id)
            yield read_words(document)


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "base.duckdb"


def leftovers(db: Path) -> list[str]:
    return [path.name for path in db.parent.iterdir() if path.name.startswith(db.name) and path != db]


def test_the_whole_way(tmp_path, db):
    source = write(
        tmp_path / "a.jsonl",
        *(line(n) for n in range(1, 11)),
        line(3, abstract="Wnt revised.", revised="2024-01-01"),
        line(4),
        {"pmid": "5", "delete": True},
        "{broken",
        line(60, retraction_of=["6"]),
    )
    summary = run([source], db, shard_size=4)
    assert (summary.files, summary.read) == (1, 15)
    assert (summary.extracted, summary.present, summary.superseded) == (11, 0, 2)
    assert (summary.deletions, summary.errors, summary.new_errors) == (1, 1, 1)
    assert (summary.processed, summary.resumed) == (12, 0)
    assert summary.frames > 0
    assert summary.statements > 0
    assert summary.abstracts_per_second > 0
    with open_base(db) as base:
        flags = base.sql("SELECT pmid FROM document WHERE retracted OR deleted ORDER BY pmid").rows()
        assert [row["pmid"] for row in flags] == ["5", "6"]
        assert base.document(3)["abstract"] == "Wnt revised."
        assert base.errors().rows()[0]["record"] == "line 14"
        stored = base.runs().rows()[0]
        assert (stored["run_id"], stored["inputs"][0]["name"]) == (summary.run_id, "a.jsonl")
        assert len(base.frames(drug="salinomycin", mechanism="wnt")) == 10
        in_doubt = base.sql("SELECT documents_for, documents_retracted FROM statement_view WHERE tail_type = 'Pathway'")
        assert in_doubt.rows() == [{"documents_for": 8, "documents_retracted": 2}]
    assert check_base(db) == []
    assert leftovers(db) == []


def test_a_second_run_reads_nothing_and_changes_nothing(tmp_path, db):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(9)))
    run([source], db, shard_size=4)
    before = db.read_bytes()
    counting = Counting()
    summary = run([source], db, counting, shard_size=3)
    assert (summary.present, summary.extracted, summary.processed) == (9, 0, 0)
    assert counting.seen == []
    assert db.read_bytes() == before


def test_only_what_is_new_is_read(tmp_path, db):
    run([write(tmp_path / "a.jsonl", *(line(n) for n in range(6)))], db)
    counting = Counting()
    later = write(
        tmp_path / "b.jsonl",
        line(0),
        line(1, abstract="Wnt changed."),
        line(2, journal="Another field changed"),
        line(9),
    )
    summary = run([later], db, counting)
    assert counting.seen == ["pmid:1", "pmid:2", "pmid:9"]
    assert (summary.present, summary.extracted, summary.superseded) == (1, 3, 0)
    older = write(tmp_path / "c.jsonl", line(5, revised="2020-01-01"))
    run([older], db)
    counting = Counting()
    summary = run([tmp_path / "a.jsonl"], db, counting)
    assert summary.superseded == 1  # the record of 5 without a date


def test_another_model_or_setting_reads_everything_again(tmp_path, db):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(3)))
    run([source], db)
    for identity in ({"model_digest": "m2"}, {"kb_digest": "k2"}, {"settings": {"x": 1}}):
        summary = run([source], db, identity=identity)
        assert (summary.extracted, summary.processed, summary.present) == (3, 3, 0)
    assert run([source], db, identity=identity).present == 3


@pytest.mark.parametrize("shard_size", [1, 100])
def test_of_equal_records_the_last_in_the_input_wins(tmp_path, db, shard_size):
    one, two, three, four = (line(n, abstract=f"Wnt {word}.") for n in (1, 2) for word in ("first", "second"))
    source = write(tmp_path / "a.jsonl", one, two, one, three, four, four)
    summary = run([source], db, shard_size=shard_size)
    assert (summary.extracted, summary.superseded) == (2, 4)
    run([source], db, shard_size=shard_size)
    with open_base(db) as base:
        assert [base.document(n)["abstract"] for n in (1, 2)] == ["Wnt first.", "Wnt second."]


def test_shard_size_and_file_order_do_not_show_in_the_content(tmp_path):
    files = [write(tmp_path / f"{i}.jsonl", *(line(n) for n in range(i * 5, i * 5 + 7))) for i in range(3)]
    hashes = set()
    for number, (size, inputs) in enumerate(((1, files), (1000, files[::-1]))):
        path = tmp_path / f"{number}.duckdb"
        run(inputs, path, shard_size=size)
        hashes.add(content_hash(path))
    assert len(hashes) == 1


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_a_document_that_fails_is_an_error_and_its_neighbours_are_not(tmp_path, db, batch):
    """Whether the process fails at once, like a batch on a device, or after it has given some results."""

    def fragile(documents):
        for first in range(0, len(documents), batch):
            part = documents[first : first + batch]
            if any(document.pmid in ("3", "7") for document in part):
                raise FloatingPointError("no such number")
            yield from read_all(part)

    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(12)))
    summary = run([source], db, fragile, shard_size=8)
    assert (summary.extracted, summary.errors) == (10, 2)
    with open_base(db) as base:
        assert [(row["source"], row["record"], row["reason"]) for row in base.errors()] == [
            (str(source), f"pmid:{n}", "FloatingPointError: no such number") for n in (3, 7)
        ]
    assert run([source], db, shard_size=8).extracted == 2  # cured


def test_a_process_that_gives_too_few_or_the_wrong_results_is_caught(tmp_path, db):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(4)))

    def silent(documents):
        return read_all([d for d in documents if d.pmid != "2"])

    summary = run([source], db, silent)
    assert (summary.extracted, summary.errors) == (3, 1)
    with open_base(db) as base:
        assert base.errors().rows()[0]["record"] == "pmid:2"


def test_a_process_may_give_errors_itself(tmp_path, db):
    def choosy(documents):
        for document in documents:
            yield (RecordError("x", document.document_id, "no") if document.pmid == "1" else read_words(document))

    summary = run([write(tmp_path / "a.jsonl", line(0), line(1))], db, choosy)
    assert (summary.extracted, summary.errors) == (1, 1)


def test_inputs_without_records(tmp_path, db):
    empty = tmp_path / "a.jsonl"
    empty.touch()
    summary = run([empty], db)
    assert (summary.read, summary.errors, summary.extracted) == (1, 1, 0)
    assert summary.abstracts_per_second == 0
    with open_base(db) as base:
        assert base.summary()["documents"] == 0
    with pytest.raises(SourceError, match="missing"):
        run([tmp_path / "missing.jsonl"], db)


def test_text_that_cannot_be_stored_is_an_error(db):
    good, bad = Document("sample:1", "", "fine"), Document("sample:2", "", "half \ud83d", source="s")
    chunk = Selection(db, "p").chunk([good, bad])
    assert chunk.documents == [good]
    assert [(error.source, error.record) for error in chunk.errors] == [("s", "sample:2")]


def test_an_interrupt_keeps_what_is_done_and_says_so(tmp_path, db, caplog):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(10)))

    def interrupted(documents):
        for document in documents:
            if document.pmid == "6":
                raise KeyboardInterrupt
            yield read_words(document)

    with pytest.raises(KeyboardInterrupt):
        run([source], db, interrupted, shard_size=2)
    assert "6 abstracts are kept in" in caplog.text
    assert "the same command goes on from there" in caplog.text
    assert not db.exists()
    counting = Counting()
    summary = run([source], db, counting, shard_size=2)
    assert counting.seen == [f"pmid:{n}" for n in range(6, 10)]
    assert (summary.extracted, summary.resumed, summary.processed) == (10, 6, 4)
    assert leftovers(db) == []


def test_without_resume_it_starts_afresh(tmp_path, db):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(4)))

    def failing_concepts(ids):
        raise RuntimeError("no knowledge base")

    with pytest.raises(RuntimeError):
        run([source], db, identity={"concepts": failing_concepts})
    summary = run([source], db, resume=False)
    assert (summary.resumed, summary.processed) == (0, 4)
    assert leftovers(db) == []


def test_shards_of_another_interrupted_run_stay(tmp_path, db):
    def stop(documents):
        if documents[0].pmid == "2":
            raise KeyboardInterrupt
        return read_all(documents)

    long, short = (write(tmp_path / f"{i}.jsonl", *(line(n) for n in r)) for i, r in enumerate((range(4), (8, 9))))
    with pytest.raises(KeyboardInterrupt):
        run([long], db, stop, shard_size=2)
    run([short], db)
    counting = Counting()
    run([long], db, counting, shard_size=2)
    assert counting.seen == ["pmid:2", "pmid:3"]
    assert leftovers(db) == []


def child(moment: str, source: Path, db: Path, pace: float = 0.0) -> subprocess.Popen:
    script = Path(__file__).with_name("engine_child.py")
    return subprocess.Popen([sys.executable, str(script), moment, str(source), str(db), str(pace)])


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the other process did not get there"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> tuple[Path, Path]:
    """An input, and the database of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    deletion = {"pmid": "3", "delete": True}
    source = write(folder / "a.jsonl", *(line(n) for n in range(24)), "{broken", deletion, line(5))
    run([source], folder / "base.duckdb", shard_size=4)
    return source, folder / "base.duckdb"


@pytest.mark.parametrize("moment", ["extracting", "assembling", "cleaning"])
def test_killed_at_any_moment_and_resumed_it_ends_the_same(tmp_path, db, unbroken, moment):
    source, unbroken_db = unbroken
    work = tmp_path / "base.duckdb.minecsc-work"
    with child(moment, source, db, pace=0.05 if moment == "extracting" else 0.0) as process:
        if moment == "extracting":
            wait_for(lambda: len(list(work.glob("*/shard.json"))) >= 3)
        else:
            wait_for(Path(f"{db}.{moment}").exists)
            Path(f"{db}.{moment}").unlink()
        with pytest.raises(StoreError, match=rf"another run is extracting into .*process {process.pid}"):
            run([source], db)
        process.send_signal(signal.SIGKILL)
    assert db.exists() is (moment == "cleaning")
    counting = Counting()
    summary = run([source], db, counting, shard_size=4)
    assert len(counting.seen) < 24 if moment == "extracting" else counting.seen == []
    assert summary.processed == len(counting.seen)
    assert content_hash(db) == content_hash(unbroken_db)
    for table in ("frame", "statement", "error", "concept"):
        with open_base(db) as one, open_base(unbroken_db) as other:
            query = f"SELECT * {'EXCLUDE (run_id)' if table == 'error' else ''} FROM {table} ORDER BY ALL"
            assert one.sql(query).rows() == other.sql(query).rows()
    assert check_base(db) == []
    assert leftovers(db) == []


def test_a_foreign_database_is_refused_before_anything_is_read(tmp_path, db):
    db.write_bytes(b"something else")
    counting = Counting()
    with pytest.raises(StoreError, match="cannot be opened"):
        run([write(tmp_path / "a.jsonl", line(1))], db, counting)
    assert counting.seen == []
    assert db.read_bytes() == b"something else"


def test_assembling_again_gives_the_same(tmp_path, db):
    run([write(tmp_path / "a.jsonl", *(line(n) for n in range(5)))], db)

    def evidence():
        with open_base(db) as base:
            return [base.sql(f"SELECT * FROM {table} ORDER BY ALL").rows() for table in ("frame", "statement")]

    before = evidence()
    made = assemble(db)
    assert [made.frames, made.statements] == [len(rows) for rows in before]
    assert evidence() == before


def test_a_retraction_that_comes_later_lowers_belief_and_leaves_the_evidence(tmp_path, db):
    def belief():
        with open_base(db) as base:
            row = base.statements(head="salinomycin", tail="Wnt").rows()[0]
            return row["belief"], row["documents_for"], len(base.relations(drug="salinomycin", tail="Wnt"))

    run([write(tmp_path / "a.jsonl", line(1), line(2))], db)
    before = belief()
    run([write(tmp_path / "b.jsonl", {"pmid": "50", "title": "Retraction.", "retraction_of": ["2"]})], db)
    after = belief()
    assert after[0] < before[0]
    assert (before[1:], after[1:]) == ((2, 2), (1, 2))


def test_progress_goes_to_stderr_only_when_asked_or_on_a_terminal(tmp_path, capfd):
    source = write(tmp_path / "a.jsonl", *(line(n) for n in range(4)))
    for number, asked in enumerate((None, True)):
        extract([source], tmp_path / f"{number}.duckdb", process=processor(), progress=asked)
        out, err = capfd.readouterr()
        assert out == ""
        assert ("4 records" in err) is (asked is True)


def test_one_path_may_stand_for_a_list(tmp_path, db):
    assert run(write(tmp_path / "a.jsonl", line(1)), db).extracted == 1


def test_a_processor_is_known_by_what_shapes_its_result():
    def made(**fields) -> Processor:
        return processor(**fields)

    assert made().digest == made(device="cuda", model_name="other name").digest
    assert len({made().digest, made(model_digest="m2").digest, made(settings={"min_probability": 0.1}).digest}) == 3
    assert concepts({"HGNC:7881"})[0].name == "NOTCH1"
