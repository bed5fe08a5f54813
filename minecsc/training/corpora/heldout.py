"""What must be kept out of training: every document of a development or test set, whole or in part."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minecsc.training.corpora.records import Record, raw_lines, read_lines

_NOT_LETTERS = re.compile(r"[^a-z]+")
_SENTENCE_END = re.compile(r"[.!?]\s+|\n+")
_ARTICLE = re.compile(r"PMC-?(\d+)")
_PUBMED = re.compile(r"pubmed\.ncbi\.nlm\.nih\.gov/(\d+)")
MIN_KEYED = 300
"""Characters from which on a text is told by its beginning."""
MIN_SENTENCE = 60
"""Letters from which on a sentence is taken for one document's own."""
_MIN_WHOLE = 30
_TRAIN = '"split": "train"'


def text_key(text: str) -> str:
    """First 110 letters, case folded: finds one abstract under two identifiers."""
    return _NOT_LETTERS.sub("", text.lower())[:110]


def long_sentences(text: str) -> Iterator[bytes]:
    """Digests of the sentences of ``MIN_SENTENCE`` letters or more; of a shorter text, that of the whole.

    Letters alone count, so that tokenised and untouched forms of a sentence agree.
    """
    pieces = [_NOT_LETTERS.sub("", piece) for piece in _SENTENCE_END.split(text.lower())]
    long = [piece for piece in pieces if len(piece) >= MIN_SENTENCE]
    if not long and len(whole := "".join(pieces)) >= _MIN_WHOLE:
        long = [whole]
    for piece in long:
        yield hashlib.blake2b(piece.encode(), digest_size=8).digest()


def document_ids(record: Record) -> set[str]:
    """Identifiers of the abstract or article that a record is, or was taken from."""
    name = str(record["id"])
    ids = {found for found in (str(record.get("pmid") or ""), name) if found.isdigit()}
    if article := _ARTICLE.match(name):
        ids.add(f"PMC{article.group(1)}")
    if record.get("corpus") == "bioid_cellline":  # the article's number, then the figure's
        ids.add(f"PMC{name[:-4]}")
    if source := _PUBMED.search(str(record.get("source"))):
        ids.add(source.group(1))
    return ids


@dataclass(frozen=True)
class HeldOut:
    """PMIDs, article numbers, text keys and sentences of every document that some development or test set uses."""

    ids: frozenset[str]
    keys: frozenset[str]
    sentences: frozenset[bytes] = frozenset()

    def __contains__(self, document: tuple[str, str]) -> bool:
        text_id, text = document
        return text_id in self.ids or self.shares_text(text)

    def holds(self, record: Record) -> bool:
        """Whether the record is of a held-out document: by any of its identifiers or by its text."""
        return not self.ids.isdisjoint(document_ids(record)) or self.shares_text(record["text"])

    def shares_text(self, text: str) -> bool:
        """Whether the text begins as a held-out one does, or has a long sentence in common with one."""
        if len(text) >= MIN_KEYED and text_key(text) in self.keys:
            return True
        return any(sentence in self.sentences for sentence in long_sentences(text))


def held_out(shared: Path) -> HeldOut:
    """Everything that must not be trained on: dev and test splits of all corpora and of the gold set.

    Of the reserved gold test set, PMIDs and text keys alone are taken.
    """
    ids: set[str] = set()
    keys: set[str] = set()
    sentences: set[bytes] = set()
    for path in sorted((shared / "corpora").glob("*.jsonl.gz")):
        if path.name.startswith(("unlabelled", "csc_documents")):
            continue
        for line in raw_lines(path):
            if _TRAIN in line:  # most lines: not worth parsing
                continue
            record = json.loads(line)
            if record.get("split") in ("dev", "test"):
                ids |= document_ids(record)
                if len(record["text"]) >= MIN_KEYED:
                    keys.add(text_key(record["text"]))
                sentences.update(long_sentences(record["text"]))
    for name in ("dev.jsonl", "test_texts.jsonl"):
        for record in read_lines(shared / "gold" / name):
            ids.add(str(record["pmid"]))
            keys.add(text_key(record["text"]))
            if name == "dev.jsonl":
                sentences.update(long_sentences(record["text"]))
    return HeldOut(frozenset(ids), frozenset(keys), frozenset(sentences))
