"""Encoders to start from: a folder in Hugging Face form, a name on the Hugging Face hub, or a model of this project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from tokenizers import Tokenizer, normalizers
from transformers import AutoModel, AutoTokenizer, PreTrainedConfig
from transformers.utils import logging as transformers_logging

from minecsc.errors import ModelError
from minecsc.ids import file_digest
from minecsc.nlp.encoding import special_tokens
from minecsc.nlp.model_io import load_extractor
from minecsc.nlp.transformer import pooling_argument, position_padding, read_config

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")
_VOCABULARIES = ("vocab.txt", "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


@dataclass(frozen=True, slots=True)
class Pretrained:
    """An encoder with its tokenizer, ready for :class:`minecsc.nlp.network.Network`.

    name: as it is written into the model's card; sha256: of the weight file (of its index where there are several).
    """

    name: str
    config: PreTrainedConfig
    tokenizer: Tokenizer
    weights: dict[str, torch.Tensor]
    sha256: str


def load_pretrained(source: Path | str, name: str | None = None) -> Pretrained:
    """Read an encoder, downloading it if ``source`` is a name on the hub that is not in the cache.

    Its dropout of attention weights is set to zero. Raises ModelError with what to do where it cannot be had, is no
    encoder, or does not fit its tokenizer.
    """
    folder = _folder(source)
    config = read_config(folder)
    for setting in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, setting):
            setattr(config, setting, 0.0)  # drawing it costs a third of a CPU's training time
    tokenizer = by_word(_tokenizer(source, folder))
    encoder = _own_encoder(folder) if (folder / "meta.json").is_file() else _encoder(source, folder, config)
    pad = special_tokens(tokenizer)[2]
    if position_padding(encoder) not in (None, pad):
        raise ModelError(f"{source}: the tokenizer pads with {pad}, the encoder with {position_padding(encoder)}")
    table: Any = encoder.get_input_embeddings()  # type: ignore[operator]
    if tokenizer.get_vocab_size() > table.num_embeddings:
        raise ModelError(
            f"{source}: the tokenizer has {tokenizer.get_vocab_size()} word pieces, the encoder {table.num_embeddings}"
        )
    weights = next((folder / n for n in _WEIGHTS if (folder / n).is_file()), None)
    if weights is None:
        raise ModelError(f"{source}: no weights among {', '.join(_WEIGHTS)}")
    default = folder.name if Path(source).is_dir() else str(source)
    return Pretrained(name or default, config, tokenizer, encoder.state_dict(), file_digest(weights))


def _folder(source: Path | str) -> Path:
    """The folder itself, or that of the hub's cache in which the configuration stands."""
    path = Path(source).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"{path}: not an encoder folder in Hugging Face form; config.json is missing")
        return path
    named = str(source)
    if isinstance(source, Path) or named.startswith((".", "~", "/")) or named.count("/") > 1 or path.exists():
        raise ModelError(f"{source}: no such folder")
    try:
        return Path(hf_hub_download(named, "config.json")).parent
    except HFValidationError as e:
        raise ModelError(f"{named!r} is neither a folder nor a name on the Hugging Face hub") from e
    except RepositoryNotFoundError as e:
        raise ModelError(
            f"{named!r} is no folder here and no public model on the Hugging Face hub; check the name, or log in with "
            "'hf auth login' if it is private"
        ) from e
    except LocalEntryNotFoundError as e:
        raise ModelError(
            f"{named!r} is no folder here, is not in the Hugging Face cache, and the hub cannot be reached; where "
            f"there is a network, run 'hf download {named} --local-dir FOLDER' and pass --encoder FOLDER"
        ) from e
    except EntryNotFoundError as e:
        raise ModelError(f"{named!r} on the Hugging Face hub has no config.json: not a transformers model") from e
    except Exception as e:
        raise ModelError(f"{named!r} cannot be downloaded from the Hugging Face hub ({_reason(e)})") from e


def _tokenizer(source: Path | str, folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    try:
        if not Path(source).expanduser().is_dir():
            path = Path(hf_hub_download(str(source), "tokenizer.json"))
    except Exception:  # older models have none; what stops the download otherwise is said below
        path = folder / "tokenizer.json"
    try:
        if path.is_file():
            return Tokenizer.from_file(str(path))
        made = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)
    except Exception as e:
        raise ModelError(f"{source}: the tokenizer cannot be read ({_reason(e)})") from e
    backend = getattr(made, "backend_tokenizer", None)
    # Without a vocabulary transformers makes a tokenizer that knows its special tokens only.
    if not isinstance(backend, Tokenizer) or not any((folder / name).is_file() for name in _VOCABULARIES):
        raise ModelError(f"{source}: no fast tokenizer (tokenizer.json), and none can be made from what is there")
    return backend


def by_word(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer for single words of running text: byte-level ones mark a word by the space before it."""
    spec = json.loads(tokenizer.to_str())
    steps = _steps(spec["pre_tokenizer"], "pretokenizers")
    bare = any(step["type"] == "ByteLevel" and not step["add_prefix_space"] for step in steps)
    if bare and {"type": "Prepend", "prepend": " "} not in _steps(spec["normalizer"], "normalizers"):
        space = normalizers.Prepend(" ")
        before = tokenizer.normalizer
        tokenizer.normalizer = space if before is None else normalizers.Sequence([before, space])
    return tokenizer


def _steps(part: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The single steps of a part of ``tokenizer.json``, which may be a sequence or absent."""
    if part is None:
        return []
    return [step for inner in part[key] for step in _steps(inner, key)] if part["type"] == "Sequence" else [part]


def _own_encoder(folder: Path) -> torch.nn.Module:
    return load_extractor(folder).network.encoder


def _encoder(source: Path | str, folder: Path, config: PreTrainedConfig) -> torch.nn.Module:
    """Raises ModelError where weights are lacking: transformers would draw them at random with a warning."""
    place = str(folder if Path(source).expanduser().is_dir() else source)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        encoder, report = AutoModel.from_pretrained(
            place,
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            output_loading_info=True,
            **pooling_argument(config),
        )
    except Exception as e:
        raise ModelError(f"{source}: the encoder's weights cannot be read ({_reason(e)})") from e
    finally:
        transformers_logging.set_verbosity(verbosity)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{source}: the weights lack {len(missing)} parts of a {config.model_type} encoder, such as {missing[0]}"
        )
    found: torch.nn.Module = encoder
    return found


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
