"""One table of several trained models, from what their training recorded: learning curves, ablations.

python scripts/compare_runs.py runs/lc100.out runs/lc200.out … [--json FILE]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from minecsc.nlp.model_io import read_meta

COLUMNS = ("run", "gold abstracts", "gold epochs", "entities F1", "relations best F1", "at P, R", "ECE", "minutes")


def row(folder: Path) -> dict[str, Any]:
    """What a model folder, or the only one in ``folder``, says of its training and of gold/dev."""
    place = folder if (folder / "meta.json").exists() else next(iter(sorted(folder.glob("*/meta.json")))).parent
    meta = read_meta(place)
    dev, training = meta["dev"], meta["training"]
    return {
        "run": folder.name.removesuffix(".out"),
        "gold abstracts": meta["data"]["texts"]["gold/train"],
        "gold epochs": training["gold_epochs"],
        "entities F1": dev["entity_f1"],
        "relations best F1": dev["best_f1"],
        "at P, R": f"{dev['precision']}, {dev['recall']}",
        "ECE": dev["ece"],
        "minutes": sum(epoch["seconds"] for epoch in meta["history"]) // 60,
    }


def main(
    folders: Annotated[list[Path], typer.Argument(help="Model folders, or folders that hold one.")],
    out: Annotated[Path | None, typer.Option("--json", help="Write the rows there too.")] = None,
) -> None:
    rows = [row(folder) for folder in folders]
    typer.echo("| " + " | ".join(COLUMNS) + " |")
    typer.echo("| --- |" + " ---: |" * (len(COLUMNS) - 1))
    for found in rows:
        typer.echo("| " + " | ".join(str(found[name]) for name in COLUMNS) + " |")
    if out is not None:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
