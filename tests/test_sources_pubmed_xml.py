"""PubMed XML: every field of a record, and all real files there are."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from pubmed_samples import BOOK, article, article_set, comments, errors, one, pmids, read_bytes

from minecsc.schema import Deletion, Document, MeshHeading
from minecsc.sources import read

# Fields


def test_a_full_record_gives_every_field(tmp_path: Path) -> None:
    document = one(
        tmp_path,
        article(
            42,
            article_extra="""<ELocationID EIdType="pii" ValidYN="Y">S1</ELocationID>
              <ELocationID EIdType="doi" ValidYN="Y">10.1000/xyz.42</ELocationID>
              <AuthorList CompleteYN="Y">
                <Author ValidYN="Y"><LastName>Doe</LastName><ForeName>Ann B</ForeName><Initials>AB</Initials>
                  <Suffix>Jr</Suffix><AffiliationInfo><Affiliation>Somewhere</Affiliation></AffiliationInfo></Author>
                <Author ValidYN="N"><LastName>Do</LastName><ForeName>Ann</ForeName></Author>
                <Author ValidYN="Y"><LastName>Roe</LastName><Initials>C</Initials></Author>
                <Author ValidYN="Y"><CollectiveName>The Study Group</CollectiveName></Author>
              </AuthorList>
              <PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType>
                <PublicationType UI="D016454">Review</PublicationType></PublicationTypeList>""",
            citation_extra="""<DateRevised><Year>2021</Year><Month>06</Month><Day>09</Day></DateRevised>
              <ChemicalList><Chemical><RegistryNumber>0</RegistryNumber>
                <NameOfSubstance UI="D051880">Receptors, Notch</NameOfSubstance></Chemical></ChemicalList>
              <MeshHeadingList>
                <MeshHeading>
                  <DescriptorName UI="D014411" MajorTopicYN="N">Neoplastic Stem Cells</DescriptorName>
                  <QualifierName UI="Q000378" MajorTopicYN="N">metabolism</QualifierName>
                  <QualifierName UI="Q000187" MajorTopicYN="Y">drug effects</QualifierName></MeshHeading>
                <MeshHeading><DescriptorName UI="D006801" MajorTopicYN="N">Humans</DescriptorName>
                </MeshHeading>
                <MeshHeading><DescriptorName UI="D051880" MajorTopicYN="Y">Receptors, Notch</DescriptorName>
                </MeshHeading>
              </MeshHeadingList>
              <KeywordList Owner="NOTNLM"><Keyword MajorTopicYN="N">stem <i>cells</i></Keyword>
                <Keyword MajorTopicYN="N">Notch</Keyword></KeywordList>""",
        ),
    )
    assert document.document_id == "pmid:42"
    assert document.text == "Notch keeps stem-like cells alive. Blocking it killed them."
    assert (document.year, document.journal, document.language) == (
        2020,
        "Journal of made-up findings",
        "eng",
    )
    assert document.doi == "10.1000/xyz.42"
    assert document.authors == ("Doe, Ann B, Jr", "Roe, C", "The Study Group")
    assert document.publication_types == ("Journal Article", "Review")
    assert document.mesh == (
        MeshHeading("D014411", "Neoplastic Stem Cells", True),
        MeshHeading("D006801", "Humans", False),
        MeshHeading("D051880", "Receptors, Notch", True),
    )
    assert document.keywords == ("stem cells", "Notch")
    assert document.chemicals == ("Receptors, Notch",)
    assert (document.version, document.revised) == (1, "2021-06-09")
    assert (document.retracted, document.retracted_by, document.retraction_of) == (False, (), ())
    assert document.source == str(tmp_path / "records.xml")


def test_structured_abstract_keeps_labels_in_the_text_and_as_sections(tmp_path: Path) -> None:
    document = one(
        tmp_path,
        article(
            title="A title.",
            abstract="""<AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">Nothing
                was known.</AbstractText>
              <AbstractText>No label here.</AbstractText>
              <AbstractText Label="RESULTS:">CD44<sup>+</sup> cells grew.</AbstractText>
              <AbstractText Label="FUNDING"/>
              <CopyrightInformation>(c) Nobody.</CopyrightInformation>""",
        ),
    )
    assert document.abstract == "BACKGROUND: Nothing was known. No label here. RESULTS: CD44+ cells grew."
    assert [(s.label, document.text[s.start : s.end]) for s in document.sections] == [
        ("BACKGROUND", "Nothing was known."),
        ("RESULTS", "CD44+ cells grew."),
    ]


def test_sections_of_an_untitled_record_start_at_the_abstract(tmp_path: Path) -> None:
    document = one(tmp_path, article(title="", abstract='<AbstractText Label="AIM">To see.</AbstractText>'))
    assert document.text == "AIM: To see."
    (section,) = document.sections
    assert document.text[section.start : section.end] == "To see."


def test_mark_up_gives_its_text_and_white_space_is_collapsed(tmp_path: Path) -> None:
    document = one(
        tmp_path,
        article(
            title="  <i>In vivo</i>   role of\n\t<b>CD44<sup>+</sup></b>/CD24<sup>\N{MINUS SIGN}</sup>"
            " cells&#160;&amp; H<sub>2</sub>O.",
            abstract="<AbstractText>A<!-- not text --> p\N{THIN SPACE}&lt;\N{THIN SPACE}0.05 <u>test</u>"
            "<![CDATA[ of <x>]]>.</AbstractText>",
        ),
    )
    assert document.title == "In vivo role of CD44+/CD24\N{MINUS SIGN} cells & H2O."
    assert document.abstract == "A p < 0.05 test of <x>."


def test_layout_inside_mathml_is_not_text(tmp_path: Path) -> None:
    math = """<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML">
      <mml:msup>
        <mml:mi>10</mml:mi>
        <mml:mn>3</mml:mn>
      </mml:msup>
      <mml:mtext> stem</mml:mtext>
    </mml:math>"""
    document = one(tmp_path, article(abstract=f"<AbstractText>About {math} cells.</AbstractText>"))
    assert document.abstract == "About 103 stem cells."


def test_prefix_declared_nowhere_does_not_cost_the_record(tmp_path: Path) -> None:
    document = one(tmp_path, article(abstract="<AbstractText>x <mml:math><mml:mi>y</mml:mi></mml:math></AbstractText>"))
    assert document.abstract == "x y"


def test_other_abstracts_stay_out_of_the_text(tmp_path: Path) -> None:
    extra = """<OtherAbstract Type="Publisher" Language="spa"><AbstractText Label="FONDO">Hola.</AbstractText>
      </OtherAbstract><OtherAbstract Type="plain-language-summary"><AbstractText>Easy.</AbstractText>
      </OtherAbstract><OtherAbstract Type="KIE" Language="eng"><AbstractText/></OtherAbstract>"""
    document = one(tmp_path, article(citation_extra=extra))
    assert document.other_abstracts == (("spa", "FONDO: Hola."), ("plain-language-summary", "Easy."))
    assert "Hola" not in document.text


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("[Not Available].", "Der eigene Titel."),
        ("", "Der eigene Titel."),
        ("[A translated title].", "[A translated title]."),
    ],
)
def test_vernacular_title_stands_in_for_a_missing_one(tmp_path: Path, title: str, expected: str) -> None:
    extra = "<VernacularTitle>Der <i>eigene</i> Titel.</VernacularTitle>"
    assert one(tmp_path, article(title=title, article_extra=extra)).title == expected


@pytest.mark.parametrize(
    ("pubdate", "year"),
    [
        ("<Year>1999</Year><Month>Dec</Month>", 1999),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", 1998),
        ("<MedlineDate>Spring 2004</MedlineDate>", 2004),
        ("<MedlineDate>no date</MedlineDate>", 2016),
        ("", 2016),
    ],
)
def test_year_comes_from_year_medline_date_or_electronic_date(tmp_path: Path, pubdate: str, year: int) -> None:
    extra = '<ArticleDate DateType="Electronic"><Year>2016</Year><Month>01</Month><Day>02</Day></ArticleDate>'
    assert one(tmp_path, article(pubdate=pubdate, article_extra=extra)).year == year


def test_doi_falls_back_to_the_article_ids_and_never_to_a_reference(tmp_path: Path) -> None:
    ids = '<ArticleIdList><ArticleId IdType="pubmed">1</ArticleId><ArticleId IdType="doi">{}</ArticleId>'
    own = ids.format("10.1/own") + "</ArticleIdList>"
    cited = ids.format("10.1/cited").join(
        ["<ReferenceList><Reference>", "</ArticleIdList></Reference></ReferenceList>"]
    )
    invalid = '<ELocationID EIdType="doi" ValidYN="N">10.1/wrong</ELocationID>'
    assert one(tmp_path, article(article_extra=invalid, data_extra=own + cited)).doi == "10.1/own"
    assert one(tmp_path, article(data_extra=cited)).doi is None


def test_title_alone_is_a_document(tmp_path: Path) -> None:
    document = one(tmp_path, article(title="Only a title.", abstract=""))
    assert (document.text, document.abstract, document.sections) == ("Only a title.", "", ())


def test_versions_and_duplicates_all_pass(tmp_path: Path) -> None:
    second = article(pmid_element='<PMID Version="2">5</PMID>', title="Revised.")
    records = read_bytes(tmp_path, article_set(article(5), second, article(5)))
    assert [(r.pmid, r.version) for r in records if isinstance(r, Document)] == [("5", 1), ("5", 2), ("5", 1)]


def test_hundred_thousand_characters(tmp_path: Path) -> None:
    body = "Cells resist. " * 8000
    document = one(tmp_path, article(abstract=f"<AbstractText>{body}</AbstractText>"))
    assert document.abstract == body.strip()


def test_old_citation_sets_and_bare_articles(tmp_path: Path) -> None:
    citation = re.search(r"<MedlineCitation.*</MedlineCitation>", article(7), re.DOTALL)
    assert citation is not None
    (old,) = read_bytes(tmp_path, f"<MedlineCitationSet>{citation[0]}</MedlineCitationSet>")
    (bare,) = read_bytes(tmp_path, article(7))
    assert isinstance(old, Document)
    assert isinstance(bare, Document)
    assert old == bare


def test_book_article(tmp_path: Path) -> None:
    chapter = BOOK.format(title='<ArticleTitle book="b" part="c">A Chapter</ArticleTitle>')
    records = read_bytes(tmp_path, article_set(article(1), chapter, BOOK.format(title=""), article(2)))
    assert pmids(records) == ["1", "20301295", "20301295", "2"]
    document, whole = records[1:3]
    assert isinstance(document, Document)
    assert isinstance(whole, Document)
    assert document.text == "A Chapter CLINICAL: A chapter."
    assert (document.journal, document.year, document.doi) == ("The Book", 1993, "10.1/nbk")
    assert (document.authors, document.publication_types) == (("Writer, W",), ("Review",))
    assert (document.keywords, document.revised) == (("chapters",), "2022-03-04")
    assert whole.title == "The Book"


# Deletions and retractions


def test_delete_citation(tmp_path: Path) -> None:
    bad = '<PMID Version="1">x</PMID>'
    deletion = f'<DeleteCitation>\n<PMID Version="1">11</PMID>\n{bad}\n<PMID>13</PMID></DeleteCitation>'
    records = read_bytes(tmp_path, article_set(article(1), deletion))
    assert [r.pmid for r in records if isinstance(r, Deletion)] == ["11", "13"]
    (error,) = errors(records)
    assert error.record == "DeleteCitation"
    assert "'x'" in error.reason
    line = 1 + (tmp_path / "records.xml").read_text().splitlines().index(bad)
    assert error.reason.startswith(f"line {line}:")


def types(*names: str) -> str:
    return (
        "<PublicationTypeList>"
        + "".join(f"<PublicationType>{n}</PublicationType>" for n in names)
        + "</PublicationTypeList>"
    )


@pytest.mark.parametrize(
    ("extra", "publication", "retracted", "by", "of"),
    [
        ("", ("Journal Article", "Retracted Publication"), True, (), ()),
        (comments("RetractionIn", 9), ("Journal Article",), True, ("9",), ()),
        (comments("RetractionIn"), (), True, (), ()),
        (comments("RetractedandRepublishedIn", 9), (), True, ("9",), ()),
        (comments("RetractionOf", 3), ("Retraction of Publication",), False, (), ("3",)),
        (comments("ExpressionOfConcernIn", 9), (), False, (), ()),
        (comments("ErratumIn", 9), (), False, (), ()),
        (comments("PartialRetractionIn", 9), (), False, (), ()),
        ("", ("Published Erratum",), False, (), ()),
        ("", ("Expression of Concern",), False, (), ()),
    ],
)
def test_retraction_both_ways_and_what_is_none(
    tmp_path: Path,
    extra: str,
    publication: tuple[str, ...],
    retracted: bool,
    by: tuple[str, ...],
    of: tuple[str, ...],
) -> None:
    document = one(tmp_path, article(citation_extra=extra, article_extra=types(*publication)))
    assert (document.retracted, document.retracted_by, document.retraction_of) == (retracted, by, of)


# Real files


def count_of(path: Path, pattern: bytes) -> int:
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    return len(re.findall(pattern, content))


@pytest.mark.shared
def test_every_real_file_is_read_or_named(shared: Path) -> None:
    folder = shared / "csc" / "pubmed_xml"
    files = sorted(path for path in folder.iterdir() if path.is_file())
    assert len(files) > 50
    documents = 0
    for path in files:
        records = list(read(path))
        articles = count_of(path, rb"<PubmedArticle[ >]")
        if not articles and any(isinstance(r, Document) for r in records):
            continue  # another format: test_sources_formats.py
        assert sum(not isinstance(r, Deletion) for r in records) == max(articles, 1), path.name
        rows = errors(records)
        assert len(rows) == (0 if articles else 1), (path.name, rows)
        for row in rows:
            assert row.record == "file"
            assert row.reason.startswith("unknown format: it looks like ")
        for document in records:
            if not isinstance(document, Document):
                continue
            documents += 1
            assert document.text == " ".join(document.text.split()), document.document_id
            for section in document.sections:
                label = document.text[section.start - len(section.label) - 2 : section.start]
                assert label == f"{section.label}: ", document.document_id
    assert documents == 349


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[tuple[str, str], Document]:
    """Documents of some real files, by start of file name and PMID."""
    found: dict[tuple[str, str], Document] = {}
    for path in (shared / "csc" / "pubmed_xml").glob("*.xml*"):
        for record in read(path):
            if isinstance(record, Document) and record.pmid:
                found[path.name.partition("__")[2].partition(".")[0], record.pmid] = record
    return found


@pytest.mark.shared
def test_known_values_of_real_records(real: dict[tuple[str, str], Document]) -> None:
    """Values read off the files by hand."""
    retracted = real["retractions_npg_data_example", "993"]
    assert (retracted.retracted, retracted.retracted_by) == (True, ("195582",))
    assert (retracted.year, retracted.revised, len(retracted.authors)) == (1975, "2009-11-18", 2)
    assert "Retracted Publication" in retracted.publication_types

    telomere = real["Tests_Entrez_pubmed4", "27797938"]
    assert [s.label for s in telomere.sections] == ["OBJECTIVE", "DESIGN", "RESULTS", "CONCLUSIONS"]
    assert (telomere.journal, telomere.year, telomere.doi) == ("Gut", 2017, "10.1136/gutjnl-2016-312510")
    assert telomere.mesh[0] == MeshHeading("D000230", "Adenocarcinoma", True)
    assert telomere.chemicals == ("TERT protein, human", "Telomerase")
    assert "TERT" in telomere.title
    assert telomere.publication_types[1] == "Observational Study"
    assert not telomere.retracted

    imaging = real["Tests_Entrez_pubmed7", "29963580"]
    assert imaging.authors[-1] == "Canadian Respiratory Research Network"
    assert "inhaled He3/Xe129 MRI ventilation" in imaging.abstract

    revised = real["tests_fixtures_pubmed25n0002", "1001"]
    assert (revised.version, revised.revised) == (2, "2021-06-10")
    assert real["tests_fixtures_pubmed25n0001", "1001"].version == 1
    assert real["tests_fixtures_pubmed25n0001", "1003"].year == 1998
    untitled = real["tests_fixtures_pubmed25n0004", "28972331"]
    assert (untitled.language, untitled.title.split()[:3]) == ("nor", ["The", "vanishing", "Aral"])

    chinese = real["pubmed_result", "30124210"]
    assert [kind for kind, _ in chinese.other_abstracts] == ["chi"]
    translated = real["data_pancreatic_cancer_example_medline_00000000", "10051796"]
    assert (translated.language, translated.year) == ("dan", 1999)
    assert translated.title.startswith("[")
    assert translated.title.endswith("].")


@pytest.mark.shared
def test_deletions_of_real_update_files(shared: Path) -> None:
    folder = shared / "csc" / "pubmed_xml"
    counts = {
        path.name.partition("__")[2]: sum(isinstance(record, Deletion) for record in read(path))
        for path in folder.glob("*.xml*")
    }
    assert {name: count for name, count in counts.items() if count} == {
        "tests_fixtures_pubmed25n0002.xml": 1,
        "pubmed-lib_data_test_pubmed20n1203.xml.gz": 23,
        "pubmed-lib_data_test_pubmed_sample.xml": 3,
    }


@pytest.mark.shared
def test_texts_are_those_that_were_annotated(shared: Path, real: dict[tuple[str, str], Document]) -> None:
    """Offsets of the gold annotation hold on what the reader makes of the same records."""
    gold = {
        record.pmid: record
        for name in ("train", "dev")
        for record in read(shared / "gold" / f"{name}.jsonl")
        if isinstance(record, Document)
    }
    both = [(document, gold[pmid]) for (_, pmid), document in real.items() if pmid in gold]
    assert len(both) >= 18
    for document, annotated in both:
        assert document.text_sha256 == annotated.text_sha256, document.document_id
