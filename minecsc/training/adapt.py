"""Domain adaptation: masked-language training of the base encoder on unlabelled abstracts.

Whole words are masked (Devlin et al., 2019, as later released); the vocabulary may be exchanged for one of the field
first. The result is an encoder folder in Hugging Face form, which training takes as its base.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from tqdm import tqdm
from transformers import BertConfig, BertModel

from minecsc.errors import ModelError
from minecsc.nlp.encoding import special_tokens
from minecsc.nlp.words import word_spans
from minecsc.training.corpora import HeldOut, held_out, read_lines, record_text, unlabelled_records
from minecsc.training.vocabulary import count_words, train_vocabulary, transfer_embeddings

MASKED, KEPT, RANDOM = 0.8, 0.1, 0.1
ADAPTATION_FILE: Final = "adaptation.json"


@dataclass(frozen=True)
class AdaptConfig:
    """What a run does.

    pieces: word pieces to learn from in all; lengths: (sequence length, share of batches) pairs; batch: word pieces
    a step; masked: share of words to predict; vocabulary: its size, 0 to keep the base's own; every: steps between
    checkpoints.
    """

    seed: int = 17
    pieces: int = 8_000_000
    lengths: tuple[tuple[int, float], ...] = ((128, 0.8), (384, 0.2))
    batch: int = 4096
    masked: float = 0.2
    rate: float = 6e-4
    warmup: float = 0.04
    weight_decay: float = 0.01
    vocabulary: int = 20_000
    every: int = 200
    bf16: bool = True


def unlabelled_texts(shared: Path, exclude: HeldOut | None = None) -> Iterator[str]:
    """Titles and abstracts without annotation, and those of the gold training set; never a held-out text."""
    exclude = exclude if exclude is not None else held_out(shared)
    for record in unlabelled_records(shared):
        text = record_text(record)
        if text and not record.get("held_out") and (str(record.get("pmid")), text) not in exclude:
            yield text
    for record in read_lines(shared / "gold" / "train.jsonl"):
        if (str(record["pmid"]), record["text"]) not in exclude:
            yield record["text"]


class MaskedLanguageModel(nn.Module):
    """Encoder with BERT's prediction head; the output table is the input table."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.transform = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))

    def forward(self, ids: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """ids: int64[texts, length]; rows: int64[n], flat places to predict → logits float[n, vocabulary]."""
        states = self.encoder(input_ids=ids).last_hidden_state.flatten(0, 1)[rows]
        states = self.norm(nn.functional.gelu(self.transform(states)))
        table = self.encoder.embeddings.word_embeddings.weight
        return nn.functional.linear(states, table, self.bias)


class Pieces:
    """All texts as one stream of word pieces, [SEP] between texts. begins: whether a piece begins a word."""

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer) -> None:
        cache: dict[str, list[int]] = {}
        sep = special_tokens(tokenizer)[1]
        ids: list[int] = []
        begins: list[bool] = []
        for text in tqdm(texts, desc="word pieces", mininterval=5):
            for a, b in word_spans(text):
                word = text[a:b].lower()
                found = cache.get(word)
                if found is None:
                    found = cache[word] = tokenizer.encode(word, add_special_tokens=False).ids
                ids.extend(found)
                begins.extend([True] + [False] * (len(found) - 1) if found else [])
            ids.append(sep)
            begins.append(True)
        self.ids = np.array(ids, dtype=np.int32)
        self.begins = np.array(begins)

    def __len__(self) -> int:
        return len(self.ids)


def masked_batch(
    pieces: Pieces, starts: Sequence[int], length: int, tokenizer: Tokenizer, share: float, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Input ids int64[texts, length], flat places int64[n] and their right ids int64[n]."""
    cls, sep = special_tokens(tokenizer)[:2]
    mask = tokenizer.token_to_id("[MASK]")
    if mask is None:
        raise ModelError("the tokenizer has no [MASK]: masked-language training needs one")
    n_special = 5
    inner = length - 2
    ids = np.stack([pieces.ids[s : s + inner] for s in starts]).astype(np.int64)
    begins = np.stack([pieces.begins[s : s + inner] for s in starts])
    begins[:, 0] = True
    word = np.cumsum(begins.ravel()) - 1
    chosen = (rng.random(word[-1] + 1) < share)[word].reshape(ids.shape) & (ids != sep)
    places = np.flatnonzero(np.pad(chosen, ((0, 0), (1, 1))).ravel())
    gold = ids[chosen]
    draw = rng.random(len(gold))
    shown = np.where(draw < MASKED, mask, gold)
    noise = rng.integers(n_special, tokenizer.get_vocab_size(), len(gold))
    ids[chosen] = np.where(draw >= MASKED + KEPT, noise, shown)
    full = np.pad(ids, ((0, 0), (1, 1)))
    full[:, 0], full[:, -1] = cls, sep
    return torch.from_numpy(full), torch.from_numpy(places), torch.from_numpy(gold)


def adapt(
    shared: Path,
    base: Path,
    out: Path,
    run: Path,
    config: AdaptConfig,
    *,
    device: torch.device,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Adapt the encoder in ``base`` and write it to ``out``; goes on from the last checkpoint in ``run``.

    Returns the figures: loss on 1 % of the texts kept apart, before and after. Raises ModelError where ``run`` holds
    a run with other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    texts = sorted(set(unlabelled_texts(shared)))
    random.Random(config.seed).shuffle(texts)
    n_held = max(len(texts) // 100, 1)
    model, tokenizer = _prepare(base, texts, config, run)
    kept, train = Pieces(texts[:n_held], tokenizer), Pieces(texts[n_held:], tokenizer)
    say(f"{len(texts)} texts, {len(train)} word pieces, vocabulary {tokenizer.get_vocab_size()}")
    model.to(device)
    flat = [p for p in model.parameters() if p.ndim < 2]
    full = [p for p in model.parameters() if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": full, "weight_decay": config.weight_decay}, {"params": flat, "weight_decay": 0.0}],
        lr=config.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    steps = config.pieces // config.batch
    first, history = _resume(run, model, optimizer, config, device)
    if not history:
        history.append({"step": 0, "held_out_loss": _loss(model, kept, tokenizer, config, device)})
        say(json.dumps(history[-1]))
    sums, since = 0.0, time.perf_counter()
    for step in tqdm(range(first, steps), initial=first, total=steps, mininterval=10, desc="adapting"):
        rng = np.random.default_rng((config.seed, step))  # a resumed run draws what an unbroken one draws
        torch.manual_seed(config.seed * 1_000_003 + step)
        length = int(rng.choice([n for n, _ in config.lengths], p=[p for _, p in config.lengths]))
        starts = rng.integers(0, len(train) - length, config.batch // length)
        rate = min((step + 1) / (config.warmup * steps), (steps - step) / (steps * (1 - config.warmup)))
        for group in optimizer.param_groups:
            group["lr"] = config.rate * rate
        ids, places, gold = masked_batch(train, starts.tolist(), length, tokenizer, config.masked, rng)
        model.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            logits = model(ids.to(device), places.to(device))
        loss = nn.functional.cross_entropy(logits.float(), gold.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        sums += float(loss.detach())
        if (step + 1) % config.every == 0 or step + 1 == steps:
            if not math.isfinite(sums):
                raise ModelError(f"adaptation diverged at step {step}")
            seconds = round(time.perf_counter() - since)
            held = _loss(model, kept, tokenizer, config, device)
            history.append({"step": step + 1, "loss": sums / config.every, "held_out_loss": held, "seconds": seconds})
            say(json.dumps(history[-1]))
            _checkpoint(run, model, optimizer, config, step + 1, history)
            save_encoder(out, model.encoder, tokenizer, {"config": asdict(config), "history": history})
            sums, since = 0.0, time.perf_counter()
    return {"history": history}


def _prepare(base: Path, texts: Sequence[str], config: AdaptConfig, run: Path) -> tuple[MaskedLanguageModel, Tokenizer]:
    settings = BertConfig.from_pretrained(str(base))
    settings.attention_probs_dropout_prob = 0.0
    settings.hidden_dropout_prob = 0.0  # one pass over the data does not overfit
    # written-out attention trains a third faster on a CPU than the fused kernel at these lengths
    encoder = BertModel.from_pretrained(
        str(base), config=settings, add_pooling_layer=False, attn_implementation="eager"
    )
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if config.vocabulary:
        kept = run / "tokenizer.json"
        if not kept.exists():  # its training breaks ties as it likes: a resumed run needs the very same one
            train_vocabulary(count_words(texts), config.vocabulary).save(str(kept))
        own = Tokenizer.from_file(str(kept))
        table = transfer_embeddings(encoder.get_input_embeddings().weight.detach(), tokenizer, own)
        encoder.resize_token_embeddings(len(table))
        encoder.get_input_embeddings().weight.data.copy_(table)
        tokenizer = own
    return MaskedLanguageModel(encoder), tokenizer


@torch.no_grad()
def _loss(
    model: MaskedLanguageModel, pieces: Pieces, tokenizer: Tokenizer, config: AdaptConfig, device: torch.device
) -> float:
    """Mean loss a masked piece over texts kept apart; the same masks at every call."""
    model.eval()
    rng = np.random.default_rng(config.seed)
    length = config.lengths[0][0]
    starts = range(0, min(len(pieces) - length, 300 * length), length)
    total, n = 0.0, 0
    for i in range(0, len(starts), 32):
        ids, places, gold = masked_batch(pieces, starts[i : i + 32], length, tokenizer, config.masked, rng)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
            logits = model(ids.to(device), places.to(device))
        total += float(nn.functional.cross_entropy(logits.float(), gold.to(device), reduction="sum"))
        n += len(gold)
    return round(total / max(n, 1), 4)


def _checkpoint(
    run: Path,
    model: MaskedLanguageModel,
    optimizer: torch.optim.Optimizer,
    config: AdaptConfig,
    step: int,
    history: list[dict[str, Any]],
) -> None:
    state = {
        "config": asdict(config),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "history": history,
    }
    torch.save(state, run / "last.partial")
    (run / "last.partial").replace(run / "last.pt")


def _resume(
    run: Path,
    model: MaskedLanguageModel,
    optimizer: torch.optim.Optimizer,
    config: AdaptConfig,
    device: torch.device,
) -> tuple[int, list[dict[str, Any]]]:
    path = run / "last.pt"
    if not path.exists():
        return 0, []
    state = torch.load(path, map_location=device, weights_only=True)
    if state["config"] != asdict(config):
        raise ModelError(f"{path} was written by a run with other settings; choose another run folder")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), list(state["history"])


def save_encoder(folder: Path, encoder: BertModel, tokenizer: Tokenizer, meta: dict[str, Any]) -> None:
    """Write an encoder folder that Hugging Face ``from_pretrained`` and our training read."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder.config.attention_probs_dropout_prob = encoder.config.hidden_dropout_prob = 0.1
    encoder.save_pretrained(str(folder))
    encoder.config.attention_probs_dropout_prob = encoder.config.hidden_dropout_prob = 0.0
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / ADAPTATION_FILE).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
