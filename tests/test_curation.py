"""The curation loop on real databases: what verdicts change, what they survive, what the report makes of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from curation_cases import (
    DAY,
    LOWERS,
    SALINOMYCIN_CSC,
    SALINOMYCIN_WNT,
    beliefs,
    judge,
    load,
    make_base,
    relation,
    rows_of,
    verdict,
)
from hypothesis import given
from hypothesis import strategies as st
from store_factory import fetch, paper

from minecsc.curation import curation_report, read_verdicts, select, write_sheet
from minecsc.curation.report import wilson
from minecsc.errors import StoreError
from minecsc.evidence.curation import CURATION_CATEGORIES, curated
from minecsc.schema import ERROR_MEANINGS
from minecsc.store import check_base


@pytest.fixture
def db(tmp_path) -> Path:
    return make_base(tmp_path / "evidence.duckdb")


def test_categories_are_those_of_the_shared_taxonomy():
    assert set(CURATION_CATEGORIES) < set(ERROR_MEANINGS)
    assert set(ERROR_MEANINGS) - set(CURATION_CATEGORIES) == {"no_entity", "no_relation"}  # of what was missed


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx"])
def test_verdicts_change_belief_at_once(db, suffix):
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    before = beliefs(db)
    report = judge(
        db,
        "ada",
        {
            SALINOMYCIN_WNT: "yes",
            SALINOMYCIN_CSC: {"correct": "no", "category": "spurious", "note": "=1+1"},
            "CD44 marker_of CSCs": "unsure",
        },
        suffix=suffix,
    )
    assert (report.added, report.known, report.open) == (3, 0, len(before) - 3)
    after = beliefs(db)
    assert before[SALINOMYCIN_WNT] == 0.9
    assert after[SALINOMYCIN_WNT] == 1.0
    assert SALINOMYCIN_CSC in before
    assert SALINOMYCIN_CSC not in after
    assert after["CD44 marker_of CSCs"] == 0.9
    assert fetch(db, "SELECT note, curator, judged FROM curation WHERE note IS NOT NULL") == [("=1+1", "ada", DAY)]
    assert fetch(db, "SELECT count(*) FROM relation WHERE probability <> 0.9") == [(0,)]  # what was read stays
    assert check_base(db) == []


def test_corrections_stand_in_the_place_of_what_was_read(db):
    judge(
        db,
        "ada",
        {
            SALINOMYCIN_WNT: {"correct": "no", "category": "wrong polarity"},
            SALINOMYCIN_CSC: {"correct": "no", "category": "negation_missed"},
            "cisplatin decreases Notch1 (speculative)": {"correct": "yes", "corrected_speculative": "no"},
            "CD44 marker_of CSCs": {"correct": "no", "corrected_type": "increases"},
        },
    )
    stated = dict(fetch(db, "SELECT head_name || ' ' || type || ' ' || tail_name, (documents_for, documents_against, "
                            "documents_speculative) FROM statement"))  # fmt: skip
    assert SALINOMYCIN_WNT not in stated
    assert list(stated["salinomycin increases Wnt"].values()) == [1, 0, 0]
    assert list(stated[SALINOMYCIN_CSC].values()) == [0, 1, 0]
    assert list(stated["cisplatin decreases Notch1"].values()) == [1, 0, 0]
    assert list(stated["CD44 increases CSCs"].values()) == [1, 0, 0]
    found = fetch(db, "SELECT type, correct, category FROM curation ORDER BY category")
    assert {row[1] for row in found} == {False}
    assert [row[2] for row in found] == ["negation_missed", "speculation_missed", "wrong_polarity", "wrong_type"]
    assert check_base(db) == []


def test_curators_who_disagree_share_the_vote_and_stay_in_sight(db):
    judge(db, "ada", {SALINOMYCIN_WNT: "yes"})
    judge(db, "bob", {SALINOMYCIN_WNT: {"correct": "no", "category": "spurious"}}, day=2)
    assert beliefs(db)[SALINOMYCIN_WNT] == 0.5
    assert fetch(db, "SELECT votes_right, votes_wrong, disputed FROM curation_view") == [(1, 1, True)]
    first = select(db, strategy="contested")[0]
    assert (first["relation"], first["why"]) == (SALINOMYCIN_WNT, "contested: curators disagree")
    judge(db, "cyd", {SALINOMYCIN_WNT: {"correct": "no", "category": "grounding"}}, day=3)
    assert beliefs(db)[SALINOMYCIN_WNT] == 1 / 3
    judge(db, "cyd", {SALINOMYCIN_WNT: "unsure"}, day=4)
    assert beliefs(db)[SALINOMYCIN_WNT] == 0.5


def test_the_newest_verdict_of_a_curator_counts_and_none_is_lost(db):
    wrong = {SALINOMYCIN_WNT: {"correct": "no", "category": "boundary"}}
    assert judge(db, "ada", wrong, day=2).added == 1
    assert judge(db, "ada", wrong, day=2).known == 1
    assert judge(db, "ada", wrong, day=3).known == 1  # nothing new is said
    assert judge(db, "ada", {SALINOMYCIN_WNT: "yes"}, day=1).added == 1  # an older sheet comes late
    assert SALINOMYCIN_WNT not in beliefs(db)
    assert judge(db, "ada", {SALINOMYCIN_WNT: "yes"}, day=1).known == 1
    assert judge(db, "ada", {SALINOMYCIN_WNT: "yes"}, day=4).added == 1
    assert beliefs(db)[SALINOMYCIN_WNT] == 1.0
    assert fetch(db, "SELECT count(*) FROM curation") == [(3,)]


def test_what_was_judged_is_not_asked_again_but_of_another_curator(db):
    judge(db, "ada", {SALINOMYCIN_WNT: "yes", SALINOMYCIN_CSC: "unsure"})
    asked = {row["relation"] for row in select(db)}
    assert asked == rows_of(db).keys() - {SALINOMYCIN_WNT, SALINOMYCIN_CSC}
    assert {row["relation"] for row in select(db, curator="ada")} == asked
    assert {row["relation"] for row in select(db, curator="bob")} == rows_of(db).keys()


def test_strategies_pick_what_they_promise(tmp_path):
    db = tmp_path / "evidence.duckdb"
    texts = [LOWERS, LOWERS + " So it is.", "salinomycin does not lower Wnt.", "gobbledynib lowers Wnt."]
    papers = [paper(i, text) for i, text in enumerate(texts, start=1)]
    load(db, *papers[:3], paper(9, texts[3], retracted=True), paper(10, LOWERS, title="Study 1."))
    load(db, papers[3], run="run-2", probability=0.52)
    uncertain = select(db, strategy="uncertain", limit=1)[0]
    assert (uncertain["relation"], uncertain["why"]) == ("gobbledynib decreases Wnt", "uncertain: probability 0.52")
    contested = select(db, strategy="contested")
    assert {row["statement"] for row in contested} == {"salinomycin decreases Wnt signaling"}
    assert len(contested) == 3
    novel = [row["relation"] for row in select(db, strategy="novel")]
    assert "gobbledynib decreases Wnt" in novel
    assert SALINOMYCIN_WNT not in novel
    impact = select(db, strategy="impact", limit=3)
    assert impact[0]["why"] == "impact: papers on its statement 2, frames 1, assertions of the review 0"
    everything = select(db, strategy="random", limit=100)
    assert len({row["evidence_id"] for row in everything}) == len(everything)
    assert not {row["pmid"] for row in everything} & {"9"}
    assert len({row["pmid"] for row in everything} & {"1", "10"}) == 1  # one text, one row
    assert [r["evidence_id"] for r in select(db, strategy="random", limit=3)] == [
        r["evidence_id"] for r in everything[:3]
    ]
    assert {row["why"].split(":")[0] for row in select(db, limit=6)} >= {"contested", "uncertain", "impact"}


def test_verdicts_survive_a_new_extraction_of_the_same_text_only(db):
    judge(db, "ada", {SALINOMYCIN_WNT: "yes", SALINOMYCIN_CSC: {"correct": "no", "category": "spurious"}})
    load(db, paper(1, LOWERS, year=2019), run="run-2", probability=0.6)
    assert fetch(db, "SELECT DISTINCT probability FROM relation WHERE document_id = 'pmid:1'") == [(0.6,)]
    assert beliefs(db)[SALINOMYCIN_WNT] == 1.0
    assert SALINOMYCIN_CSC not in beliefs(db)

    revised = paper(1, "Now " + LOWERS, year=2019, version=2)
    load(db, revised, run="run-3")
    assert beliefs(db)[SALINOMYCIN_WNT] == 0.9
    assert SALINOMYCIN_CSC in beliefs(db)
    assert curation_report(db).gone == 2
    assert fetch(db, "SELECT count(*) FROM curation") == [(2,)]

    load(db, paper(7, LOWERS, title="Study 1."), run="run-4")  # another record with the old text
    assert beliefs(db)[SALINOMYCIN_WNT] == 1.0
    assert curation_report(db).gone == 0


def test_an_update_that_is_loaded_later_keeps_the_verdicts(db):
    judge(db, "ada", {SALINOMYCIN_WNT: {"correct": "no", "category": "type"}})
    load(db, paper(5, "cisplatin lowers CD44.", year=2024), run="run-2")
    assert SALINOMYCIN_WNT not in beliefs(db)
    assert "cisplatin decreases CD44" in beliefs(db)


def test_a_verdict_on_a_link_lapses_when_the_link_changes(db):
    judge(db, "ada", {SALINOMYCIN_WNT: {"correct": "no", "category": "grounding"}, SALINOMYCIN_CSC: "yes"})

    def relink(extraction):
        new = {m: replace(m, concept_id="FPLX:Notch") if m.surface == "Wnt" else m for m in extraction.mentions}
        relations = tuple(replace(r, head=new[r.head], tail=new[r.tail]) for r in extraction.relations)
        return replace(extraction, mentions=tuple(new.values()), relations=relations)

    stale = rows_of(db)[SALINOMYCIN_WNT] | {"correct": "yes"}
    load(db, paper(1, LOWERS, year=2019), run="run-2", change=relink)
    assert beliefs(db)[SALINOMYCIN_WNT] == 0.9
    assert beliefs(db)[SALINOMYCIN_CSC] == 1.0
    assert curation_report(db).lapsed == 1
    assert SALINOMYCIN_WNT in {row["relation"] for row in select(db, curator="ada")}
    sheet = db.parent / "stale.csv"
    write_sheet([stale], sheet)
    assert "have changed since" in read_verdicts(db, sheet, curator="bob").problems[0].reason


def test_a_failure_while_evidence_is_made_leaves_the_database_as_it_was(db):
    row = rows_of(db)[SALINOMYCIN_WNT] | {"correct": "yes"}
    sheet = db.parent / "todo.csv"
    write_sheet([row], sheet)

    def fail(rows):
        raise StoreError("stop")

    with pytest.raises(StoreError, match="stop"):
        read_verdicts(db, sheet, curator="ada", evidence=fail)
    assert fetch(db, "SELECT count(*) FROM curation") == [(0,)]
    assert read_verdicts(db, sheet, curator="ada").added == 1
    assert fetch(db, "SELECT evidence_current FROM base_state") == [(False,)]


def test_a_wrong_direction_is_turned_where_the_signature_allows_it():
    turned = curated(relation(), [verdict(category="wrong_direction")])
    assert turned is not None
    assert (turned.head_surface, turned.tail_surface, turned.probability) == ("B", "A", 1.0)
    assert curated(relation(head_type="Drug"), [verdict(category="wrong_direction", head_type="Drug")]) is None


def test_the_flags_a_curator_confirmed_outlast_another_reading():
    again = curated(relation(negated=True), [verdict(correct=True)])
    assert again == relation(probability=1.0)
    assert curated(relation(negated=True), [verdict(category="negation_missed")]) == relation(
        negated=True, probability=1.0
    )


@given(st.lists(st.sampled_from([None, True, *CURATION_CATEGORIES])))
def test_every_vote_counts_once(opinions):
    given_verdicts = [
        verdict(
            correct=opinion if opinion in (None, True) else False, category=None if opinion in (None, True) else opinion
        )
        for opinion in opinions
    ]
    votes = [opinion for opinion in opinions if opinion is not None]
    outcome = curated(relation(), given_verdicts)
    if not votes:
        assert outcome == relation()
    elif outcome is None:
        assert set(votes) <= {"boundary", "type", "grounding", "spurious", "wrong_type"}
    else:
        assert 0 < outcome.probability <= 1
        assert outcome.probability * len(votes) == pytest.approx(round(outcome.probability * len(votes)))
        assert outcome.probability >= votes.count(True) / len(votes)


def test_the_report_tells_precision_of_the_sample_errors_and_agreement(db):
    everything = list(rows_of(db))
    judge(db, "ada", dict.fromkeys(everything, "yes") | {
        everything[0]: {"correct": "no", "category": "negation_missed"},
        everything[1]: {"correct": "no", "category": "spurious"},
    })  # fmt: skip
    judge(db, "bob", {everything[1]: "yes", everything[2]: "yes"}, day=2)
    report = curation_report(db)
    total = len(everything)
    whole = report.sample[0]
    assert (report.evidence, report.verdicts, report.disputed, report.sample_open) == (total, total + 2, 1, 0)
    assert (whole.right.judged, whole.right.count, whole.relation.count) == (total, total - 1.5, total - 0.5)
    assert (report.agreement.count, report.agreement.judged) == (1, 2)
    errors = {share.label: share.count for share in report.categories if share.count}
    assert errors == {"negation_missed": 1.0, "spurious": 0.5}
    points = {row.label: row.right.judged for row in report.judged}
    assert (points["probability ≥ 0.9"], points["marker_of"]) == (total, 2)
    assert json.loads(json.dumps(report.to_dict()))["judged"][-1]["right"]["share"] is None


def test_the_sample_reaches_to_the_last_that_was_picked_at_random(db):
    assert curation_report(db).sample[0].right.judged == 0
    order = [row["relation"] for row in select(db, strategy="random")]
    judge(db, "ada", {order[0]: "yes", order[2]: "yes"})
    report = curation_report(db)
    assert (report.sample[0].right.judged, report.sample_open) == (2, 1)


@pytest.mark.parametrize(("count", "total"), [(0, 5), (5, 5), (3, 10), (81, 100)])
def test_the_interval_is_wilsons(count, total):
    stats = pytest.importorskip("scipy.stats")
    interval = stats.binomtest(count, total).proportion_ci(method="wilson")
    assert wilson(count, total) == pytest.approx((interval.low, interval.high), abs=1e-6)
