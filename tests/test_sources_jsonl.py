"""JSON lines: text exactly as given, keys in their many spellings, and every broken line a row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minecsc.schema import Deletion, Document, MeshHeading, Record, RecordError
from minecsc.sources import base, read


def read_lines(folder: Path, *lines: Any, name: str = "records.jsonl") -> list[Record]:
    """Records of a file of these lines: bytes and strings as they are, anything else as JSON."""
    path = folder / name
    raw = (x if isinstance(x, bytes) else (x if isinstance(x, str) else json.dumps(x)).encode() for x in lines)
    path.write_bytes(b"".join(line + b"\n" for line in raw))
    return list(read(path))


def one(folder: Path, **row: Any) -> Document:
    (found,) = read_lines(folder, row)
    assert isinstance(found, Document), found
    return found


def test_all_keys(tmp_path: Path) -> None:
    document = one(
        tmp_path,
        pmid=7,
        title="A title.",
        abstract="An abstract.",
        year=2019,
        journal="J",
        language="eng",
        doi="10.1/x",
        mesh=[{"ui": "D014411", "name": "Neoplastic Stem Cells", "major": True}, "Humans"],
        keywords=["a", "b"],
        chemicals=["c"],
        publication_types=["Journal Article"],
        authors=["Doe, A"],
        version=2,
        revised="2020-01-02",
        retracted=True,
        retracted_by=[9],
        retraction_of=["3"],
        source_repo="ignored",
    )
    assert document == Document(
        document_id="pmid:7",
        title="A title.",
        abstract="An abstract.",
        pmid="7",
        year=2019,
        journal="J",
        language="eng",
        doi="10.1/x",
        mesh=(MeshHeading("D014411", "Neoplastic Stem Cells", True), MeshHeading("", "Humans")),
        keywords=("a", "b"),
        chemicals=("c",),
        publication_types=("Journal Article",),
        authors=("Doe, A",),
        version=2,
        revised="2020-01-02",
        retracted=True,
        retracted_by=("9",),
        retraction_of=("3",),
        source=str(tmp_path / "records.jsonl"),
    )


def test_as_pubmed_parser_writes_it(tmp_path: Path) -> None:
    row = {
        "pmid": "8",
        "title": "T.",
        "abstract": "",
        "pubdate": "2018-05-01",
        "mesh_terms": "D014411:Neoplastic Stem Cells; D006801:Humans",
        "publication_types": "D016428:Journal Article; D016441:Retracted Publication",
        "keywords": "stem cells; Notch",
        "delete": False,
    }
    document, deletion = read_lines(tmp_path, row, {"pmid": "9", "delete": True})
    assert isinstance(document, Document)
    assert (document.year, document.keywords) == (2018, ("stem cells", "Notch"))
    assert document.mesh == (
        MeshHeading("D014411", "Neoplastic Stem Cells"),
        MeshHeading("D006801", "Humans"),
    )
    assert document.publication_types == ("Journal Article", "Retracted Publication")
    assert document.retracted
    assert deletion == Deletion("9", str(tmp_path / "records.jsonl"))


def test_null_and_missing_values(tmp_path: Path) -> None:
    keys = ("pmid", "id", "title", "year", "journal", "mesh", "keywords", "doi", "retracted", "version")
    document = one(tmp_path, abstract="Only this.", **dict.fromkeys(keys))
    assert (document.text, document.title, document.pmid, document.year) == ("Only this.", "", None, None)
    (nan,) = read_lines(tmp_path, '{"title": "T", "abstract": NaN, "year": NaN, "pmid": 12.0}')
    assert isinstance(nan, Document)
    assert (nan.document_id, nan.year, nan.text) == ("pmid:12", None, "T")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"pmid": "00123"}, "pmid:123"),
        ({"pmid": 5, "id": "x:1"}, "pmid:5"),
        ({"id": "pmid:77"}, "pmid:77"),
        ({"id": "sample:0001"}, "sample:0001"),
        ({"id": "abc"}, "jsonl:abc"),
        ({"id": 31}, "jsonl:31"),
    ],
)
def test_document_id(tmp_path: Path, row: dict[str, Any], expected: str) -> None:
    document = one(tmp_path, title="T", **row)
    assert document.document_id == expected
    assert document.pmid == (expected[5:] if expected.startswith("pmid:") else None)


def test_document_id_without_any_is_the_content(tmp_path: Path) -> None:
    rows = [{"title": "T", "abstract": "A"}, {"title": "T", "abstract": "B"}, {"text": "T A", "title": "T"}]
    first, second, third = (r.document_id for r in read_lines(tmp_path, *rows) if isinstance(r, Document))
    assert first.startswith("jsonl:")
    assert first != second
    assert first == third


@pytest.mark.parametrize(
    ("row", "title", "abstract"),
    [
        ({"title": "T.", "text": "T. Body."}, "T.", "Body."),
        ({"title": "T.", "text": "T.  Body. "}, "T.", " Body. "),
        ({"title": "T.", "text": "T.\nBody."}, "T.", "Body."),
        ({"title": "T.", "text": "T."}, "T.", ""),
        ({"title": "T", "text": "T. Body."}, "", "T. Body."),
        ({"title": "T.", "text": "Body."}, "T.", "Body."),
        ({"title": None, "text": " Body\n of  it"}, "", " Body\n of  it"),
        ({"title": "T.", "abstract": "Body.", "text": "T. Body."}, "T.", "Body."),
        ({"title": "T.", "abstract": None, "text": "T. Body."}, "T.", "Body."),
        ({"title": " \n", "abstract": "Body."}, "", "Body."),
    ],
)
def test_text_with_title(tmp_path: Path, row: dict[str, Any], title: str, abstract: str) -> None:
    document = one(tmp_path, id="x", **row)
    assert (document.title, document.abstract) == (title, abstract)
    if "text" in row and row["text"].startswith(row["title"] or ""):
        assert len(document.text) == len(row["text"])
        assert document.text.split() == row["text"].split()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"pmid": 1, "title": "cut', "not JSON: Unterminated string"),
        (b"oops", "not JSON"),
        (b'{"title": "caf\xe9"}', "bytes that are not UTF-8, at byte 15"),
        (b'["a", "list"]', "a JSON list, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b'{"title": 5}', "title is a int, not a text"),
        (b'{"title": "T", "abstract": ["a"]}', "abstract is a list, not a text"),
        (b'{"title": "T", "pmid": "PMC12"}', "pmid 'PMC12' is not a number"),
        (b'{"title": "T", "pmid": -4}', "pmid -4 is not a PMID"),
        (b'{"title": "T", "pmid": true}', "pmid 'True' is not a number"),
        (b'{"title": "T", "year": "soon"}', "year 'soon' is not a number"),
        (b'{"title": "T", "year": 20, "id": 1}', "year 20 out of range"),
        (b'{"title": "T", "version": 0, "id": 1}', "version 0 < 1"),
        (b'{"title": "T", "retracted": "perhaps"}', "retracted 'perhaps' is neither true nor false"),
        (b'{"title": "T", "keywords": {"a": 1}}', "keywords is a dict, not a list"),
        (b'{"title": "T", "keywords": [{"a": 1}]}', "keywords is a dict, not a text"),
        (b'{"title": "T", "mesh": [[1]]}', "mesh is a list, not a text"),
        (b'{"title": "half \\ud83d"}', "half a surrogate pair at character 6"),
        (b'{"pmid": 6}', "neither title nor abstract"),
        (b'{"pmid": 6, "title": "", "abstract": " "}', "neither title nor abstract"),
        (b'{"year": ' + b"9" * 5000 + b"}", ""),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_line_is_one_row_and_the_rest_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    good = {"pmid": 1, "title": "T"}, {"pmid": 2, "title": "T"}
    records = read_lines(tmp_path, good[0], "", line, good[1])
    assert [r.pmid for r in records if isinstance(r, Document)] == ["1", "2"]
    (error,) = (r for r in records if isinstance(r, RecordError))
    assert (error.source, error.record) == (str(tmp_path / "records.jsonl"), "line 3")
    assert reason in error.reason


def test_broken_first_line(tmp_path: Path) -> None:
    error, document = read_lines(tmp_path, b"\x00\xff rubbish", {"pmid": 1, "title": "T"})
    assert isinstance(error, RecordError)
    assert isinstance(document, Document)


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    text = "one\N{LINE SEPARATOR}two\x0bthree\x85four\x1cfive"
    raw = json.dumps({"id": "a:1", "text": text}, ensure_ascii=False)
    first, second = read_lines(
        tmp_path,
        "\N{BOM}" + raw.replace("\x0b", "\\u000b").replace("\x1c", "\\u001c") + "\r",
        raw.replace("\x0b", "\\u000b").replace("\x1c", "\\u001c"),
    )
    assert isinstance(first, Document)
    assert first == second
    assert first.text == text


def test_last_line_without_line_feed_and_pass_through_of_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "records.ndjson"
    path.write_text('{"pmid": 1, "title": "T"}\n{"pmid": 1, "title": "T"}')
    records = list(read(path))
    assert len(records) == 2
    assert records[0] == records[1]


def test_truncated_gzip(tmp_path: Path) -> None:
    rows = [{"pmid": n, "title": f"Title {n * 7919}"} for n in range(1, 3000)]
    packed = gzip.compress("\n".join(json.dumps(row) for row in rows).encode())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    records = list(read(path))
    found = [r.pmid for r in records if isinstance(r, Document)]
    assert found == [str(n) for n in range(1, len(found) + 1)]
    assert 1000 < len(found) < 2999
    last = records[-1]
    assert isinstance(last, RecordError)
    assert (last.record, "truncated" in last.reason) == ("file", True)


def test_overlong_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_LINE", 1 << 20)
    long = {"pmid": 2, "title": "x" * (3 << 20)}
    first, error, third, last = read_lines(
        tmp_path, {"pmid": 1, "title": "T"}, long, {"pmid": 3, "title": "y" * (1 << 19)}, long
    )
    assert isinstance(first, Document)
    assert isinstance(third, Document)
    assert isinstance(error, RecordError)
    assert isinstance(last, RecordError)
    assert (error.record, last.record, third.pmid) == ("line 2", "line 4", "3")
    assert "longer than" in error.reason


# Any text without lone surrogates; blank titles and abstracts are their own case.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: not text.isspace())
NAMES = st.lists(TEXT, max_size=3).map(tuple)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=TEXT,
    abstract=TEXT,
    pmid=st.none() | st.integers(0, 99_999_999).map(str),
    year=st.none() | st.integers(1500, 2200),
    keywords=NAMES,
    retracted=st.booleans(),
    ascii_only=st.booleans(),
)
def test_round_trip(
    tmp_path: Path,
    title: str,
    abstract: str,
    pmid: str | None,
    year: int | None,
    keywords: tuple[str, ...],
    retracted: bool,
    ascii_only: bool,
) -> None:
    """What stands in the line stands in the document, to the character."""
    row = {
        "id": "col:1", "pmid": pmid, "title": title, "abstract": abstract, "year": year,
        "keywords": keywords, "retracted": retracted,
    }  # fmt: skip
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=ascii_only) + "\n", encoding="utf-8")
    (document,) = read(path)
    assert document == Document(
        document_id=f"pmid:{pmid}" if pmid else "col:1",
        title=title,
        abstract=abstract,
        pmid=pmid,
        year=year,
        keywords=keywords,
        retracted=retracted,
        source=str(path),
    )
    assert document.text == f"{title} {abstract}"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, cut=st.integers(0, 20))
def test_text_keeps_its_offsets(tmp_path: Path, text: str, cut: int) -> None:
    """Any beginning of the text given as the title: no character moves."""
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"id": 1, "title": text[:cut], "text": text}), encoding="utf-8")
    (document,) = read(path)
    assert isinstance(document, Document)
    if document.title and len(document.title) < len(text):
        separator = len(document.title)
        assert document.text == text[:separator] + document.text[separator : separator + 1] + text[separator + 1 :]
    else:
        assert document.text == text


@pytest.mark.shared
def test_real_files(shared: Path) -> None:
    records = list(read(shared / "csc" / "csc_abstracts.jsonl.gz"))
    assert len(records) == 231
    assert all(isinstance(record, Document) and record.pmid for record in records)
    untitled = [record for record in records if isinstance(record, Document) and not record.title]
    assert len(untitled) == 52


@pytest.mark.shared
@pytest.mark.parametrize("name", ["train", "dev"])
def test_gold_offsets_hold(shared: Path, name: str) -> None:
    path = shared / "gold" / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row, document in zip(rows, read(path), strict=True):
        assert isinstance(document, Document)
        assert document.text_sha256 == row["sha256"]
        assert all(document.text[e["start"] : e["end"]] == e["text"] for e in row["entities"])
