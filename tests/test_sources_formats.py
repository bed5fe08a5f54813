"""MEDLINE, PubTator, BioC, CSV and Parquet: the same records whatever the form, and what happens to damaged ones."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import bioc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bioc import biocjson, biocxml
from hypothesis import given
from hypothesis import strategies as st

from minecsc.schema import Deletion, Document, MeshHeading, RecordError
from minecsc.sources import base, read

TITLE = "Napabucasin spares no sphere."
ABSTRACT = "It lowers STAT3, and spheres vanish | even here."
MEDLINE = f"""
PMID- 101
STAT- MEDLINE
LR  - 20240131
DP  - 2019 Mar-Apr
TI  - {TITLE}
AB  - It lowers STAT3, and
      spheres vanish | even here.
FAU - Doe, Jane
LA  - eng
PT  - Journal Article
PT  - Retracted Publication
TA  - J Made Up Res
JT  - Journal of made-up research
MH  - Humans
MH  - *Neoplastic Stem Cells/drug effects
OT  - *stemness
RN  - EC 2.7.10.2 (Janus Kinase 2)
AID - 10.1000/made.up [doi]
RIN - J Made Up Res. 2020;1:2. PMID: 202

PMID- 102
TI  - Second.
"""

plain = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60).filter(
    lambda text: text == text.strip() and bool(text)
)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_medline_fields(tmp_path: Path) -> None:
    first, second = read(write(tmp_path / "a.txt", MEDLINE))
    assert first == Document(
        document_id="pmid:101",
        title=TITLE,
        abstract=ABSTRACT,
        pmid="101",
        year=2019,
        journal="Journal of made-up research",
        language="eng",
        doi="10.1000/made.up",
        mesh=(MeshHeading("", "Humans"), MeshHeading("", "Neoplastic Stem Cells", True)),
        keywords=("stemness",),
        chemicals=("Janus Kinase 2",),
        publication_types=("Journal Article", "Retracted Publication"),
        authors=("Doe, Jane",),
        revised="2024-01-31",
        retracted=True,
        retracted_by=("202",),
        source=str(tmp_path / "a.txt"),
    )
    assert isinstance(second, Document)
    assert (second.pmid, second.text) == ("102", "Second.")


@pytest.mark.parametrize(
    ("bad", "name", "reason"),
    [
        ("PMID- 7x\nTI  - T.\n\n", "PMID 7x", "is not a number"),
        ("PMID- 7\nLR  - soon\nTI  - T.\n\n", "PMID 7", "LR 'soon' is not a date"),
        ("PMID- 7\nDP  - 2001\n\n", "PMID 7", "neither title nor abstract"),
        ("TI  - No number.\n\n", "line 5", "is not a number"),
        ("PMID- 7\nTI  - \udcff\n\n", "PMID 7", "not UTF-8"),
    ],
)
def test_a_damaged_medline_record_loses_no_other(tmp_path: Path, bad: str, name: str, reason: str) -> None:
    whole = f"PMID- 1\nTI  - One.\n\n\n{bad}PMID- 2\nTI  - Two.\n"
    rows = list(read(write(tmp_path / "a.nbib", whole.encode("utf-8", "surrogateescape"))))
    assert [row.pmid for row in rows if isinstance(row, Document)] == ["1", "2"]
    (error,) = (row for row in rows if isinstance(row, RecordError))
    assert error.record == name
    assert reason in error.reason
    assert "line 5" in error.reason


@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=4))
def test_pubtator_keeps_text_as_it_is(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]) -> None:
    blocks = [f"{k}|t|{t}\n{k}|a|{a}\n{k}\t0\t1\tx\tGene\t1\n" for k, (t, a) in enumerate(texts, 1)]
    path = write(tmp_path_factory.mktemp("p") / "a.txt", "\n".join(blocks))
    found = list(read(path))
    assert [(d.title, d.abstract) for d in found if isinstance(d, Document)] == texts
    assert len(found) == len(texts)


def test_pubtator_names_the_damaged_line(tmp_path: Path) -> None:
    rows = list(read(write(tmp_path / "a", "1|t|One.\n1|a|A.\nwhat is this\n\n2|t|\n\nx-3|t|Three.\n")))
    assert [row.document_id for row in rows if isinstance(row, Document)] == ["pmid:1", "pubtator:x-3"]
    assert [(row.record, row.reason[:7]) for row in rows if isinstance(row, RecordError)] == [
        ("line 3", "neither"),
        ("line 5", "[MCSC-E"),
    ]


def collection(texts: list[tuple[str, str]]) -> bioc.BioCCollection:
    whole = bioc.BioCCollection()
    whole.source, whole.date, whole.key = "made up", "2026", "none"
    for k, (title, abstract) in enumerate(texts, 1):
        document = bioc.BioCDocument()
        document.id = str(k)
        offset = 0
        for kind, text in (("title", title), ("abstract", abstract)):
            passage = bioc.BioCPassage()
            passage.offset, passage.text = offset, text
            passage.infons["type"] = kind
            offset += len(text) + 1
            document.add_passage(passage)
        whole.add_document(document)
    return whole


@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=3))
def test_bioc_of_the_bioc_package_is_read(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("b")
    whole = collection(texts)
    as_lines = "\n".join(json.dumps(biocjson.toJSON(document)) for document in whole.documents)
    for name, content in (
        ("a.xml", biocxml.dumps(whole)),
        ("a.json", biocjson.dumps(whole, indent=2)),
        ("b.json", json.dumps({"PubTator3": [biocjson.toJSON(d) for d in whole.documents]})),
        ("c.json", as_lines),
    ):
        found = [r for r in read(write(folder / name, content)) if isinstance(r, Document)]
        assert [(d.pmid, d.title, d.abstract) for d in found] == [(str(k), *t) for k, t in enumerate(texts, 1)], name


def test_damaged_bioc_documents_are_rows_of_their_own(tmp_path: Path) -> None:
    text = biocxml.dumps(collection([("One.", "A."), ("Two.", "B."), ("Three.", "C.")]))
    rows = list(read(write(tmp_path / "a.xml", text.replace("Two.</text>", "Two.</txet>"))))
    assert [row.pmid for row in rows if isinstance(row, Document)] == ["1", "3"]
    (error,) = (row for row in rows if isinstance(row, RecordError))
    assert error.record == "document 2"
    assert "not well-formed" in error.reason

    cut = list(read(write(tmp_path / "b.xml", text[: text.index("Three.")])))
    assert [type(row) for row in cut] == [Document, Document, RecordError]

    bomb = text.replace("One.", "&lol;")
    (bad, *_) = read(write(tmp_path / "c.xml", '<!DOCTYPE collection [<!ENTITY lol "x">]>' + bomb.partition("?>")[2]))
    assert isinstance(bad, RecordError)

    documents = [biocjson.toJSON(d) for d in collection([("One.", "A."), ("Two.", "B.")]).documents]
    documents[0]["passages"][0].pop("text")
    documents.insert(1, {"id": "7", "passages": 3})
    rows = list(read(write(tmp_path / "a.json", json.dumps({"documents": documents}))))
    assert [getattr(row, "record", None) for row in rows] == [None, "document 7", None]


def test_lines_too_long_to_hold_are_not_passed_over_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_LINE", 200)
    whole = biocjson.dumps(collection([("One.", "A."), ("Two.", "B.")]))
    assert "\n" not in whole
    assert [type(row) for row in read(write(tmp_path / "a.json", whole))] == [Document, Document]
    rows = list(
        read(write(tmp_path / "a.nbib", f"PMID- 1\nTI  - One.\n\nPMID- 2\nAB  - {'x' * 300}\n\nPMID- 3\nTI  - T.\n"))
    )
    assert [getattr(row, "record", None) for row in rows] == [None, "PMID 2", None]
    assert "longer than" in rows[1].reason  # type: ignore[union-attr]


def test_an_empty_collection_is_one_row(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path / "a.json", '{"documents": []}'), format="bioc-json")
    assert isinstance(row, RecordError)
    assert row.reason == "BioC JSON without a document"


def test_full_text_bioc_gives_title_and_abstract(tmp_path: Path) -> None:
    passages = [
        ({"section_type": "TITLE", "type": "front", "article-id_pmid": "55", "year": "2021"}, "Front."),
        ({"section_type": "ABSTRACT", "type": "abstract_title_1"}, "Background"),
        ({"section_type": "ABSTRACT", "type": "abstract"}, "First."),
        ({"section_type": "ABSTRACT", "type": "abstract"}, "Second."),
        ({"section_type": "INTRO", "type": "paragraph"}, "Body."),
    ]
    item = {"id": "PMC9", "passages": [{"infons": infons, "text": text} for infons, text in passages]}
    (document,) = read(write(tmp_path / "a.json", json.dumps([item])))
    assert isinstance(document, Document)
    assert (document.document_id, document.text, document.year) == ("pmid:55", "Front. First. Second.", 2021)


@given(st.lists(st.tuples(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r")), plain)))
def test_tables_keep_every_character(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("t")
    rows = [{"pmid": str(k), "title": t, "abstract": a, "mesh": "D1234:Stem Cells"} for k, (t, a) in enumerate(texts)]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["pmid", "title", "abstract", "mesh"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows or [{"pmid": "1"}])[: len(rows)], folder / "a.parquet")
    expected = [(r["pmid"], r["title"] if r["title"].strip() else "", r["abstract"]) for r in rows]
    for path in (write(folder / "a.csv", out.getvalue()), folder / "a.parquet"):
        found = list(read(path))
        assert [(d.pmid, d.title, d.abstract) for d in found if isinstance(d, Document)] == expected
        assert all(d.mesh == (MeshHeading("D1234", "Stem Cells"),) for d in found if isinstance(d, Document))


def test_table_rows_that_are_no_records_are_named(tmp_path: Path) -> None:
    content = 'PMID\tTitle\tAbstract\tDelete\n1\t"Two\nlines."\tA.\t\nx\tT.\tA.\t\n\n3\t\t\tyes\n4\tFour.\n'
    one, bad, gone, four = read(write(tmp_path / "a.tsv", content))
    assert isinstance(one, Document)
    assert one.title == "Two\nlines."
    assert isinstance(bad, RecordError)
    assert bad.record == "line 4"
    assert "pmid 'x' is not a number" in bad.reason
    assert gone == Deletion("3", str(tmp_path / "a.tsv"))
    assert isinstance(four, Document)

    pq.write_table(pa.Table.from_pylist([{"pmid": 1, "title": "T."}, {"pmid": -1, "title": "U."}]), tmp_path / "a.pq")
    good, wrong = read(tmp_path / "a.pq")
    assert isinstance(good, Document)
    assert isinstance(wrong, RecordError)
    assert wrong.record == "row 2"
    data = (tmp_path / "a.pq").read_bytes()
    (row,) = read(write(tmp_path / "b.pq", data[: len(data) // 2]))
    assert isinstance(row, RecordError)
    assert "not readable Parquet" in row.reason


def test_a_table_of_something_else_is_one_row(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"name": "x", "value": 1}]), tmp_path / "a.parquet")
    for path in (write(tmp_path / "a.csv", "name,value\nx,1\ny,2\n"), tmp_path / "a.parquet"):
        (row,) = read(path)
        assert isinstance(row, RecordError)
        assert row.record == "file"
        assert "there are name, value" in row.reason


def test_medline_and_xml_of_one_record_agree(shared: Path) -> None:
    folder = shared / "csc" / "pubmed_xml"
    (text,) = read(folder / "jzsh2000__data_pubmed_example_20000000.medline")
    (xml,) = read(folder / "jzsh2000__data_pubmed_example_20000000.xml")
    assert isinstance(text, Document)
    assert isinstance(xml, Document)
    alike = ("document_id", "title", "abstract", "pmid", "year", "language", "doi", "authors", "publication_types")
    assert [getattr(text, name) for name in alike] == [getattr(xml, name) for name in alike]
    assert [h.name for h in text.mesh] == [h.name for h in xml.mesh]
    assert [h.major for h in text.mesh] == [h.major for h in xml.mesh]
    assert text.chemicals == xml.chemicals


def test_bioc_and_pubtator_of_one_collection_agree(shared: Path) -> None:
    folder = shared / "csc" / "pubmed_xml"
    first = list(read(folder / "KerstenDoering__BioC_export_annotated_text_BioC.xml"))
    second = list(read(folder / "KerstenDoering__BioC_export_text_PubTator.xml"))
    assert len(first) == 3
    assert [replace(d, source=None) for d in first if isinstance(d, Document)] == [
        replace(d, source=None) for d in second if isinstance(d, Document)
    ]


def test_real_files_of_every_text_format_are_read_without_error(shared: Path) -> None:
    folder = shared / "csc" / "pubmed_xml"
    counts = {
        "biopython__Tests_Medline_pubmed_result2.txt": 4,
        "jzsh2000__data_mesh_papers_mesh-papers.medline.txt": 284,
        "bionlplab__tests_pubtator_tmVar.Normalization.txt": 158,
        "bionlplab__tests_bioc_everything.json": 2,
        "bionlplab__tests_bioc_everything.xml": 2,
        "yfpeng__src_test_resources_cdr-sample1.txt": 2,
    }
    for name, count in counts.items():
        rows = list(read(folder / name))
        assert all(isinstance(row, Document) for row in rows), name
        assert len(rows) == count, name
