from __future__ import annotations

import os
import shutil
from itertools import permutations
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_factory import fetch, load, manifest, paper, read_words, shard

from minecsc.evidence.refinement import ancestors
from minecsc.linking import Concept
from minecsc.schema import (
    Deletion,
    Document,
    Extraction,
    Mention,
    MeshHeading,
    RecordError,
    Section,
    Sentence,
)
from minecsc.store import check_base, content_hash, load_shards, open_base, write_shard


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "base.duckdb"


@pytest.fixture(scope="module")
def one_paper(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    load(folder / "base.duckdb", shard(folder, paper(1), key="a"))
    return folder / "base.duckdb"


def test_everything_arrives_and_holds(tmp_path, db):
    report = load(db, shard(tmp_path, *(paper(n) for n in range(1, 6)), key="a"))
    assert (report.inserted, report.documents, report.mentions, report.relations) == (5, 5, 25, 10)
    assert check_base(db) == []
    assert fetch(db, "SELECT title, text, run_id, version FROM document WHERE pmid = '3'") == [
        ("Study 3.", "Study 3. In CSCs of breast cancer salinomycin lowers Wnt. Notch1 stays.", "run-1", 1)
    ]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("base.duckdb.")]


def test_every_field_of_the_record_is_kept(tmp_path, db):
    document = paper(
        7, year=2020, journal="J", language="eng", doi="10.1/x", sections=(Section("RESULTS", 9, 20),),
        other_abstracts=(("fre", "Bonjour"),), mesh=(MeshHeading("D014411", "Stem Cells", True),),
        keywords=("k",), chemicals=("c",), publication_types=("Review",), authors=("A B",), version=2,
        revised="2021-02-03", retracted=False, retracted_by=("8",), source="f.xml",
    )  # fmt: skip
    load(db, shard(tmp_path, document, key="a"))
    with open_base(db) as base:
        stored = base.document(7)
    assert stored is not None
    assert stored["sections"] == [{"label": "RESULTS", "start_char": 9, "end_char": 20}]
    assert stored["mesh"] == [{"ui": "D014411", "name": "Stem Cells", "major": True}]
    assert stored["other_abstracts"] == [{"label": "fre", "abstract": "Bonjour"}]
    for name in ("year", "journal", "language", "doi", "version", "revised", "source", "text_sha256"):
        assert stored[name] == getattr(document, name)
    for name in ("keywords", "chemicals", "publication_types", "authors", "retracted_by"):
        assert tuple(stored[name]) == getattr(document, name)
    assert stored["retracted"]  # a notice against it is named


def test_the_run_is_recorded(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"), seed=13)
    with open_base(db) as base:
        run = base.runs().rows()[0]
    assert run["inputs"] == [{"name": "a.xml", "digest": "00ff"}]
    assert dict(run["package_versions"]) == {"python": "3.11"}
    assert (run["seed"], run["device"], run["documents"], run["shards"]) == (13, "cpu", 1, 1)
    assert run["pipeline_digest"] == manifest().pipeline_digest


def test_loading_again_changes_nothing(tmp_path, db):
    path = shard(tmp_path, *(paper(n) for n in range(20)), Deletion("3"), RecordError("f", "r", "w"), key="a")
    load(db, path)
    before, rows = content_hash(db), fetch(db, "SELECT * FROM relation ORDER BY ALL")
    report = load(db, path, run="run-2")
    assert (report.inserted, report.replaced, report.unchanged, report.new_errors) == (0, 0, 20, 0)
    assert not report.changed
    assert content_hash(db) == before
    assert fetch(db, "SELECT * FROM relation ORDER BY ALL") == rows


def test_the_hash_sees_content_and_only_content(tmp_path, db):
    one, two = shard(tmp_path, paper(1), paper(2), key="a"), shard(tmp_path, paper(3), key="b")
    load(db, one, two)
    other = tmp_path / "other.duckdb"
    load(other, two, run="x")
    load(other, one, run="y", inputs=(), device="cuda")
    assert content_hash(db) == content_hash(other)
    # a probability that differs past the fourth place does not count, one that differs before does
    for probability, same in ((0.90001, True), (0.91, False)):
        third = tmp_path / f"{probability}.duckdb"
        extractions = [read_words(paper(n), probability) for n in (1, 2, 3)]
        load(third, write_shard(tmp_path, extractions, key=f"p{probability}"))
        assert (content_hash(third) == content_hash(db)) is same


def test_the_hash_sees_a_repeated_row(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    before = content_hash(db)
    with duckdb.connect(str(db)) as con:
        con.execute("INSERT INTO mention SELECT * FROM mention")
        con.execute("INSERT INTO mention SELECT * FROM mention")
    assert content_hash(db) != before


def revisions(number: int) -> tuple[Document, ...]:
    """Four records of one PMID; the last is the best."""
    return (
        paper(number, "Wnt without a date.", version=1),
        paper(number, "Wnt first.", version=1, revised="2020-01-01"),
        paper(number, "Wnt later.", version=1, revised="2021-01-01"),
        paper(number, "Wnt second version.", version=2, revised="2019-01-01"),
    )


@pytest.mark.parametrize("loads", [1, 4])
def test_the_best_revision_wins_in_whatever_order(tmp_path, db, loads):
    """Every order of the four, each with a PMID of its own; the n-th records of all stand in shard n."""
    orders = [[revisions(number)[i] for i in order] for number, order in enumerate(permutations(range(4)))]
    shards = [shard(tmp_path, *documents, key=f"k{n}") for n, documents in enumerate(zip(*orders, strict=True))]
    if loads == 1:
        report = load(db, *shards)
        assert (report.inserted, report.superseded) == (24, 72)
    else:
        reports = [load(db, path, run=f"run-{n}") for n, path in enumerate(shards)]
        assert [r.inserted for r in reports] == [24, 0, 0, 0]
        # an order in which the best is yet to come sees a better record replace a worse one
        assert all(r.replaced + r.superseded == 24 for r in reports[1:])
        assert reports[-1].replaced == 6
    assert fetch(db, "SELECT DISTINCT abstract FROM document") == [("Wnt second version.",)]
    assert fetch(db, "SELECT count(*) FROM mention") == [(24,)]
    assert check_base(db) == []


V1 = revisions(1)[1]


def test_of_equal_revisions_the_last_in_the_input_wins(tmp_path, db):
    again = paper(1, "Wnt at the same date.", version=1, revised="2020-01-01")
    load(db, shard(tmp_path, again, key="z"), shard(tmp_path, again, V1, key="a"))
    assert fetch(db, "SELECT abstract FROM document") == [(V1.abstract,)]
    load(db, shard(tmp_path, again, key="z"), run="run-2")
    assert fetch(db, "SELECT abstract FROM document") == [(again.abstract,)]


def test_a_shard_named_twice_counts_where_it_stands_last(tmp_path, db):
    again = paper(1, "Wnt at the same date.", version=1, revised="2020-01-01")
    first, second = shard(tmp_path, V1, key="a"), shard(tmp_path, again, key="b")
    report = load(db, first, second, first)
    assert fetch(db, "SELECT abstract FROM document") == [(V1.abstract,)]
    assert (report.inserted, report.superseded) == (1, 1)


def test_another_model_replaces_the_rows(tmp_path, db):
    load(db, write_shard(tmp_path, [read_words(paper(1), 0.9)], key="a"))
    report = load(db, write_shard(tmp_path, [read_words(paper(1), 0.7)], key="b"), run="run-2", model_digest="m2")
    assert report.replaced == 1
    assert fetch(db, "SELECT DISTINCT probability, run_id FROM relation") == [(0.7, "run-2")]


FLAGS = "SELECT pmid, retracted, deleted FROM document ORDER BY pmid"
NOTICE = paper(50, "Notice.", retraction_of=("1", "2"))


@pytest.mark.parametrize("loads", [1, 3])
def test_flags_do_not_depend_on_order(tmp_path, db, loads):
    """Papers, a notice and a deletion in every order, each order with PMIDs of its own."""

    def parts(base: int) -> tuple[tuple, ...]:
        notice = paper(base + 50, "Notice.", retraction_of=(str(base + 1), str(base + 2)))
        return (paper(base + 1), paper(base + 3)), (notice, Deletion(str(base + 3))), (paper(base + 2),)

    orders = [[parts(100 * n)[i] for i in order] for n, order in enumerate(permutations(range(3)), start=1)]
    shards = [
        shard(tmp_path, *(record for part in at_place for record in part), key=f"k{n}")
        for n, at_place in enumerate(zip(*orders, strict=True))
    ]
    if loads == 1:
        load(db, *shards)
    else:
        for n, path in enumerate(shards):
            load(db, path, run=f"run-{n}")
    for base in range(100, 700, 100):
        query = f"SELECT pmid::INT - {base} AS n, retracted, deleted FROM document WHERE n BETWEEN 0 AND 99"
        assert sorted(fetch(db, query)) == [
            (1, True, False), (2, True, False), (3, False, True), (50, False, False)
        ]  # fmt: skip
    assert fetch(db, "SELECT count(*) FROM evidence WHERE retracted") == [(24,)]


def test_a_deleted_record_stays_deleted_when_revised(tmp_path, db):
    load(db, shard(tmp_path, paper(1), Deletion("1"), key="a"))
    report = load(db, shard(tmp_path, paper(1, "Wnt.", version=9), key="b"), run="run-2")
    assert report.replaced == 1
    assert fetch(db, FLAGS) == [("1", False, True)]


def test_a_notice_that_names_nothing_any_more_retracts_nothing(tmp_path, db):
    load(db, shard(tmp_path, paper(1), NOTICE, key="a"))
    report = load(db, shard(tmp_path, paper(50, "Notice.", version=2), key="b"), run="run-2")
    assert report.retracted == 1
    assert fetch(db, FLAGS) == [("1", False, False), ("50", False, False)]


def test_errors_are_kept_once(tmp_path, db):
    error = RecordError("f.xml", "12", "no PMID")
    load(
        db,
        shard(tmp_path, error, error, key="a"),
        shard(tmp_path, error, RecordError("f.xml", "13", "x"), key="b"),
    )
    report = load(db, shard(tmp_path, error, key="c"), run="run-2")
    assert (report.errors, report.new_errors) == (1, 0)
    assert fetch(db, "SELECT source, record, reason, run_id FROM error ORDER BY record") == [
        ("f.xml", "12", "no PMID", "run-1"), ("f.xml", "13", "x", "run-1")
    ]  # fmt: skip


def test_concepts_come_with_all_that_is_broader(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    assert fetch(db, "SELECT concept_id FROM concept ORDER BY ALL") == [
        ("CHEBI:80025",), ("FPLX:Notch",), ("HGNC:7881",), ("MONDO:0004992",), ("MONDO:0007254",),
        ("minecsc:agent",), ("minecsc:csc",), ("minecsc:ionophore",), ("minecsc:wnt",),
    ]  # fmt: skip
    assert fetch(
        db, "SELECT ancestor_id FROM concept_ancestor WHERE concept_id = 'CHEBI:80025' ORDER BY ALL"
    ) == [
        ("CHEBI:80025",), ("minecsc:agent",), ("minecsc:ionophore",)
    ]  # fmt: skip


def test_the_way_up_has_its_shortest_length_and_ends_in_circles(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    assert fetch(db, "SELECT * FROM concept_ancestor WHERE concept_id = 'CHEBI:80025' ORDER BY ALL") == [
        ("CHEBI:80025", "CHEBI:80025", 0),
        ("CHEBI:80025", "minecsc:agent", 2),
        ("CHEBI:80025", "minecsc:ionophore", 1),
    ]
    # ancestors have ancestors of their own, though no mention links to them
    assert fetch(db, "SELECT ancestor_id FROM concept_ancestor WHERE concept_id = 'minecsc:agent' ORDER BY ALL") == [
        ("minecsc:agent",), ("minecsc:ionophore",)
    ]  # fmt: skip
    assert check_base(db) == []


def test_a_class_is_an_ancestor_of_its_own_concepts_only(tmp_path, db):
    known = {
        "HGNC:7881": Concept("HGNC:7881", "NOTCH1", "Gene", parents=("FPLX:Notch",), mechanism_class="notch"),
        "FPLX:Notch": Concept("FPLX:Notch", "Notch", "Gene", mechanism_class="wnt"),
        "minecsc:mechanism-notch": Concept("minecsc:mechanism-notch", "Notch", "Pathway", mechanism_class="notch"),
        "minecsc:mechanism-wnt": Concept("minecsc:mechanism-wnt", "Wnt", "Pathway", mechanism_class="wnt"),
    }
    path = shard(tmp_path, paper(1, "Notch1."), key="a")
    load_shards(db, [path], manifest(), lambda ids: [known[i] for i in sorted(ids) if i in known])
    by_class = "SELECT concept_id, ancestor_id FROM concept_ancestor WHERE ancestor_id LIKE '%-%' AND distance = 1"
    assert fetch(db, f"{by_class} ORDER BY ALL") == [
        ("FPLX:Notch", "minecsc:mechanism-wnt"), ("HGNC:7881", "minecsc:mechanism-notch")
    ]  # fmt: skip
    assert check_base(db) == []


@given(
    links=st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6),
    start=st.sampled_from("abcdef"),
)
def test_ancestors_are_what_a_walk_reaches(links, start):
    found = ancestors(start, links)
    assert found[start] == 0
    for concept, distance in found.items():
        for parent in links.get(concept, ()):
            assert found[parent] <= distance + 1
        if distance:
            assert any(concept in links.get(c, ()) and d == distance - 1 for c, d in found.items())


def test_the_hash_and_the_check_see_the_hierarchy(tmp_path, db):
    load(db, shard(tmp_path, paper(1), key="a"))
    before = content_hash(db)
    with duckdb.connect(str(db)) as con:
        con.execute("DELETE FROM concept_ancestor WHERE ancestor_id = 'FPLX:Notch' AND distance = 1")
    assert content_hash(db) != before
    assert {(v.check, v.key, v.detail) for v in check_base(db)} == {
        ("ancestors are closed under parents", "HGNC:7881", "FPLX:Notch")
    }


def test_concepts_nothing_leads_to_go_and_unknown_ones_keep_their_names(tmp_path, db):
    load(db, shard(tmp_path, paper(1, "salinomycin and CD44."), key="a"))
    path = shard(tmp_path, paper(1, "CD44.", version=2), key="b")
    load_shards(db, [path], manifest("run-2"), lambda ids: [])
    assert fetch(db, "SELECT concept_id, name FROM concept") == [("HGNC:1681", "CD44")]


TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\U0001f9ec\U0001d6fcé\u0301\u200d\u0000\r\n\t \ufeff\u202eﬁβ👩🏽‍🔬ẞ"),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(TEXT, st.data()), min_size=1, max_size=20))
def test_offsets_hold_for_any_text(tmp_path, texts):
    """The invariant in SQL: substr(text, start + 1, end - start) = surface, whatever the characters."""
    extractions = []
    for number, (text, data) in enumerate(texts):
        document = Document(f"sample:{number}", "", text)
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        mention = Mention(start, end, text[start:end], "Gene", 0)
        extractions.append(Extraction(document, (Sentence(0, 0, len(text)),), (mention,), ()))
    folder = tmp_path / os.urandom(8).hex()
    folder.mkdir()
    load(folder / "b.duckdb", write_shard(folder, extractions, key="k"))
    assert check_base(folder / "b.duckdb") == []
    with open_base(folder / "b.duckdb") as base:
        stored = {
            row["document_id"]: row for row in base.sql("SELECT * FROM document JOIN mention USING (document_id)")
        }
    for extraction in extractions:
        row = stored[extraction.document.document_id]
        assert row["text"] == extraction.document.text
        assert row["text"][row["start_char"] : row["end_char"]] == row["surface"]


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (
            "UPDATE mention SET start_char = start_char + 1, end_char = end_char + 1",
            "mention is where it says",
        ),
        ("UPDATE document SET text = 'x' || text", "mention is where it says"),
        ("DELETE FROM document", "sentence lies in its document"),
        ("DELETE FROM sentence", "mention lies in its sentence"),
        ("DELETE FROM mention WHERE type = 'Drug'", "relation joins two mentions of its sentence"),
        ("INSERT INTO relation SELECT * FROM relation", "relation_id is unique"),
        ("UPDATE relation SET probability = 1.5", "probability lies in 0 to 1"),
        ("UPDATE document SET title = 'other'", "text is title, one space, abstract"),
        ("DELETE FROM run", "row leads to its run"),
    ],
)
def test_the_check_finds_damage(one_paper, db, damage, check):
    shutil.copyfile(one_paper, db)
    with duckdb.connect(str(db)) as con:
        con.execute(damage)
    assert check in {violation.check for violation in check_base(db)}


def test_every_table_and_column_is_explained(tmp_path, db):
    load(db)
    assert fetch(db, "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL AND database_name = 'base'") == []
    assert fetch(db, "SELECT view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal") == []
    unexplained = """
        SELECT table_name, column_name
        FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_name, table_name)
        WHERE c.comment IS NULL AND database_name = 'base'
    """
    assert fetch(db, unexplained) == []


def test_nothing_in_the_store_loads_row_by_row():
    import minecsc.store

    for file in Path(minecsc.store.__file__).parent.glob("*.py"):
        assert "executemany(" not in file.read_text(encoding="utf-8"), file.name


@pytest.mark.slow
def test_twenty_thousand_documents_load_at_once(tmp_path, db):
    extractions = [read_words(paper(n, "CD44 in CSCs.")) for n in range(20_000)]
    shards = [write_shard(tmp_path, extractions[i : i + 2_000], key=f"k{i}") for i in range(0, 20_000, 2_000)]
    report = load(db, *shards)
    assert (report.inserted, report.mentions, report.relations) == (20_000, 40_000, 20_000)
