"""PubMed XML written for the tests, and short ways to read it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minecsc.schema import Document, Record, RecordError
from minecsc.sources import read

PROLOG = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<!DOCTYPE PubmedArticleSet PUBLIC "
    '"-//NLM//DTD PubMedArticle, 1st January 2024//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_240101.dtd">\n'
)


def article(
    pmid: int | str = 1,
    *,
    title: str = "Notch keeps stem-like cells alive.",
    abstract: str = "<AbstractText>Blocking it killed them.</AbstractText>",
    pubdate: str = "<Year>2020</Year>",
    journal_extra: str = "",
    article_extra: str = "",
    citation_extra: str = "",
    data_extra: str = "",
    pmid_element: str | None = None,
) -> str:
    """One PubmedArticle, written for these tests."""
    if pmid_element is None:
        pmid_element = f'<PMID Version="1">{pmid}</PMID>'
    return f"""<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM">
    {pmid_element}
    <Article PubModel="Print">
      <Journal>
        <JournalIssue CitedMedium="Internet"><Volume>7</Volume><PubDate>{pubdate}</PubDate></JournalIssue>
        <Title>Journal of made-up findings</Title>{journal_extra}
      </Journal>
      <ArticleTitle>{title}</ArticleTitle>
      {f"<Abstract>{abstract}</Abstract>" if abstract else ""}
      <Language>eng</Language>
      {article_extra}
    </Article>
    {citation_extra}
  </MedlineCitation>
  <PubmedData><PublicationStatus>ppublish</PublicationStatus>{data_extra}</PubmedData>
</PubmedArticle>
"""


def article_set(*records: str) -> str:
    return PROLOG + "<PubmedArticleSet>\n" + "".join(records) + "</PubmedArticleSet>\n"


def read_bytes(folder: Path, content: bytes | str, name: str = "records.xml") -> list[Record]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(path))


def one(folder: Path, record: str) -> Document:
    (found,) = read_bytes(folder, article_set(record))
    assert isinstance(found, Document), found
    return found


def one_error(folder: Path, content: bytes | str) -> RecordError:
    (found,) = read_bytes(folder, content)
    assert isinstance(found, RecordError), found
    return found


def pmids(records: Iterable[Record]) -> list[str | None]:
    return [record.pmid for record in records if isinstance(record, Document)]


def errors(records: Iterable[Record]) -> list[RecordError]:
    return [record for record in records if isinstance(record, RecordError)]


def comments(kind: str, *targets: int) -> str:
    inner = "".join(f'<RefSource>J. 2020</RefSource><PMID Version="1">{t}</PMID>' for t in targets)
    inner = f'<CommentsCorrections RefType="{kind}">{inner}</CommentsCorrections>'
    return f"<CommentsCorrectionsList>{inner}</CommentsCorrectionsList>"


BOOK = """<PubmedBookArticle><BookDocument>
  <PMID Version="1">20301295</PMID>
  <ArticleIdList><ArticleId IdType="bookaccession">NBK1</ArticleId>
    <ArticleId IdType="doi">10.1/nbk</ArticleId></ArticleIdList>
  <Book><Publisher><PublisherName>A press</PublisherName></Publisher>
    <BookTitle book="b">The <i>Book</i></BookTitle>
    <PubDate><Year>1993</Year></PubDate>
    <AuthorList Type="editors"><Author><LastName>Editor</LastName></Author></AuthorList></Book>
  {title}
  <Language>eng</Language>
  <AuthorList Type="authors"><Author><LastName>Writer</LastName><ForeName>W</ForeName></Author></AuthorList>
  <PublicationType UI="D016454">Review</PublicationType>
  <Abstract><AbstractText Label="CLINICAL">A chapter.</AbstractText></Abstract>
  <KeywordList Owner="NLM"><Keyword>chapters</Keyword></KeywordList>
  <DateRevised><Year>2022</Year><Month>3</Month><Day>4</Day></DateRevised>
</BookDocument><PubmedBookData><PublicationStatus>ppublish</PublicationStatus></PubmedBookData></PubmedBookArticle>
"""
