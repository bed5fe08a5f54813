"""Training on a user's own annotated abstracts, in the form of the project's gold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from minecsc.errors import ModelError
from minecsc.evaluation import load_gold
from minecsc.ids import digest, file_digest
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision, Extractor, pick_device
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.schema import Extraction
from minecsc.training.corpora import text_key
from minecsc.training.encoders import Pretrained
from minecsc.training.examples import AnnotatedText, Example, make_example, type_index
from minecsc.training.finish import build_network, write_best
from minecsc.training.loop import TrainConfig, Trainer
from minecsc.training.own_card import own_card
from minecsc.training.selection import LOWEST, Evaluator, candidates, choose, compare, inputs

HELD_OUT_SHARE = 0.1
MIN_CALIBRATION = 30
"""Right and wrong relations on the held-out texts below which no calibration is fitted."""


@dataclass(frozen=True)
class OwnData:
    """Annotated texts to train on and to choose on. files: name and SHA-256 of each file; dropped: texts of the
    training files left out because they stand in the held-out file too."""

    train: list[AnnotatedText]
    dev: list[AnnotatedText]
    files: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    dropped: int = 0


def read_own(data: Sequence[Path], dev: Path | None = None, texts: Sequence[Path] = (), *, seed: int = 13) -> OwnData:
    """Read annotated abstracts; without a ``dev`` file a tenth of them is held out, chosen by PMID and seed.

    texts: files with the texts of stand-off annotations. A text of ``dev`` is never trained on, under whatever PMID.
    Raises EvaluationError for a file that cannot be used, ModelError where nothing is left to train or choose on.
    """
    found: dict[str, AnnotatedText] = {}
    for path in data:
        for reading in load_gold(path, texts):
            text = annotated(reading)
            if text.text_id in found:
                raise ModelError(f"{path}: PMID {text.text_id} is annotated in another file too")
            found[text.text_id] = text
    files = {"train": [(path.name, file_digest(path)) for path in data]}
    if dev is not None:
        held = [annotated(reading) for reading in load_gold(dev, texts)]
        files["dev"] = [(dev.name, file_digest(dev))]
    else:
        order = sorted(found, key=lambda text_id: digest(str(seed), text_id))
        held = [found[text_id] for text_id in order[: max(1, round(HELD_OUT_SHARE * len(found)))]]
    ids, keys = {text.text_id for text in held}, {text_key(text.text) for text in held}
    train = [text for text in found.values() if text.text_id not in ids and text_key(text.text) not in keys]
    if not train:
        raise ModelError(f"{len(found)} annotated abstracts, and none left to train on beside those held out")
    return OwnData(train, held, files, len(found) - len(train) if dev is not None else 0)


def annotated(reading: Extraction) -> AnnotatedText:
    """An annotated document in the form that training takes."""
    place = {mention: i for i, mention in enumerate(reading.mentions)}
    return AnnotatedText(
        text_id=reading.document.pmid or reading.document.document_id,
        text=reading.document.text,
        entities=[(m.start, m.end, m.type) for m in reading.mentions],
        pair_types=[type_index(m.type) for m in reading.mentions],
        relations=[(r.type, place[r.head], place[r.tail], r.negated, r.speculative) for r in reading.relations],
        entity_head="csc",
        relation_head="csc",
        sentences=[(s.start, s.end) for s in reading.sentences],
    )


def train_own(
    data: OwnData,
    out: Path,
    run_folder: Path,
    config: TrainConfig,
    pretrained: Pretrained,
    *,
    device: str = "auto",
    resume: bool = True,
    heads: NetworkConfig | None = None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train from an encoder, choose on the held-out texts, write the model folder ``out``; returns its meta data.

    config: of the loop; its epochs over gold are those over ``data``, and it names no corpora. resume: go on from the
    last checkpoint in ``run_folder``. heads: sizes of the layers over the encoder, where not the default ones. Raises
    ModelError where ``run_folder`` holds a run on other data or settings, or ``out`` something that is no model.
    """
    started = time.time()
    if out.exists() and not (out / "meta.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} is there and is no model folder; choose another --out")
    heads = heads or NetworkConfig()
    where = pick_device(device)
    network, encoder = build_network(pretrained, heads, config.seed)
    train, _ = _examples(data.train, encoder, heads)
    dev, dev_texts = _examples(data.dev, encoder, heads)
    if not train or not dev:
        raise ModelError("no words in the annotated abstracts")
    say(f"{len(train)} abstracts to train on, {len(dev)} to choose on, {data.dropped} dropped as held out")
    _claim(run_folder, {"encoder": pretrained.sha256, "files": data.files, "network": heads.to_dict()}, resume)
    evaluate = Evaluator(encoder, dev, inputs(dev, dev_texts), where)
    trainer = Trainer(network, encoder, config, run_folder, where, evaluate, say)
    progress = trainer.run(train, [], resume=resume)
    return write_best(
        out,
        trainer,
        progress,
        pretrained,
        {"texts": {"train": len(train), "dev": len(dev)}, "files": data.files, "dropped": data.dropped},
        decide=lambda: _decide(network, encoder, dev, dev_texts, where),
        card=own_card,
        started=started,
    )


def _examples(
    texts: Sequence[AnnotatedText], encoder: PieceEncoder, heads: NetworkConfig
) -> tuple[list[Example], list[AnnotatedText]]:
    made = [(make_example(text, encoder, heads.entity_heads, heads.relation_heads), text) for text in texts]
    kept = [(example, text) for example, text in made if example is not None]
    return [example for example, _ in kept], [text for _, text in kept]


def _decide(
    network: Network, encoder: PieceEncoder, dev: list[Example], texts: list[AnnotatedText], device: torch.device
) -> tuple[Decision, dict[str, float]]:
    """Calibration and threshold; where the held-out texts are too few for either, raw scores from one half on."""
    found = candidates(compare(Extractor(network, encoder, Decision(LOWEST), device), dev, texts))
    right = int(found.right.sum())
    if min(right, len(found.right) - right) < MIN_CALIBRATION:
        return Decision(), {}
    return choose(found)


def _claim(run_folder: Path, facts: dict[str, Any], resume: bool) -> None:
    """Note what a run is about; refuse to go on with one that is about something else."""
    path = run_folder / "source.json"
    said = json.dumps(facts, indent=1, sort_keys=True) + "\n"
    run_folder.mkdir(parents=True, exist_ok=True)
    if resume and (run_folder / "last.pt").exists() and (not path.exists() or path.read_text("utf-8") != said):
        raise ModelError(
            f"{run_folder} holds a run with another encoder or other data; choose another --run folder, or start it "
            "anew with --no-resume"
        )
    path.write_text(said, encoding="utf-8")
