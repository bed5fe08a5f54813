"""PubMed XML: baseline and update files, EFetch output, books; one record at a time, in constant memory.

White space in titles and abstracts is collapsed to single spaces and mark-up (``<i>``, ``<sup>``,
MathML) is replaced by its text, so ``Document.text`` is fixed by the record and not by its layout.

Safe on hostile input: no DTD or external entity is opened, declared entities are unknown to the records
(an expansion bomb is an undefined entity), and libxml2's own limits stay on (256 levels, 10 MB a text
node; ``huge_tree`` is off). A record that breaks them is an error row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from lxml import etree

from minecsc.errors import SchemaError
from minecsc.schema import Deletion, Document, Record, RecordError
from minecsc.sources.base import WHOLE_FILE, Format, InputStream
from minecsc.sources.detect import describe, root_name
from minecsc.sources.pubmed_fields import document_fields
from minecsc.sources.pubmed_split import ARTICLES, DELETIONS, ROOTS, Piece, Splitter, split_nested

_PARSER: Final = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_PMID = re.compile(rb"<(?:MedlineCitation|BookDocument)\b[^>]*>\s*<PMID\b[^>]*>\s*(\d+)\s*<")
_PREFIX = re.compile(rb"<([A-Za-z][\w.-]*):")
_PLACE = re.compile(r"(?:, line \d+, column \d+)?$")
_SAMPLE = "<PMID/>"


def sniff(head: bytes) -> bool:
    """Whether the first bytes are PubMed XML, be it without its beginning or inside another element."""
    return root_name(head) in ROOTS | ARTICLES or b"<PubmedArticle>" in head


def read(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents, deletions and error rows of a stream, in file order.

    A row names the record by PMID, or by line where none can be made out; its reason gives the line.
    """
    splitter = Splitter(stream)
    early: list[RecordError] = []
    begun = False
    for piece in splitter:
        if not piece.name and not begun:
            early.append(_error(piece, source, piece.line, piece.fault or ""))
            continue
        if not begun:
            yield from early
            begun = True
        yield from _records(piece, splitter.encoding, source)
    if not begun and (early or not splitter.root_met):
        yield RecordError(source, WHOLE_FILE, f"no PubMed record in it; it looks like {describe(stream.head)}")
    elif splitter.unclosed and not stream.fault:
        reason = f"the file is cut short: it ends without </{splitter.unclosed}>"
        yield RecordError(source, WHOLE_FILE, reason)


FORMAT: Final = Format("pubmed", (".xml",), sniff, read)


def _records(piece: Piece, encoding: str, source: str) -> Iterator[Record]:
    if piece.fault is not None:
        yield _error(piece, source, piece.line, piece.fault)
        return
    try:
        root = _parse(piece, encoding)
    except (etree.XMLSyntaxError, UnicodeError) as error:
        if nested := split_nested(piece):
            for inner in nested:
                yield from _records(inner, encoding, source)
        elif isinstance(error, UnicodeError):
            line = piece.line + piece.data.count(b"\n", 0, getattr(error, "start", 0))
            yield _error(piece, source, line, f"bytes that are not {encoding}")
        else:
            reason = f"not well-formed XML: {_PLACE.sub('', error.msg or 'unknown fault')}"
            yield _error(piece, source, piece.line + max(0, (error.lineno or 1) - 1), reason)
        return
    if piece.name in DELETIONS:
        yield from _deletions(root, piece, source)
        return
    try:
        yield Document(source=source, **document_fields(root))
    except SchemaError as error:
        yield _error(piece, source, piece.line, str(error))


def _parse(piece: Piece, encoding: str) -> Any:
    """The record's element; the reference list, often most of the bytes, is not parsed.

    Raises XMLSyntaxError with line numbers counted from the first line of the piece, and
    UnicodeError where the file declares another encoding than UTF-8 and breaks it.
    """
    codec = _codec(encoding)
    data = piece.data if codec is None else piece.data.decode(codec).encode()
    try:
        return etree.fromstring(_without_references(data), _PARSER)
    except etree.XMLSyntaxError:
        pass
    # Again in full, for the true line; fragments cut out of a set may use prefixes declared on its root.
    prefixes = {prefix for prefix in _PREFIX.findall(data) if b"xmlns:" + prefix not in data}
    declared = b"".join(b' xmlns:%s="urn:undeclared"' % prefix for prefix in sorted(prefixes))
    end_of_name = 1 + len(piece.name)
    return etree.fromstring(data[:end_of_name] + declared + data[end_of_name:], _PARSER)


@lru_cache(maxsize=8)
def _codec(encoding: str) -> str | None:
    """Python's name for a declared encoding to convert from; None for UTF-8.

    A declaration that cannot be true of bytes in which tags were found (UTF-16, an unknown name) counts
    as UTF-8.
    """
    try:
        name = codecs.lookup(encoding).name
        plausible = _SAMPLE.encode().decode(name) == _SAMPLE
    except (LookupError, UnicodeError):
        return None
    return name if plausible and name not in ("utf-8", "ascii") else None


def _without_references(data: bytes) -> bytes:
    end_matter = data.rfind(b"<PubmedData>")
    start = data.find(b"<ReferenceList", end_matter) if end_matter > 0 else -1
    if start < 0 or b"<!" in data:  # in a comment or CDATA section the mark would be text
        return data
    stop = data.rfind(b"</ReferenceList>", start)
    if stop < 0 or data.find(b"<Pubmed", start, stop) > 0:  # not the references of this record alone
        return data
    return data[:start] + data[stop + 16 :]


def _deletions(root: Any, piece: Piece, source: str) -> Iterator[Record]:
    for child in root:
        try:
            yield Deletion((child.text or "").strip(), source)
        except SchemaError as error:
            yield _error(piece, source, piece.line + max(0, child.sourceline - 1), str(error))


def _error(piece: Piece, source: str, line: int, reason: str) -> RecordError:
    if piece.name in DELETIONS:
        record = piece.name
    elif pmid := _PMID.search(piece.data):
        record = f"PMID {pmid[1].decode()}"
    else:
        record = f"line {line}"
    return RecordError(source, record, f"line {line}: {reason}")
