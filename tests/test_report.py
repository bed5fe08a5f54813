"""How rows read on a terminal: every shape of frame, marks that lose no character, the demo's account."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from minecsc.report import demo_view, document_view, fact_table, frame_lines, verdict_lines
from minecsc.report.terminal import frame_phrase, marked
from minecsc.schema import ENTITY_TYPES

FRAME = {
    "drug": "salinomycin",
    "drug_effect": "decreases",
    "mechanism": "Wnt signaling",
    "csc_actor": "mechanism",
    "csc_effect": "increases",
    "target": "breast CSC",
    "population": "breast CSC",
    "cancer": "breast cancer",
    "negated": False,
    "speculative": True,
    "belief": 0.5,
    "pmid": None,
    "document_id": "sample:0001",
    "year": None,
    "retracted": False,
    "deleted": True,
    "sentence": None,
}


def _printed(*items) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None, highlight=False)
    for item in items:
        console.print(item)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({}, "salinomycin ─decreases→ Wnt signaling ─increases→ breast CSC  in breast cancer"),
        (
            {"csc_actor": "drug", "csc_effect": "decreases", "cancer": None},
            "salinomycin ─decreases→ Wnt signaling; salinomycin ─decreases→ breast CSC",
        ),
        ({"drug": None, "drug_effect": None, "cancer": None}, "Wnt signaling ─increases→ breast CSC"),
        (
            {"mechanism": None, "drug_effect": None, "csc_actor": "drug", "csc_effect": "decreases"},
            "salinomycin ─decreases→ breast CSC  in breast cancer",
        ),
        (
            {"mechanism": None, "drug_effect": None, "csc_actor": "population", "csc_effect": "resistance_to"}
            | {"target": "salinomycin", "cancer": None},
            "breast CSC ─resistance_to→ salinomycin",
        ),
        (
            {"csc_actor": None, "csc_effect": None, "target": None},
            "salinomycin ─decreases→ Wnt signaling  in breast CSC, breast cancer",
        ),
    ],
)
def test_every_shape_of_frame_reads_as_a_phrase(changes, phrase):
    assert frame_phrase(FRAME | changes).plain == phrase


def test_a_frame_line_names_flags_and_paper():
    (line,) = frame_lines([FRAME])
    assert line.plain.endswith("speculative, belief 0.50\n    sample:0001, deleted: ")


def test_marking_keeps_every_character():
    text = "ABCG2 drives efflux of cisplatin."
    rows = [
        {"start_char": 23, "end_char": 32, "surface": "cisplatin", "type": "Drug"},
        {"start_char": 0, "end_char": 5, "surface": "ABCG2", "type": "Gene"},
    ]
    view = marked(text, 0, len(text), rows)
    assert view.plain == "[ABCG2|Gene] drives efflux of [cisplatin|Drug]."
    colours = {str(span.style) for span in view.spans}
    assert len(colours) == 3  # two types and the dim labels
    for type_ in ENTITY_TYPES:
        assert marked("x", 0, 1, [{"start_char": 0, "end_char": 1, "surface": "x", "type": type_}]).spans


def test_brackets_in_a_text_are_no_markup():
    document = {
        "document_id": "pmid:1",
        "text": "[Notch] in [bold]cells[/bold].",
        "retracted": True,
        "deleted": True,
    }
    sentence = {"sentence_id": "s", "start_char": 0, "end_char": 30}
    printed = _printed(document_view(document, [sentence], [], []))
    assert document["text"] in printed
    assert "RETRACTED AND DELETED" in printed


def test_a_verdict_shows_what_it_rests_on():
    sentence = {"stance": "against", "pmid": "7", "year": 2020, "sentence": "It did not.", "retracted": True}
    row = {
        "assertion_id": "A1", "head": "Wnt", "relation": "associated_with", "tail": "CSC",
        "verdict": "not_found", "belief": None, "documents_for": 0, "documents_against": 1,
        "meaning": "denied",
        "sentences": [sentence, sentence | {"stance": "below_threshold"}],
    }  # fmt: skip
    (line,) = verdict_lines([row])
    assert line.plain.splitlines() == [
        "A1  Wnt is associated with CSC  not found (0 for, 1 against): denied",
        "    against · PMID 7, 2020, retracted: It did not.",
    ]


def test_facts_become_lines():
    facts = {
        "a_b": 1234,
        "none": None,
        "kinds": {"Drug": 2, "Gene": 1},
        "deep": {"runs": [{"run_id": "r"}], "x": 1.5},
    }
    lines = [" ".join(line.split()) for line in _printed(fact_table(facts)).splitlines()]
    assert lines == ["a b 1,234", "kinds Drug 2, Gene 1", "deep · runs 1 run_id r", "deep · x 1.5"]


def test_the_demo_account_names_the_database_only_where_it_is_not_the_usual_one():
    counts = dict.fromkeys(
        ("documents", "sentences", "mentions", "linked_mentions", "relations", "frames", "statements"), 4321
    ) | {"contested_statements": 0}
    facts = {
        "counts": counts,
        "mentions": {"Drug": 7},
        "relations": {"decreases": 5},
        "verdicts": {"not_found": 3},
    }
    usual = _printed(*demo_view(facts, [FRAME], Path("evidence.duckdb")))
    assert "4,321" in usual
    assert "salinomycin ─decreases→ Wnt signaling" in usual
    assert "--db evidence.duckdb" not in usual
    assert "minecsc show sample:0001 --db other.duckdb" in _printed(*demo_view(facts, [], Path("other.duckdb")))
