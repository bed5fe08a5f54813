"""Calibrate a model on training texts that each fold's network had left out; measure it on gold/dev.

python scripts/train.py --fold 0/2 --run runs/fold0 …; the same for 1/2; then
python scripts/calibrate.py --model models/csc-evidence --runs runs/fold0 --runs runs/fold1
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from minecsc.errors import MinecscError
from minecsc.evaluation import Calibration
from minecsc.nlp.extractor import Decision, pick_device
from minecsc.nlp.model_io import load_extractor, read_meta, update_meta
from minecsc.training.card import model_card
from minecsc.training.corpora import added_gold, gold_texts, held_out
from minecsc.training.crossfit import (
    Answers,
    compare_calibrators,
    fit_decision,
    flag_f1,
    head_figures,
    read_answers,
    read_folds,
)
from minecsc.training.reliability import reliability_svg
from minecsc.training.selection import apply_calibration, choose, cross_fitted, operating_point

REPO = Path(__file__).resolve().parent.parent
console = Console(width=140)


def main(
    runs: Annotated[list[Path], typer.Option(help="Run folders of the folds 0/n to n-1/n, in that order; repeat it.")],
    model: Annotated[Path, typer.Option(help="Model folder to calibrate.")] = REPO / "models/csc-evidence",
    shared: Annotated[Path, typer.Option(help="Folder with gold/ and corpora/.")] = Path("../shared"),
    out: Annotated[Path, typer.Option(help="Folder for calibration.json and calibration.svg.")] = REPO / "docs",
    limit: Annotated[int | None, typer.Option(min=1, help="Training texts to read: to try it out.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda …; auto takes a GPU where there is one.")] = "auto",
    write: Annotated[bool, typer.Option(help="Write the decision into the model folder.")] = True,
) -> None:
    """Fit calibration and thresholds on out-of-fold answers, choose the default threshold on gold/dev, report both."""
    try:
        figures, decision = calibrate_model(model, runs, shared, limit, pick_device(device), out)
        if write:
            record(model, decision, figures)
    except MinecscError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def calibrate_model(
    model: Path, runs: list[Path], shared: Path, limit: int | None, device: torch.device, out: Path
) -> tuple[dict[str, Any], Decision]:
    """Read, fit, measure and print; the figures are written to ``out``."""
    exclude = held_out(shared)
    texts = [*gold_texts(shared, "train", exclude), *added_gold(shared, exclude)][:limit]
    found = read_folds(model, runs, texts, device, say=typer.echo)
    extractor = load_extractor(model)
    dev = read_answers(extractor.network, extractor.encoder, list(gold_texts(shared, "dev")), device)
    decision, chosen = choose(dev.relations, fit_decision(found))
    heads = head_figures(found, dev, decision)
    figures: dict[str, Any] = {
        "folds": len(runs),
        "texts": len(found.relations.gold),
        "candidates": len(found.relations.right),
        "decision": asdict(decision),
        "dev": chosen,
        "calibrators": [asdict(row) for row in compare_calibrators(found.relations)],
        "heads": {
            head.name: {part.name: bins(getattr(head, part.name)) for part in fields(head) if part.name != "name"}
            for head in heads
        },
        "points": points(found, dev, decision),
        "flags": flags(found, dev, decision),
    }
    show(figures)
    out.mkdir(parents=True, exist_ok=True)
    (out / "calibration.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (out / "calibration.svg").write_text(reliability_svg([(head.name, head.dev) for head in heads]), encoding="utf-8")
    return figures, decision


def bins(measured: Calibration) -> dict[str, Any]:
    """A calibration without its long curve, which the operating points stand for."""
    return {key: value for key, value in measured.to_dict().items() if key != "curve"}


def points(found: Answers, dev: Answers, decision: Decision) -> dict[str, dict[str, Any]]:
    """The operating points, on gold/dev and on the out-of-fold answers (there cross-fitted)."""
    probability = {
        "dev": (dev.relations, apply_calibration(decision.calibration, dev.relations.features)),
        "out of fold": (found.relations, cross_fitted(found.relations)),
    }
    thresholds = {"default": decision.min_probability, "confident": decision.confident_probability}
    return {
        f"{name}, {where}": asdict(operating_point(part, p, threshold))
        for name, threshold in thresholds.items()
        if threshold is not None
        for where, (part, p) in probability.items()
    }


def flags(found: Answers, dev: Answers, decision: Decision) -> dict[str, dict[str, float]]:
    """F1 of the flags of given relations at their thresholds and at one half."""
    chosen = {"negation": decision.negation_threshold, "speculation": decision.speculation_threshold}
    return {
        f"{name}, {where}": {
            "threshold": threshold,
            "f1": flag_f1(getattr(part, name), threshold),
            "f1_at_half": flag_f1(getattr(part, name), 0.5),
            "flagged": getattr(part, name).total,
        }
        for name, threshold in chosen.items()
        for where, part in (("dev", dev), ("out of fold", found))
    }


def show(figures: dict[str, Any]) -> None:
    """Print the tables of ``docs/calibration.md``."""
    calibrators = [
        (r["name"], *(f"{r[k]:.4f}" for k in ("log_loss", "difference")), "{:+.4f} … {:+.4f}".format(*r["interval"]),
         *(f"{r[k]:.3f}" for k in ("ece", "ece_mass", "brier")))
        for r in figures["calibrators"]
    ]  # fmt: skip
    heads = [
        (name, *(f"{parts[part]['ece']:.3f}" for part in parts), str(parts["dev"]["predictions"]))
        for name, parts in figures["heads"].items()
    ]
    operating = [
        (name, f"{p['threshold']:.2f}", str(p["kept"]), f"{p['precision']:.3f}",
         "{:.3f}–{:.3f}".format(*p["precision_interval"]), f"{p['recall']:.3f}",
         "{:.3f}–{:.3f}".format(*p["recall_interval"]), f"{p['f1']:.3f}")
        for name, p in figures["points"].items()
    ]  # fmt: skip
    raised = [
        (name, f"{f['threshold']:.2f}", str(f["flagged"]), f"{f['f1']:.3f}", f"{f['f1_at_half']:.3f}")
        for name, f in figures["flags"].items()
    ]
    for title, columns, rows in (
        (f"Calibrators of relations, cross-validated on {figures['candidates']} out-of-fold candidates",
         ("calibrator", "log loss", "− logistic", "95 %", "ECE", "ECE mass", "Brier"), calibrators),
        ("ECE by head", ("head", "out of fold, raw", "cross-fitted", "dev, raw", "dev", "n on dev"), heads),
        ("Operating points of relations", ("point", "from", "kept", "P", "95 %", "R", "95 %", "F1"), operating),
        ("Flags of given relations", ("flag", "threshold", "flagged", "F1", "F1 at .50"), raised),
    ):  # fmt: skip
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def record(model: Path, decision: Decision, figures: dict[str, Any]) -> None:
    """Put the decision into ``meta.json``, and into the card unless somebody has written in it."""
    old = read_meta(model)
    card = model / "README.md"
    generated = card.is_file() and card.read_text(encoding="utf-8") == model_card(old)
    meta = update_meta(
        model,
        decision=asdict(decision),
        dev={key: value for key, value in old["dev"].items() if not key.startswith("precise_")} | figures["dev"],
        calibration={key: figures[key] for key in ("folds", "texts", "candidates", "points", "flags")}
        | {"ece": {name: parts["dev"]["ece"] for name, parts in figures["heads"].items()}},
    )
    if generated:
        card.write_text(model_card(meta), encoding="utf-8")
    typer.echo(f"{model}: {meta['decision']}" + ("" if generated else "; README.md was edited by hand: see to it"))


if __name__ == "__main__":
    typer.run(main)
