"""MEDLINE text, as PubMed's "PubMed" export and ``efetch rettype=medline`` give it; read by Biopython."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from minecsc.errors import SchemaError
from minecsc.schema import Document, MeshHeading, Record, RecordError
from minecsc.sources.base import MAX_LINE, Format, InputStream, lines
from minecsc.sources.pubmed_fields import NO_TITLE, YEAR_IN_TEXT

_START = re.compile(rb"\s*PMID- ?\d")
_PMIDS = re.compile(r"PMID:\s*(\d+)")
_DOI = re.compile(r"(\S+) \[doi\]")


def sniff(head: bytes) -> bool:
    """Whether the first line that is not empty gives a PMID."""
    return _START.match(head) is not None


def read(stream: InputStream, source: str) -> Iterator[Record]:
    """Documents and error rows of a stream, in file order; a row names the PMID or the line."""
    for line, block in _blocks(stream):
        is_pmid, _, value = (block[0] or b"").partition(b"-")
        name = f"PMID {value.strip().decode('utf-8', 'replace')}" if is_pmid == b"PMID" else f"line {line}"
        try:
            if None in block:
                raise SchemaError(f"a line of it is longer than {MAX_LINE >> 20} MiB")
            text = [part.decode() + "\n" for part in block if part is not None]
            yield Document(source=source, **_fields(text))
        except UnicodeDecodeError as error:
            yield RecordError(source, name, f"line {line}: bytes that are not UTF-8 ({error.reason})")
        except SchemaError as error:
            yield RecordError(source, name, f"line {line}: {error}")


FORMAT: Final = Format("medline", (".medline", ".nbib"), sniff, read)


def _blocks(stream: InputStream) -> Iterator[tuple[int, list[bytes | None]]]:
    """Each record's lines with the number of its first; a PMID begins one even where no empty line stands before.

    None stands for a line that is too long to be held.
    """
    block: list[bytes | None] = []
    first = 1
    for number, line in lines(stream):
        text = None if line is None else line.rstrip(b"\r")
        empty = text is not None and not text.strip()
        begins = text is not None and text.startswith(b"PMID-")
        if block and (begins or (empty and not (text or b"").startswith(b"      "))):
            yield first, block
            block = []
        if not empty:
            if not block:
                first = number
            block.append(text)
    if block:
        yield first, block


def _fields(text: list[str]) -> dict[str, Any]:
    """Keyword arguments of Document for the lines of one record. Raises SchemaError where it has no PMID."""
    from Bio import Medline  # imported where needed: seldom is

    try:
        found: Mapping[str, Any] = Medline.read(iter(text))
    except (KeyError, StopIteration) as error:
        raise SchemaError("a continuation line without a field before it") from error
    pmid = found.get("PMID", "").strip()
    if not (pmid.isascii() and pmid.isdigit()):
        raise SchemaError(f"PMID {pmid!r} is not a number")
    title = _one_line(found.get("TI", ""))
    if title in NO_TITLE:
        title = _one_line(found.get("TT", ""))
    year = YEAR_IN_TEXT.search(found.get("DP", ""))
    types = tuple(found.get("PT", ()))
    retracted_by = tuple(_PMIDS.findall(" ".join(found.get("RIN", ()))))
    identifiers = [*found.get("AID", ()), found.get("LID", "")]
    doi = next((match[1] for text in identifiers if (match := _DOI.search(text))), None)
    other = _one_line(" ".join(found.get("OAB", ())))
    return {
        "document_id": f"pmid:{pmid}",
        "pmid": pmid,
        "title": title,
        "abstract": _one_line(found.get("AB", "")),
        "year": int(year[0]) if year else None,
        "journal": found.get("JT") or found.get("TA"),
        "language": next(iter(found.get("LA", ())), None),
        "doi": doi,
        "other_abstracts": (("/".join(found.get("OABL", ())) or "unknown", other),) if other else (),
        "mesh": tuple(_heading(name) for name in found.get("MH", ())),
        "keywords": tuple(name.removeprefix("*") for name in found.get("OT", ())),
        "chemicals": tuple(name.partition(" (")[2].rstrip(")") or name for name in found.get("RN", ())),
        "publication_types": types,
        "authors": tuple(found.get("FAU") or found.get("AU") or ()),
        "revised": _date(found.get("LR")),
        "retracted": bool(found.get("RIN")) or "Retracted Publication" in types,
        "retracted_by": retracted_by,
        "retraction_of": tuple(_PMIDS.findall(" ".join(found.get("ROF", ())))),
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _heading(text: str) -> MeshHeading:
    """``*Neoplastic Stem Cells/*pathology``: a star anywhere marks a major topic; qualifiers are dropped."""
    return MeshHeading("", text.partition("/")[0].removeprefix("*"), "*" in text)


def _date(text: str | None) -> str | None:
    """``20240131`` as an ISO date. Raises SchemaError where it is none."""
    if not text:
        return None
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date().isoformat()
    except ValueError as error:
        raise SchemaError(f"LR {text!r} is not a date") from error
