"""Label further abstracts with an ensemble of trained models, for a student to learn from.

python scripts/teach.py --models A --models B --evaluate-dev
python scripts/teach.py --models A --models B --texts 1500 --out runs/taught.safetensors
python scripts/train.py --taught runs/taught.safetensors ...

A model is a folder as scripts/train.py writes it (of an unfinished run, with --finish).
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from minecsc.nlp.extractor import Decision, Extractor
from minecsc.nlp.model_io import load_extractor, model_digest
from minecsc.nlp.network import NetworkConfig
from minecsc.training.corpora import gold_texts, held_out
from minecsc.training.examples import make_example
from minecsc.training.selection import LOWEST, inputs
from minecsc.training.teaching import Ensemble, evaluate, pick_texts, write_readings


def main(
    models: Annotated[list[Path], typer.Option(help="Model folder of a teacher; give one for each.")],
    texts: Annotated[int, typer.Option(help="Abstracts to label.")] = 1500,
    out: Annotated[Path | None, typer.Option(help="File of labels to write.")] = None,
    shared: Annotated[Path, typer.Option(help="Folder with gold/, csc/ and corpora/.")] = Path("../shared"),
    evaluate_dev: Annotated[bool, typer.Option(help="Figures on gold/dev of each teacher too.")] = False,
) -> None:
    teachers = [load_extractor(folder) for folder in models]
    ensemble = Ensemble.of(teachers)
    heads = NetworkConfig()

    dev_texts = list(gold_texts(shared, "dev"))
    made = (make_example(text, ensemble.encoder, heads.entity_heads, heads.relation_heads) for text in dev_texts)
    dev = [example for example in made if example is not None]
    if evaluate_dev:
        for folder, teacher in zip(models, teachers, strict=True):
            alone = Extractor(teacher.network, teacher.encoder, Decision(min_probability=LOWEST))
            typer.echo(f"{folder}: {evaluate(alone, dev, dev_texts)[1]}")
    decision, figures = evaluate(ensemble, dev, dev_texts)
    typer.echo(f"ensemble of {len(models)}: {figures}")
    if out is None:
        return

    sources = pick_texts(shared, texts, held_out(shared))
    started = time.process_time()
    encoded = [make_example(text, ensemble.encoder, heads.entity_heads, heads.relation_heads) for text in sources]
    kept = [(text, example) for text, example in zip(sources, encoded, strict=True) if example is not None]
    sources = [text for text, _ in kept]
    wanted = inputs([example for _, example in kept], sources)
    readings = list(tqdm(ensemble.read(wanted), total=len(wanted), desc="abstracts", mininterval=5))
    facts = {
        "teachers": [model_digest(folder) for folder in models],
        "decision": asdict(decision),
        "dev": figures,
        "entity_heads": heads.entity_heads["csc"],
        "relation_heads": heads.relation_heads["csc"],
    }
    write_readings(out, sources, readings, facts)
    mentions, pairs = (sum(len(getattr(r, name)) for r in readings) for name in ("mentions", "pairs"))
    relations = sum(float(r.relations[:, 1:].sum()) for r in readings)
    typer.echo(
        f"{out}: {len(readings)} abstracts, {mentions} mentions, {pairs} pairs, {relations:.0f} relations expected, "
        f"{out.stat().st_size / 1e6:.1f} MB, {time.process_time() - started:.0f} s of CPU time"
    )


if __name__ == "__main__":
    typer.run(main)
