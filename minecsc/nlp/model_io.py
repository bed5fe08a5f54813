"""Model folders: what ``models/csc-evidence`` holds and how it is read, checked and written.

``model.safetensors`` fp16 weights · ``config.json`` encoder configuration · ``tokenizer.json`` ·
``meta.json`` label sets, decision, training data, figures and SHA-256 digests of the other files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import PreTrainedConfig

from minecsc.errors import ModelError
from minecsc.ids import file_digest, json_digest
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision, Extractor
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.nlp.precision import pick_precision
from minecsc.nlp.transformer import piece_limit, read_config
from minecsc.resources import resource

FORMAT = 1
_FILES = ("model.safetensors", "config.json", "tokenizer.json")


def default_model() -> Path:
    """Folder of the shipped model."""
    return resource("models", "csc-evidence")


def read_meta(folder: Path) -> dict[str, Any]:
    """``meta.json`` of a model folder. Raises ModelError where the folder is not a model."""
    path = folder / "meta.json"
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder")
    missing = [name for name in ("meta.json", *_FILES) if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder}: not a model folder; {', '.join(missing)} missing")
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise ModelError(f"{path}: not JSON ({e})") from e
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ModelError(
            f"{path}: model format {meta.get('format') if isinstance(meta, dict) else '?'}, this version reads {FORMAT}"
        )
    return meta


def model_digest(folder: Path) -> str:
    """One digest for weights, tokenizer and decision: two models with the same one predict the same."""
    meta = read_meta(folder)
    return json_digest({"files": meta["digests"], "decision": meta["decision"], "network": meta["network"]})


def load_extractor(
    folder: Path | None = None, device: torch.device | str = "cpu", *, precision: str = "fp32", check: bool = True
) -> Extractor:
    """Read a model folder onto a device; precision as of :func:`pick_precision`.

    Raises ModelError where files are missing, altered or do not fit, or the machine lacks the precision.
    """
    folder = folder or default_model()
    device = torch.device(device)
    chosen = pick_precision(precision, device)
    meta = read_meta(folder)
    if check:
        for name, expected in meta["digests"].items():
            if file_digest(folder / name) != expected:
                raise ModelError(f"{folder / name}: content does not match its digest in meta.json")
    try:
        config = NetworkConfig.from_dict(meta["network"])
        network = Network(config, read_config(folder))
        weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
        network.load_state_dict(weights)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except ModelError:
        raise
    except Exception as e:
        raise ModelError(f"{folder}: weights, tokenizer and meta.json do not fit together ({e})") from e
    return Extractor(
        network=network,
        encoder=PieceEncoder(tokenizer, config.feature_buckets, piece_limit(network.encoder)),
        decision=Decision.from_dict(meta["decision"]),
        device=device,
        precision=chosen,
    )


def save_model(
    folder: Path,
    network: Network,
    encoder_config: PreTrainedConfig,
    tokenizer: Tokenizer,
    meta: dict[str, Any],
) -> None:
    """Write a model folder with the project's own heads; weights as fp16. ``meta`` must hold ``decision``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = NetworkConfig(
        **{
            **{k: v for k, v in network.config.to_dict().items() if not k.endswith("_heads") or k == "attention_heads"},
            "entity_heads": {"csc": network.config.entity_heads["csc"]},
            "relation_heads": {"csc": network.config.relation_heads["csc"]},
        }
    )
    kept = {
        key: value.detach().half().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.startswith(("entity_out.", "crf.", "relation_out.")) or key.split(".")[1] == "csc"
    }
    save_file(kept, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it private
    (folder / "config.json").write_text(encoder_config.to_json_string(), encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))
    record = {
        "format": FORMAT,
        **meta,
        "network": config.to_dict(),
        "digests": {name: file_digest(folder / name) for name in _FILES},
    }
    _write_meta(folder, record)


def update_meta(folder: Path, **changes: Any) -> dict[str, Any]:
    """Put other facts, such as a new ``decision``, beside the same weights; returns the new meta data.

    Raises ModelError where the folder is no model, a change is of what belongs to its files, or the decision is none.
    """
    meta = read_meta(folder)
    if fixed := {"format", "network", "digests"} & changes.keys():
        raise ModelError(f"{folder}: {', '.join(sorted(fixed))} of a model belong to its files")
    meta.update(changes)
    try:
        Decision.from_dict(meta["decision"])
    except TypeError as e:
        raise ModelError(f"{folder}: not a decision ({e})") from e
    _write_meta(folder, meta)
    return meta


def _write_meta(folder: Path, meta: dict[str, Any]) -> None:
    partial = folder / "meta.json.partial"
    partial.write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / "meta.json")
