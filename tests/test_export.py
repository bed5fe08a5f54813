"""Exports as such: tables, empty and hostile bases, refusals, the command."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import duckdb
import networkx
import pyarrow.parquet as pq
import pytest
from bioc import biocjson, pubtator
from bioc.validator import BioCValidator
from export_cases import PAPERS, build, counts, table
from store_factory import paper
from typer.testing import CliRunner

from minecsc.cli import main
from minecsc.cli_export import ExportFormat
from minecsc.errors import ExportError, StoreError
from minecsc.export import FORMATS, export
from minecsc.store import open_base


@pytest.fixture(scope="module")
def db(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("export"), PAPERS)


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("empty"), [])


# tables


def test_parquet_holds_every_documented_view(db, tmp_path):
    done = export(db, "parquet", tmp_path / "tables")
    with open_base(db) as base:
        sql = "SELECT view_name FROM duckdb_views() WHERE database_name = 'base' AND comment IS NOT NULL"
        views = {row["view_name"] for row in base.sql(sql)}
        assert {"evidence", "frame_view", "statement_view", "verdict_view"} <= views
        assert {path.name for path in done.files} == {f"{view}.parquet" for view in views}
        for view in views:
            stored = base.sql(f"SELECT * FROM {view}").arrow()
            read = pq.read_table(tmp_path / "tables" / f"{view}.parquet")
            assert read.column_names == stored.column_names
            assert sorted(map(str, read.to_pylist())) == sorted(map(str, stored.to_pylist()))
            assert done.counts[view] == stored.num_rows


def test_csv_keeps_rows_and_writes_lists_as_json(db, tmp_path):
    export(db, "csv", tmp_path, views=["statement_view", "evidence"])
    assert {path.name for path in tmp_path.iterdir()} == {"statement_view.csv", "evidence.csv"}
    with open_base(db) as base, (tmp_path / "statement_view.csv").open(encoding="utf-8", newline="") as stream:
        stored = {row["statement_id"]: row for row in base.sql("SELECT * FROM statement_view")}
        read = {row["statement_id"]: row for row in csv.DictReader(stream)}
    assert read.keys() == stored.keys()
    for key, row in read.items():
        assert json.loads(row["relations_for"]) == stored[key]["relations_for"]
        assert json.loads(row["years"]) == stored[key]["years"]
        assert float(row["belief"]) == pytest.approx(stored[key]["belief"])


# every format


def test_an_empty_base_gives_valid_empty_files(empty, tmp_path):
    for name in FORMATS:
        done = export(empty, name, tmp_path / name)
        kept = {view: count for view, count in done.counts.items() if view != "verdict_view"}
        assert not any(kept.values()), (name, kept)
        assert all(path.is_file() for path in done.files)
    assert json.loads((tmp_path / "indra").read_text()) == []
    assert biocjson.loads((tmp_path / "bioc").read_text()).documents == []
    assert networkx.read_graphml(tmp_path / "graphml").number_of_nodes() == 0
    assert table(tmp_path / "kgx" / "edges.tsv") == table(tmp_path / "kgx" / "nodes.tsv") == []
    assert pq.read_table(tmp_path / "parquet" / "evidence.parquet").num_rows == 0
    assert all((tmp_path / name).read_text() == "" for name in ("pubtator", "sif", "ris", "bibtex"))


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("parquet", "csv")])
def test_an_export_is_the_same_each_time_and_leaves_nothing_else(db, tmp_path, name):
    first, second = export(db, name, tmp_path / "a"), export(db, name, tmp_path / "b")
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]
    made = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {*first.files, *second.files}


def test_files_are_replaced_only_by_force(db, tmp_path):
    (tmp_path / "x.ris").write_text("mine")
    with pytest.raises(ExportError, match=r"MCSC-E801.*is there already"):
        export(db, "ris", tmp_path / "x.ris")
    assert (tmp_path / "x.ris").read_text() == "mine"
    export(db, "ris", tmp_path / "x.ris", force=True)
    assert (tmp_path / "x.ris").read_text().startswith("TY  - JOUR")
    with pytest.raises(ExportError, match="is a folder"):
        export(db, "ris", tmp_path, force=True)


@pytest.mark.parametrize(
    ("format", "options", "said"),
    [
        ("graphm", {}, "no format 'graphm': did you mean graphml?"),
        ("xlsx", {}, "no format 'xlsx': there are parquet, csv, indra"),
        ("csv", {"views": ["evidense"]}, "no view 'evidense': did you mean evidence?"),
        ("csv", {"views": ["document; DROP"]}, "no view"),
        ("kgx", {"views": ["evidence"]}, "views can be chosen for parquet and csv only"),
        ("ris", {"min_belief": 0.5}, "a least belief can be asked of indra"),
    ],
)
def test_what_a_format_cannot_do_is_said(db, tmp_path, format, options, said):
    with pytest.raises(ExportError, match=re.escape(said)):
        export(db, format, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(db, tmp_path):
    with pytest.raises(ExportError, match="cannot be written"):
        export(db, "ris", tmp_path / "missing" / "x.ris")
    with pytest.raises(StoreError):
        export(tmp_path / "none.duckdb", "ris", tmp_path / "x.ris")


def test_hostile_text_breaks_no_format(tmp_path):
    broken = 'a\tb\x0bc\x0c\x85\u2028d\x01 "e" <script>&amp; }{ salinomycin lowers Wnt.'
    db = build(tmp_path, [paper(1, broken, title='T\t"x"|y\r\n<b>', authors=("A\tB",))])
    for name in FORMATS:
        export(db, name, tmp_path / name)
    (document,) = pubtator.loads((tmp_path / "pubtator").read_text(encoding="utf-8"))
    pubtator.validate(document)
    assert len(document.annotations) == 2
    (found,) = biocjson.loads((tmp_path / "bioc").read_text(encoding="utf-8")).documents
    BioCValidator().validate_doc(found)
    assert "".join(passage.text for passage in found.passages).endswith(broken)
    assert networkx.read_graphml(tmp_path / "graphml").number_of_edges() == 1
    assert len(table(tmp_path / "kgx" / "edges.tsv")) == 1
    with duckdb.connect() as con:
        ((count, pmid),) = con.execute(
            "SELECT count(*), min(pmid) FROM read_csv(?)", [str(tmp_path / "csv" / "evidence.csv")]
        ).fetchall()
    assert (count, pmid) == (1, 1)
    assert len(json.loads((tmp_path / "indra").read_text(encoding="utf-8"))) == 1


# the command


def test_the_command_writes_andcounts(db, tmp_path):
    result = CliRunner().invoke(main, ["export", str(db), "--to", "sif", "--out", str(tmp_path / "x.sif")])
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "x.sif").read_text().splitlines()
    assert f"x.sif: {len(lines)} edges" in result.stdout
    arguments = ["export", str(db), "--to", "csv", "--what", "evidence", "--out", str(tmp_path / "t"), "--json"]
    said = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert said == {"files": [str(tmp_path / "t" / "evidence.csv")], "counts": {"evidence": counts(db)["relation"]}}


def test_the_command_refuses_what_it_does_not_know(db, tmp_path):
    result = CliRunner().invoke(main, ["export", str(db), "--to", "xlsx", "--out", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert all(name in result.stderr for name in ("xlsx", "graphml"))
    assert CliRunner().invoke(main, ["export", str(db)]).exit_code == 2
    refused = CliRunner().invoke(main, ["export", str(db), "--to", "csv", "--what", "no", "--out", str(tmp_path / "x")])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("minecsc: [MCSC-E801] no view 'no'")


def test_the_command_offers_every_format():
    assert [format.value for format in ExportFormat] == list(FORMATS)
