"""The command line, on a database of papers written here: what it prints, and how it ends."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from pathlib import Path

import pytest
from store_factory import concepts, manifest, paper, read_all
from typer.testing import CliRunner

from minecsc.cli import main
from minecsc.evidence import build_frames, build_statements
from minecsc.schema import RecordError
from minecsc.store import load_shards, read_evidence, replace_evidence, write_shard

VERBS = ("fetch", "extract", "query", "show", "validate", "evaluate", "curate", "export", "train", "info", "demo")
TEXT = "In CSCs of breast cancer salinomycin lowers Wnt. Notch1 stays."


@pytest.fixture(scope="module")
def db(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    path = folder / "evidence.duckdb"
    papers = [
        paper(1, year=2019),
        paper(2, "cisplatin may not lower Notch1 in CSCs.", year=2021, retracted=True),
        paper(3, "CD44 marks CSCs.", year=2020),
    ]
    failed = RecordError("a.xml", "record 7", "no PMID")
    shard = write_shard(folder / "shards", list(read_all(papers)), [], [failed], key="0")
    load_shards(path, [shard], manifest(), concepts)
    rows = read_evidence(path)
    replace_evidence(
        path,
        build_frames(rows.relations, rows.mentions, rows.concepts),
        build_statements(rows.relations, rows.documents),
    )
    return path


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


def printed(*arguments: object) -> object:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb):
    text = run(verb, "--help").stdout
    assert f"Example: minecsc {verb}" in re.sub(r"[\s│]+", " ", text)


def test_the_command_lists_its_verbs_and_its_version():
    text = run("--help").stdout
    assert all(verb in text for verb in VERBS)
    assert re.fullmatch(r"minecsc \d+\.\d+\.\d+\S*\n", run("--version").stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "--min-belief", "1.5"),
        ("query", "--what", "papers"),
        ("query", "--sql", "SELECT 1", "--drug", "salinomycin"),
        ("query", "--what", "statements", "--cancer", "breast cancer"),
        ("evaluate", "gold.jsonl", "--db", "x.duckdb", "--given-entities"),
        ("evaluate", "gold.jsonl", "--db", "x.duckdb", "--entities-model", "en_core_web_sm"),
        ("evaluate", "gold.jsonl", "--entity-labels", "GGP=Gene"),
        ("extract",),
        ("frobnicate",),
    ],
)
def test_wrong_usage_ends_with_two(arguments):
    result = run(*arguments, code=2)
    assert result.stdout == "" or "Usage" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "--db", "none.duckdb"), r"\[MCSC-E501\] .*none.duckdb does not exist"),
        (("show", "1", "--db", "none.duckdb"), r"\[MCSC-E501\]"),
        (("validate", "--db", "none.duckdb"), r"\[MCSC-E501\]"),
        (("info", "--db", "none.duckdb"), r"\[MCSC-E501\]"),
        (("evaluate", "none.jsonl"), r"\[MCSC-E601\] none.jsonl: cannot be read"),
        (("extract", "none.xml", "--db", "new.duckdb"), r"\[MCSC-E201\] .*none.xml"),
    ],
)
def test_what_the_user_can_mend_ends_with_one_and_one_line(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, code=1)
    assert result.stdout == ""
    assert re.match(rf"minecsc: {said}", result.stderr)
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_frames_are_what_a_query_gives(db):
    result = run("query", "--db", db)
    assert "salinomycin ─decreases→ Wnt signaling" in result.stdout
    assert f"PMID 1, 2019: {TEXT[:48]}" in result.stdout
    rows = printed("query", "--db", db, "--drug", "procoxacin", "--mechanism", "wnt")
    assert [(row["drug"], row["mechanism"], row["pmid"]) for row in rows] == [("salinomycin", "Wnt signaling", "1")]
    assert printed("query", "--db", db, "--drug", "cisplatin", "--mechanism", "wnt") == []


def test_nothing_found_is_no_failure(db):
    result = run("query", "--db", db, "--drug", "aspirin")
    assert result.stdout == ""
    assert "no frames match" in result.stderr


def test_relations_statements_and_sql(db):
    relations = printed("query", "--db", db, "--what", "relations", "--relation", "marker_of")
    assert {(row["head"], row["tail"]) for row in relations} == {("CD44", "CSCs"), ("Notch1", "CSCs")}
    text = run("query", "--db", db, "--what", "relations", "--relation", "marker_of").stdout
    assert "CD44 ─marker_of→ CSCs  p 0.90" in text
    assert len(printed("query", "--db", db, "--what", "relations", "--limit", "1")) == 1
    assert printed("query", "--db", db, "--what", "relations", "--min-belief", "0.95") == []
    statements = printed("query", "--db", db, "--what", "statements", "--drug", "salinomycin")
    assert {row["tail"] for row in statements} == {"Wnt signaling", "cancer stem cell"}
    assert "salinomycin" in run("query", "--db", db, "--what", "statements").stdout
    assert printed("query", "--db", db, "--sql", "SELECT count(*) AS n FROM document") == [{"n": 3}]
    assert "n" in run("query", "--db", db, "--sql", "SELECT count(*) AS n FROM document").stdout


@pytest.mark.parametrize("arguments", [("--sql", "SELEC 1"), ("--sql", "DROP TABLE document"), ("--relation", "likes")])
def test_a_query_that_cannot_be_answered_says_so(db, arguments):
    result = run("query", "--db", db, *arguments, code=1)
    assert result.stderr.startswith("minecsc: [MCSC-E501]")
    assert "Traceback" not in result.output


def test_show_marks_mentions_and_lists_relations_under_their_sentence(db):
    text = run("show", "1", "--db", db).stdout
    assert "In [CSCs|CSC] of [breast cancer|Cancer] [salinomycin|Drug] lowers [Wnt|Pathway]." in text
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("In [CSCs"))
    assert "    salinomycin ─decreases→ Wnt" in "\n".join(lines[place + 1 : place + 3])
    assert "\x1b" not in text
    assert run("show", "pmid:1", "--db", db).stdout == text
    flagged = run("show", "2", "--db", db).stdout
    assert "RETRACTED" in flagged
    assert "negated, speculative" in flagged
    data = printed("show", "1", "--db", db)
    assert data["document"]["text"].endswith(TEXT)
    assert {m["surface"] for m in data["mentions"]} >= {"salinomycin", "Wnt"}


def test_show_of_an_unknown_paper(db):
    assert "[MCSC-E501] 999 is not in" in run("show", "999", "--db", db, code=1).stderr


def test_info_tells_versions_and_what_is_stored(db):
    data = printed("info", "--db", db)
    assert data["database"]["counts"]["documents"] == 3
    assert data["database"]["relations"]["decreases"] == 4
    assert {"spacy", "torch", "duckdb"} <= set(data["packages"])
    assert [r["run_id"] for r in data["database"]["runs"]] == ["run-1"]
    text = run("info", "--db", db).stdout
    assert re.search(r"documents 3\b", text)
    assert "run-1" in text


def _gold(path: Path, text: str) -> Path:
    first, second = text.index("salinomycin"), text.index("Wnt")
    start = text.index("In CSCs")
    record = {
        "pmid": "1",
        "text": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "sentences": [[start, len(text)]],
        "entities": [
            {"id": "T1", "type": "Drug", "start": first, "end": first + 11, "sent": 1},
            {"id": "T2", "type": "Pathway", "start": second, "end": second + 3, "sent": 1},
        ],
        "relations": [{"type": "decreases", "head": "T1", "tail": "T2"}],
    }
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


def test_evaluate_scores_what_is_stored(db, tmp_path):
    gold = _gold(tmp_path / "gold.jsonl", f"Study 1. {TEXT}")
    data = printed("evaluate", gold, "--db", db, "--bootstrap", "20")
    micro = data["scores"]["relations.strict"]["micro"]
    assert (micro["matched"], micro["predicted"], micro["support"]) == (1, 2, 1)
    assert data["document_key"] == "concept"
    report = tmp_path / "report.md"
    text = run("evaluate", gold, "--db", db, "--bootstrap", "20", "--out", report).stdout
    assert "Relations end to end, strict" in text
    assert report.read_text(encoding="utf-8").startswith("### 1 documents")
    run("evaluate", gold, "--db", db, "--bootstrap", "0", "--out", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["documents"] == 1


def test_evaluate_compares_two_databases_and_writes_a_page(db, tmp_path):
    gold = _gold(tmp_path / "gold.jsonl", f"Study 1. {TEXT}")
    other = tmp_path / "other.duckdb"
    other.write_bytes(db.read_bytes())
    page = tmp_path / "report.html"
    arguments = ("evaluate", gold, "--db", db, "--against", other, "--bootstrap", "20", "--examples", "0")
    data = printed(*arguments, "--out", page)
    assert {item["difference"] for item in data["comparison"]} == {0.0}
    assert data["about"]["against, database"] == "other.duckdb"
    assert not any(item["examples"] for item in data["errors"])
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    run(*arguments[:6], "--bootstrap", "0", code=2)


def test_evaluate_refuses_another_text(db, tmp_path):
    gold = _gold(tmp_path / "gold.jsonl", f"Study 1! {TEXT}")
    result = run("evaluate", gold, "--db", db, code=1)
    assert "[MCSC-E601] pmid:1: gold and prediction were made on different texts" in result.stderr
    missing = tmp_path / "no" / "report.md"
    good = _gold(tmp_path / "good.jsonl", f"Study 1. {TEXT}")
    assert "cannot be written" in run("evaluate", good, "--db", db, "--out", missing, code=1).stderr


def test_the_defaults_are_those_of_the_engine():
    from minecsc import cli
    from minecsc.engine import local

    parameters = inspect.signature(cli.extract).parameters
    assert parameters["batch_size"].default == local.BATCH_SIZE
    assert parameters["shard_size"].default == local.SHARD_SIZE
