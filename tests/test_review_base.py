"""Verdicts from a real database, and back into it."""

from __future__ import annotations

from pathlib import Path

from evidence_cases import DictionaryLinker
from store_factory import CONCEPTS, concepts, manifest, paper, read_all

from minecsc.review import Assertion, Term, load_trials, validate_assertions
from minecsc.store import load_shards, open_base, replace_review, replace_verdicts, write_shard


class Vocabulary:
    concept = staticmethod(CONCEPTS.get)


class VocabularyLinker(DictionaryLinker):
    kb = Vocabulary()


HELD = [
    Assertion(
        "A1",
        "Dormancy",
        "therapy",
        Term("salinomycin", "Drug"),
        "decreases",
        Term("Wnt signaling", "Pathway"),
        cancer="breast carcinoma",
    ),
    Assertion("A2", "Dormancy", "marker", Term("CD44", "Gene"), "marker_of", Term("cancer stem cell", "CSC")),
    Assertion("A3", "Dormancy", "therapy", Term("ionophore", "Drug"), "decreases", Term("Wnt signaling", "Pathway")),
]


def stored(tmp_path: Path) -> Path:
    db = tmp_path / "evidence.duckdb"
    papers = [
        paper(1),
        paper(2, title="Study 1."),
        paper(3, "Here gobbledynib is seen with CD44. Elsewhere CSCs are."),
    ]
    shard = write_shard(tmp_path / "shards", list(read_all(papers)), (), (), key="k1")
    load_shards(db, [shard], manifest(), concepts)
    return db


def test_verdicts_from_a_database_point_to_sentences_that_are_there(tmp_path):
    db = stored(tmp_path)
    linker = VocabularyLinker(CONCEPTS.values())
    with open_base(db) as base:
        found = {v.assertion_id: v for v in validate_assertions(base, linker, HELD)}
        stated = found["A1"]
        assert (stated.verdict, stated.reason) == ("supported", "stated_in_context")
        assert (stated.documents_for, stated.documents_against) == (1, 0), "two copies of one text"
        assert found["A3"].verdict == "supported", "a drug of the class"
        assert (found["A2"].verdict, found["A2"].reason) == ("not_found", "no_relation_extracted")
        for row in stated.evidence:
            known = base.sql(
                "SELECT relation_id FROM relation JOIN sentence USING (sentence_id) WHERE sentence_id = ?",
                [row.sentence_id],
            ).rows()
            assert row.relation_id in {r["relation_id"] for r in known}
    replace_review(db, [assertion.row() for assertion in HELD], load_trials())
    replace_verdicts(db, found.values())
    with open_base(db) as base:
        rows = base.sql(
            "SELECT head_name, verdict, belief FROM review_assertion "
            "JOIN assertion_verdict USING (assertion_id) ORDER BY assertion_id"
        ).rows()
        assert [(r["head_name"], r["verdict"]) for r in rows] == [
            ("salinomycin", "supported"),
            ("CD44", "not_found"),
            ("ionophore", "supported"),
        ]
        assert rows[1]["belief"] is None
        assert base.sql("SELECT count(*) AS n FROM trial").rows() == [{"n": 28}]


def test_a_higher_threshold_leaves_less(tmp_path):
    with open_base(stored(tmp_path)) as base:
        linker = VocabularyLinker(CONCEPTS.values())
        (verdict,) = validate_assertions(base, linker, HELD[:1], min_probability=0.95)
    assert (verdict.verdict, verdict.reason) == ("not_found", "below_threshold")


def test_an_empty_list_of_assertions_is_no_invitation_to_take_the_shipped_ones(tmp_path):
    with open_base(stored(tmp_path)) as base:
        assert validate_assertions(base, VocabularyLinker(CONCEPTS.values()), []) == []
