"""What leaves the store: the evidence base in the formats of others. Reads only, and streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from minecsc.errors import ExportError
from minecsc.export import bioc, indra, kgx, network, papers, pubtator, tables
from minecsc.export.base import Choice, Output, Writer
from minecsc.store.connect import connect_read_only

FORMATS: Final[Mapping[str, Writer]] = MappingProxyType(
    {
        "parquet": tables.write_parquet,
        "csv": tables.write_csv,
        "indra": indra.write,
        "kgx": kgx.write,
        "bioc": bioc.write,
        "pubtator": pubtator.write,
        "graphml": network.write_graphml,
        "sif": network.write_sif,
        "ris": papers.write_ris,
        "bibtex": papers.write_bibtex,
    }
)
"""Format → its writer. ``docs/export.md`` tells what each keeps and loses."""

_OF_VIEWS: Final = ("parquet", "csv")
_OF_STATEMENTS: Final = ("indra", "kgx", "graphml", "sif")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote. counts: what was written → how many."""

    files: tuple[Path, ...]
    counts: Mapping[str, int]


def export(
    db: Path | str,
    format: str,
    out: Path | str,
    *,
    views: Sequence[str] = (),
    min_belief: float = 0.0,
    force: bool = False,
) -> Exported:
    """Writes the evidence base ``db`` to ``out`` in a format of ``FORMATS``; an empty base gives a valid empty file.

    out: a file; for parquet, csv and kgx a folder, made where it is missing.
    views: of parquet and csv, the views wanted; default all. min_belief: of indra, kgx, graphml and sif.
    force: replace files that are there.
    Raises StoreError where the base cannot be opened; ExportError for an unknown format or view, for an option
    that the format does not have, or where the files cannot be written.
    """
    if format not in FORMATS:
        near = get_close_matches(format, FORMATS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FORMATS)}"
        raise ExportError(f"no format {format!r}: {hint}")
    if views and format not in _OF_VIEWS:
        raise ExportError(f"views can be chosen for {' and '.join(_OF_VIEWS)} only, not for {format}")
    if min_belief > 0 and format not in _OF_STATEMENTS:
        raise ExportError(f"a least belief can be asked of {', '.join(_OF_STATEMENTS)} only, not of {format}")
    output = Output(Path(out), force=force)
    with connect_read_only(db) as con:
        try:
            counts = FORMATS[format](con, output, Choice(tuple(views), min_belief))
        except OSError as error:
            raise ExportError(f"{out} cannot be written ({error.strerror or error})") from error
        except duckdb.Error as error:
            raise ExportError(f"{out} could not be written ({error})") from error
    return Exported(tuple(output.files), counts)


__all__ = ["FORMATS", "Exported", "export"]
