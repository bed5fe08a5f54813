"""What a public corpus is to training, and the readers of plain entity annotation."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from minecsc.errors import SourceError
from minecsc.training.examples import AnnotatedText

Record = dict[str, Any]
"""One line of a corpus file: id, split, text, entities, relations, events and what else the source has."""

PASSAGE = 2000
"""Characters from which on a full text breaks at its next sentence: an abstract's length."""
_BREAK = re.compile(r"\n|(?<=[.!?]) (?=[A-Z])")


@dataclass(frozen=True)
class CorpusSpec:
    """How one public corpus is read. Type names are the source's where nothing else is said.

    entity_types: source type → type of its entity head; empty where mentions come from a word list, not from readers
    dropped: source types that are not read at all
    pair_types: source type → our nearest entity type; mentions of other types take no part in pairs
    relation_types: its relation head's labels
    pairs: (head, tail) of our types that its annotators judged; None = every ordered pair of mentions
    flags: whether its relations say negated and speculative
    empty_share: share of the texts without a mention that training takes
    read: record → texts
    """

    name: str
    entity_types: dict[str, str]
    read: Callable[[Record, CorpusSpec], Iterable[AnnotatedText]]
    dropped: tuple[str, ...] = ()
    pair_types: dict[str, str] = field(default_factory=dict)
    relation_types: tuple[str, ...] = ()
    pairs: frozenset[tuple[str, str]] | None = None
    flags: bool = False
    empty_share: float = 1.0

    def takes_empty(self, record: Record) -> bool:
        """Whether a record without mentions is in the sample: by its id, the same in every run."""
        return zlib.crc32(str(record["id"]).encode()) < self.empty_share * 2**32


def read_lines(path: Path) -> Iterator[Record]:
    """Records of a ``.jsonl`` or ``.jsonl.gz`` file."""
    for line in raw_lines(path):
        yield json.loads(line)


def raw_lines(path: Path) -> Iterator[str]:
    """Lines of a ``.jsonl`` or ``.jsonl.gz`` file, empty ones left out. Raises SourceError where there is no file."""
    if not path.exists():
        raise SourceError(f"{path}: no such corpus file")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield line


def same(names: str) -> dict[str, str]:
    """Each of the names to itself."""
    return {name: name for name in names.split()}


def text_id(record: Record, spec: CorpusSpec) -> str:
    return f"{spec.name}:{record['id']}"


def typed_spans(record: Record, spec: CorpusSpec) -> list[tuple[int, int, str]]:
    """Mentions of the entity head's types, discontinuous ones left out."""
    return [
        (e["start"], e["end"], spec.entity_types[e["type"]])
        for e in record["entities"]
        if e["type"] in spec.entity_types and not e.get("fragments")
    ]


def plain(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Entities alone."""
    entities = typed_spans(record, spec)
    yield AnnotatedText(
        text_id=text_id(record, spec),
        text=record["text"],
        entities=entities,
        pair_types=[None] * len(entities),
        entity_head=spec.name,
    )


def full_text(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Entities of a full text, in passages of whole sentences that cut no mention."""
    entities = sorted(typed_spans(record, spec))
    text: str = record["text"]
    start = 0
    while start < len(text):
        breaks = (m.end() for m in _BREAK.finditer(text, start + PASSAGE))
        end = next((at for at in breaks if not any(a < at < b for a, b, _ in entities)), len(text))
        inside = [(a - start, b - start, kind) for a, b, kind in entities if start <= a and b <= end]
        if text[start:end].strip():
            yield AnnotatedText(
                text_id=f"{text_id(record, spec)}@{start}",
                text=text[start:end],
                entities=inside,
                pair_types=[None] * len(inside),
                entity_head=spec.name,
            )
        start = end


SCOPE_TYPES = {
    "negation": "NEG_CUE",
    "speculation": "SPEC_CUE",
    **same("NEG_SCOPE SPEC_SCOPE NEG_SPEC_SCOPE"),
}
"""Types of BioScope's head: its cues, and stretches in a negated, a speculative, or in both kinds of scope."""
_SCOPES: dict[tuple[str, ...], str | None] = {
    (): None,
    ("negation",): "NEG_SCOPE",
    ("speculation",): "SPEC_SCOPE",
    ("negation", "speculation"): "NEG_SPEC_SCOPE",
}


def scopes(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Negation and speculation of BioScope as a sequence of stretches that do not overlap.

    A stretch is a cue, or the words around cues that stand in scopes. A cue within a cue's span: negation is said.
    """
    kinds = {e["id"]: e["type"] for e in record["entities"]}
    cues = [(e["start"], e["end"], e["type"]) for e in record["entities"]]
    ranges = {(s["start"], s["end"], kinds[cue]) for s in record["scopes"] for cue in s["cues"]}
    borders = sorted({p for start, end, _ in (*cues, *ranges) for p in (start, end)})
    entities: list[tuple[int, int, str]] = []
    for start, end in pairwise(borders):
        cue = sorted(kind for a, b, kind in cues if a <= start and end <= b)
        scope = sorted({kind for a, b, kind in ranges if a <= start and end <= b})
        name = SCOPE_TYPES[cue[0]] if cue else _SCOPES[tuple(scope)]
        if name is None:
            continue
        if entities and entities[-1][1] == start and entities[-1][2] == name:
            entities[-1] = (entities[-1][0], end, name)
        else:
            entities.append((start, end, name))
    text: str = record["text"]
    trimmed = []
    for start, end, name in entities:
        words = text[start:end]
        lead = len(words) - len(words.lstrip())
        if any(c.isalnum() for c in words):
            trimmed.append((start + lead, start + len(words.rstrip()), name))
    yield AnnotatedText(
        text_id=text_id(record, spec),
        text=text,
        entities=trimmed,
        pair_types=[None] * len(trimmed),
        entity_head=spec.name,
        sentences=[(s[0], s[1]) for s in record["sentences"]],
    )
