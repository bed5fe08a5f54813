"""Train the extraction model.

python scripts/train.py --shared ../shared --out models/csc-evidence --run runs/main
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minecsc.training.loop import TrainConfig
from minecsc.training.run import Fold, train


def main(
    shared: Annotated[Path, typer.Option(help="Folder with gold/ and corpora/.")] = Path("../shared"),
    out: Annotated[Path, typer.Option(help="Model folder to write.")] = Path("models/csc-evidence"),
    run: Annotated[Path, typer.Option(help="Folder for checkpoints, outside git.")] = Path("runs/main"),
    corpora: Annotated[str, typer.Option(help="Comma-separated public corpora to learn from first.")] = "",
    mixed_epochs: Annotated[int, typer.Option(help="Epochs over all corpora and gold.")] = 3,
    gold_epochs: Annotated[int, typer.Option(help="Epochs over gold alone.")] = 14,
    mixed_share: Annotated[float, typer.Option(help="Share of the corpora's texts in a mixed epoch.")] = 1.0,
    late_share: Annotated[float, typer.Option(help="The same in a gold epoch.")] = 0.0,
    word_dropout: Annotated[float, typer.Option(help="Share of the words hidden in training.")] = 0.0,
    base: Annotated[Path | None, typer.Option(help="Encoder folder to start from; the bundled one by default.")] = None,
    start: Annotated[Path | None, typer.Option(help="Run folder whose weights to begin from.")] = None,
    encoder_rate: float = 1.5e-4,
    head_rate: float = 8e-4,
    max_pieces: Annotated[int, typer.Option(help="Word pieces in a padded batch.")] = 4096,
    seed: int = 13,
    limit: Annotated[int | None, typer.Option(help="Gold abstracts to use (learning curve); 0 for none.")] = None,
    fold: Annotated[str | None, typer.Option(help="Part of gold/train to leave out, as 0/3.")] = None,
    taught: Annotated[Path | None, typer.Option(help="Labels of further texts, from scripts/teach.py.")] = None,
    taught_share: Annotated[float, typer.Option(help="Share of the taught texts in an epoch.")] = 1.0,
    taught_weight: Annotated[float, typer.Option(help="What the losses of taught texts count for.")] = 1.0,
    hard: Annotated[bool, typer.Option(help="Take the teachers' labels as decisions, not as probabilities.")] = False,
    device: str = "auto",
    bf16: bool = True,
    resume: bool = True,
    finish: Annotated[bool, typer.Option(help="Train no further: make the model from the best epoch so far.")] = False,
) -> None:
    names = tuple(name for name in corpora.split(",") if name)
    config = TrainConfig(
        seed=seed,
        mixed_epochs=mixed_epochs if names else 0,
        gold_epochs=gold_epochs,
        mixed_share=mixed_share,
        late_share=late_share,
        word_dropout=word_dropout,
        encoder_rate=encoder_rate,
        head_rate=head_rate,
        max_pieces=max_pieces,
        bf16=bf16,
        corpora=names,
        taught_share=taught_share,
        taught_weight=taught_weight,
    )
    meta = train(
        shared,
        out,
        run,
        config,
        device=device,
        base=base,
        start=start,
        limit=limit,
        fold=None if fold is None else Fold.parse(fold),
        taught=taught,
        hard=hard,
        resume=resume,
        finish=finish,
        say=typer.echo,
    )
    typer.echo(f"{out}: dev {meta['dev']}, decision {meta['decision']}")


if __name__ == "__main__":
    typer.run(main)
