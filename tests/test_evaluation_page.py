"""The report as a page: complete, self-contained, and safe whatever stands in the texts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from evaluation_cases import reading, relation
from lxml import html

from minecsc.evaluation import Report, compare, evaluate
from minecsc.evaluation.report import TITLES
from minecsc.schema import Document, Extraction

GOLD = [
    reading(relation("increases", "SOX2", "BMI1"), relation("decreases", "salinomycin", "EMT"), document_id=f"pmid:{n}")
    for n in range(1, 5)
]
PREDICTED = {
    g.document.document_id: reading(
        relation("increases" if n else "decreases", "SOX2", "BMI1", probability=0.9 - n / 10),
        document_id=g.document.document_id,
    )
    for n, g in enumerate(GOLD)
}
NASTY = '<script>alert("1")</script> & <img src=x onerror=y>'


@pytest.fixture(scope="module")
def report() -> Report:
    same = {g.document.document_id: g for g in GOLD}
    other = evaluate(GOLD, same, given=same, bootstrap=0)
    ours = evaluate(GOLD, PREDICTED, given=same, bootstrap=40)
    return replace(ours, comparison=compare(ours.counts, other.counts, samples=40), about={"gold": "mine.jsonl"})


def _cells(table) -> list[list[str]]:
    return [[" ".join(cell.text_content().split()) for cell in row] for row in table.iterfind("tbody/tr")]


def test_the_page_holds_every_figure_of_the_tables(report):
    page = html.document_fromstring(report.to_html())
    headings = [heading.text for heading in page.iter("h2")]
    tables = list(page.iter("table"))
    for (title, columns, rows), table in zip(report.grids(), tables, strict=True):
        assert title in headings
        shown = [["all types" if i == 0 and cell == "micro" else cell for i, cell in enumerate(row)] for row in rows]
        assert [row[: len(columns)] for row in _cells(table)] == [[" ".join(c.split()) for c in row] for row in shown]
    assert all(TITLES[section] in page.text_content() for section in report.scores)
    assert len([c for c in page.iter("circle") if c.get("class") == "bubble"]) == sum(
        len(value.bins) for value in report.calibration.values()
    )


def test_the_page_needs_nothing_else(report):
    text = report.to_html()
    page = html.document_fromstring(text)
    assert not list(page.iter("script", "link", "img", "iframe", "object", "embed"))
    assert not [name for element in page.iter() for name in element.attrib if name in ("src", "href", "xlink:href")]
    assert not re.search(r"url\(|@import|https?:", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def _hostile(*relations) -> Extraction:
    """A reading whose last sentence ends in markup."""
    plain = reading(*relations)
    text = f"{plain.document.text[:-1]} {NASTY}."
    sentences = (plain.sentences[0], replace(plain.sentences[1], end=len(text)))
    return replace(plain, document=Document("pmid:1", "", text), sentences=sentences)


def test_what_comes_from_outside_is_escaped():
    gold = _hostile(relation("increases", "SOX2", "BMI1"))
    page = replace(evaluate([gold], {"pmid:1": _hostile()}, bootstrap=0), about={NASTY: NASTY}).to_html()
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 3
    assert NASTY in html.document_fromstring(page).find(".//blockquote").text


def test_a_report_without_predictions_or_intervals_is_a_page_too():
    bare = evaluate([reading()], {"pmid:1": reading(mentions=())}, bootstrap=0, examples=0)
    page = html.document_fromstring(bare.to_html())
    assert "Reliability" not in page.text_content()
    assert "Examples" not in page.text_content()


def test_charts_stay_within_their_frames(report):
    page = html.document_fromstring(report.to_html())
    for svg in page.iter("svg"):
        width, height = map(float, svg.get("viewbox", svg.get("viewBox")).split()[2:])
        for circle in svg.iter("circle"):
            assert 0 <= float(circle.get("cx")) <= width
            assert 0 <= float(circle.get("cy")) <= height
        for line in svg.iter("polyline"):
            for point in line.get("points").split():
                x, y = map(float, point.split(","))
                assert 44 <= x <= 264
                assert 12 <= y <= 232
