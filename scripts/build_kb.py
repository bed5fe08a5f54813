"""Build the knowledge base from the vocabularies: a thin command over minecsc.linking.build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minecsc.errors import KnowledgeBaseError
from minecsc.linking.build import build


def main(
    lexicons: Annotated[Path, typer.Option(help="Folder of <name>.tsv.gz vocabularies")] = Path("../shared/lexicons"),
    out: Annotated[Path, typer.Option(help="Folder to write the knowledge base to")] = Path("models/kb"),
    without: Annotated[
        list[str] | None, typer.Option(help="Source to leave out, e.g. minecsc_seed; repeatable")
    ] = None,
) -> None:
    """Build models/kb. The same vocabularies give the same digest on every machine.

    Example: python scripts/build_kb.py --lexicons ../shared/lexicons --out models/kb
    """
    try:
        meta = build(lexicons, out, exclude=without or ())
    except KnowledgeBaseError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for name, counts in meta["sources"].items():
        typer.echo(f"{name:16} {counts.get('rows', 0):7} rows  {counts.get('concepts', 0):7} concepts")
    for name, count in sorted(meta["types"].items()):
        typer.echo(f"{name:16} {count:7}")
    typer.echo(f"digest {meta['digest']}")


if __name__ == "__main__":
    typer.run(main)
