"""Sheets of the curation loop: what they show, what a spreadsheet may do to them, and which rows are refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from curation_cases import SALINOMYCIN_CSC, SALINOMYCIN_WNT, beliefs, make_base, rows_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_factory import fetch
from typer.testing import CliRunner

from minecsc.cli import main
from minecsc.curation import read_sheet, read_verdicts, write_sheet
from minecsc.curation.sheet import COLUMNS, VERDICT_COLUMNS
from minecsc.engine.assemble import evidence_of
from minecsc.errors import CurationError


@pytest.fixture
def db(tmp_path) -> Path:
    return make_base(tmp_path / "evidence.duckdb")


def test_the_sheet_shows_what_a_curator_needs(db):
    row = rows_of(db)[SALINOMYCIN_WNT]
    assert row["sentence"] == "In CSCs of breast cancer [HEAD: salinomycin] lowers [TAIL: Wnt]."
    assert (row["head_type"], row["head_concept"]) == ("Drug", "salinomycin (CHEBI:80025)")
    assert (row["type"], row["tail_type"], row["negated"], row["probability"]) == ("decreases", "Pathway", False, 0.9)
    assert (row["statement"], row["belief"]) == ("salinomycin decreases Wnt signaling", 0.9)
    assert (row["pmid"], row["year"], row["title"]) == ("1", 2019, "Study 1.")
    assert row.keys() <= set(COLUMNS)
    assert "cisplatin decreases Notch1 (speculative)" in rows_of(db)


BAD_ROWS = [
    ({"correct": "maybe"}, "none of yes, no, unsure"),
    ({"note": "hm"}, "'correct' is empty"),
    ({"correct": "no"}, "what is wrong?"),
    ({"correct": "no", "category": "colour"}, "category 'colour' is none of boundary"),
    ({"correct": "no", "category": "no_entity"}, "is none of boundary"),
    ({"correct": "yes", "category": "boundary"}, "correct is yes, but category"),
    ({"correct": "yes", "corrected_type": "increases"}, "correct is yes, but corrected_type"),
    ({"correct": "no", "corrected_type": "lowers"}, "corrected_type 'lowers' is none of"),
    ({"correct": "no", "corrected_type": "marker_of"}, "marker_of cannot hold from Drug to CSC"),
    ({"correct": "no", "category": "spurious", "corrected_negated": "yes"}, "leaves no relation to correct"),
    ({"correct": "no", "category": "wrong_type", "corrected_type": "decreases"}, "as shown"),
    ({"correct": "no", "category": "negation_missed", "corrected_negated": "no"}, "as shown"),
    ({"correct": "unsure", "category": "type"}, "unsure goes with neither"),
    ({"correct": "yes", "corrected_negated": "perhaps"}, "neither yes nor no"),
    ({"correct": "yes", "evidence_id": ""}, "evidence_id is empty"),
    ({"correct": "yes", "evidence_id": "0" * 64 + "#decreases:1-2>3-4"}, "no document of this database"),
    ({"correct": "yes", "shown": "v0"}, "have changed since"),
]


def test_a_bad_row_is_named_with_its_reason_and_costs_no_other(db):
    shown = rows_of(db)
    good, other = shown[SALINOMYCIN_WNT], shown[SALINOMYCIN_CSC]
    bad = [other | cells for cells, _ in BAD_ROWS]
    moved = other["evidence_id"].replace("#decreases:", "#increases:")
    sheet = db.parent / "todo.csv"
    rows = [good | {"correct": "Yes "}, *bad, other | {"correct": "yes", "evidence_id": moved}]
    rows += [good | {"correct": "TRUE"}, good | {"correct": "no", "category": "Entity boundaries"}, {}]
    write_sheet(rows, sheet)
    report = read_verdicts(db, sheet, curator="ada", evidence=evidence_of)
    reasons = {problem.row: problem.reason for problem in report.problems}
    for number, (_, reason) in enumerate(BAD_ROWS, start=3):
        assert reason in reasons.pop(number)
    last = 3 + len(BAD_ROWS)
    assert "no longer yields this relation" in reasons.pop(last)
    assert "row 2 judges the same evidence otherwise" in reasons.pop(last + 2)
    assert reasons == {}
    assert str(report.problems[0]).startswith("todo.csv, row 3: correct 'maybe'")
    assert (report.added, report.open) == (1, 0)
    assert beliefs(db)[SALINOMYCIN_WNT] == 1.0


def test_damaged_files_are_refused_and_damaged_lines_named(db):
    row = rows_of(db)[SALINOMYCIN_WNT] | {"correct": "yes"}
    folder = db.parent
    (folder / "latin.csv").write_bytes("correct,evidence_id,shown\nyes,é,v\n".encode("latin-1"))
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "empty.csv").write_text("")
    (folder / "text.xlsx").write_text("no workbook")
    for name in ("latin.csv", "other.csv", "empty.csv", "text.xlsx", "gone.csv", "sheet.ods"):
        with pytest.raises(CurationError, match=name):
            read_verdicts(db, folder / name, curator="ada")
    with pytest.raises(CurationError, match="curator"):
        read_verdicts(db, folder / "other.csv", curator=" ")
    sheet = folder / "todo.jsonl"
    sheet.write_text('{"correct": "yes"\n[1]\n{"correct": "no"}\n\n' + json.dumps(row) + "\n", encoding="utf-8")
    report = read_verdicts(db, sheet, curator="ada")
    assert [(p.row, p.reason.split(" (")[0]) for p in report.problems] == [
        (1, "not JSON"), (2, "not a JSON object"), (3, "lacks evidence_id, shown"),
    ]  # fmt: skip
    assert report.added == 1
    table = folder / "table.csv"
    cells = f"yes,{row['evidence_id']},{row['shown']}"
    table.write_text(f'correct,evidence_id,shown\n{cells},more\n{cells}\n"no', encoding="utf-8")
    report = read_verdicts(db, table, curator="bob")
    assert [p.row for p in report.problems] == [2, 4]
    assert report.added == 1


def test_a_filled_in_sheet_is_not_overwritten(db):
    sheet = db.parent / "todo.csv"
    write_sheet([], sheet)
    with pytest.raises(CurationError, match="--force"):
        write_sheet([], sheet)
    write_sheet([], sheet, force=True)


def test_a_spreadsheet_may_change_separator_case_and_order(db):
    row = rows_of(db)[SALINOMYCIN_WNT]
    sheet = db.parent / "todo.csv"
    with sheet.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["Shown", "note", "Evidence_ID", "Correct", "Category"])
        writer.writerow([row["shown"], 'two\r\nlines; "quoted"', row["evidence_id"], "FALSE", "No relation"])
    assert read_verdicts(db, sheet, curator="ada").added == 1
    assert fetch(db, "SELECT category, note FROM curation") == [("spurious", 'two\r\nlines; "quoted"')]


@given(st.lists(st.text(), min_size=1, max_size=3))
@example(["=1+1", "'=1", "''@x", "\t-", " +", "＝1"])
def test_any_note_comes_back_as_it_was_written_and_none_is_a_formula(tmp_path_factory, notes):
    folder = tmp_path_factory.mktemp("notes")
    rows = [{"correct": "no", "note": note, "evidence_id": "e", "shown": "v", "title": note} for note in notes]
    for suffix in (".csv", ".jsonl"):
        sheet = folder / f"todo{suffix}"
        write_sheet(rows, sheet)
        assert [cells["note"] for _, cells in read_sheet(sheet)] == notes
    with (folder / "todo.csv").open(encoding="utf-8-sig", newline="") as stream:
        for cells in list(csv.reader(stream))[1:]:
            assert not any(cell.lstrip(" ")[:1] in tuple("=+-@\t\r") for cell in cells if cell)


@settings(max_examples=15)
@given(st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("=+-@'\n"), max_size=40))
@example("=HYPERLINK(1)")
def test_xlsx_holds_text_and_no_formulas(tmp_path_factory, note):
    openpyxl = pytest.importorskip("openpyxl")
    sheet = tmp_path_factory.mktemp("notes") / "todo.xlsx"
    write_sheet([{"correct": "no", "note": note, "evidence_id": "e", "shown": "v", "probability": 0.5}], sheet)
    assert [cells["note"] for _, cells in read_sheet(sheet)] == [note]
    book = openpyxl.load_workbook(sheet)
    assert "f" not in {cell.data_type for cell in book["evidence"][2]}
    assert book["evidence"].freeze_panes == "A2"


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, ["curate", *(str(argument) for argument in arguments)])
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


def test_the_command_goes_the_whole_round(db):
    sheet = db.parent / "todo.csv"
    assert "rows to judge" in run(db, "--out", sheet, "--strategy", "random", "--limit", 3).stderr
    assert "--force" in run(db, "--out", sheet, code=1).stderr
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    assert tuple(rows[0])[: len(VERDICT_COLUMNS)] == VERDICT_COLUMNS
    rows[0]["correct"], rows[1]["correct"] = "yes", "perhaps"
    write_sheet(rows, sheet, force=True)
    done = run(db, "--read", sheet, "--curator", "ada", code=3)
    assert "1 verdicts stored, 0 known already, 1 rows left open, 1 refused" in done.stdout
    assert "todo.csv, row 3: correct 'perhaps'" in done.stderr
    shown = run(db, "--report").stdout
    assert "Precision by the random sample" in shown
    assert json.loads(run(db, "--report", "--json").stdout)["curators"] == {"ada": 1}
    for usage in ([db], [db, "--read", sheet], [db, "--report", "--out", sheet]):
        run(*usage, code=2)
