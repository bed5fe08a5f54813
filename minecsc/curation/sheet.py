"""Sheets for curators: CSV, JSON lines and, with openpyxl, XLSX; written for people, read back by column name.

In CSV a cell that a spreadsheet could take for a formula gets an apostrophe before it, which reading takes away
again (the advice of OWASP on CSV injection); in XLSX every cell is typed as text or number.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from minecsc.errors import CurationError
from minecsc.evidence.curation import CURATION_CATEGORIES
from minecsc.schema import ERROR_MEANINGS, RELATION_TYPES

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

VERDICT_COLUMNS: Final = (
    "correct", "category", "corrected_type", "corrected_negated", "corrected_speculative", "note",
)  # fmt: skip
"""What the curator fills in."""
COLUMNS: Final = (
    *VERDICT_COLUMNS, "relation", "sentence", "head", "head_type", "head_concept", "type", "tail", "tail_type",
    "tail_concept", "negated", "speculative", "probability", "statement", "belief", "documents_for",
    "documents_against", "pmid", "year", "title", "why", "evidence_id", "shown",
)  # fmt: skip
_NEEDED: Final = ("evidence_id", "shown", "correct")
_FORMULA: Final = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r\n]")
_ESCAPED: Final = re.compile(r"''*\s*[=+\-@＝＋－＠\t\r\n]")
_WIDTHS: Final = {"note": 30, "relation": 38, "sentence": 90, "statement": 38, "title": 60, "why": 38}
_CHOICES: Final = {
    "correct": ("yes", "no", "unsure"),
    "category": CURATION_CATEGORIES,
    "corrected_type": RELATION_TYPES,
    "corrected_negated": ("yes", "no"),
    "corrected_speculative": ("yes", "no"),
}


def write_sheet(rows: Sequence[Mapping[str, Any]], path: Path, *, force: bool = False) -> None:
    """Writes one row an item, by the file's suffix: .csv, .jsonl or .xlsx. Columns a row lacks stay empty.

    force: replace a file that is there. Raises CurationError, above all rather than overwrite a filled-in sheet.
    """
    write = _format(path, _WRITERS)
    if path.exists() and not force:
        raise CurationError(f"{path} is there already and may hold verdicts: --force replaces it")
    try:
        write(path, rows)
    except OSError as error:
        raise CurationError(f"{path}: cannot be written ({error.strerror})") from error


def read_sheet(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(row number as a spreadsheet shows it, cells by column name), or why the row cannot be read.

    For JSON lines the number is that of the line. Raises CurationError where the file as a whole is no sheet.
    """
    read = _format(path, _READERS)
    try:
        yield from read(path)
    except OSError as error:
        raise CurationError(f"{path}: cannot be read ({error.strerror})") from error


def _format(path: Path, known: Mapping[str, Any]) -> Any:
    found = known.get(path.suffix.lower())
    if found is None:
        raise CurationError(f"{path}: not a sheet this reads or writes; save it as {', '.join(known)}")
    return found


def _plain(value: object) -> object:
    return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else value


def _escape(value: object) -> object:
    plain = _plain(value)
    return f"'{plain}" if isinstance(plain, str) and _FORMULA.match(plain) else plain


def _unescape(cell: str) -> str:
    return cell[1:] if _ESCAPED.match(cell) else cell


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([_escape(row.get(name)) for name in COLUMNS] for row in rows)


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CurationError(f"{path}: not in UTF-8; save it as CSV with that character set ({error})") from error
    first = next(iter(text.splitlines()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    row = 0
    while True:
        row += 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                break
            yield row, f"not proper CSV ({error})"
            continue
        if header is None:
            header = _header(path, cells)
        elif len(cells) > len(header) and any(cells[len(header) :]):
            yield row, f"has {len(cells)} cells, the first row {len(header)}: a separator that is not quoted?"
        else:
            yield row, {name: _unescape(cell) for name, cell in zip(header, cells, strict=False)}
    if header is None:
        _header(path, ())


def _header(path: Path, cells: Iterable[object]) -> list[str]:
    header = ["" if cell is None else str(cell).strip().lower() for cell in cells]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise CurationError(f"{path}: the first row lacks the columns {', '.join(missing)}")
    return header


def _write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(json.dumps({name: row.get(name) for name in COLUMNS}, ensure_ascii=False) + "\n")


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            yield number, f"not JSON ({error})"
            continue
        if not isinstance(value, dict):
            yield number, "not a JSON object"
        elif missing := [name for name in _NEEDED if name not in value]:
            yield number, f"lacks {', '.join(missing)}"
        else:
            yield number, {name: str(_plain(cell)) for name, cell in value.items()}


def _write_xlsx(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    openpyxl = _openpyxl()
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font

    book = openpyxl.Workbook()
    sheet: Worksheet = book.active
    sheet.title = "evidence"
    last = 1
    for last, values in enumerate([COLUMNS, *([_plain(row.get(name)) for name in COLUMNS] for row in rows)], start=1):
        for place, (name, value) in enumerate(zip(COLUMNS, values, strict=True), start=1):
            cell = sheet.cell(last, place)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
                cell.data_type, cell.number_format, cell.quotePrefix = "s", "@", True
            else:
                cell.value = value
            cell.alignment = Alignment(vertical="top", wrap_text=name in _WIDTHS)
            if last == 1:
                cell.font = Font(bold=True)
    _furnish(sheet, last)
    legend = book.create_sheet("legend")
    for line in (("category", "meaning"), *((name, ERROR_MEANINGS[name]) for name in CURATION_CATEGORIES)):
        legend.append(line)
    legend.column_dimensions["A"].width, legend.column_dimensions["B"].width = 20, 90
    book.save(path)


def _furnish(sheet: Worksheet, rows: int) -> None:
    """Widths, a header that stays in sight, choices to pick from; the columns for the machine are hidden."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    sheet.freeze_panes = "A2"
    for place, name in enumerate(COLUMNS, start=1):
        letter = get_column_letter(place)
        column = sheet.column_dimensions[letter]
        column.width = _WIDTHS.get(name, max(12, len(name) + 2))
        column.hidden = name in ("evidence_id", "shown")
        if name in _CHOICES and rows > 1:
            choice = DataValidation(type="list", formula1=f'"{",".join(_CHOICES[name])}"', allow_blank=True)
            sheet.add_data_validation(choice)
            choice.add(f"{letter}2:{letter}{rows}")


def _read_xlsx(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CurationError(f"{path}: not an XLSX workbook ({error})") from error
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = _header(path, next(rows, ()))
        for number, values in enumerate(rows, start=2):
            yield number, {name: str(_plain(value)) for name, value in zip(header, values, strict=False)}
    finally:
        book.close()


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise CurationError("XLSX needs openpyxl: pip install 'minecsc[sheets]', or use .csv") from error
    return openpyxl


_WRITERS: Final = {".csv": _write_csv, ".jsonl": _write_jsonl, ".xlsx": _write_xlsx}
_READERS: Final = {".csv": _read_csv, ".jsonl": _read_jsonl, ".xlsx": _read_xlsx}
