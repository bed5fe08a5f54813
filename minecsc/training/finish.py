"""The two ends that every training run shares: the network from an encoder, and the model folder from a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision
from minecsc.nlp.model_io import save_model
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.nlp.transformer import piece_limit
from minecsc.training.encoders import Pretrained
from minecsc.training.heads import save_corpus_heads
from minecsc.training.loop import Progress, Trainer


def build_network(pretrained: Pretrained, heads: NetworkConfig, seed: int) -> tuple[Network, PieceEncoder]:
    """The encoder's weights under fresh heads drawn with ``seed``, and its words' pieces."""
    torch.manual_seed(seed)
    network = Network(heads, pretrained.config)
    network.encoder.load_state_dict(pretrained.weights)
    return network, PieceEncoder(pretrained.tokenizer, heads.feature_buckets, piece_limit(network.encoder))


def write_best(
    out: Path,
    trainer: Trainer,
    progress: Progress,
    pretrained: Pretrained,
    data: dict[str, Any],
    *,
    decide: Callable[[], tuple[Decision, dict[str, float]]],
    card: Callable[[dict[str, Any]], str],
    started: float,
) -> dict[str, Any]:
    """Make the model folder ``out`` from a run's best epoch; returns its meta data.

    data: what it was trained on, for the meta data; decide: chooses calibration and threshold with the best weights,
    which the trainer's network then holds; started: seconds since the epoch.
    """
    network = trainer.network
    best = torch.load(trainer.folder / "best.pt", map_location=trainer.device, weights_only=True)
    # What is written is fp16: the decision is chosen on the rounded weights.
    network.load_state_dict({k: v.half().float() for k, v in best["network"].items()})
    network.eval()
    decision, chosen = decide()
    meta: dict[str, Any] = {
        "name": out.name,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "base": pretrained.name,
        "base_sha256": pretrained.sha256,
        "encoder": {
            "layers": pretrained.config.num_hidden_layers,
            "parameters": sum(p.numel() for p in network.encoder.parameters()),
        },
        "data": data,
        "training": {
            **asdict(trainer.config),
            "epochs_run": progress.epoch,
            "best_epoch": best["epoch"],
            "device": str(trainer.device),
        },
        "history": progress.history,
        "decision": asdict(decision),
        "dev": {**best["figures"], **chosen},
        "packages": {name: _version(name) for name in ("torch", "transformers", "tokenizers")},
        "seconds": round(time.time() - started),
    }
    save_model(out, network, pretrained.config, pretrained.tokenizer, meta)
    save_corpus_heads(out, network)
    (out / "README.md").write_text(card(meta), encoding="utf-8")
    return meta


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
