"""Readers of the annotated corpora, all in one JSON-lines form, and what must be kept out of training.

Every corpus trains heads of its own: types that one corpus does not annotate are not negatives for another.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minecsc.errors import SourceError
from minecsc.training.examples import AnnotatedText, type_index

_LETTERS = re.compile(r"[^a-z]+")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Records of a ``.jsonl`` or ``.jsonl.gz`` file."""
    if not path.exists():
        raise SourceError(f"{path}: no such corpus file")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)


def text_key(text: str) -> str:
    """First 110 letters, case folded: finds one abstract under two identifiers."""
    return _LETTERS.sub("", text.lower())[:110]


@dataclass(frozen=True)
class HeldOut:
    """PMIDs and text keys of every document that some development or test set uses."""

    ids: frozenset[str]
    keys: frozenset[str]

    def __contains__(self, document: tuple[str, str]) -> bool:
        text_id, text = document
        return text_id in self.ids or (len(text) >= 300 and text_key(text) in self.keys)


def held_out(shared: Path) -> HeldOut:
    """Everything that must not be trained on: dev and test splits of all corpora and of the gold set."""
    ids: set[str] = set()
    keys: set[str] = set()
    for path in sorted((shared / "corpora").glob("*.jsonl.gz")):
        if path.name.startswith(("unlabelled", "csc_documents")):
            continue
        for record in read_lines(path):
            if record.get("split") in ("dev", "test"):
                if (pmid := str(record.get("pmid") or record["id"])).isdigit():
                    ids.add(pmid)
                if len(record["text"]) >= 300:
                    keys.add(text_key(record["text"]))
    for name in ("dev.jsonl", "test_texts.jsonl"):
        for record in read_lines(shared / "gold" / name):
            ids.add(str(record["pmid"]))
            keys.add(text_key(record["text"]))
    return HeldOut(frozenset(ids), frozenset(keys))


def read_gold(path: Path) -> Iterator[AnnotatedText]:
    """The project's own annotation, with text."""
    for record in read_lines(path):
        index = {e["id"]: i for i, e in enumerate(record["entities"])}
        yield AnnotatedText(
            text_id=str(record["pmid"]),
            text=record["text"],
            entities=[(e["start"], e["end"], e["type"]) for e in record["entities"]],
            pair_types=[type_index(e["type"]) for e in record["entities"]],
            relations=[
                (r["type"], index[r["head"]], index[r["tail"]], r["negated"], r["speculative"])
                for r in record["relations"]
            ],
            entity_head="csc",
            relation_head="csc",
            sentences=[(s[0], s[1]) for s in record["sentences"]],
        )


@dataclass(frozen=True)
class CorpusSpec:
    """How one public corpus is read.

    entity_types: source type → type of its entity head (others are dropped)
    pair_types: source type → our nearest entity type, for pairs; relation_types: its relation head's labels
    """

    name: str
    entity_types: dict[str, str]
    pair_types: dict[str, str]
    relation_types: tuple[str, ...] = ()
    relations: Callable[[dict[str, Any], CorpusSpec], AnnotatedText] | None = None


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


def _plain(record: dict[str, Any], spec: CorpusSpec) -> AnnotatedText:
    entities = [
        (e["start"], e["end"], spec.entity_types[e["type"]])
        for e in record["entities"]
        if e["type"] in spec.entity_types and not e.get("fragments")
    ]
    return AnnotatedText(
        text_id=f"{spec.name}:{record['id']}",
        text=record["text"],
        entities=entities,
        pair_types=[None] * len(entities),
        entity_head=spec.name,
    )


_CHEMPROT = {
    "CPR:3": "upregulator",
    "CPR:4": "downregulator",
    "CPR:5": "agonist",
    "CPR:6": "antagonist",
    "CPR:9": "substrate",
}


def _chemprot(record: dict[str, Any], spec: CorpusSpec) -> AnnotatedText:
    index = {e["id"]: i for i, e in enumerate(record["entities"])}
    relations = []
    for relation in record["relations"]:
        if relation["type"] in _CHEMPROT:
            head, tail = (index[a[1]] for a in relation["args"][:2])
            relations.append((_CHEMPROT[relation["type"]], head, tail, False, False))
    return AnnotatedText(
        text_id=f"{spec.name}:{record['id']}",
        text=record["text"],
        entities=[(e["start"], e["end"], spec.entity_types[e["type"]]) for e in record["entities"]],
        pair_types=[type_index(spec.pair_types[e["type"]]) for e in record["entities"]],
        relations=relations,
        entity_head=spec.name,
        relation_head=spec.name,
    )


_SIGNS = {
    "Positive_regulation": 1,
    "Activation": 1,
    "Negative_regulation": -1,
    "Inactivation": -1,
    "Regulation": 0,
}
_PROCESSES = frozenset(
    (
        "Metastasis Cell_proliferation Cell_death Death Growth Carcinogenesis Cell_transformation "
        "Development Blood_vessel_development Cell_differentiation Cell_division Glycolysis Breakdown "
        "Pathway DNA_methylation"
    ).split()
)


def _events(record: dict[str, Any], spec: CorpusSpec) -> AnnotatedText:
    """Regulation events as signed pairs (cause, theme); triggers of processes count as mentions."""
    triggers = {t["id"]: t for t in record["triggers"]}
    events = {e["id"]: e for e in record["events"]}
    flags: dict[str, set[str]] = {}
    for modifier in record.get("modifiers", ()):
        flags.setdefault(modifier["target"], set()).add(modifier["type"])
    process_triggers = {e["trigger"] for e in events.values() if e["type"] in _PROCESSES}
    rows = [(e["id"], e["start"], e["end"], e["type"]) for e in record["entities"] if not e.get("fragments")]
    rows += [(t, triggers[t]["start"], triggers[t]["end"], "Process") for t in sorted(process_triggers)]
    index = {row[0]: i for i, row in enumerate(rows)}
    relations: list[tuple[str, int, int, bool, bool]] = []

    def arguments(event: dict[str, Any], role: str) -> list[str]:
        return [a[1] for a in event["args"] if a[0].rstrip("0123456789") == role]

    def resolve(node: str, depth: int = 0) -> list[tuple[int, int]]:
        """(row, sign) of the mentions that an argument stands for."""
        if node in index:
            return [(index[node], 1)]
        event = events.get(node)
        if event is None or depth > 4:
            return []
        if event["trigger"] in process_triggers:
            return [(index[event["trigger"]], 1)]
        sign = _SIGNS.get(event["type"], 1)
        return [(row, sign * s) for theme in arguments(event, "Theme") for row, s in resolve(theme, depth + 1)]

    names = {1: "increases", -1: "decreases", 0: "associated_with"}
    for event in events.values():
        if event["type"] not in _SIGNS:
            continue
        marks = flags.get(event["id"], set())
        for cause in arguments(event, "Cause"):
            for head, head_sign in resolve(cause):
                for theme in arguments(event, "Theme"):
                    for tail, tail_sign in resolve(theme):
                        if head != tail:
                            sign = _SIGNS[event["type"]] * head_sign * tail_sign
                            relations.append((names[sign], head, tail, "Negation" in marks, "Speculation" in marks))
    pair_types = [type_index(spec.pair_types[r[3]]) if r[3] in spec.pair_types else None for r in rows]
    return AnnotatedText(
        text_id=f"{spec.name}:{record['id']}",
        text=record["text"],
        entities=[(start, end, spec.entity_types.get(kind, kind)) for _, start, end, kind in rows],
        pair_types=pair_types,
        relations=relations,
        entity_head=spec.name,
        relation_head=spec.name,
    )


_EVENT_PAIRS = {
    "Gene_or_gene_product": "Gene", "Complex": "Gene", "Simple_chemical": "Drug", "Cancer": "Cancer",
    "Cell": "Cell", "Amino_acid": "Chemical", "Process": "Process",
}  # fmt: skip
_EVENT_RELATIONS = ("increases", "decreases", "associated_with")

CORPORA: dict[str, CorpusSpec] = {
    spec.name: spec
    for spec in (
        CorpusSpec("biored", _same(
            "GeneOrGeneProduct DiseaseOrPhenotypicFeature ChemicalEntity OrganismTaxon SequenceVariant CellLine"
        ), {}),
        CorpusSpec("bc5cdr", _same("Chemical Disease"), {}),
        CorpusSpec("anatem", _same(
            "Cell Cancer Cellular_component Tissue Multi-tissue_structure Organ Organism_substance "
            "Pathological_formation"
        ), {}),
        CorpusSpec(
            "bionlp13cg",
            _same(
                "Gene_or_gene_product Cell Cancer Simple_chemical Organism Multi-tissue_structure Tissue "
                "Cellular_component Organ Process"
            ),
            _EVENT_PAIRS, _EVENT_RELATIONS, _events,
        ),
        CorpusSpec(
            "bionlp13pc", _same("Gene_or_gene_product Simple_chemical Complex Cellular_component Process"),
            _EVENT_PAIRS, _EVENT_RELATIONS, _events,
        ),
        CorpusSpec(
            "chemprot", {"CHEMICAL": "CHEMICAL", "GENE-Y": "GENE", "GENE-N": "GENE"},
            {"CHEMICAL": "Drug", "GENE-Y": "Gene", "GENE-N": "Gene"}, tuple(_CHEMPROT.values()), _chemprot,
        ),
    )
}  # fmt: skip
"""Corpora that training knows, by name. Licences and credits: the model card."""


def read_corpus(shared: Path, name: str, exclude: HeldOut) -> Iterator[AnnotatedText]:
    """Training split of one corpus without held-out documents."""
    spec = CORPORA[name]
    reader = spec.relations or _plain
    for record in read_lines(shared / "corpora" / f"{name}.jsonl.gz"):
        if record.get("split") != "train":
            continue
        if (str(record.get("pmid") or record["id"]), record["text"]) in exclude:
            continue
        yield reader(record, spec)


def gold_texts(shared: Path, split: str, exclude: HeldOut | None = None) -> Iterable[AnnotatedText]:
    """Gold abstracts of a split; for training, those free of held-out texts."""
    for text in read_gold(shared / "gold" / f"{split}.jsonl"):
        if exclude is None or (text.text_id, text.text) not in exclude:
            yield text
