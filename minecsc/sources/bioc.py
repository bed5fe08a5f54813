"""BioC, XML and JSON: titles and abstracts of its documents; read by the ``bioc`` package, one document at a time.

A document's title is its first passage of type title (``front`` in full texts), its abstract the passages of type
abstract, one space between them; where no passage is so marked, all its text is the abstract. Annotations, headings
and the body of full texts are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from minecsc.errors import SchemaError
from minecsc.schema import Document, Record, RecordError
from minecsc.sources.base import MAX_LINE, WHOLE_FILE, Format, InputStream
from minecsc.sources.detect import root_name

_JSON = re.compile(rb'"passages"\s*:\s*\[')
_ID = re.compile(rb"<id>\s*([^<]{1,80}?)\s*</id>")
_OPEN, _CLOSE = b"<document>", b"</document>"
_LIST_KEYS = ("documents", "PubTator3")


def sniff_xml(head: bytes) -> bool:
    """Whether the root element is BioC's collection."""
    return root_name(head) == "collection"


def sniff_json(head: bytes) -> bool:
    """Whether the first bytes hold a JSON object with passages: a collection, or one document a line."""
    return head.lstrip()[:1] in (b"{", b"[") and _JSON.search(head) is not None


def read_xml(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents and error rows of a collection, in file order; a row names the document by id or number."""
    from bioc import biocxml

    number = 0
    for number, data in enumerate(_fragments(stream), 1):
        found = _ID.search(data)
        name = f"document {found[1].decode('utf-8', 'replace') if found else number}"
        try:
            # Without the file's DOCTYPE there is no entity to expand.
            text = data.decode()
            collection = biocxml.loads(f"<collection><source/><date/><key/>{text}</collection>")
            yield _document(collection.documents[0], source)
        except UnicodeDecodeError as error:
            yield RecordError(source, name, f"bytes that are not UTF-8 ({error.reason})")
        except etree.XMLSyntaxError as error:
            yield RecordError(source, name, f"not well-formed XML: {error.msg}")
        except SchemaError as error:
            yield RecordError(source, name, str(error))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            yield RecordError(source, name, f"not a BioC document: {error}")
    if not number:
        yield RecordError(source, WHOLE_FILE, "BioC XML without a document")


def read_json(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents and error rows of a collection, a list of documents, or one document a line."""
    data = b"".join(stream)
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        yield from _json_lines(data, source)
        return
    items = _listed(whole)
    for number, item in enumerate(items, 1):
        yield _from_json(item, source, number)
    if not items:
        yield RecordError(source, WHOLE_FILE, "BioC JSON without a document")


XML: Final = Format("bioc-xml", (".bioc.xml",), sniff_xml, read_xml)
JSON: Final = Format("bioc-json", (".bioc.json",), sniff_json, read_json)


def _fragments(stream: InputStream) -> Iterator[bytes]:
    """The bytes of each document element; the last may be cut short."""
    held = b""
    for block in stream:
        held += block
        while (end := held.find(_CLOSE)) >= 0:
            begin = held.find(_OPEN, 0, end)
            if begin >= 0:
                yield held[begin : end + len(_CLOSE)]
            held = held[end + len(_CLOSE) :]
        if len(held) > MAX_LINE:
            held = held[-len(_CLOSE) :]
    if (begin := held.find(_OPEN)) >= 0:
        yield held[begin:]


def _json_lines(data: bytes, source: str) -> Iterator[Record]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                yield _from_json(json.loads(line), source, number)
            except (ValueError, RecursionError) as error:
                yield RecordError(source, f"line {number}", f"not JSON: {error}")


def _listed(whole: Any) -> list[Any]:
    if isinstance(whole, dict):
        for key in _LIST_KEYS:
            if isinstance(whole.get(key), list):
                return list(whole[key])
        return [whole]
    return whole if isinstance(whole, list) else [whole]


def _from_json(item: Any, source: str, number: int) -> Record:
    from bioc import biocjson

    name = f"document {item.get('id', number) if isinstance(item, dict) else number}"
    try:
        nothing: dict[str, Any] = {"annotations": [], "relations": []}
        passages = [{"infons": {}, "offset": 0, "sentences": [], **p, **nothing} for p in item["passages"]]
        whole = {"id": "", "infons": {}, **item, "passages": passages, **nothing}
        return _document(biocjson.fromJSON(whole, "BioCDocument"), source)
    except SchemaError as error:
        return RecordError(source, name, str(error))
    except KeyError as error:
        return RecordError(source, name, f"not a BioC document: no {error}")
    except (TypeError, ValueError, AttributeError) as error:
        return RecordError(source, name, f"not a BioC document: {error}")


def _document(found: Any, source: str) -> Document:
    """Document of a ``bioc.BioCDocument``. Raises SchemaError."""
    titles: list[str] = []
    abstracts: list[str] = []
    untyped: list[str] = []
    facts: dict[str, str] = {key: str(value) for key, value in found.infons.items()}
    for passage in found.passages:
        infons = {key: str(value) for key, value in passage.infons.items()}
        text = passage.text or " ".join(sentence.text or "" for sentence in passage.sentences)
        kind = infons.get("type", "").lower()
        section = infons.get("section_type", "").lower()
        for key, value in infons.items():
            facts.setdefault(key, value)
        if kind == "abstract" or (section == "abstract" and "title" not in kind):
            abstracts.append(text)
        elif (kind in ("title", "front") or section == "title") and not titles:
            titles.append(text)
        elif not kind and not section:
            untyped.append(text)
    name = str(found.id or "").strip()
    pmid = name if name.isascii() and name.isdigit() else facts.get("article-id_pmid", "")
    year = facts.get("year", "")
    return Document(
        document_id=f"pmid:{pmid}" if pmid else f"bioc:{name}" if name else "",
        title="".join(titles),
        abstract=" ".join(abstracts if titles or abstracts else untyped),
        pmid=pmid or None,
        year=int(year) if year.isascii() and year.isdigit() and len(year) == 4 else None,
        journal=facts.get("journal"),
        doi=facts.get("article-id_doi"),
        source=source,
    )
