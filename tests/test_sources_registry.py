"""Choosing a reader, refusing what none can read, and listing inputs."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from minecsc.errors import SourceError
from minecsc.schema import Document, RecordError
from minecsc.sources import FORMATS, Format, expand_inputs, read

XML = (
    "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
    "<ArticleTitle>T.</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
)
LINE = '{"pmid": 1, "title": "T."}\n'


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_formats_are_registered_under_their_names() -> None:
    assert list(FORMATS) == ["pubmed", "bioc-xml", "bioc-json", "jsonl", "medline", "pubtator", "parquet", "csv"]
    assert all(isinstance(entry, Format) and entry.name == name for name, entry in FORMATS.items())


@pytest.mark.parametrize("content", [XML, LINE, gzip.compress(XML.encode()), gzip.compress(LINE.encode())])
@pytest.mark.parametrize("name", ["a.xml", "a.jsonl.gz", "a.txt", "a"])
def test_content_decides_whatever_the_name(tmp_path: Path, content: str | bytes, name: str) -> None:
    path = write(tmp_path / name, content)
    (document,) = read(str(path))
    assert document == Document(document_id="pmid:1", title="T.", abstract="", pmid="1", source=str(path))


def test_name_decides_where_the_content_does_not_tell(tmp_path: Path) -> None:
    damaged = "\x01\n" + LINE
    first, second = read(write(tmp_path / "a.jsonl", damaged))
    assert isinstance(first, RecordError)
    assert isinstance(second, Document)
    (row,) = read(write(tmp_path / "a.txt", damaged))
    assert isinstance(row, RecordError)
    assert row.reason == f"unknown format: it looks like plain text (known: {', '.join(FORMATS)})"


def test_format_overrides_content_and_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "no sign of anything\n" + LINE)
    assert [type(record) for record in read(path, format="jsonl")] == [RecordError, Document]
    (row,) = read(write(tmp_path / "a.jsonl", LINE), format="pubmed")
    assert isinstance(row, RecordError)
    assert row.record == "file"


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"TY  - JOUR\n", "RIS text"),
        (b"@article{x,\n", "BibTeX"),
        (b'[{"pmid": 1}]', "a JSON array"),
        (b'{\n  "pmid": 1\n}', "a JSON document over several lines"),
        (b"name,value\n1,T\n", "plain text"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"BZh91AY", "bzip2 data"),
        (b"\xfd7zXZ\x00", "xz data"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x7fELF\x00\x01", "binary data"),
        (gzip.compress(gzip.compress(LINE.encode())), "gzip data inside gzip data"),
    ],
)
def test_unknown_format_is_one_row_that_says_what_it_looks_like(tmp_path: Path, content: bytes, seen: str) -> None:
    path = write(tmp_path / "input", content)
    (row,) = read(path)
    assert isinstance(row, RecordError)
    assert (row.source, row.record) == (str(path), "file")
    assert seen in row.reason


@pytest.mark.parametrize("name", ["a.xml", "a.jsonl", "a"])
@pytest.mark.parametrize("content", [b"", b" \n\t\n", gzip.compress(b"")])
def test_empty_file_is_one_row(tmp_path: Path, name: str, content: bytes) -> None:
    (row,) = read(write(tmp_path / name, content))
    assert isinstance(row, RecordError)
    assert (row.record, row.reason) == ("file", "the file is empty")


def test_gzip_that_breaks_at_once(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path / "a.xml.gz", b"\x1f\x8b\x08"))
    assert isinstance(row, RecordError)
    assert "truncated" in row.reason
    (row,) = read(write(tmp_path / "a.xml.gz", b"\x1f\x8bnot really"))
    assert isinstance(row, RecordError)
    assert "damaged" in row.reason


def test_missing_file_folder_and_unknown_format_name_fail_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"MCSC-E201.*absent\.xml: no such file"):
        read(tmp_path / "absent.xml")
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(SourceError, match="unknown format 'endnote'; known: pubmed, "):
        read(write(tmp_path / "a.xml", XML), format="endnote")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", XML)
    path.chmod(0)
    (row,) = read(path)
    assert isinstance(row, RecordError)
    assert row.reason.startswith("cannot be opened: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_read_once_from_the_front(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(LINE.encode() * 5000),))
    writer.start()
    count = sum(isinstance(record, Document) for record in read(pipe))
    writer.join()
    assert count == 5000


def test_expand_folders_files_and_globs(tmp_path: Path) -> None:
    names = ["b/2.xml", "b/1.xml.gz", "a.jsonl", "c/d/e.ndjson.gz", "c/f.JSONL", "notes.md", "b/1.xml.gz.md5"]
    files = {name: write(tmp_path / name, "x") for name in names}
    write(tmp_path / ".hidden" / "x.xml", "x")
    write(tmp_path / "b" / ".x.xml", "x")

    def named(*inputs: str | Path) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in expand_inputs(inputs)]

    assert named(tmp_path) == ["a.jsonl", "b/1.xml.gz", "b/2.xml", "c/d/e.ndjson.gz", "c/f.JSONL"]
    assert named(tmp_path / "b") == ["b/1.xml.gz", "b/2.xml"]
    assert named(files["notes.md"]) == ["notes.md"]
    assert named(f"{tmp_path}/b/*.xml*") == ["b/1.xml.gz", "b/1.xml.gz.md5", "b/2.xml"]
    assert named(f"{tmp_path}/**/*.ndjson.gz") == ["c/d/e.ndjson.gz"]
    assert named(f"{tmp_path}/[bc]") == ["b/1.xml.gz", "b/2.xml", "c/d/e.ndjson.gz", "c/f.JSONL"]
    assert named(files["b/2.xml"], tmp_path / "b", files["b/2.xml"]) == ["b/2.xml", "b/1.xml.gz"]
    assert expand_inputs([]) == []


def test_a_name_with_glob_characters_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "odd[1].xml", XML)
    assert expand_inputs([path]) == [path]


def test_expand_names_everything_that_matched_nothing(tmp_path: Path) -> None:
    good = write(tmp_path / "a.xml", XML)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError) as caught:
        expand_inputs([good, tmp_path / "absent.xml", f"{tmp_path}/*.json", tmp_path / "empty"])
    for name in ("absent.xml", "*.json", "empty"):
        assert name in str(caught.value)
    assert "a.xml" not in str(caught.value)
