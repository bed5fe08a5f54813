"""Compare architectures on gold/dev: train one with a layer swapped, or show the results of several.

python scripts/compare_architectures.py run --base runs/encoder --entities spans --run runs/spans --out spans.jsonl
python scripts/compare_architectures.py table crf.jsonl softmax.jsonl spans.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, get_args

import torch
import typer

from minecsc.training.architectures import Architecture, EntityKind, PairKind
from minecsc.training.comparison import compare, read_results, table
from minecsc.training.loop import TrainConfig

app = typer.Typer(add_completion=False, help=__doc__)


def _one_of(value: str, kinds: tuple[str, ...]) -> str:
    if value not in kinds:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(kinds)}")
    return value


@app.command()
def run(
    run_folder: Annotated[Path, typer.Option("--run", help="Folder for checkpoints, outside git.")],
    out: Annotated[Path, typer.Option(help="File of JSON lines that the result is added to.")],
    shared: Annotated[Path, typer.Option(help="Folder with gold/ and corpora/.")] = Path("../shared"),
    base: Annotated[Path | None, typer.Option(help="Encoder folder to start from; the bundled one by default.")] = None,
    entities: Annotated[str, typer.Option(help=f"{', '.join(get_args(EntityKind))}; markers read none.")] = "crf",
    pairs: Annotated[str, typer.Option(help=", ".join(get_args(PairKind)) + ".")] = "full",
    layers: Annotated[int | None, typer.Option(help="Encoder layers to keep, from the first on.")] = None,
    limit: Annotated[int | None, typer.Option(help="Gold abstracts to train on; all by default.")] = 200,
    gold_epochs: Annotated[int, typer.Option(help="Epochs.")] = 12,
    span_negatives: Annotated[int, typer.Option(help="Spans that are no mention, a sentence; 0 for all.")] = 100,
    pair_negatives: Annotated[float, typer.Option(help="Marked pairs without a relation, for one with.")] = 1.0,
    word_dropout: Annotated[float, typer.Option(help="Share of the words hidden in training.")] = 0.0,
    encoder_rate: float = 1.5e-4,
    head_rate: float = 8e-4,
    max_pieces: Annotated[int, typer.Option(help="Word pieces of the abstracts in a padded batch.")] = 4096,
    seed: int = 13,
    threads: Annotated[int, typer.Option(help="Threads; CPU seconds compare only at one.")] = 1,
    bf16: bool = True,
) -> None:
    """Train one architecture on gold abstracts, measure it on gold/dev and add the result to a file."""
    torch.set_num_threads(threads)
    kind = _one_of(pairs, get_args(PairKind))
    reader = "none" if kind == "markers" else _one_of(entities, get_args(EntityKind))
    result = compare(
        shared,
        run_folder,
        Architecture(
            entities=reader,  # type: ignore[arg-type]
            pairs=kind,  # type: ignore[arg-type]
            layers=layers,
            span_negatives=span_negatives,
            pair_negatives=pair_negatives,
        ),
        TrainConfig(
            seed=seed,
            mixed_epochs=0,
            gold_epochs=gold_epochs,
            word_dropout=word_dropout,
            encoder_rate=encoder_rate,
            head_rate=head_rate,
            max_pieces=max_pieces,
            bf16=bf16,
        ),
        base=base,
        limit=limit,
        say=typer.echo,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    typer.echo(json.dumps({k: v for k, v in result.items() if k not in ("tallies", "history", "training")}))


@app.command(name="table")
def show(files: Annotated[list[Path], typer.Argument(help="Files of results; the first is compared against.")]) -> None:
    """Print the Markdown table of results."""
    typer.echo(table(read_results(files)), nl=False)


if __name__ == "__main__":
    app()
