"""What several verbs of the command line share: their common options, and how they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

DEFAULT_DB = Path("evidence.duckdb")
_PIPE_WIDTH = 120

Db = Annotated[Path, typer.Option("--db", help="Database of evidence.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Model = Annotated[Path | None, typer.Option(help="Model folder; default: the shipped model.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …; auto takes a GPU where there is one.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, int8; auto is int8 on a CPU that can, bf16 on a GPU.")]
EntitiesModel = Annotated[
    str | None, typer.Option(help="Installed spaCy or scispaCy model that finds the entities in place of ours.")
]
EntityLabels = Annotated[
    str | None, typer.Option(help="Its labels in our types: LABEL=Type,LABEL= …; the second form drops one.")
]


def labels_of(entities_model: str | None, entity_labels: str | None) -> dict[str, str | None] | None:
    """The map that ``--entity-labels`` spells, None where it is not given. Wrong usage without a model."""
    if entity_labels is None:
        return None
    if entities_model is None:
        raise typer.BadParameter("--entity-labels are those of an --entities-model")
    from minecsc.nlp.entity_models import parse_labels

    return parse_labels(entity_labels)


def show(items: Iterable[RenderableType]) -> None:
    """Print for people on a terminal; into a pipe or file without colour, text lines unbroken."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    for item in items:
        console.print(item, soft_wrap=isinstance(item, Text) and not console.is_terminal)


def dump(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
