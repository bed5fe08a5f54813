"""The main job on the whole real set: every input accounted for, every offset right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import minecsc
from minecsc.engine import RunSummary, extract
from minecsc.sources import read
from minecsc.store import check_base, content_hash


@pytest.fixture(scope="module")
def inputs(shared: Path) -> list[Path]:
    return [
        shared / "csc" / "csc_abstracts.jsonl.gz",
        *sorted((shared / "csc" / "pubmed_xml").glob("*.xml*")),
    ]


@pytest.fixture(scope="module")
def base(inputs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary]:
    db = tmp_path_factory.mktemp("real") / "evidence.duckdb"
    return db, extract(inputs, db, device="cpu", progress=False)


@pytest.mark.shared
@pytest.mark.slow
def test_every_input_record_is_accounted_for(inputs: list[Path], base: tuple[Path, RunSummary]) -> None:
    _, summary = base
    assert summary.files == len(inputs)
    assert summary.read == sum(1 for path in inputs for _ in read(path))
    assert summary.accounted
    assert summary.extracted > 500
    with minecsc.open(base[0]) as evidence:
        reasons = evidence.sql("SELECT source, record, reason FROM error").rows()
    assert all(row["source"] and row["reason"] for row in reasons)


@pytest.mark.shared
@pytest.mark.slow
def test_every_offset_leads_back_to_its_surface(base: tuple[Path, RunSummary]) -> None:
    assert check_base(base[0]) == []
    with minecsc.open(base[0]) as evidence:
        rows = evidence.sql(
            "SELECT d.text, m.start_char, m.end_char, m.surface FROM mention m JOIN document d USING (document_id)"
        ).rows()
    assert len(rows) > 10_000
    assert all(row["text"][row["start_char"] : row["end_char"]] == row["surface"] for row in rows)


@pytest.mark.shared
@pytest.mark.slow
def test_a_second_run_changes_nothing(inputs: list[Path], base: tuple[Path, RunSummary]) -> None:
    db, first = base
    before = content_hash(db)
    again = extract(inputs, db, device="cpu", progress=False)
    # Of two records of one PMID and rank only the later is in the base: such pairs are read again, no others.
    assert again.processed <= first.superseded
    assert again.read == first.read
    assert content_hash(db) == before


@pytest.mark.shared
@pytest.mark.slow
def test_the_command_line_answers_from_it(base: tuple[Path, RunSummary]) -> None:
    for arguments in (["validate", "--json"], ["query", "--what", "relations", "--limit", "3", "--json"]):
        command = [sys.executable, "-m", "minecsc", *arguments, "--db", str(base[0])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().startswith(("{", "["))
