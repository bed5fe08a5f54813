"""The training loop: several corpora first, the project's gold last; resumable after every epoch."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from minecsc.errors import ModelError
from minecsc.nlp.encoding import Batch, PieceEncoder, collate
from minecsc.nlp.network import Network, chunks, mention_batch
from minecsc.schema import ENTITY_TYPES
from minecsc.training.corpora import annotates_flags, pair_filter
from minecsc.training.examples import Example, batches


@dataclass(frozen=True)
class TrainConfig:
    """What a run does. Rates are peak AdamW learning rates; max_pieces bounds a padded batch.

    mixed_epochs: epochs over gold and a share of the other corpora's texts, drawn anew each time; gold_epochs: epochs
    over gold and a late share of them. word_dropout: share of the words hidden in training, so that context counts.
    taught_share: share of the taught texts in every epoch, drawn anew; taught_weight: what their losses count for.
    """

    seed: int = 13
    mixed_epochs: int = 3
    gold_epochs: int = 14
    mixed_share: float = 1.0
    late_share: float = 0.0
    word_dropout: float = 0.0
    encoder_rate: float = 1.5e-4
    head_rate: float = 8e-4
    gold_factor: float = 0.7
    weight_decay: float = 0.01
    warmup: float = 0.06
    max_pieces: int = 4096
    relation_weight: float = 1.0
    flag_weight: float = 0.15
    ema: float = 0.995
    bf16: bool = True
    corpora: tuple[str, ...] = ()
    taught_share: float = 1.0
    taught_weight: float = 1.0


@dataclass
class Progress:
    """Where a run stands: written with every checkpoint."""

    epoch: int = 0
    best_score: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)


class Average:
    """Exponential moving average of the weights: what is evaluated and shipped."""

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.values = {k: v.detach().clone().float() for k, v in network.state_dict().items()}

    def update(self, network: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        for key, value in network.state_dict().items():
            self.values[key].lerp_(value.detach().float(), 1 - decay)


def losses(
    network: Network,
    encoder: PieceEncoder,
    examples: Sequence[Example],
    device: torch.device,
    *,
    word_dropout: float = 0.0,
) -> dict[str, torch.Tensor]:
    """Entity, relation and flag losses of examples that share their heads, all of them taught or none."""
    batch = collate(encoder, [e.encoded for e in examples])
    if word_dropout:
        hide_words(batch, word_dropout, encoder)
    batch = batch.to(device)
    words, vectors = network.encode(batch)
    result: dict[str, torch.Tensor] = {}
    n_words = batch.word_mask.sum()
    entity_head, relation_head = examples[0].entity_head, examples[0].relation_head
    if entity_head is not None:
        tags = torch.zeros(batch.word_mask.shape, dtype=torch.long)
        for i, example in enumerate(examples):
            if example.tags is not None:
                tags[i, : len(example.tags)] = torch.tensor(example.tags)
        crf: Any = network.crf[entity_head]
        emissions, tags = network.emissions(words, entity_head), tags.to(device)
        loss = crf.loss(emissions, tags, batch.word_mask) * len(examples)
        if examples[0].soft is not None:
            loss = loss + _softened(examples, emissions, tags, batch.word_mask)
        result["entity"] = loss / n_words
    if relation_head is not None:
        result.update(pair_losses(network, examples, vectors, relation_head, device))
    return result


def _softened(
    examples: Sequence[Example], emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """What turns the path's negative log-likelihood into the cross-entropy with the teachers' posteriors.

    The score of the path's tags gives way to the expected score of all tags: the loss is then least in the tag scores
    where the field's own posteriors are the teachers'.
    """
    expected = torch.zeros(emissions.shape)
    for i, example in enumerate(examples):
        if example.soft is not None:
            expected[i, : len(example.soft.tags)] = example.soft.tags.float()
    path = torch.nn.functional.one_hot(tags, emissions.shape[2]) * mask.unsqueeze(2)
    return ((path - expected.to(emissions.device)) * emissions).sum()


def hide_words(batch: Batch, share: float, encoder: PieceEncoder) -> None:
    """Put [MASK] for a share of the words, in place: names met in training must not be all that is learnt."""
    hidden = torch.rand(batch.word_mask.numel()) < share
    mask = encoder.tokenizer.token_to_id("[MASK]")
    rows = batch.piece_rows[hidden[batch.piece_words]]
    batch.input_ids.view(-1)[rows] = encoder.unk if mask is None else mask
    batch.features[hidden.view(batch.word_mask.shape)] = 0


def _allowed_pairs(head: str) -> torch.Tensor | None:
    """bool[types, types]: which pairs a relation head's corpus annotates; None = all."""
    pairs = pair_filter(head)
    if pairs is None:
        return None
    allowed = torch.zeros(len(ENTITY_TYPES), len(ENTITY_TYPES), dtype=torch.bool)
    for i, j in pairs:
        allowed[i, j] = True
    return allowed


def pair_losses(
    network: Network, examples: Sequence[Example], vectors: torch.Tensor, head: str, device: torch.device
) -> dict[str, torch.Tensor]:
    """Relation and flag losses of the gold mention pairs. vectors: float[texts, words, hidden], for pairs."""
    sentences, mentions, places = [], [], []
    for i, example in enumerate(examples):
        for k, (span, row) in enumerate(zip(example.sentences, example.mentions, strict=True)):
            if len(row) > 1:
                sentences.append((i, *span))
                mentions.append(row)
                places.append((example, k))
    relation = vectors.new_zeros(())
    flag = vectors.new_zeros(())
    n_pairs = n_flags = 0.0
    allowed = _allowed_pairs(head)
    n_types = len(network.config.relation_heads[head])
    for group in chunks(sentences, [len(m) for m in mentions]):
        padded = mention_batch([sentences[g] for g in group], [mentions[g] for g in group])
        n = padded.mask.shape[1]
        wanted = torch.zeros(len(group), n, n, n_types + 1)
        flags = torch.zeros(len(group), n, n, 2)
        for k, g in enumerate(group):
            m = len(mentions[g])
            wanted[k, :m, :m], flags[k, :m, :m] = places[g][0].pair_targets(places[g][1], n_types)
        pairs = padded.mask.unsqueeze(2) & padded.mask.unsqueeze(1) & ~torch.eye(n, dtype=torch.bool)
        if allowed is not None:
            pairs &= allowed[padded.types.unsqueeze(2), padded.types.unsqueeze(1)]
        logits, flag_logits = network.pair_scores(vectors, padded.to(device), head)
        targets, raised = wanted[pairs], flags[pairs]  # a row for each pair
        pairs = pairs.to(device)
        relation = relation + torch.nn.functional.cross_entropy(logits[pairs], targets.to(device), reduction="sum")
        n_pairs += float(targets.sum())
        held = targets[:, 1:].sum(dim=1, keepdim=True)  # flags count as far as there is a relation
        if annotates_flags(head) and bool(held.any()):
            flag = flag + torch.nn.functional.binary_cross_entropy_with_logits(
                flag_logits[pairs], raised.to(device), held.expand(-1, 2).to(device), reduction="sum"
            )
            n_flags += float(held.sum())
    return {"relation": relation / max(n_pairs, 1.0), "flag": flag / max(n_flags, 1.0)}


@dataclass
class Trainer:
    """Runs the epochs. ``evaluate`` gets the averaged network and returns figures with a ``score``.

    objective: gives the parts of the loss by name, called as :func:`losses` is.
    """

    network: Network
    encoder: PieceEncoder
    config: TrainConfig
    folder: Path
    device: torch.device
    evaluate: Callable[[Network], dict[str, float]]
    say: Callable[[str], None]
    objective: Callable[..., dict[str, torch.Tensor]] = losses

    def run(
        self,
        gold: Sequence[Example],
        others: Sequence[Example],
        taught: Sequence[Example] = (),
        *,
        resume: bool = True,
    ) -> Progress:
        """Train to the end, or from the last checkpoint in ``folder`` on. Best weights: ``best.pt``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.config.seed)
        self.network.to(self.device)
        optimizer = self._optimizer()
        average = Average(self.network, self.config.ema)
        progress = self._resume(optimizer, average) if resume else Progress()
        total = self.config.mixed_epochs + self.config.gold_epochs
        for epoch in range(progress.epoch, total):
            mixed = epoch < self.config.mixed_epochs
            share = self.config.mixed_share if mixed else self.config.late_share
            drawn = self._drawn(epoch, taught, self.config.taught_share)
            examples = [*gold, *self._drawn(epoch, others, share), *drawn]
            started = time.perf_counter()
            means = self._epoch(epoch, examples, optimizer, average)
            figures = self._measure(average)
            progress.history.append(
                {
                    "epoch": epoch,
                    "mixed": mixed,
                    "seconds": round(time.perf_counter() - started),
                    **means,
                    **figures,
                }
            )
            self.say(json.dumps(progress.history[-1]))
            progress.epoch = epoch + 1
            if figures["score"] > progress.best_score:
                progress.best_score = figures["score"]
                _save({"network": average.values, "figures": figures, "epoch": epoch}, self.folder / "best.pt")
            self._checkpoint(optimizer, average, progress)
        return progress

    def _drawn(self, epoch: int, examples: Sequence[Example], share: float) -> list[Example]:
        rng = random.Random(self.config.seed * 7919 + epoch)
        return rng.sample(list(examples), round(share * len(examples)))

    def progress(self) -> Progress:
        """Where the run in ``folder`` stands. Raises ModelError where no epoch of it is done."""
        if not (self.folder / "best.pt").exists():
            raise ModelError(f"{self.folder}: no epoch of this run is finished")
        return Progress(**self._state()["progress"])

    def _optimizer(self) -> torch.optim.AdamW:
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            key = (name.startswith("encoder."), parameter.ndim < 2)
            groups.setdefault(key, []).append(parameter)
        c = self.config
        return torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "weight_decay": 0.0 if flat else c.weight_decay,
                    "peak": c.encoder_rate if in_encoder else c.head_rate,
                }
                for (in_encoder, flat), parameters in groups.items()
            ],
            lr=c.head_rate,
            fused=True,
        )

    def _epoch(
        self, epoch: int, examples: Sequence[Example], optimizer: torch.optim.Optimizer, average: Average
    ) -> dict[str, float]:
        c = self.config
        rng = random.Random(c.seed * 1000 + epoch)
        torch.manual_seed(c.seed * 1000 + epoch)  # a resumed run draws what an unbroken one draws
        order = list(range(len(examples)))
        rng.shuffle(order)
        groups = batches(examples, order, c.max_pieces)
        rng.shuffle(groups)
        mixed = epoch < c.mixed_epochs
        first, length = (0, c.mixed_epochs) if mixed else (c.mixed_epochs, c.gold_epochs)
        self.network.train()
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        for step, group in enumerate(tqdm(groups, desc=f"epoch {epoch}", mininterval=5)):
            done = (epoch - first + step / len(groups)) / length
            rate = min(done / c.warmup, 1.0) * 0.5 * (1 + math.cos(math.pi * done))
            for parameters in optimizer.param_groups:
                parameters["lr"] = parameters["peak"] * (
                    rate if not mixed else max(rate, 0.3 * min(done / c.warmup, 1))
                )
                if not mixed and c.mixed_epochs:
                    parameters["lr"] *= c.gold_factor
            with torch.autocast(self.device.type, torch.bfloat16, enabled=c.bf16):
                parts = self.objective(
                    self.network,
                    self.encoder,
                    [examples[i] for i in group],
                    self.device,
                    word_dropout=c.word_dropout,
                )
            taught = examples[group[0]].soft is not None
            loss = (c.taught_weight if taught else 1.0) * sum(
                (
                    parts[k] * w
                    for k, w in (("entity", 1.0), ("relation", c.relation_weight), ("flag", c.flag_weight))
                    if k in parts
                ),
                start=torch.zeros((), device=self.device),
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update(self.network)
            for kind, value in parts.items():
                key = f"taught_{kind}" if taught else kind
                sums[key] = sums.get(key, 0.0) + float(value.detach())
                counts[key] = counts.get(key, 0) + 1
        if not all(math.isfinite(v) for v in sums.values()):
            raise ModelError(f"training diverged in epoch {epoch}: losses {sums}")
        return {f"loss_{k}": round(v / counts[k], 4) for k, v in sums.items()}

    def _measure(self, average: Average) -> dict[str, float]:
        kept = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(average.values)
        self.network.eval()
        figures = self.evaluate(self.network)
        self.network.load_state_dict(kept)
        return figures

    def _checkpoint(self, optimizer: torch.optim.Optimizer, average: Average, progress: Progress) -> None:
        _save(
            {
                "config": asdict(self.config),
                "network": self.network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.values,
                "average_steps": average.steps,
                "progress": asdict(progress),
            },
            self.folder / "last.pt",
        )

    def _state(self) -> dict[str, Any]:
        """The last checkpoint. Raises ModelError where it was written under other settings."""
        path = self.folder / "last.pt"
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if state["config"] != asdict(self.config):
            raise ModelError(f"{path} was written by a run with other settings; choose another --run folder")
        return state

    def _resume(self, optimizer: torch.optim.Optimizer, average: Average) -> Progress:
        if not (self.folder / "last.pt").exists():
            return Progress()
        state = self._state()
        self.network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        average.values = state["average"]
        average.steps = state["average_steps"]
        progress = Progress(**state["progress"])
        self.say(f"resuming after epoch {progress.epoch - 1}")
        return progress


def _save(state: dict[str, Any], path: Path) -> None:
    """Write beside, then rename: an interrupted run keeps its last whole checkpoint."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
