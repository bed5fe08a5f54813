"""Statements: by year, refined by narrower ones, and through retraction, deletion and revision of their papers."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from evidence_cases import CONCEPTS, Corpus
from hypothesis import given
from hypothesis import strategies as st
from store_factory import concepts, fetch, manifest, paper, shard

from minecsc.engine.assemble import assemble, evidence_of
from minecsc.evidence import Statement, build_statements
from minecsc.evidence.refinement import refinements
from minecsc.linking import KnowledgeBase, Linker
from minecsc.schema import Deletion, Document, Extraction, Mention, Relation, Sentence
from minecsc.store import check_base, load_shards, open_base, write_shard

FACT = "Gene:ABCG2 increases Process:chemoresistance"
NARROW = "Gene:NOTCH3 increases Process:chemoresistance"
BROAD = "Gene:Notch increases Process:chemoresistance"


def statements(corpus: Corpus) -> dict[tuple[str, str, str], Statement]:
    return {
        (s.head_name, s.type, s.tail_name): s for s in build_statements(corpus.relations, corpus.documents, CONCEPTS)
    }


def test_years_hold_the_four_counts():
    corpus = Corpus().document("pmid:1", FACT, year=2010).document("pmid:2", f"{FACT} neg", year=2010)
    corpus.document("pmid:3", f"{FACT} spec", year=2012).document("pmid:4", FACT, year=None)
    corpus.document("pmid:5", FACT, year=2015, retracted=True)
    (found,) = statements(corpus).values()
    assert [
        (y.year, y.documents_for, y.documents_against, y.documents_speculative, y.documents_retracted)
        for y in found.years
    ] == [(2010, 1, 1, 0, 0), (2012, 0, 0, 1, 0), (2015, 0, 0, 0, 1), (None, 1, 0, 0, 0)]
    assert (found.first_year, found.last_year) == (2010, 2012)


def test_a_narrower_statement_bears_out_the_broader_one_and_not_the_other_way_round():
    corpus = Corpus().document("pmid:1", f"{BROAD} @0.6").document("pmid:2", f"{NARROW} @0.8")
    found = statements(corpus)
    broad = found["Notch", "increases", "chemoresistance"]
    narrow = found["NOTCH3", "increases", "chemoresistance"]
    assert broad.refined_by == (narrow.statement_id,)
    assert (broad.documents_for, broad.documents_with_refinements) == (1, 2)
    assert broad.belief == pytest.approx(0.6)
    assert broad.belief < broad.belief_with_refinements
    assert narrow.refined_by == ()
    assert (narrow.belief_with_refinements, narrow.documents_with_refinements) == (narrow.belief, 1)


def test_one_paper_on_both_levels_is_one_paper():
    (broad,) = [s for s in statements(Corpus().document("pmid:1", BROAD, NARROW)).values() if s.refined_by]
    assert broad.documents_with_refinements == 1


def test_what_speaks_against_the_member_does_not_speak_against_the_family():
    corpus = Corpus().document("pmid:1", BROAD).document("pmid:2", f"{NARROW} neg")
    broad = statements(corpus)["Notch", "increases", "chemoresistance"]
    assert broad.belief_with_refinements == broad.belief
    assert not broad.contested


def test_both_arguments_may_be_narrower_and_the_type_must_be_the_same():
    corpus = Corpus().document("pmid:1", "Drug:chemotherapy decreases CSC:CSCs")
    corpus.document("pmid:2", "Drug:cisplatin decreases CSC:ovarian CSCs", "Drug:cisplatin decreases CSC:CSCs")
    corpus.document("pmid:3", "Drug:cisplatin increases CSC:ovarian CSCs")
    found = statements(corpus)
    broad = found["chemotherapy", "decreases", "CSCs"]
    narrower = [found["cisplatin", "decreases", name].statement_id for name in ("ovarian CSCs", "CSCs")]
    assert broad.refined_by == tuple(sorted(narrower))
    assert broad.documents_with_refinements == 2


def test_without_concepts_nothing_is_refined():
    corpus = Corpus().document("pmid:1", BROAD, NARROW)
    assert not any(s.refined_by for s in build_statements(corpus.relations, corpus.documents))


genes = st.sampled_from(["Gene:Notch", "Gene:NOTCH3", "Gene:ABCG2"])
flags = st.sampled_from(["", " neg", " spec"])
facts = st.tuples(st.integers(0, 4), genes, flags, st.integers(1, 9))


@given(st.lists(facts, max_size=12))
def test_refinements_only_ever_add(pieces):
    corpus, lines = Corpus(), defaultdict(list)
    for number, gene, flag, tenth in pieces:
        lines[number].append(f"{gene} increases Process:chemoresistance{flag} @0.{tenth}")
    for number, sentences in lines.items():
        corpus.document(f"pmid:{number}", *sentences, year=2000 + number % 2)
    for found in build_statements(corpus.relations, corpus.documents, CONCEPTS):
        assert found.belief - 1e-12 <= found.belief_with_refinements <= 1.0
        assert found.documents_with_refinements >= found.documents_for
        years = found.years
        assert sum(y.documents_for for y in years) == found.documents_for
        assert sum(y.documents_against for y in years) == found.documents_against
        assert sum(y.documents_speculative for y in years) == found.documents_speculative


def test_circles_and_parts_are_no_refinements():
    class Node:
        def __init__(self, type_: str, *parents: str) -> None:
            self.type, self.parents = type_, parents

    held = {"a": Node("Drug", "b"), "b": Node("Chemical", "a"), "hl60": Node("Cell", "aml"), "aml": Node("Cancer")}
    keys = [(head, "decreases", "aml") for head in ("a", "b", "hl60", "text:Gene:x")]
    assert refinements([*keys, ("aml", "decreases", "aml")], held) == {keys[0]: [keys[1]], keys[1]: [keys[0]]}


# The real knowledge base and a real file


def sentence_of(linker: Linker, number: int, gene: str, **fields) -> Extraction:
    text = f"Study {number}: {gene} promotes chemoresistance."
    document = Document(f"pmid:{number}", text, "", pmid=str(number), **fields)
    mentions = []
    for name, type_ in ((gene, "Gene"), ("chemoresistance", "Process")):
        best = linker.link(name, type_)[0]
        start = text.index(name)
        mentions.append(Mention(start, start + len(name), name, type_, 0, 0.9, best.concept_id, best.score))
    relation = Relation("increases", *mentions, probability=0.8)
    return Extraction(document, (Sentence(0, 0, len(text)),), tuple(mentions), (relation,))


def test_notch3_supports_notch_in_the_real_knowledge_base(tmp_path):
    kb = KnowledgeBase.load()
    linker = Linker(kb)
    readings = [
        sentence_of(linker, 1, "Notch", year=2001),
        sentence_of(linker, 2, "NOTCH3", year=2009),
        sentence_of(linker, 3, "NOTCH3", year=2009),
        sentence_of(linker, 4, "ABCG2"),
    ]
    db = tmp_path / "base.duckdb"
    load_shards(db, [write_shard(tmp_path, readings, [], [], key="a")], manifest(), kb.concepts, evidence_of)
    with open_base(db) as base:
        (notch,) = base.statements(head="Notch", exact=True)
        assert (notch["documents_for"], notch["documents_with_refinements"], notch["refinements"]) == (1, 3, 1)
        assert notch["belief"] < notch["belief_with_refinements"]
        (narrower,) = base.sql(
            "SELECT head, type, documents_for FROM statement_refinement WHERE statement_id = ?", [notch["statement_id"]]
        )
        assert narrower == {"head": "NOTCH3", "type": "increases", "documents_for": 2}
        (of_notch3,) = base.statements(head="NOTCH3", exact=True)
        assert [(year["year"], year["documents_for"]) for year in of_notch3["years"]] == [(2009, 2)]
    assert check_base(db) == []


FIRST = "In CSCs salinomycin lowers Wnt."
QUESTION = """
    SELECT belief, documents_for, documents_retracted, len(relations_for) FROM statement
    WHERE head_name = 'salinomycin' AND tail_name = 'Wnt'
"""

YEARS = """
    SELECT y.year, y.documents_for, y.documents_retracted FROM statement_year y JOIN statement s USING (statement_id)
    WHERE head_name = 'salinomycin' AND tail_name = 'Wnt' ORDER BY y.year
"""


@pytest.fixture
def db(tmp_path) -> Path:
    path = tmp_path / "base.duckdb"
    put(path, paper(1, FIRST, year=2010), paper(2, FIRST + " Again.", year=2012), key="start")
    return path


def put(db: Path, *records, key: str) -> None:
    run = manifest(f"run-{key}")
    load_shards(db, [shard(db.parent, *records, key=key)], run, concepts, evidence_of)


def test_a_retraction_leaves_the_belief_and_the_evidence_stays_visible(db):
    ((belief, *counted),) = fetch(db, QUESTION)
    assert counted == [2, 0, 2]
    put(db, paper(9, "A notice.", title="Retraction.", retraction_of=("2",)), key="notice")
    assert fetch(db, QUESTION) == [(pytest.approx(0.9), 1, 1, 2)]
    assert belief > 0.9
    assert fetch(db, "SELECT DISTINCT document_id, retracted FROM evidence ORDER BY ALL") == [
        ("pmid:1", False),
        ("pmid:2", True),
    ]
    assert fetch(db, YEARS) == [(2010, 1, 0), (2012, 0, 1)]


def test_a_deletion_leaves_the_belief_whenever_it_comes(db, tmp_path):
    put(db, Deletion("1"), Deletion("2"), key="gone")
    assert fetch(db, QUESTION) == [(0.0, 0, 2, 2)]
    assert fetch(db, "SELECT count(*) FROM evidence WHERE deleted AND tail = 'Wnt'") == [(2,)]


def test_a_superseded_revision_gives_way_to_the_new_one(db):
    put(db, paper(2, "In CSCs salinomycin was given. Notch1 stays.", year=2012, version=2), key="revised")
    assert fetch(db, QUESTION) == [(pytest.approx(0.9), 1, 0, 1)]
    put(db, paper(2, FIRST + " Again.", year=2012, version=1), key="late")
    assert fetch(db, QUESTION) == [(pytest.approx(0.9), 1, 0, 1)], "the older revision comes too late"
    put(db, paper(1, "Withdrawn from here.", version=2), key="emptied")
    assert fetch(db, QUESTION) == []
    assert fetch(db, "SELECT version FROM document ORDER BY document_id") == [(2,), (2,)]


def test_assembling_again_changes_nothing_and_the_views_add_up(db):
    before = fetch(db, "SELECT * FROM statement ORDER BY statement_id")
    assemble(db)
    assert fetch(db, "SELECT * FROM statement ORDER BY statement_id") == before
    sums = """
        SELECT s.statement_id FROM statement s LEFT JOIN (
            SELECT statement_id, sum(documents_for) AS f, sum(documents_against) AS a,
                sum(documents_speculative) AS h, sum(documents_retracted) AS r
            FROM statement_year GROUP BY ALL) y USING (statement_id)
        WHERE (s.documents_for, s.documents_against, s.documents_speculative, s.documents_retracted)
            IS DISTINCT FROM (y.f, y.a, y.h, y.r)
    """
    assert before
    assert fetch(db, sums) == []
