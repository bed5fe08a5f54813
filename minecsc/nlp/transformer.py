"""Encoders of any Hugging Face architecture: how one is built from its configuration, and how much it reads at once."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from torch import nn
from transformers import MODEL_FOR_MASKED_LM_MAPPING, MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig

from minecsc.errors import ModelError

LONGEST = 512
"""Positions used at most: an abstract fits, and attention over more costs its square."""
_SHORTEST = 16


def read_config(path: Path) -> PreTrainedConfig:
    """Encoder configuration from a ``config.json``. Raises ModelError where it is not that of an encoder."""
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
    except Exception as e:
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise ModelError(f"{path}: not an encoder configuration that transformers knows ({reason})") from e
    if config.is_encoder_decoder or type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ModelError(
            f"{path}: {config.model_type!r} is not an encoder; take one that was trained as a masked language model, "
            "such as BERT, RoBERTa, DistilBERT, DeBERTa, ELECTRA or ModernBERT"
        )
    return config


def pooling_argument(config: PreTrainedConfig) -> dict[str, bool]:
    """Leaves out the pooling layer of architectures that have one: nothing here reads it."""
    made: Any = MODEL_MAPPING[type(config)]
    accepted = inspect.signature(made[0] if isinstance(made, tuple) else made).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in accepted else {}


def build_encoder(config: PreTrainedConfig) -> nn.Module:
    """The encoder of a configuration with random weights. In: ids and mask; out: ``last_hidden_state``."""
    encoder: nn.Module = AutoModel.from_config(config, **pooling_argument(config))
    return encoder


def position_padding(encoder: nn.Module) -> int | None:
    """The padding id that positions are counted from, in RoBERTa and its kin; None in other architectures."""
    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return module.padding_idx
    return None


def piece_limit(encoder: nn.Module) -> int:
    """Word pieces that the encoder takes at once, besides the two that frame them.

    Raises ModelError where that is too little to read a sentence with.
    """
    config: Any = encoder.config
    positions = getattr(config, "max_position_embeddings", None) or LONGEST
    padding = position_padding(encoder)
    if padding is not None:  # what stands up to the padding id is never used as a position
        positions -= padding + 1
    if positions < _SHORTEST:
        raise ModelError(f"the encoder reads {positions} word pieces at once; at least {_SHORTEST} are needed")
    return min(positions, LONGEST) - 2
