"""``minecsc export``: the evidence base in the formats of others."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minecsc.cli_common import DEFAULT_DB, Json, dump


class ExportFormat(StrEnum):
    """What an evidence base can be written as."""

    parquet = "parquet"
    csv = "csv"
    indra = "indra"
    kgx = "kgx"
    bioc = "bioc"
    pubtator = "pubtator"
    graphml = "graphml"
    sif = "sif"
    ris = "ris"
    bibtex = "bibtex"


def export(
    db: Annotated[Path, typer.Argument(help="Database of evidence.")] = DEFAULT_DB,
    to: Annotated[ExportFormat, typer.Option(help="Format.")] = ExportFormat.parquet,
    out: Annotated[Path | None, typer.Option(help="File to write; for parquet, csv and kgx a folder.")] = None,
    what: Annotated[
        list[str] | None, typer.Option(help="With parquet and csv: this view, and no other; may be repeated.")
    ] = None,
    min_belief: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="With indra, kgx, graphml and sif: statements from this belief on.")
    ] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write the evidence as tables, statements, a graph, annotated texts or a list of papers.

    Example: minecsc export evidence.duckdb --to kgx --out graph --min-belief 0.5
    """
    if out is None:
        raise typer.BadParameter("say where to with --out PATH")
    from minecsc.export import export as run

    done = run(db, to.value, out, views=what or (), min_belief=min_belief, force=force)
    if as_json:
        dump({"files": [str(path) for path in done.files], "counts": dict(done.counts)})
    else:
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in done.counts.items())
        typer.echo(f"{out}: {counts}")
