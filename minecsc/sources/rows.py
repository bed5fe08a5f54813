"""Records from rows of named values: what JSON lines, CSV and Parquet share.

Keys: pmid, id, title, abstract or text, year (or pubdate), journal, language, doi, mesh or mesh_terms, keywords,
chemicals, publication_types, authors, version, revised, retracted, retracted_by, retraction_of, delete; each may be
absent or blank, others are ignored. Text is taken exactly as it stands, never stripped or collapsed, so that offsets
made on it elsewhere still hold. (PubMed XML differs: there the layout is not part of the text and is normalised.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from minecsc.errors import SchemaError
from minecsc.ids import digest
from minecsc.schema import Deletion, Document, MeshHeading

_DIGITS = re.compile(r"[0-9]+")
_WITH_ID = re.compile(r"([A-Z]\d{3,}):(.+)", re.DOTALL)
"""``D014411:Neoplastic Stem Cells``, as pubmed_parser writes MeSH terms and publication types."""

_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
_TEXTS = ("journal", "language", "doi", "revised")
_LISTS = ("keywords", "chemicals", "authors", "retracted_by", "retraction_of")


def record(row: Mapping[str, Any], source: str, *, collection: str) -> Document | Deletion:
    """The record that a row describes. Raises SchemaError for values that cannot be what their key says.

    collection: prefix of the ids of rows that have no PMID.
    """
    pmid = _pmid(row.get("pmid"))
    given = row.get("id")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    given = _text("id", given)
    if pmid is None and given and given.startswith("pmid:"):
        pmid = _pmid(given.removeprefix("pmid:"))
    if pmid and (_flag("delete", row.get("delete")) or _flag("deleted", row.get("deleted"))):
        return Deletion(pmid, source)
    title, abstract = _title_and_abstract(row)
    types = _list("publication_types", row.get("publication_types"))
    types = tuple(_split_id(name)[1] for name in types)
    fields: dict[str, Any] = {name: _text(name, row.get(name)) for name in _TEXTS}
    fields |= {name: _list(name, row.get(name)) for name in _LISTS}
    return Document(
        document_id=_document_id(collection, pmid, given, title, abstract),
        title=title,
        abstract=abstract,
        pmid=pmid,
        year=_year(row),
        mesh=_mesh(row),
        publication_types=types,
        version=_version(row.get("version")),
        retracted=_flag("retracted", row.get("retracted"))
        or bool(fields["retracted_by"])
        or "Retracted Publication" in types,
        source=source,
        **fields,
    )


def _document_id(collection: str, pmid: str | None, given: str | None, title: str, abstract: str) -> str:
    if pmid:
        return f"pmid:{pmid}"
    if given:
        return given if ":" in given else f"{collection}:{given}"
    return f"{collection}:{digest(title, abstract)}"


def _title_and_abstract(row: Mapping[str, Any]) -> tuple[str, str]:
    """Title and abstract such that Document.text keeps every character of them in place.

    ``text``, read where there is no abstract, holds the title too if it begins with it; the one
    character between, where it is another white space, becomes the space of Document.text.
    """
    title, abstract, text = (_text(name, row.get(name)) or "" for name in ("title", "abstract", "text"))
    if abstract or not text:
        return title, abstract
    if not title or not text.startswith(title):
        return title, text
    rest = text[len(title) :]
    if rest and not rest[0].isspace():
        return "", text
    return title, rest[1:]


def _blank(value: Any) -> bool:
    """Null, an empty string or list, or the NaN that data-frame tools write for a missing value."""
    return value is None or value == "" or value == [] or (isinstance(value, float) and math.isnan(value))


def _text(name: str, value: Any) -> str | None:
    """A string with something in it, exactly as given; None for a blank one."""
    if _blank(value):
        return None
    if not isinstance(value, str):
        raise SchemaError(f"{name} is a {type(value).__name__}, not a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise SchemaError(f"{name} holds half a surrogate pair at character {error.start + 1}") from error
    return value if value.strip() else None


def _number(name: str, value: Any) -> int | None:
    if _blank(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()) and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise SchemaError(f"{name} {str(value)[:40]!r} is not a number")


def _pmid(value: Any) -> str | None:
    number = _number("pmid", value)
    if number is not None and not 0 <= number < 10**10:
        raise SchemaError(f"pmid {number} is not a PMID")
    return None if number is None else str(number)


def _year(row: Mapping[str, Any]) -> int | None:
    value = row.get("year")
    if _blank(value):
        value = row.get("pubdate")
    if isinstance(value, str):
        leading = re.match(r"\s*(\d{4})(?!\d)", value)
        value = leading[1] if leading else value
    return _number("year", value)


def _version(value: Any) -> int:
    number = _number("version", value)
    return 1 if number is None else number


def _flag(name: str, value: Any) -> bool:
    if _blank(value):
        return False
    word = str(value).strip().lower()
    if isinstance(value, bool | int | str) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise SchemaError(f"{name} {str(value)[:40]!r} is neither true nor false")


def _list(name: str, value: Any) -> tuple[str, ...]:
    """A list of strings, or one string with its items between semicolons."""
    if _blank(value):
        return ()
    if isinstance(value, str):
        value = [item.strip() for item in value.split(";")]
    if not isinstance(value, list):
        raise SchemaError(f"{name} is a {type(value).__name__}, not a list")
    items = [str(item) if type(item) is int else _text(name, item) for item in value]
    return tuple(item for item in items if item)


def _mesh(row: Mapping[str, Any]) -> tuple[MeshHeading, ...]:
    """Headings from ``{"ui", "name", "major"}`` objects, names, or ``UI:name`` strings."""
    value = row.get("mesh")
    if _blank(value):
        value = row.get("mesh_terms")
    if not isinstance(value, list):
        return tuple(MeshHeading(*_split_id(name)) for name in _list("mesh", value))
    headings = []
    for item in value:
        if isinstance(item, dict):
            ui, name = _text("mesh ui", item.get("ui")) or "", _text("mesh name", item.get("name"))
            major = _flag("mesh major", item.get("major"))
        else:
            (ui, name), major = _split_id(_text("mesh", item) or ""), False
        if name:
            headings.append(MeshHeading(ui, name, major))
    return tuple(headings)


def _split_id(name: str) -> tuple[str, str]:
    match = _WITH_ID.fullmatch(name)
    return (match[1], match[2]) if match else ("", name)
