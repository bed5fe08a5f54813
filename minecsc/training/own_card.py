"""The card of a model that a user trained."""

from __future__ import annotations

from typing import Any


def own_card(meta: dict[str, Any]) -> str:
    """Markdown card from the ``meta.json`` of a model made by :func:`minecsc.training.own.train_own`."""
    data, dev, training, decision = meta["data"], meta["dev"], meta["training"], meta["decision"]
    files = "\n".join(
        f"| {use} | `{name}` | `{sha256[:16]}…` |" for use, rows in data["files"].items() for name, sha256 in rows
    )
    held = "the dev file" if "dev" in data["files"] else "a tenth of the abstracts, held out by PMID and seed"
    if "threshold" in dev:
        figures = (
            f"relations end to end {dev['f1']} (P {dev['precision']}, R {dev['recall']}) at the default threshold of "
            f"{dev['threshold']:.2f}, cross-fitted"
        )
        trust = (
            "A relation's probability is calibrated on the same texts: that type, both spans and both entity types are "
            f"right together. Expected calibration error of what is reported, cross-fitted: {dev['ece']:.3f}."
        )
    else:
        figures = f"relations end to end {dev['relation_f1']} from a raw score of .40 on"
        trust = (
            "The held-out texts were too few to calibrate on: probabilities are raw scores, and the threshold of "
            f"{decision['min_probability']:.2f} is not chosen on data."
        )
    return f"""# {meta["name"]}

Entities, relations and flags of the minecsc scheme, from the encoder {meta["base"]} (`{meta["base_sha256"][:16]}…`).

**Use.** `minecsc.load("FOLDER")` or `minecsc extract --model FOLDER`. Not for clinical decisions.

**Data.** {data["texts"]["train"]} annotated abstracts; {data["texts"]["dev"]} to choose on: {held}. Their licence and
that of the encoder decide how this model may be passed on: write them here.

| use | file | SHA-256 |
| --- | --- | --- |
{files}

**Training.** Seed {training["seed"]}, {training["epochs_run"]} epochs, epoch {training["best_epoch"]} (from 0) chosen;
made {meta["made"]} on {training["device"]} in {meta["seconds"] // 60} minutes. All settings: `meta.json`.

**Figures** (strict micro F1 on the held-out abstracts; the model was chosen on them, so they flatter it): entities
{dev["entity_f1"]}; {figures}.

**Probabilities.** {trust}
"""
