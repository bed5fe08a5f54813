"""Exports of annotated texts and of papers, read back by our own readers and by others'."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bioc import biocjson, pubtator
from bioc.validator import BioCValidator
from export_cases import PAPERS, build, counts, text

from minecsc import sources
from minecsc.export import export


@pytest.fixture(scope="module")
def db(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("export"), PAPERS)


# annotated texts


def test_bioc_is_valid_and_holds_every_mention_and_relation(db, tmp_path):
    with_text = biocjson.loads(text(db, "bioc", tmp_path / "x.bioc.json"))
    assert len(with_text.documents) == len(PAPERS)
    mentions = relations = 0
    for document in with_text.documents:
        BioCValidator().validate_doc(document)
        spans = {a.id: a for passage in document.passages for a in passage.annotations}
        mentions += len(spans)
        for relation in document.relations:
            relations += 1
            assert {node.role for node in relation.nodes} == {"head", "tail"}
            assert all(node.refid in spans for node in relation.nodes)
    assert {"mention": mentions, "relation": relations} == counts(db)
    by_id = {document.id: document for document in with_text.documents}
    assert by_id["4"].infons["retracted"] == "true"
    assert by_id["2"].relations[0].infons["speculative"] == "true"
    assert by_id["6"].relations[0].infons["negated"] == "true"


def test_our_reader_takes_bioc_back(db, tmp_path):
    export(db, "bioc", tmp_path / "x.bioc.json")
    read = {record.document_id: record for record in sources.read(tmp_path / "x.bioc.json")}
    for document in PAPERS:
        twin = read[document.document_id if document.pmid else f"bioc:{document.document_id}"]
        for name in ("pmid", "title", "abstract", "text", "year", "journal", "doi"):
            assert getattr(twin, name) == getattr(document, name), name


def test_pubtator_is_valid_and_both_readers_take_it_back(db, tmp_path):
    written = text(db, "pubtator", tmp_path / "x.pubtator")
    annotated = {document.pmid: document for document in pubtator.loads(written)}
    assert len(annotated) == len(PAPERS)
    for document in annotated.values():
        pubtator.validate(document)
    assert sum(len(document.annotations) for document in annotated.values()) == counts(db)["mention"]
    first = annotated["1"]
    assert {(r.type, r.id1, r.id2) for r in first.relations} == {
        ("decreases", "CHEBI:80025", "minecsc:wnt"),
        ("decreases", "CHEBI:80025", "minecsc:csc"),
    }
    assert [annotated[pmid].relations[0].neg for pmid in ("1", "2", "6")] == [None, "speculative", "negated"]
    read = {record.document_id: record for record in sources.read(tmp_path / "x.pubtator")}
    for document in PAPERS:
        twin = read[document.document_id if document.pmid else f"pubtator:{document.document_id}"]
        assert (twin.title, twin.abstract) == (document.title.replace("\n", " "), document.abstract)


# papers


def test_ris_lists_the_papers_with_relations(db, tmp_path):
    written = text(db, "ris", tmp_path / "x.ris")
    entries = written.strip().split("\n\n")
    assert [re.search(r"^AN  - (.*)$", entry, re.M)[1] for entry in entries] == ["2", "3", "1", "4", "5", "6"]
    assert all(
        entry.startswith("TY  - JOUR\n") and entry.endswith("\nER  - ") for entry in f"{written}".split("\n\n")[:-1]
    )
    assert all(
        re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line)
        for entry in entries
        for line in entry.splitlines()
        if line != "ER  -"
    )
    assert "N1  - Retracted" in entries[3]
    assert "AU  - Doe, Jane\nAU  - Unit of Sand and Stone\n" in entries[2]


def test_rispy_reads_the_papers(db, tmp_path):
    rispy = pytest.importorskip("rispy", reason="needs rispy to read RIS")
    first = next(e for e in rispy.loads(text(db, "ris", tmp_path / "x.ris")) if e["id"] == "pmid:1")
    assert first["authors"] == ["Doe, Jane", "Unit of Sand and Stone"]
    assert (first["year"], first["doi"], first["keywords"]) == ("2019", "10.1000/x_1", ["stem cells", "50%"])


def test_bibtex_escapes_what_tex_reads(db, tmp_path):
    written = text(db, "bibtex", tmp_path / "x.bib")
    assert written.count("@article{") == 6
    assert "  author = {Doe, Jane and {Unit of Sand and Stone}}," in written
    assert r"  journal = {J \& B}," in written
    assert r"  keywords = {stem cells, 50\%}," in written
    assert "  note = {Retracted}," in written
    assert written.count("{") == written.count("}")


def test_bibtexparser_reads_the_papers(db, tmp_path):
    bibtexparser = pytest.importorskip("bibtexparser", reason="needs bibtexparser to read BibTeX")
    written = text(db, "bibtex", tmp_path / "x.bib")
    if hasattr(bibtexparser, "parse_string"):
        library = bibtexparser.parse_string(written)
        assert not library.failed_blocks
        entries = {
            entry.key: entry.fields_dict["year"].value for entry in library.entries if "year" in entry.fields_dict
        }
    else:
        entries = {entry["ID"]: entry["year"] for entry in bibtexparser.loads(written).entries if "year" in entry}
    assert entries == {"pmid1": "2019", "pmid2": "2021", "pmid3": "2020", "pmid4": "2018"}
