"""A tiny network with heads of public corpora, corpora of a few lines, and readers that answer what they are told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig

from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.model_io import save_model
from minecsc.nlp.network import Network
from minecsc.training.benchmark_table import Figure
from minecsc.training.examples import AnnotatedText
from minecsc.training.heads import HeadReader, PairScores, save_corpus_heads
from minecsc.training.run import network_config

ENCODER = BertConfig(
    vocab_size=70, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=512, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0,
)  # fmt: skip
PUBLIC = ("bc5cdr", "chemprot", "biored", "bionlp13cg", "bioscope_abstracts")
CPU = torch.device("cpu")


def tokenizer() -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz0123456"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{c}" for c in letters)]
    made = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def tiny_network(corpora: Sequence[str] = PUBLIC, seed: int = 3) -> Network:
    torch.manual_seed(seed)
    heads = network_config(corpora)
    small = replace(heads, feature_buckets=50, feature_width=4, word_width=16, pair_width=16, attention_heads=2)
    return Network(small, ENCODER).eval()


def reader(network: Network | None = None) -> HeadReader:
    network = network or tiny_network()
    return HeadReader(network, PieceEncoder(tokenizer(), network.config.feature_buckets), CPU)


def write_model(folder: Path) -> Path:
    """A model folder with corpus heads, from :func:`tiny_network`."""
    network = tiny_network()
    save_model(folder, network, ENCODER, tokenizer(), {"decision": {"min_probability": 0.15}})
    save_corpus_heads(folder, network)
    return folder


def copy_of(model: Path, folder: Path) -> Path:
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


class Told(HeadReader):
    """A reader that answers what it was told, by text id or by text."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(tiny_network(), PieceEncoder(tokenizer(), 50), CPU)
        self.answers = answers

    def entities(self, texts: Sequence[str], head: str) -> list[list[tuple[int, int, str]]]:
        return [self.answers[text] for text in texts]

    def pairs(self, texts: Sequence[AnnotatedText], head: str) -> list[PairScores]:
        return [self.answers[text.text_id] for text in texts]


def told(
    labels: Sequence[str], *rows: tuple[int, int, str | None, float], flags: Sequence[tuple[float, float]] = ()
) -> PairScores:
    """Scores by hand: (head, tail, label or None, its probability)."""
    logits = torch.zeros(len(rows), len(labels) + 1)
    for k, (_, _, label, probability) in enumerate(rows):
        rest = (1 - probability) / len(labels)
        logits[k] = torch.full((len(labels) + 1,), rest).log()
        logits[k, 0 if label is None else 1 + list(labels).index(label)] = torch.tensor(probability).log()
    raised = torch.tensor(flags or [(0.0, 0.0)] * len(rows), dtype=torch.float).view(-1, 2)
    return PairScores([(head, tail) for head, tail, _, _ in rows], logits, raised)


def write_corpus(shared: Path, name: str, records: Sequence[dict[str, Any]]) -> Path:
    (shared / "corpora").mkdir(parents=True, exist_ok=True)
    with gzip.open(shared / "corpora" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as stream:
        for record in records:
            stream.write(json.dumps(record) + "\n")
    return shared


def record(name: str, text: str, entities: Sequence[tuple[str, str, str]], **more: Any) -> dict[str, Any]:
    """Entities as (id, surface, type), by their first occurrence."""
    rows = [
        {"id": i, "start": text.index(s), "end": text.index(s) + len(s), "text": s, "type": kind, "norm": [i.upper()]}
        for i, s, kind in entities
    ]
    return {"id": name, "split": "dev", "text": text, "entities": rows, "relations": [], **more}


def only(figures: Sequence[Figure], label: str = "micro", task: str = "") -> Figure:
    (found,) = [f for f in figures if f.label == label and task in f.task]
    return found


def gold_dev(shared: Path) -> None:
    text = "Aba blocks cad."
    entities = [
        {"id": "T1", "type": "Drug", "start": 0, "end": 3, "sent": 1},
        {"id": "T2", "type": "Gene", "start": 11, "end": 14, "sent": 1},
    ]
    relation = {"type": "decreases", "head": "T1", "tail": "T2", "negated": False, "speculative": False}
    line = {
        "pmid": "1",
        "title": text,
        "text": text,
        "sentences": [[0, 15]],
        "entities": entities,
        "relations": [relation],
    }
    (shared / "gold").mkdir(exist_ok=True)
    (shared / "gold" / "dev.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")


def event_record() -> dict[str, Any]:
    text = "Aba does not block cad."
    rows = [("a", "Aba", "Simple_chemical"), ("c", "cad", "Gene_or_gene_product")]
    trigger = {"id": "t", "start": 13, "end": 18, "type": "Negative_regulation"}
    event = {"id": "E1", "type": "Negative_regulation", "trigger": "t", "args": [["Theme", "c"], ["Cause", "a"]]}
    modifiers = [{"type": "Negation", "target": "E1"}]
    return record("1", text, rows, triggers=[trigger], events=[event], modifiers=modifiers)
