"""``minecsc train``: a model of one's own, from one's own data, over any encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def train(
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="Annotated abstracts, JSON lines in the form of the gold; repeatable."),
    ] = None,
    dev: Annotated[
        Path | None, typer.Option("--dev", help="Annotated abstracts to choose on; default: a tenth of the data.")
    ] = None,
    texts: Annotated[
        list[Path] | None, typer.Option("--texts", help="File with the texts of stand-off data; repeatable.")
    ] = None,
    shared: Annotated[
        Path | None, typer.Option("--shared", help="Instead of --data: folder with gold/ and corpora/.")
    ] = None,
    corpora: Annotated[str, typer.Option(help="With --shared: public corpora to learn from, comma-separated.")] = "",
    encoder: Annotated[
        str | None,
        typer.Option(help="Hugging Face encoder, folder or hub name, or a model folder; default: all-MiniLM-L6-v2."),
    ] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Folder for checkpoints; default: OUT.run.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs over the data (or the gold).")] = 14,
    mixed_epochs: Annotated[int, typer.Option(min=0, help="With --corpora: epochs over all of them before.")] = 3,
    encoder_rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate of the encoder.")] = 1.5e-4,
    head_rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate of the layers over it.")] = 8e-4,
    max_pieces: Annotated[int, typer.Option(min=64, help="Word pieces in a batch: less saves memory.")] = 4096,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = 13,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …; auto takes a GPU where there is one.")] = "auto",
    bf16: Annotated[bool, typer.Option(help="Compute in bfloat16.")] = True,
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Start anew, not from the last checkpoint.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the model's meta data as JSON.")] = False,
) -> None:
    """Train an extraction model of your own and write it to a folder that --model takes.

    Example: minecsc train --data mine.jsonl --encoder distilbert-base-cased --encoder-rate 5e-5 --out my-model
    """
    if (shared is None) == (not data):
        raise typer.BadParameter("name what to train on: either --data FILE or --shared FOLDER")
    if shared is None and corpora:
        raise typer.BadParameter("--corpora are read from --shared")
    if shared is not None and (dev is not None or texts):
        raise typer.BadParameter("--dev and --texts go with --data")
    from minecsc.training.loop import TrainConfig
    from minecsc.training.own import read_own, train_own
    from minecsc.training.run import starting_encoder
    from minecsc.training.run import train as train_shared

    names = tuple(name.strip() for name in corpora.split(",") if name.strip())
    config = TrainConfig(
        seed=seed,
        mixed_epochs=mixed_epochs if names else 0,
        gold_epochs=epochs,
        encoder_rate=encoder_rate,
        head_rate=head_rate,
        max_pieces=max_pieces,
        bf16=bf16,
        corpora=names,
    )
    folder = run or out.with_name(f"{out.name}.run")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    if shared is not None:
        meta = train_shared(shared, out, folder, config, device=device, base=encoder, resume=not no_resume, say=say)
    else:
        own = read_own(data or (), dev, texts or (), seed=seed)
        meta = train_own(
            own, out, folder, config, starting_encoder(encoder), device=device, resume=not no_resume, say=say
        )
    if as_json:
        typer.echo(json.dumps(meta, ensure_ascii=False, indent=2))
    else:
        shown = ", ".join(f"{name} {value}" for name, value in meta["dev"].items())
        typer.echo(f"{out} is ready: minecsc extract --model {out} …\non the held-out abstracts: {shown}")
