"""PubMed XML: every kind of damage costs the record it hit, names it, and spares the others."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pubmed_samples import BOOK, PROLOG, article, article_set, comments, errors, one_error, pmids, read_bytes

from minecsc.schema import Document, RecordError
from minecsc.sources import read

# Broken records


@pytest.mark.parametrize(
    ("bad", "locator", "reason"),
    [
        (article(pmid_element=""), "line", "no PMID"),
        (article(pmid_element="", citation_extra=comments("Cites", 777)), "line", "no PMID"),
        (article(pmid_element="<PMID>12a</PMID>"), "line", "'12a' is not a number"),
        (article(pmid_element="<PMID/>"), "line", "'' is not a number"),
        (article(pmid_element='<PMID Version="x">8</PMID>'), "PMID 8", "version 'x'"),
        (article(pmid_element='<PMID Version="0">8</PMID>'), "PMID 8", "version 0 < 1"),
        (article(8, pubdate="<Year>20I5</Year>"), "PMID 8", "Year '20I5' is not a number"),
        (article(8, pubdate="<Year>20</Year>"), "PMID 8", "year 20 out of range"),
        (article(8, title="", abstract=""), "PMID 8", "neither title nor abstract"),
        (article(8, title="[Not Available].", abstract=""), "PMID 8", "neither title nor abstract"),
        (
            article(8, citation_extra="<DateRevised><Year>2020</Year><Month>13</Month><Day>1</Day></DateRevised>"),
            "PMID 8",
            "is not a date",
        ),
        (article(8, title="An <i>unclosed title."), "PMID 8", "tag mismatch"),
        (article(8, title="A \x0b control character."), "PMID 8", "not well-formed XML"),
        (article(8, title="A &#x1F; reference to one."), "PMID 8", "not well-formed XML"),
        (article(8, title="An &undefined; entity."), "PMID 8", "'undefined' not defined"),
        (article(8, title="Fish & chips."), "PMID 8", "not well-formed XML"),
        (
            article(8, abstract="<AbstractText>" + "<i>" * 300 + "</i>" * 300 + "</AbstractText>"),
            "PMID 8",
            "depth",
        ),
        (article(8).replace("</PubmedArticle>\n", ""), "PMID 8", "no closing tag </PubmedArticle>"),
        (article(8).replace("<PubmedArticle>", "<PubmedArticl>"), "PMID 8", "content outside any record"),
        (article(8)[:200], "PMID 8", "no closing tag </PubmedArticle>"),
        ("some text\n", "line", "content outside any record: 'some text'"),
        ("<PubmedArticle></PubmedArticle>\n", "line", "no PMID"),
    ],
)
def test_a_broken_record_is_one_row_and_its_neighbours_are_read(
    tmp_path: Path, bad: str, locator: str, reason: str
) -> None:
    records = read_bytes(tmp_path, article_set(article(1), bad, article(2), article(3)))
    assert pmids(records) == ["1", "2", "3"]
    (error,) = errors(records)
    assert records.index(error) == 1
    assert error.source == str(tmp_path / "records.xml")
    assert error.record == locator if locator != "line" else error.record.startswith("line ")
    assert reason in error.reason


def test_error_rows_name_the_line_of_the_damage(tmp_path: Path) -> None:
    references = "<ReferenceList>\n\n<Reference><Citation>x</Citation></Reference>\n</ReferenceList>"
    content = article_set(
        article(1, data_extra=references),
        article(2, abstract="<AbstractText>one\ntwo &nonsense; three</AbstractText>", data_extra=references),
        article(3),
    )
    (error,) = errors(read_bytes(tmp_path, content))
    line = next(n for n, text in enumerate(content.splitlines(), 1) if "nonsense" in text)
    assert error.reason.startswith(f"line {line}:")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    content = article_set(article(1), article(2, title="caf@@ cells"), article(3)).encode()
    records = read_bytes(tmp_path, content.replace(b"@@", b"\xe9"))
    assert pmids(records) == ["1", "3"]
    assert errors(records)[0].record == "PMID 2"


def test_declared_encodings_are_followed(tmp_path: Path) -> None:
    content = article_set(article(1, title="Café \N{GREEK SMALL LETTER BETA}")).replace("UTF-8", "ISO-8859-7")
    (document,) = read_bytes(tmp_path, content.replace("é", "e").encode("iso-8859-7"))
    assert isinstance(document, Document)
    assert document.title == "Cafe \N{GREEK SMALL LETTER BETA}"
    utf16 = article_set(article(1, title="Café")).replace("UTF-8", "UTF-16").encode("utf-16")
    (document,) = read_bytes(tmp_path, utf16)
    assert isinstance(document, Document)
    assert document.title == "Café"


@pytest.mark.parametrize("name", ["UTF-16", "rot13", "no-such-encoding", "US-ASCII", "undefined"])
def test_a_false_encoding_declaration_does_no_harm(tmp_path: Path, name: str) -> None:
    content = article_set(article(1, title="Caf\N{LATIN SMALL LETTER E WITH ACUTE}")).replace("UTF-8", name)
    (document,) = read_bytes(tmp_path, content)
    assert isinstance(document, Document)
    assert document.title == "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_many_unclosed_records_in_a_row(tmp_path: Path) -> None:
    unclosed = [article(n).replace("</PubmedArticle>", "") for n in range(100, 600)]
    records = read_bytes(tmp_path, article_set(article(1), *unclosed, article(2), article(3)))
    assert pmids(records) == ["1", "2", "3"]
    assert [e.record for e in errors(records)] == [f"PMID {n}" for n in range(100, 600)]


def test_a_record_cut_in_its_references_does_not_merge_with_the_next(tmp_path: Path) -> None:
    references = "<ReferenceList><Reference><Citation>x</Citation></Reference></ReferenceList>"
    cut = article(8, data_extra=references).split("</Reference>")[0]
    records = read_bytes(tmp_path, article_set(article(1), cut, article(2, data_extra=references), article(3)))
    assert pmids(records) == ["1", "2", "3"]
    assert [e.record for e in errors(records)] == ["PMID 8"]


def test_unclosed_book_among_articles(tmp_path: Path) -> None:
    book = BOOK.format(title="").replace("</PubmedBookArticle>", "")
    records = read_bytes(tmp_path, article_set(book, article(1), article(2), BOOK.format(title="")))
    assert pmids(records) == ["1", "2", "20301295"]
    assert len(errors(records)) == 1


_MARKS = [
    b"<",
    b"</",
    b"</i>",
    b">",
    b"<!--",
    b"-->",
    b"]]>",
    b"<![CDATA[",
    b"<?",
    b"?>",
    b"&",
    b"&x;",
    b'"',
    b"\xff",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.floats(0, 1),
    length=st.integers(0, 60),
    filling=st.lists(st.sampled_from(_MARKS) | st.binary(max_size=8), max_size=5).map(b"".join),
)
def test_damage_stays_in_its_record(tmp_path: Path, where: float, length: int, filling: bytes) -> None:
    """Whatever bytes of a record are replaced: its neighbours are read, and it ends as one row itself.

    Two rows at most: a whole record and the bytes put before or behind it.
    """
    first, hit, last = (article(pmid).encode() for pmid in (1, 2, 3))
    start = int(where * len(hit))
    hit = hit[:start] + filling + hit[start + length :]
    head, tail = article_set().encode().split(b"</PubmedArticleSet>")
    content = head + first + hit + b"\n" + last + b"</PubmedArticleSet>" + tail
    records = read_bytes(tmp_path, content)
    neighbours = [r for r in records if isinstance(r, Document) and r.pmid in ("1", "3")]
    assert [r.text for r in neighbours] == ["Notch keeps stem-like cells alive. Blocking it killed them."] * 2
    assert len(records) in (3, 4), records
    assert sum(isinstance(record, Document) for record in records) <= 3


# Broken files


def test_truncated_inside_a_record(tmp_path: Path) -> None:
    content = article_set(article(1), article(2), article(3))
    records = read_bytes(tmp_path, content[: content.index("<Title>", content.index(">3</PMID>"))])
    assert pmids(records) == ["1", "2"]
    assert [(e.record, e.reason.partition(": ")[2]) for e in errors(records)] == [
        ("PMID 3", "the file ends inside this PubmedArticle")
    ]


def test_truncated_between_records(tmp_path: Path) -> None:
    records = read_bytes(tmp_path, article_set(article(1), article(2)).replace("</PubmedArticleSet>", ""))
    assert pmids(records) == ["1", "2"]
    assert [(e.record, e.reason) for e in errors(records)] == [
        ("file", "the file is cut short: it ends without </PubmedArticleSet>")
    ]


def test_truncation_anywhere_never_raises_and_loses_no_whole_record(tmp_path: Path) -> None:
    content = article_set(article(1), BOOK.format(title=""), article(2)).encode()
    whole = [m.end() for m in re.finditer(rb"</Pubmed(Book)?Article>", content)]
    for end in range(1, len(content) - 1, 37):
        records = read_bytes(tmp_path, content[:end])
        assert len(pmids(records)) == sum(position <= end for position in whole), end
        assert len(errors(records)) == (0 if b"</PubmedArticleSet>" in content[:end] else 1), (end, records)


def test_beginning_cut_off(tmp_path: Path) -> None:
    content = article_set(article(1), article(2), article(3))
    records = read_bytes(tmp_path, content[content.index("<Title>") :])
    assert pmids(records) == ["2", "3"]
    assert len(errors(records)) == 1


def test_truncated_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(article_set(*(article(n, title=f"Title {n * 7919}.") for n in range(1, 400))).encode())
    records = read_bytes(tmp_path, packed[: len(packed) // 2], "cut.xml.gz")
    found = pmids(records)
    assert found == [str(n) for n in range(1, len(found) + 1)]
    assert 100 < len(found) < 399
    rows = errors(records)
    assert rows[-1].record == "file"
    assert "gzip data is truncated" in rows[-1].reason
    assert len(rows) <= 2


def test_gzip_is_known_by_content_and_may_have_members(tmp_path: Path) -> None:
    head, _, tail = article_set(article(1), article(2), article(3)).partition("  <MedlineCitation")
    packed = gzip.compress(head.encode()) + gzip.compress(b"  <MedlineCitation" + tail.encode()) + b"\0" * 512
    assert pmids(read_bytes(tmp_path, packed, "no_gz_in_the_name.xml")) == ["1", "2", "3"]
    assert pmids(read_bytes(tmp_path, article_set(article(4)), "not_packed.xml.gz")) == ["4"]


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(article_set(article(1)).encode()))
    packed[-6] ^= 0xFF  # the check sum
    records = read_bytes(tmp_path, bytes(packed), "bad.xml.gz")
    assert "gzip data is damaged" in errors(records)[-1].reason


def test_concatenated_files(tmp_path: Path) -> None:
    records = read_bytes(tmp_path, article_set(article(1)) + article_set(article(2)) + article_set(article(3)))
    assert pmids(records) == ["1", "2", "3"]
    assert errors(records) == []


def test_comments_between_records_may_hold_anything(tmp_path: Path) -> None:
    commented = "<!-- " + article(8) + " -->\n<?note <PubmedArticle> ?>\n"
    records = read_bytes(tmp_path, article_set(commented, article(1), commented, article(2)))
    assert pmids(records) == ["1", "2"]
    assert errors(records) == []


def test_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + article_set(article(1)).replace("\n", "\r\n").encode()
    (document,) = read_bytes(tmp_path, content)
    assert isinstance(document, Document)
    assert document.text == "Notch keeps stem-like cells alive. Blocking it killed them."


def test_empty_set_has_no_records_and_no_errors(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, article_set()) == []
    assert read_bytes(tmp_path, PROLOG + "<PubmedArticleSet/>") == []


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ('<?xml version="1.0"?>\n<!-- x --><article><front/></article>', "PubMed Central"),
        ("<pmc-articleset><article/></pmc-articleset>", "PubMed Central article XML"),
        ('<!DOCTYPE collection SYSTEM "BioC.dtd"><collection><source/></collection>', "BioC XML"),
        ("<!DOCTYPE html>\n<html><body>429 Too Many Requests</body></html>", "HTML page"),
        ("<eSearchResult><Count>3</Count></eSearchResult>", "search result"),
        ("<invoices/>", "XML with the root element <invoices>"),
    ],
)
def test_another_root_is_one_row_that_names_it(tmp_path: Path, content: str, seen: str) -> None:
    error = one_error(tmp_path, content)
    assert error.record == "file"
    assert seen in error.reason
    (forced,) = list(read(tmp_path / "records.xml", format="pubmed"))
    assert isinstance(forced, RecordError)
    assert seen in forced.reason


# Hostile files


def test_entity_expansion_bomb_is_an_undefined_entity(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">\n' for n in range(1, 12))
    bomb = PROLOG.split("<!DOCTYPE")[0] + f'<!DOCTYPE PubmedArticleSet [<!ENTITY l0 "lol">\n{levels}]>\n'
    body = "<PubmedArticleSet>" + article(1) + article(2, title="&l11;") + article(3) + "</PubmedArticleSet>"
    records = read_bytes(tmp_path, bomb + body)
    assert pmids(records) == ["1", "3"]
    assert [e.record for e in errors(records)] == ["PMID 2"]


def test_external_entities_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    doctype = f'<!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    content = doctype + "<PubmedArticleSet>" + article(1, title="&x;") + "</PubmedArticleSet>"
    error = one_error(tmp_path, content)
    assert error.record == "PMID 1"
    assert "the secret" not in error.reason


def test_a_doctype_inside_a_record_is_an_error(tmp_path: Path) -> None:
    inner = '<!DOCTYPE a [<!ENTITY x "y">]>'
    records = read_bytes(tmp_path, article_set(article(1, title=f"{inner}&x;"), article(2)))
    assert pmids(records) == ["2"]


def test_a_record_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    filler = "<AbstractText>" + "x" * (1 << 20) + "</AbstractText>\n"
    endless = article(8).partition("<Abstract>")[0] + filler * 18
    records = read_bytes(tmp_path, PROLOG + "<PubmedArticleSet>" + article(1) + endless + article(2))
    assert pmids(records) == ["1", "2"]
    assert "within 16 MiB" in errors(records)[0].reason


MEASURE = """
import re, sys
from minecsc.sources import read

def peak():  # of this process alone: getrusage counts the parent's memory before exec too
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

for _ in read(sys.argv[1]):
    pass
before = peak()
count = sum(1 for _ in read(sys.argv[2]))
print(count, before, peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """20,000 records of 2.5 kB: the peak stays where a file of 200 puts it, and below 150 MB."""
    records = [article(n, abstract=f"<AbstractText>{'Cells resist. ' * 120}</AbstractText>") for n in range(200)]
    small, large = tmp_path / "small.xml", tmp_path / "large.xml.gz"
    small.write_text(article_set(*records))
    large.write_bytes(gzip.compress(article_set(*records * 100).encode(), 1))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    count, before, after = map(int, done.stdout.split())
    assert count == 20_000
    assert after < 150 * 1024
    assert after - before < 10 * 1024
