"""A model against the figures to reach: entities, relations and flags on public corpora and on the project's gold.

python scripts/benchmark_models.py --model models/csc-evidence --split dev --markdown models.md
"""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from minecsc.errors import MinecscError
from minecsc.training.benchmark import NAMES, Settings, run_benchmark

REPO = Path(__file__).resolve().parent.parent
SHOWN = 9
"""Columns that fit a console; --markdown and --json have all."""
WIDTH = 140
"""Characters that those take."""


class Split(StrEnum):
    dev = "dev"
    test = "test"


def main(
    model: Annotated[Path, typer.Option(help="Model folder.")] = REPO / "models/csc-evidence",
    shared: Annotated[Path, typer.Option(help="Folder with gold/ and corpora/.")] = Path("../shared"),
    split: Annotated[Split, typer.Option(help="Split of the public corpora; test is for the final table.")] = Split.dev,
    corpora: Annotated[str, typer.Option(help=f"Comma-separated, default all: {', '.join(NAMES)}.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="First documents of each corpus: to try it out.")] = None,
    tune_bias: Annotated[
        bool, typer.Option(help="On test, choose a bias of 'no relation' on dev for each relation corpus.")
    ] = False,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples of the documents for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 13,
    device: Annotated[str, typer.Option(help="cpu, cuda …; auto takes a GPU where there is one.")] = "auto",
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here.")] = None,
) -> None:
    """Measure a model and say which targets it reaches.

    Example: python scripts/benchmark_models.py --corpora gold,chemprot --limit 40
    """
    settings = Settings(shared, split.value, limit, bootstrap, seed, tune_bias)
    names = [name for name in corpora.split(",") if name]
    command = shlex.join(["python", "scripts/benchmark_models.py", *sys.argv[1:]])
    try:
        result = run_benchmark(
            model, settings, corpora=names, device=device, command=command, say=lambda name: typer.echo(name, err=True)
        )
    except MinecscError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    console = Console(width=max(Console().width, WIDTH))
    for title, columns, rows in result.grids():
        table = Table(title=title, title_justify="left")
        for name in columns[:SHOWN]:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*row[:SHOWN])
        console.print(table)
    for line in result.remarks():
        console.print(line)
    if json_ is not None:
        json_.write_text(json.dumps(result.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if markdown is not None:
        markdown.write_text(result.to_markdown(), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
