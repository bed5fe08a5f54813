"""Fit the probability that the linker gives: a thin command over minecsc.training.linker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minecsc.evaluation.linking import Vocabulary
from minecsc.linking import KnowledgeBase, Linker
from minecsc.linking.calibration import PATH, write
from minecsc.training.corpora import held_out
from minecsc.training.linker import CORPORA, fit_calibrator, prior_only, read_cases, report, weigh


def main(
    shared: Annotated[Path, typer.Option(help="Folder that holds corpora/")] = Path("../shared"),
    kb: Annotated[Path | None, typer.Option(help="Knowledge base; the shipped one by default")] = None,
    out: Annotated[Path, typer.Option(help="File to write the coefficients to")] = PATH,
) -> None:
    """Fit on training splits, report on development splits, and write the coefficients.

    Example: python scripts/fit_linker.py --shared ../shared
    """
    base = KnowledgeBase.load(kb)
    linker, vocabulary = Linker(base), Vocabulary(base)
    held = held_out(shared)
    train = [m for c in CORPORA for m in weigh(linker, c, read_cases(shared, c, "train", held), vocabulary)]
    model = fit_calibrator(train)
    dev = {c: list(weigh(linker, c, read_cases(shared, c, "dev", held), vocabulary)) for c in CORPORA}
    figures = {name: report(model, mentions) for name, mentions in dev.items()}
    for name, mentions in dev.items():
        typer.echo(f"{name}: {figures[name]}")
        typer.echo(f"{'prior':>{len(name)}}: {report(prior_only(), mentions)}")
    everything = [m for mentions in dev.values() for m in mentions]
    figures["all"] = report(model, everything)
    typer.echo(f"all: {figures['all']}; threshold {model.threshold}")
    notes = {"knowledge_base": base.digest, "fitted_on": list(CORPORA), "mentions": len(train), "dev": figures}
    write(out, model, notes)


if __name__ == "__main__":
    typer.run(main)
