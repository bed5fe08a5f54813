"""Names for what a file holds, so that a refusal tells the user what was given instead."""

from __future__ import annotations

import re

_MAGIC = (
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"BZh", "bzip2 data: decompress it first"),
    (b"\xfd7zXZ\x00", "xz data: decompress it first"),
    (b"\x28\xb5\x2f\xfd", "zstandard data: decompress it first"),
    (b"\x1f\x8b", "gzip data inside gzip data: decompress it first"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "an SQLite database"),
)

_XML_ROOTS = {
    "article": "JATS article XML, as of PubMed Central",
    "pmc-articleset": "PubMed Central article XML",
    "collection": "BioC XML",
    "html": "an HTML page",
    "eSearchResult": "an E-utilities search result: fetch the records with EFetch, retmode=xml",
    "eSummaryResult": "E-utilities summaries: fetch the records with EFetch, retmode=xml",
    "eFetchResult": "an E-utilities error message",
}

_TEXT_FORMATS = (
    (re.compile(rb"\s*PMID- ?\d"), "MEDLINE text"),
    (re.compile(rb"\s*\d+\|[ta]\|"), "PubTator text"),
    (re.compile(rb"\s*TY  - "), "RIS text"),
    (re.compile(rb"\s*@\w+\s*\{"), "BibTeX"),
    (re.compile(rb"\s*\[\s*[\{\[\]\"]"), "a JSON array, not one JSON object a line"),
    (re.compile(rb"\s*\{\s*\n"), "a JSON document over several lines, not one object a line"),
)

_SPACE = re.compile(rb"\s*")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rb"<([A-Za-z_][\w.:-]*)")


def root_name(head: bytes) -> str | None:
    """Name of the first element, past XML declaration, comments and DOCTYPE; None where there is none."""
    position = 0
    while True:
        position = _end_of(_SPACE.match(head, position), position)
        if head.startswith(b"<?", position):
            end = head.find(b"?>", position)
            end = -1 if end < 0 else end + 2
        elif head.startswith(b"<!--", position):
            end = head.find(b"-->", position)
            end = -1 if end < 0 else end + 3
        elif head.startswith(b"<!", position):
            end = _end_of(_DOCTYPE.match(head, position), -1)
        else:
            tag = _TAG.match(head, position)
            return tag[1].decode("ascii", "replace") if tag else None
        if end < 0:
            return None
        position = end


def foreign_format(head: bytes) -> str | None:
    """What a file that no reader takes certainly is, in words; None where its first bytes do not tell."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    root = root_name(head)
    if root is not None:
        return _XML_ROOTS.get(root) or _XML_ROOTS.get(root.lower()) or f"XML with the root element <{root}>"
    for pattern, name in _TEXT_FORMATS:
        if pattern.match(head):
            return name
    return None


def describe(head: bytes) -> str:
    """What the first bytes of a file look like, in words, guessing where nothing is certain."""
    return foreign_format(head) or ("binary data" if b"\0" in head else "plain text")


def _end_of(match: re.Match[bytes] | None, default: int) -> int:
    return match.end() if match else default
