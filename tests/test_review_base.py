"""Verdicts from a real database, and back into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_cases import DictionaryLinker
from store_factory import CONCEPTS, concepts, manifest, paper, read_all

from minecsc.engine.assemble import evidence_of
from minecsc.errors import StoreError
from minecsc.review import Assertion, Term, Trial, Validation, store, validate, validate_review
from minecsc.store import check_base, load_shards, open_base, read_review, replace_review, write_shard


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


TRIALS = [
    Trial(
        "NCT1", "Breast Cancer", "Salinomycin and gobbledynib", 9, ("salinomycin", "gobbledynib"), None,
        ("breast carcinoma",), "pathway_blockade", "wnt", modalities=("radiotherapy",),
    ),
    Trial("NCT2", "Glioma", "Vaccine", None, (), None, ("glioma",), None, None),
]  # fmt: skip


def stored(tmp_path: Path) -> Path:
    db = tmp_path / "evidence.duckdb"
    papers = [
        paper(1),
        paper(2, title="Study 1."),
        paper(3, "Here gobbledynib is seen with CD44. Elsewhere CSCs are."),
        paper(4, "In CSCs cisplatin lowers Wnt."),
    ]
    shard = write_shard(tmp_path / "shards", list(read_all(papers)), (), (), key="k1")
    load_shards(db, [shard], manifest(), concepts, evidence_of)
    return db


def judged(db: Path, held: list[Assertion] = HELD, **settings: float) -> Validation:
    linker = VocabularyLinker(CONCEPTS.values())
    return validate_review(read_review(db), linker, linker.kb.concept, held, TRIALS, **settings)


def test_verdicts_from_a_database_point_to_sentences_that_are_there(tmp_path):
    db = stored(tmp_path)
    validation = judged(db)
    found = {v.assertion_id: v for v in validation.verdicts}
    stated = found["A1"]
    assert (stated.verdict, stated.reason) == ("supported", "stated_in_context")
    assert (stated.documents_for, stated.documents_against) == (1, 0), "two copies of one text"
    assert found["A3"].verdict == "supported", "a drug of the class"
    assert (found["A2"].verdict, found["A2"].reason) == ("not_found", "no_relation_extracted")
    store(db, validation)
    with open_base(db) as base:
        for row in stated.evidence:
            known = base.sql(
                "SELECT relation_id FROM relation JOIN sentence USING (sentence_id) WHERE sentence_id = ?",
                [row.sentence_id],
            ).rows()
            assert row.relation_id in {r["relation_id"] for r in known}
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
    assert check_base(db) == []


def test_trials_are_linked_to_the_evidence_on_their_drugs_and_cancers(tmp_path):
    db = stored(tmp_path)
    store(db, judged(db))
    with open_base(db) as base:
        rows = {(r["nct_id"], r["name"]): r for r in base.sql("SELECT * FROM trial_view").rows()}
    assert list(rows) == [
        ("NCT1", "salinomycin"), ("NCT1", "gobbledynib"), ("NCT1", "radiotherapy"), ("NCT1", "breast carcinoma"),
        ("NCT2", "glioma"),
    ]  # fmt: skip
    drug, unknown = rows["NCT1", "salinomycin"], rows["NCT1", "gobbledynib"]
    assert (drug["role"], drug["concept_id"], drug["condition"]) == ("drug", "CHEBI:80025", "Breast Cancer")
    assert (drug["documents"], drug["documents_together"]) == (1, 1), "two copies of one text are one paper"
    assert drug["statements"] == 2
    assert (drug["head"], drug["relation"], drug["tail"]) == ("salinomycin", "decreases", "cancer stem cell")
    assert drug["belief"] is not None
    assert drug["frames"] == len(drug["frame_ids"]) > 0
    assert (unknown["concept_id"], unknown["documents"], unknown["documents_together"]) == (None, 1, 0)
    assert unknown["belief"] is None, "what it does to CD44 is not what it does to stem cells"
    cancer = rows["NCT1", "breast carcinoma"]
    assert (cancer["role"], cancer["documents"], cancer["documents_together"]) == ("cancer", 1, 1)
    assert rows["NCT2", "glioma"]["documents"] == 0


def test_what_the_review_does_not_say_is_listed_with_its_sentence(tmp_path):
    db = stored(tmp_path)
    store(db, judged(db))
    with open_base(db) as base:
        rows = base.sql("SELECT * FROM novel_view ORDER BY chapter, rank").rows()
    said = {(row["head"], row["relation"], row["tail"]) for row in rows}
    assert ("cisplatin", "decreases", "Wnt signaling") in said
    assert ("salinomycin", "decreases", "cancer stem cell") in said
    assert not any(row["tail"] == "Wnt signaling" and row["head"] == "salinomycin" for row in rows), "assertion A1"
    for row in rows:
        assert row["sentence"]
        assert row["documents_for"] > 0
    assert {row["chapter"] for row in rows} <= {"wnt", "surface_marker", "other"}


def test_the_outcome_is_stored_whole_or_not_at_all(tmp_path):
    db = stored(tmp_path)
    store(db, judged(db))
    with pytest.raises(StoreError):
        replace_review(db, assertions=[], trials=[], verdicts=[], novel=[{"statement_id": "s"}])
    store(db, judged(db))  # again: nothing is there twice
    with open_base(db) as base:
        counted = {
            table: base.sql(f"SELECT count(*) AS n FROM {table}").rows()[0]["n"]
            for table in ("review_assertion", "trial", "assertion_verdict", "trial_link")
        }
    assert counted == {"review_assertion": 3, "trial": 2, "assertion_verdict": 3, "trial_link": 5}


def test_a_higher_threshold_leaves_less(tmp_path):
    (verdict,) = judged(stored(tmp_path), HELD[:1], min_probability=0.95).verdicts
    assert (verdict.verdict, verdict.reason) == ("not_found", "below_threshold")


def test_an_empty_list_of_assertions_is_no_invitation_to_take_the_shipped_ones(tmp_path):
    assert judged(stored(tmp_path), []).verdicts == []


def test_the_shipped_review_is_held_against_a_base_with_the_shipped_knowledge_base(tmp_path):
    db = stored(tmp_path)
    found = validate(db)
    assert len(found.verdicts) == len(found.assertions) == 819
    names = {(link.role, link.name): link.concept_id for link in found.trial_links}
    assert names["drug", "metformin"] == "drugbank:DB00331"
    assert names["drug", "bevacizumab"] is not None
    with open_base(db) as base:
        assert base.summary()["verdicts"] == 819
        assert base.sql("SELECT count(DISTINCT nct_id) AS n FROM trial_view").rows() == [{"n": 28}]
