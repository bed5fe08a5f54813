from __future__ import annotations

import subprocess
import sys

import pytest
from store_factory import concepts, manifest, paper, read_words

from minecsc.errors import StoreError
from minecsc.evidence import build_frames, build_statements
from minecsc.schema import RecordError
from minecsc.store import (
    load_shards,
    open_base,
    read_evidence,
    replace_evidence,
    replace_review,
    write_shard,
)

PAPERS = (
    (1, "In CSCs of breast cancer salinomycin lowers Wnt. Salinomycin-free cells stay."),
    (2, "Here salinomycin does not lower Notch1. In breast cancer CD44 marks CSCs."),
    (3, "Here cisplatin may lower Notch1 in CSCs."),
    (4, "Here gobbledynib lowers Wnt in CSCs."),
    (5, "Nothing is said here."),
)


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    extractions = [
        read_words(paper(number, text, year=2010 + number, retracted=number == 4), 0.5 + number / 10)
        for number, text in PAPERS
    ]
    shard = write_shard(folder, extractions, [], [RecordError("f.xml", "3", "no text")], key="a")
    path = folder / "base.duckdb"
    load_shards(path, [shard], manifest(), concepts)
    rows = read_evidence(path)
    replace_evidence(
        path,
        build_frames(rows.relations, rows.mentions, rows.concepts),
        build_statements(rows.relations, rows.documents),
    )
    return path


@pytest.fixture
def base(db):
    with open_base(db) as opened:
        yield opened


def found(result) -> set[tuple]:
    return {(row["pmid"], row["head"], row["type"], row["tail"]) for row in result}


ONE = {("1", "salinomycin", "decreases", "Wnt"), ("1", "salinomycin", "decreases", "CSCs")}
MARKER = {("2", "CD44", "marker_of", "CSCs")}
THREE = {("3", "cisplatin", "decreases", "Notch1"), ("3", "cisplatin", "decreases", "CSCs")}
THREE_MARKER = {("3", "Notch1", "marker_of", "CSCs")}
FOUR = {("4", "gobbledynib", "decreases", "Wnt"), ("4", "gobbledynib", "decreases", "CSCs")}
NEGATED = {("2", "salinomycin", "decreases", "Notch1")}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ONE | MARKER | THREE | THREE_MARKER | FOUR),
        ({"include_negated": True}, ONE | MARKER | THREE | THREE_MARKER | FOUR | NEGATED),
        ({"head": "Salinomycin"}, ONE),  # a name, in any case
        ({"head": "chebi:80025"}, ONE),  # an identifier
        ({"head": "procoxacin"}, ONE),  # a synonym that no text has
        ({"head": "gobbledynib"}, FOUR),  # a name that no concept has
        ({"drug": "ionophore"}, ONE),  # a broader concept
        ({"drug": "agent"}, ONE),  # two steps broader, around a loop
        ({"tail": "CSCs"}, {r for r in ONE | MARKER | THREE | THREE_MARKER | FOUR if r[3] == "CSCs"}),
        (
            {"gene": "Notch", "include_negated": True},
            NEGATED | {r for r in THREE | THREE_MARKER if "Notch1" in r},
        ),
        ({"gene": "salinomycin"}, set()),  # a drug is no gene
        ({"mechanism": "wnt"}, {r for r in ONE | FOUR if r[3] == "Wnt"}),  # a mechanism class
        ({"mechanism": "surface_marker"}, MARKER),
        ({"population": "cancer stem cell", "type": "marker_of"}, MARKER | THREE_MARKER),
        ({"cancer": "breast carcinoma"}, ONE | MARKER),
        ({"cancer": "cancer"}, ONE | MARKER),
        ({"drug": "salinomycin", "mechanism": "wnt"}, {r for r in ONE if r[3] == "Wnt"}),
        ({"min_probability": 0.75}, THREE | THREE_MARKER | FOUR),
        ({"pmid": 2}, MARKER),
        ({"pmid": "pmid:2"}, MARKER),
        ({"drug": "ionophore", "exact": True}, set()),  # nothing names the class itself
        ({"drug": "procoxacin", "exact": True}, ONE),
        ({"gene": "Notch", "exact": True, "include_negated": True}, set()),
        ({"cancer": "cancer", "exact": True}, set()),
        ({"mechanism": "wnt", "exact": True}, {r for r in ONE | FOUR if r[3] == "Wnt"}),  # as written in the text
        ({"mechanism": "surface_marker", "exact": True}, set()),
        ({"drug": "no such thing"}, set()),
        ({"drug": "x' OR '1'='1"}, set()),
    ],
)
def test_relations_by(base, filters, expected):
    assert found(base.relations(**filters)) == expected


def test_a_large_answer_is_the_same_answer(base, monkeypatch):
    """Past some thousand rows the second step of a question takes another way."""
    questions = (
        lambda: base.relations(drug="salinomycin", cancer="cancer").rows(),
        lambda: base.frames(mechanism="wnt").rows(),
        lambda: base.statements(population="CSCs").rows(),
    )
    by_list = [ask() for ask in questions]
    monkeypatch.setattr("minecsc.store.queries._MANY", 1)
    assert [ask() for ask in questions] == by_list
    assert all(len(rows) > 1 for rows in by_list)


def test_relations_come_best_first_with_sentence_and_flags(base):
    rows = base.relations(limit=2).rows()
    assert [row["pmid"] for row in rows] == ["4", "4"]
    assert rows[1]["sentence"] == "Here gobbledynib lowers Wnt in CSCs."
    assert (rows[1]["retracted"], rows[1]["tail_name"], rows[1]["head_name"]) == (
        True,
        "cancer stem cell",
        None,
    )
    row = base.relations(drug="salinomycin", tail="Wnt").rows()[0]
    text = base.document(1)["text"]
    assert text[row["head_start"] : row["head_end"]] == "salinomycin"
    assert text[row["tail_start"] : row["tail_end"]] == "Wnt"


@pytest.mark.parametrize(
    ("filters", "papers"),
    [
        ({}, {"1", "3", "4"}),
        ({"drug": "SALINOMYCIN"}, {"1"}),
        ({"drug": "ionophore"}, {"1"}),
        ({"drug": "gobbledynib"}, {"4"}),
        ({"mechanism": "wnt"}, {"1", "4"}),
        ({"mechanism": "Notch"}, {"3"}),
        ({"mechanism": "Notch", "exact": True}, set()),
        ({"drug": "ionophore", "exact": True}, set()),
        ({"population": "CSCs"}, {"1", "3", "4"}),
        ({"cancer": "cancer"}, {"1"}),
        ({"drug": "salinomycin", "mechanism": "notch"}, set()),
        ({"effect": "decreases", "population": "cancer stem cell"}, {"1", "3", "4"}),
        ({"effect": "sensitizes_to"}, set()),
        ({"min_belief": 0.3}, {"1", "4"}),
    ],
)
def test_frames_by(base, filters, papers):
    """The second paper denies its relation; the third only supposes its own, so its belief is low."""
    frames = [row for row in base.frames(**filters) if not row["negated"] and row["drug"] is not None]
    assert {row["pmid"] for row in frames} == papers


def test_a_frame_is_told_in_words(base):
    row = base.frames(drug="salinomycin", mechanism="wnt").rows()[0]
    assert (row["drug"], row["drug_effect"], row["mechanism"], row["mechanism_class"]) == (
        "salinomycin", "decreases", "Wnt signaling", "wnt"
    )  # fmt: skip
    assert (row["population"], row["cancer"], row["year"]) == ("cancer stem cell", "breast carcinoma", 2011)
    assert "salinomycin lowers Wnt" in row["sentence"]


@pytest.mark.parametrize(
    ("filters", "triples"),
    [
        ({"head": "salinomycin", "tail": "Wnt"}, {("salinomycin", "decreases", "Wnt signaling")}),
        (
            {"drug": "gobbledynib"},
            {("gobbledynib", "decreases", "Wnt signaling"), ("gobbledynib", "decreases", "cancer stem cell")},
        ),
        ({"gene": "Notch", "type": "marker_of"}, {("NOTCH1", "marker_of", "cancer stem cell")}),
        (
            {"population": "CSCs", "drug": "agent"},
            {("salinomycin", "decreases", "cancer stem cell")},
        ),
        ({"mechanism": "surface_marker"}, {("CD44", "marker_of", "cancer stem cell")}),
        ({"gene": "Notch", "type": "marker_of", "exact": True}, set()),
        ({"contested": True}, set()),
        ({"min_belief": 0.65}, {("CD44", "marker_of", "cancer stem cell")}),
    ],
)
def test_statements_by(base, filters, triples):
    assert {(row["head"], row["type"], row["tail"]) for row in base.statements(**filters)} == triples


def test_views_for_someone_who_has_only_duckdb(db):
    script = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
for view in ("evidence", "frame_view", "statement_view", "drug_mechanism", "csc_marker", "verdict_view"):
    con.execute(f"SELECT * FROM {view}").fetchall()
print(con.execute("SELECT drug, effect, mechanism, documents, pmid FROM drug_mechanism").fetchall())
print(con.execute("SELECT marker, population, documents FROM csc_marker").fetchall())
"""
    output = subprocess.run(
        [sys.executable, "-c", script, str(db)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # the retracted, the denied and the supposed do not count
    assert output == [
        "[('salinomycin', 'decreases', 'Wnt signaling', 1, '1')]",
        "[('CD44', 'cancer stem cell', 1)]",
    ]


def test_documents_mentions_errors_runs_and_counts(base):
    assert base.document("pmid:5")["abstract"] == "Nothing is said here."
    assert base.document(404) is None
    mentions = base.mentions(4).rows()
    assert [(m["surface"], m["concept_name"]) for m in mentions] == [
        ("gobbledynib", None),
        ("Wnt", "Wnt signaling"),
        ("CSCs", "cancer stem cell"),
    ]
    assert base.errors().rows() == [{"source": "f.xml", "record": "3", "reason": "no text", "run_id": "run-1"}]
    assert [run["run_id"] for run in base.runs()] == ["run-1"]
    summary = base.summary()
    assert (summary["documents"], summary["retracted"], summary["errors"], summary["runs"]) == (5, 1, 1, 1)
    assert summary["linked_mentions"] == summary["mentions"] - 1
    assert summary["frames"] > 0
    assert summary["statements"] > 0


def test_any_sql_with_parameters(base):
    assert base.sql("SELECT ? AS a, ? AS b", [1, "x"]).rows() == [{"a": 1, "b": "x"}]
    assert base.sql("SELECT $n + 1 AS m", {"n": 1}).rows() == [{"m": 2}]
    for query, why in (
        ("SELECT nonsense FROM document", "the query failed"),
        ("DELETE FROM document", "read-only"),
        ("CREATE TABLE document2 (a INTEGER)", "read-only"),
    ):
        with pytest.raises(StoreError, match=why):
            base.sql(query)
    assert base.summary()["documents"] == 5


@pytest.mark.parametrize(
    "call",
    [lambda b: b.relations(type="kills"), lambda b: b.statements(type=""), lambda b: b.frames(effect="up")],
)
def test_a_value_that_no_row_can_have_is_refused(base, call):
    with pytest.raises(StoreError, match="unknown"):
        call(base)


def test_a_result_becomes_what_one_works_with(base):
    result = base.relations(drug="salinomycin")
    rows = result.rows()
    assert len(result) == len(rows) == len(list(result)) == 2
    assert result.arrow().num_rows == 2
    assert result.df()["pmid"].tolist() == ["1", "1"]
    assert result.pl().get_column("pmid").to_list() == ["1", "1"]
    assert result.columns[0] == "relation_id"
    page = base.sql("SELECT i AS n, '<b>' AS mark, 0.123456::DOUBLE AS p FROM range(30) t(i)")._repr_html_()
    assert page.count("<tr>") == 21
    assert "&lt;b&gt;" in page
    assert "0.123<" in page
    assert "30 rows" in page


def test_asking_imports_neither_pandas_nor_polars_nor_models(db):
    script = f"""
import sys
import minecsc.store
with minecsc.store.open_base({str(db)!r}) as base:
    base.frames(drug="salinomycin").rows()
print([name for name in ("pandas", "polars", "torch", "spacy", "transformers") if name in sys.modules])
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output == "[]\n"


VERDICT = {
    "assertion_id": "A0001", "verdict": "supported", "documents_for": 1, "documents_against": 0,
    "documents_speculative": 0, "belief": 0.6, "reason": "stated", "relations_for": ["r"],
    "relations_against": [],
    "evidence": [
        {
            "document_id": "pmid:1", "sentence_id": "pmid:1#s1", "relation_id": "r", "probability": 0.6,
            "stance": "for", "rule": "same", "in_context": True, "negated": False,
        }
    ],
}  # fmt: skip


def test_verdicts_are_replaced_and_read_with_their_assertion(tmp_path):
    from minecsc.review.assertions import Assertion, Term, Trial

    path = tmp_path / "b.duckdb"
    load_shards(path, [write_shard(tmp_path, [read_words(paper(*PAPERS[0]))], key="a")], manifest(), concepts)
    assertion = Assertion("A0001", "S", "mechanism", Term("salinomycin", "Drug"), "decreases", Term("Wnt", "Pathway"))
    trial = Trial("NCT1", "c", "i", None, ("salinomycin",), None, (), None, None)
    for verdict in (VERDICT | {"assertion_id": "A0002"}, VERDICT):
        replace_review(path, assertions=[assertion.row()], trials=[trial], verdicts=[verdict])
    with open_base(path) as base:
        assert base.sql("SELECT assertion_id, verdict, pmid, sentence FROM verdict_view").rows() == [
            {
                "assertion_id": "A0001", "verdict": "supported", "pmid": "1",
                "sentence": "In CSCs of breast cancer salinomycin lowers Wnt.",
            }
        ]  # fmt: skip
        assert base.sql("SELECT nct_id, drugs FROM trial").rows() == [{"nct_id": "NCT1", "drugs": ["salinomycin"]}]
    for wrong in ({"assertion_id": "A0003"}, VERDICT | {"documents_for": "many"}, VERDICT | {"reason": None}):
        with pytest.raises(StoreError):
            replace_review(path, assertions=[], trials=[], verdicts=[wrong])
    with open_base(path) as base:
        assert base.summary()["verdicts"] == 1
        assert base.sql("SELECT count(*) AS n FROM trial").rows() == [{"n": 1}], "all of it, or nothing"
