"""Fit the belief of statements on gold and measure it: a thin command over minecsc.training.belief.

The predictions must be honest: by a model that has not seen the gold documents. Models trained without a part of
gold/train (scripts/train.py --fold) are given with the part that each left out.

python scripts/fit_belief.py --gold ../shared/gold/dev.jsonl
python scripts/fit_belief.py --gold ../shared/gold/train.jsonl --model f0 --fold 0/2 --model f1 --fold 1/2 --correct
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from minecsc.evaluation.gold import link_gold, load_gold
from minecsc.evaluation.predict import predict
from minecsc.evaluation.stored import stored_extractions
from minecsc.evidence.belief import WEIGHTS
from minecsc.linking import KnowledgeBase, Linker
from minecsc.nlp import load
from minecsc.schema import Extraction
from minecsc.store import open_base
from minecsc.training.belief import FITTED, Candidate, Measured, candidates, correction, fit, likely, measure, systems
from minecsc.training.run import Fold


def predictions(
    gold: Sequence[Extraction],
    models: Sequence[Path | None],
    folds: Sequence[str],
    bases: Sequence[Path],
    kb: Path | None,
) -> dict[str, Extraction]:
    """Readings by document id: of each fold by its model, or as the databases hold them."""
    found: dict[str, Extraction] = {}
    for path in bases:
        with open_base(path) as base:
            found |= stored_extractions(base, [reading.document.document_id for reading in gold])
    parts = [Fold.parse(fold) for fold in folds] if folds else [Fold(0, 1)] * len(models)
    if len(parts) != len(models):
        raise typer.BadParameter("give a --fold for every --model, or for none")
    for folder, part in zip(models, parts, strict=True):
        chosen = [reading for reading in gold if part.holds(reading.document.pmid or "")]
        found |= predict(chosen, load(folder, knowledge_base=kb))
    return found


def groups(found: Sequence[Candidate]) -> dict[str, list[int]]:
    """Kind of statement → places of the candidates of that kind."""
    kinds: dict[str, list[int]] = {
        "one relation": [],
        "several relations, one document": [],
        "several documents": [],
        "possibility only": [],
        "evidence against": [],
    }
    for place, candidate in enumerate(found):
        if candidate.possibility_only:
            kinds["possibility only"].append(place)
        elif len(candidate.documents) > 1:
            kinds["several documents"].append(place)
        else:
            kinds["one relation" if candidate.relations_for == 1 else "several relations, one document"].append(place)
        if candidate.relations_against:
            kinds["evidence against"].append(place)
    return kinds


def main(
    gold: Annotated[list[Path], typer.Option(help="Gold files; repeat for more.")],
    model: Annotated[list[Path] | None, typer.Option(help="Model folder; the shipped one by default.")] = None,
    fold: Annotated[list[str] | None, typer.Option(help="Part of gold that the model left out, as 0/2.")] = None,
    predicted: Annotated[
        list[Path] | None, typer.Option("--predictions", help="Database that holds the readings; no model is run.")
    ] = None,
    texts: Annotated[list[Path] | None, typer.Option(help="Texts of stand-off gold.")] = None,
    kb: Annotated[Path | None, typer.Option(help="Knowledge base; the shipped one by default.")] = None,
    correct: Annotated[
        bool, typer.Option(help="First correct the probabilities, for models whose calibration does not fit the gold.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Bootstrap samples of documents.")] = 500,
    out: Annotated[Path | None, typer.Option(help="File for all figures, as JSON.")] = None,
) -> None:
    """Fit the weights of minecsc.evidence.belief, and compare the formula with others."""
    readings = [reading for path in gold for reading in load_gold(path, texts or ())]
    models: list[Path | None] = [*model] if model else [] if predicted else [None]
    held = predictions(readings, models, fold or [], predicted or [], kb)
    readings = [reading for reading in readings if reading.document.document_id in held]
    linked = link_gold(readings, Linker(KnowledgeBase.load(kb)))
    found = candidates(linked, held)
    if correct:
        corrected = correction(found)
        typer.echo(f"probabilities corrected on statements with one relation: {corrected}")
        found = candidates(linked, held, corrected)
    report(found, len(readings), samples, out)


def report(found: Sequence[Candidate], documents: int, samples: int, out: Path | None) -> None:
    """Prints the fit, the comparison, the kinds of statements and the reliability diagram."""
    console = Console()
    weights = fit(found)
    ranges = {name: likely(found, weights, name) for name in FITTED}
    console.print(f"{documents} documents, {len(found)} statements read, {sum(c.right for c in found)} right")
    table = Table("weight", "fitted", "within 1.92 of the best", "in use", title="Weights")
    for name, (low, high) in ranges.items():
        table.add_row(name, f"{getattr(weights, name):.2f}", f"{low:.2f}–{high:.2f}", f"{getattr(WEIGHTS, name):.2f}")
    console.print(table)

    beliefs = systems(found)
    measured = measure(found, beliefs, samples=samples)
    table = Table("formula", "log loss", "Brier", "ECE", "log loss saved", title="Cross-fitted over documents")
    for row in measured:
        table.add_row(row.name, *(_figure(row, name) for name in ("log_loss", "brier", "ece", "gain")))
    console.print(table)

    table = Table("statements with", "number", "right %", *beliefs, title="Mean belief by kind, %")
    for kind, places in groups(found).items():
        if places:
            share = sum(found[place].right for place in places) / len(places)
            means = [sum(values[place] for place in places) / len(places) for values in beliefs.values()]
            table.add_row(kind, str(len(places)), *(f"{100 * value:.1f}" for value in (share, *means)))
    console.print(table)

    chosen = next(row for row in measured if row.name == "in use")
    table = Table("belief", "statements", "mean", "right", title="Reliability of the formula in use")
    for item in chosen.bins:
        table.add_row(
            f"{item.low:.1f}–{item.high:.1f}", str(item.count), f"{item.confidence:.3f}", f"{item.accuracy:.3f}"
        )
    console.print(table)
    if out is not None:
        figures: dict[str, Any] = {
            "documents": documents,
            "statements": len(found),
            "right": sum(c.right for c in found),
            "weights": asdict(weights),
            "ranges": ranges,
            "formulas": [asdict(row) for row in measured],
        }
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _figure(row: Measured, name: str) -> str:
    low, high = getattr(row, f"{name}_interval")
    return f"{getattr(row, name):.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    typer.run(main)
