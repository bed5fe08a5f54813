"""Records for the tests of store and engine: texts written here, and a stand-in for the models that finds a
handful of words, so that these tests say something about storing and running and nothing about extraction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from minecsc.engine import Processor
from minecsc.linking import Concept
from minecsc.schema import Deletion, Document, Extraction, Mention, RecordError, Relation, Sentence
from minecsc.store import LoadReport, RunManifest, load_shards, open_base, write_shard

WORDS = {
    "salinomycin": ("Drug", "CHEBI:80025"),
    "cisplatin": ("Drug", "CHEBI:27899"),
    "gobbledynib": ("Drug", None),
    "Notch1": ("Gene", "HGNC:7881"),
    "CD44": ("Gene", "HGNC:1681"),
    "Wnt": ("Pathway", "minecsc:wnt"),
    "CSCs": ("CSC", "minecsc:csc"),
    "breast cancer": ("Cancer", "MONDO:0007254"),
}
_WORD = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))
_SENTENCE = re.compile(r"[^.\s][^.]*\.?")

CONCEPTS = {
    c.concept_id: c
    for c in (
        Concept("CHEBI:80025", "salinomycin", "Drug", synonyms=("procoxacin",), parents=("minecsc:ionophore",)),
        Concept("minecsc:ionophore", "ionophore", "Drug", parents=("minecsc:agent",)),
        # two broader concepts that name each other: real vocabularies have such loops
        Concept("minecsc:agent", "agent", "Drug", parents=("minecsc:ionophore",)),
        Concept("CHEBI:27899", "cisplatin", "Drug"),
        Concept("HGNC:7881", "NOTCH1", "Gene", parents=("FPLX:Notch",), mechanism_class="notch"),
        Concept("FPLX:Notch", "Notch", "Gene", mechanism_class="notch"),
        Concept("HGNC:1681", "CD44", "Gene", mechanism_class="surface_marker"),
        Concept("minecsc:wnt", "Wnt signaling", "Pathway", mechanism_class="wnt"),
        Concept("minecsc:csc", "cancer stem cell", "CSC"),
        Concept("MONDO:0007254", "breast carcinoma", "Cancer", parents=("MONDO:0004992",)),
        Concept("MONDO:0004992", "cancer", "Cancer"),
        Concept("CHEBI:0", "never mentioned", "Chemical"),
    )
}


def concepts(ids: Iterable[str]) -> list[Concept]:
    return [CONCEPTS[i] for i in sorted(ids) if i in CONCEPTS]


def paper(number: int, text: str | None = None, **fields: Any) -> Document:
    title = fields.pop("title", f"Study {number}.")
    abstract = text if text is not None else "In CSCs of breast cancer salinomycin lowers Wnt. Notch1 stays."
    return Document(f"pmid:{number}", title, abstract, pmid=str(number), **fields)


def read_words(document: Document, probability: float = 0.9) -> Extraction:
    sentences, mentions, relations = [], [], []
    for index, found in enumerate(_SENTENCE.finditer(document.text)):
        sentences.append(Sentence(index, found.start(), found.end()))
        here = []
        for word in _WORD.finditer(document.text, found.start(), found.end()):
            type_, concept = WORDS[word.group()]
            score = None if concept is None else 1.0
            here.append(Mention(word.start(), word.end(), word.group(), type_, index, 0.8, concept, score))
        mentions += here
        for head in here:
            for tail in here:
                if head.type == "Drug" and tail.type in ("Gene", "Pathway", "CSC"):
                    kind = "decreases"
                elif head.type == "Gene" and tail.type == "CSC":
                    kind = "marker_of"
                else:
                    continue
                negated = " not " in found.group()
                relations.append(Relation(kind, head, tail, negated, " may " in found.group(), probability))
    return Extraction(document, tuple(sentences), tuple(mentions), tuple(relations))


def read_all(documents: Sequence[Document]) -> Iterator[Extraction]:
    return (read_words(document) for document in documents)


def manifest(run_id: str = "run-1", **fields: Any) -> RunManifest:
    settings = {
        "started": datetime(2026, 1, 2, 3, 4, 5), "finished": datetime(2026, 1, 2, 4, 5, 6),
        "inputs": (("a.xml", "00ff"),), "model_name": "words", "model_digest": "m1", "kb_digest": "k1",
        "package_versions": {"python": "3.11"}, "parameters": {"min_probability": 0.5},
    }  # fmt: skip
    return RunManifest(run_id, **(settings | fields))


def processor(process: Any = read_all, **fields: Any) -> Processor:
    settings = {"concepts": concepts, "model_name": "words", "model_digest": "m1", "kb_digest": "k1"}
    return Processor(process, **(settings | fields))


def shard(folder: Path, *records: Any, key: str) -> Path:
    documents = [record for record in records if isinstance(record, Document)]
    deletions = [record for record in records if isinstance(record, Deletion)]
    errors = [record for record in records if isinstance(record, RecordError)]
    return write_shard(folder, list(read_all(documents)), deletions, errors, key=key)


def load(db: Path, *shards: Path, run: str = "run-1", **fields: Any) -> LoadReport:
    return load_shards(db, shards, manifest(run, **fields), concepts)


def fetch(db: Path, sql: str) -> list[tuple]:
    with open_base(db) as base:
        return [tuple(row.values()) for row in base.sql(sql)]
