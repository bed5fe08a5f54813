"""Adapt the base encoder to the field by masked-language training on unlabelled abstracts.

python scripts/adapt.py --shared ../shared --out runs/encoder --run runs/adapt
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minecsc.nlp.extractor import pick_device
from minecsc.training.adapt import AdaptConfig, adapt
from minecsc.training.run import base_encoder


def main(
    shared: Annotated[Path, typer.Option(help="Folder with csc/, corpora/ and gold/.")] = Path("../shared"),
    out: Annotated[Path, typer.Option(help="Encoder folder to write.")] = Path("runs/encoder"),
    run: Annotated[Path, typer.Option(help="Folder for checkpoints, outside git.")] = Path("runs/adapt"),
    base: Annotated[Path | None, typer.Option(help="Encoder to start from; the bundled package by default.")] = None,
    pieces: Annotated[int, typer.Option(help="Word pieces to learn from in all.")] = 8_000_000,
    vocabulary: Annotated[int, typer.Option(help="Size of the field's vocabulary; 0 keeps the base's own.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Word pieces a step.")] = 4096,
    rate: float = 6e-4,
    seed: int = 17,
    device: str = "auto",
    bf16: bool = True,
) -> None:
    config = AdaptConfig(seed=seed, pieces=pieces, vocabulary=vocabulary, batch=batch, rate=rate, bf16=bf16)
    result = adapt(shared, base or base_encoder(), out, run, config, device=pick_device(device), say=typer.echo)
    first, last = (result["history"][i]["held_out_loss"] for i in (0, -1))
    typer.echo(f"{out}: held-out loss {first} → {last}")


if __name__ == "__main__":
    typer.run(main)
