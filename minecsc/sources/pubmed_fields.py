"""The fields of one parsed PubMed record: from ``PubmedArticle`` and its kin to those of a Document.

Elements are read in one pass over their children, by a table from element name to handler: no
searches, which is what makes reading fast.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from lxml import etree

from minecsc.errors import SchemaError
from minecsc.schema import MeshHeading, Section

_STRING = etree.XPath("string()", smart_strings=False)
YEAR_IN_TEXT = re.compile(r"(?<!\d)(?:1[5-9]|20|21)\d\d(?!\d)")
NO_TITLE = frozenset({"", "[Not Available].", "[Not Available]", "[In Process Citation]"})
"""Placeholders PubMed prints where a record has no English title."""

_RETRACTED_TYPE = "Retracted Publication"
_WITHDRAWN_BY = frozenset({"RetractionIn", "RetractedandRepublishedIn"})
"""References to a notice against this record. Errata, expressions of concern, comments and partial
retractions leave it standing."""

_heading = lru_cache(maxsize=1 << 14)(MeshHeading)
"""The same few thousand headings come back in every file."""

_AUTHOR_PARTS: Final = ("Author", "LastName", "ForeName", "Initials", "Suffix", "CollectiveName")

Fields = dict[str, Any]
_Handler = Callable[[Any, Fields], None]


def document_fields(root: Any) -> Fields:
    """Keyword arguments of Document for a PubmedArticle, MedlineCitation or PubmedBookArticle element.

    Raises SchemaError for a missing PMID and for values that cannot be what their element says.
    """
    found: Fields = {}
    _walk(root, found, _CITATION if root.tag == "MedlineCitation" else _RECORD)
    if "pmid" not in found:
        raise SchemaError("the record has no PMID")
    found["document_id"] = f"pmid:{found['pmid']}"

    is_book, vernacular = found.pop("book", False), found.pop("vernacular", "")
    title = found.get("title", "")
    if title in NO_TITLE:
        title = vernacular or (found.get("journal", "") if is_book else "")
    abstract, parts = found.pop("structured", ("", ()))
    offset = len(title) + 1 if title else 0
    found["title"], found["abstract"] = title, abstract
    found["sections"] = tuple(Section(label, offset + start, offset + end) for label, start, end in parts)

    electronic_year = found.pop("electronic_year", None)
    found.setdefault("year", electronic_year)
    if _RETRACTED_TYPE in found.get("publication_types", ()):
        found["retracted"] = True
    return found


def _walk(element: Any, found: Fields, handlers: Mapping[str, _Handler]) -> None:
    get = handlers.get
    for child in element:
        handler = get(child.tag)
        if handler is not None:
            handler(child, found)


def _text(element: Any) -> str:
    """Text of an element and all below it, white space collapsed."""
    raw = _marked_up(element) if len(element) else element.text
    if not raw:
        return ""
    if len(raw) < 80:
        return " ".join(raw.split())
    # Splitting a long text into words to join them again is what costs; plain texts seldom need it.
    if raw.isascii() and "\n" not in raw and "  " not in raw and "\t" not in raw and "\r" not in raw:
        return raw.strip()
    return " ".join(raw.split())


def _marked_up(element: Any) -> str:
    """Text of an element with children. White space between MathML elements is layout, not text."""
    for math in element.iter("{*}math"):
        for part in math.iter():
            if len(part) and part.text and part.text.isspace():
                part.text = None
            if part is not math and part.tail and part.tail.isspace():
                part.tail = None
    text: str = _STRING(element)
    return text


def _number(element: Any, what: str) -> int:
    text = (element.text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SchemaError(f"{what} {text!r} is not a number")
    return int(text)


def _pmid(element: Any, found: Fields) -> None:
    text = (element.text or "").strip()
    if not (text.isascii() and text.isdigit()):
        raise SchemaError(f"PMID {text!r} is not a number")
    found["pmid"] = text
    version = element.get("Version", "1").strip()
    if not (version.isascii() and version.isdigit()):
        raise SchemaError(f"PMID {text}: version {version!r} is not a number")
    found["version"] = int(version)


def _revised(element: Any, found: Fields) -> None:
    parts = {child.tag: _number(child, f"DateRevised {child.tag}") for child in element}
    try:
        found["revised"] = datetime.date(parts["Year"], parts["Month"], parts["Day"]).isoformat()
    except (KeyError, ValueError) as error:
        raise SchemaError(f"DateRevised {parts} is not a date") from error


def _year(element: Any) -> int | None:
    """Year of a date: its Year, else the first in its MedlineDate (``1998 Dec-1999 Jan``)."""
    for part in element.iter("Year", "MedlineDate"):
        if part.tag == "Year":
            return _number(part, "Year")
        match = YEAR_IN_TEXT.search(part.text or "")
        return int(match[0]) if match else None
    return None


def _set_year(name: str) -> _Handler:
    def handler(element: Any, found: Fields) -> None:
        if name not in found and (year := _year(element)) is not None:
            found[name] = year

    return handler


def _set_text(name: str) -> _Handler:
    """First non-empty text of its kind, into the field ``name``."""

    def handler(element: Any, found: Fields) -> None:
        if name not in found and (text := _text(element)):
            found[name] = text

    return handler


def _descend(handlers: Mapping[str, _Handler]) -> _Handler:
    def handler(element: Any, found: Fields) -> None:
        _walk(element, found, handlers)

    return handler


def _add(found: Fields, name: str, values: list[str]) -> None:
    """Append to a tuple field, keeping the first of equal values."""
    if values:
        found[name] = tuple(dict.fromkeys((*found.get(name, ()), *values)))


def _set_list(name: str) -> _Handler:
    """Texts of all children, into the tuple field ``name``."""

    def handler(element: Any, found: Fields) -> None:
        _add(found, name, [text for child in element if (text := _text(child))])

    return handler


def _publication_type(element: Any, found: Fields) -> None:
    _add(found, "publication_types", [text] if (text := _text(element)) else [])


def _language(element: Any, found: Fields) -> None:
    if "language" not in found and (text := _text(element)):
        found["language"] = text.lower()


def _doi(element: Any, found: Fields) -> None:
    if element.get("EIdType") == "doi" and element.get("ValidYN") != "N" and (text := _text(element)):
        found.setdefault("doi", text)


def _article_ids(element: Any, found: Fields) -> None:
    if "doi" not in found:
        for child in element:
            if child.get("IdType") == "doi" and (text := _text(child)):
                found["doi"] = text
                return


def _authors(element: Any, found: Fields) -> None:
    """Authors as ``Last, Fore`` or their collective's name."""
    if element.get("Type") == "editors":
        return
    names: list[str] = []
    skipped = has_fore_name = False
    for part in element.iter(*_AUTHOR_PARTS):
        tag = part.tag
        if tag == "Author":
            skipped, has_fore_name = part.get("ValidYN") == "N", False
        elif skipped or not (text := _text(part)):
            continue
        elif tag == "LastName" or tag == "CollectiveName":
            names.append(text)
        elif names and not (tag == "Initials" and has_fore_name):
            names[-1] += f", {text}"
            has_fore_name = has_fore_name or tag == "ForeName"
    _add(found, "authors", names)


def _structured(element: Any) -> tuple[str, list[tuple[str, int, int]]]:
    """Abstract text, its parts as ``LABEL: text`` joined by single spaces, and each labelled part's span.

    The span is that of the text after the label, in the abstract.
    """
    pieces: list[str] = []
    spans: list[tuple[str, int, int]] = []
    end = -1
    for child in element:
        if child.tag != "AbstractText":
            continue
        text = _text(child)
        if not text:
            continue
        start = end + 1
        label = " ".join(child.get("Label", "").split()).rstrip(": ")
        if label:
            pieces.append(f"{label}: {text}")
            start += len(label) + 2
            spans.append((label, start, start + len(text)))
        else:
            pieces.append(text)
        end = start + len(text)
    return " ".join(pieces), spans


def _abstract(element: Any, found: Fields) -> None:
    found["structured"] = _structured(element)


def _other_abstract(element: Any, found: Fields) -> None:
    text, _ = _structured(element)
    if text:
        kind = element.get("Language") or element.get("Type") or "unknown"
        found["other_abstracts"] = (*found.get("other_abstracts", ()), (kind, text))


def _mesh(element: Any, found: Fields) -> None:
    """Descriptors; one is a major topic if it or any of its qualifiers is marked so."""
    headings: list[MeshHeading] = []
    for part in element.iter("DescriptorName", "QualifierName"):
        major = part.get("MajorTopicYN") == "Y"
        if part.tag == "DescriptorName":
            if name := _text(part):
                headings.append(_heading(part.get("UI", ""), name, major))
        elif major and headings:
            headings[-1] = _heading(headings[-1].ui, headings[-1].name, True)
    found["mesh"] = tuple(headings)


def _chemicals(element: Any, found: Fields) -> None:
    _add(found, "chemicals", [text for part in element.iter("NameOfSubstance") if (text := _text(part))])


def _comments(element: Any, found: Fields) -> None:
    for comment in element:
        kind = comment.get("RefType")
        if kind in _WITHDRAWN_BY:
            found["retracted"] = True
            _add(found, "retracted_by", _pmids(comment))
        elif kind == "RetractionOf":
            _add(found, "retraction_of", _pmids(comment))


def _pmids(comment: Any) -> list[str]:
    texts = [(part.text or "").strip() for part in comment if part.tag == "PMID"]
    return [text for text in texts if text.isascii() and text.isdigit()]


def _is_book(element: Any, found: Fields) -> None:
    found["book"] = True
    _walk(element, found, _BOOK)


_JOURNAL: Final = {
    "JournalIssue": _set_year("year"),
    "Title": _set_text("journal"),
    "ISOAbbreviation": _set_text("journal"),
}
_ARTICLE: Final[dict[str, _Handler]] = {
    "Journal": _descend(_JOURNAL),
    "ArticleTitle": _set_text("title"),
    "ELocationID": _doi,
    "Abstract": _abstract,
    "AuthorList": _authors,
    "Language": _language,
    "PublicationTypeList": _set_list("publication_types"),
    "VernacularTitle": _set_text("vernacular"),
    "ArticleDate": _set_year("electronic_year"),
}
_CITATION: Final[dict[str, _Handler]] = {
    "PMID": _pmid,
    "DateRevised": _revised,
    "Article": _descend(_ARTICLE),
    "MedlineJournalInfo": _descend({"MedlineTA": _set_text("journal")}),
    "ChemicalList": _chemicals,
    "CommentsCorrectionsList": _comments,
    "MeshHeadingList": _mesh,
    "OtherAbstract": _other_abstract,
    "KeywordList": _set_list("keywords"),
}
_BOOK: Final[dict[str, _Handler]] = {
    "BookTitle": _set_text("journal"),
    "PubDate": _set_year("year"),
}
_BOOK_DOCUMENT: Final[dict[str, _Handler]] = {
    "PMID": _pmid,
    "ArticleIdList": _article_ids,
    "Book": _is_book,
    "ArticleTitle": _set_text("title"),
    "VernacularTitle": _set_text("vernacular"),
    "Language": _language,
    "AuthorList": _authors,
    "PublicationType": _publication_type,
    "Abstract": _abstract,
    "KeywordList": _set_list("keywords"),
    "ContributionDate": _set_year("electronic_year"),
    "DateRevised": _revised,
}
_RECORD: Final[dict[str, _Handler]] = {
    "MedlineCitation": _descend(_CITATION),
    "BookDocument": _descend(_BOOK_DOCUMENT),
    "PubmedData": _descend({"ArticleIdList": _article_ids}),
}
