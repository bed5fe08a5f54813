"""The review's data: complete, well formed, and refused with the line where it is not."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from minecsc.errors import SchemaError
from minecsc.resources import resource
from minecsc.review import load_assertions, load_taxonomy, load_trials
from minecsc.schema import MECHANISM_CLASSES, STRATEGY_CLASSES

ROW = {
    "id": "X1", "section": "Dormancy", "kind": "mechanism", "relation": "increases",
    "head": {"name": "ABCG2", "type": "Gene", "aliases": ["BCRP"]},
    "tail": {"name": "chemoresistance", "type": "Process"},
    "cancer": None, "population": None, "model": None, "speculative": False, "citations": [3],
    "mechanism_class": "abc_transporter", "strategy_class": None, "paraphrase": "ABCG2 makes resistant.",
    "validatable": True, "core": True,
}  # fmt: skip


def test_the_shipped_assertions_are_all_there():
    held = load_assertions()
    assert len(held) == 819
    assert sum(a.validatable for a in held) == 595
    assert sum(a.core for a in held) == 350
    assert all(a.paraphrase and a.section for a in held)
    assert [a.assertion_id for a in held] == list(dict.fromkeys(a.assertion_id for a in held))


def test_every_section_and_class_of_an_assertion_has_its_chapter():
    taxonomy = load_taxonomy()
    assert {a.section for a in load_assertions()} == set(taxonomy.sections())
    mechanisms = {c.slug for c in taxonomy.mechanisms.walk()} | {c.slug for c in taxonomy.mechanism_topics}
    assert set(MECHANISM_CLASSES) <= mechanisms
    assert set(STRATEGY_CLASSES) <= {c.slug for c in taxonomy.strategies.walk()}


def test_the_shipped_trials():
    trials = load_trials()
    assert len(trials) == 28
    assert all(t.nct_id.startswith("NCT") and t.participants for t in trials)
    assert max(Counter(t.nct_id for t in trials).values()) == 1
    (avastin,) = [t for t in trials if "Avastin" in dict(t.drug_aliases).get("bevacizumab", ())]
    assert avastin.drugs == ("bevacizumab",)


def test_fields_survive_reading(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROW) + "\n\n", encoding="utf-8")
    (held,) = load_assertions(path)
    assert (held.head.name, held.head.aliases, held.tail.aliases) == ("ABCG2", ("BCRP",), ())
    row = held.row()
    assert (row["assertion_id"], row["head_name"], row["tail_type"]) == ("X1", "ABCG2", "Process")
    assert row["citations"] == (3,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relation": "causes"}, "unknown relation 'causes'"),
        ({"relation": "marker_of"}, "not in the signature table"),
        ({"head": {"name": "x", "type": "Protein"}}, "unknown entity type 'Protein'"),
        ({"mechanism_class": "magic"}, "unknown mechanism class"),
        ({"strategy_class": "magic"}, "unknown strategy class"),
        ({"head": None}, "field missing"),
    ],
)
def test_a_broken_line_is_named(tmp_path, change, message):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "id": "X2", **change}) + "\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"a\.jsonl:2") as caught:
        load_assertions(path)
    assert message in str(caught.value)


def test_a_repeated_id_and_a_line_that_is_no_json_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(2 * (json.dumps(ROW) + "\n"), encoding="utf-8")
    with pytest.raises(SchemaError, match="X1 is there twice"):
        load_assertions(path)
    path.write_text("{nope\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"a\.jsonl:1: not JSON"):
        load_assertions(path)


def test_the_review_folder_ships_with_a_description():
    assert "assertions.jsonl" in resource("corpus", "review", "README.md").read_text(encoding="utf-8")
