"""Readers of relations between mentions: chemical to gene, concept pairs, cancer genes, combinations, phenotypes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations

from minecsc.nlp.sentences import sentence_spans
from minecsc.training.corpora.records import CorpusSpec, Record, text_id
from minecsc.training.examples import AnnotatedText, type_index

Pair = tuple[str, str, str]
"""Label, id of the head mention, id of the tail mention."""

CHEMPROT = {
    "CPR:3": "upregulator",
    "CPR:4": "downregulator",
    "CPR:5": "agonist",
    "CPR:6": "antagonist",
    "CPR:9": "substrate",
}


def _text(record: Record, spec: CorpusSpec, pairs: Iterable[Pair], *, tagged: bool = True) -> AnnotatedText:
    """A record with labelled pairs of its mentions, those outside ``spec.pairs`` left out.

    tagged: whether its mentions are all there are, so that they teach entities.
    """
    rows = [
        e
        for e in record["entities"]
        if not e.get("fragments") and (e["type"] in spec.pair_types or e["type"] in spec.entity_types)
    ]
    index = {e["id"]: i for i, e in enumerate(rows)}
    types = {e["id"]: spec.pair_types.get(e["type"], "") for e in rows}
    return AnnotatedText(
        text_id=text_id(record, spec),
        text=record["text"],
        entities=[(e["start"], e["end"], spec.entity_types.get(e["type"], e["type"])) for e in rows],
        pair_types=[type_index(spec.pair_types[e["type"]]) if e["type"] in spec.pair_types else None for e in rows],
        relations=[
            (label, index[head], index[tail], False, False)
            for label, head, tail in dict.fromkeys(pairs)
            if head in index and tail in index and (spec.pairs is None or (types[head], types[tail]) in spec.pairs)
        ],
        entity_head=spec.name if tagged else None,
        relation_head=spec.name,
    )


def chemprot(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """The five groups that ChemProt is scored on, chemical → gene."""
    yield _text(
        record,
        spec,
        ((CHEMPROT[r["type"]], r["args"][0][1], r["args"][1][1]) for r in record["relations"] if r["type"] in CHEMPROT),
    )


def drugprot(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """DrugProt's thirteen types, chemical → gene."""
    yield _text(record, spec, ((r["type"], r["args"][0][1], r["args"][1][1]) for r in record["relations"]))


_BIORED_ORDER = ("ChemicalEntity", "GeneOrGeneProduct", "SequenceVariant", "DiseaseOrPhenotypicFeature")


def biored(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Concept pairs of a document, put on all pairs of their mentions; those of one sentence become labels.

    The relations have no direction: chemical before gene before variant before disease, and both ways where the
    types are the same.
    """
    types = {e["id"]: e["type"] for e in record["entities"]}

    def pairs() -> Iterator[Pair]:
        for relation in record["relations"]:
            firsts, seconds = relation["arg_mentions"]
            for first in firsts:
                for second in seconds:
                    ranks = [_BIORED_ORDER.index(types[m]) for m in (first, second)]
                    if first != second and ranks[0] <= ranks[1]:
                        yield relation["type"], first, second
                    if first != second and ranks[0] >= ranks[1]:
                        yield relation["type"], second, first

    yield _text(record, spec, pairs())


_CIVICMINE_PAIRS = (("gene", "variant"), ("gene", "cancer"), ("drug", "gene"), ("drug", "cancer"))


def civicmine(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Cancer-gene evidence; Predictive, which has three arguments, becomes drug → gene, drug → cancer, gene → cancer.

    Mentions were found by word lists, so they teach no entities.
    """

    def pairs() -> Iterator[Pair]:
        for relation in record["relations"]:
            found = dict(relation["args"])
            for head, tail in _CIVICMINE_PAIRS:
                if head in found and tail in found:
                    yield relation["type"], found[head], found[tail]

    yield _text(record, spec, pairs(), tagged=False)


def drug_combo(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Combinations as all pairs of their drugs, both ways; the sentence with one neighbour on either side.

    Mentions stand in that one sentence only, so they teach no entities.
    """
    start, end = record["sentence"]
    before = sentence_spans(record["text"][:start])
    after = sentence_spans(record["text"][end:])
    first = before[-1][0] if before else start
    last = end + after[0][1] if after else end
    cut = {
        **record,
        "text": record["text"][first:last],
        "entities": [{**e, "start": e["start"] - first, "end": e["end"] - first} for e in record["entities"]],
    }

    def pairs() -> Iterator[Pair]:
        for relation in record["relations"]:
            for (_, one), (_, other) in combinations(relation["args"], 2):
                yield relation["type"], one, other
                yield relation["type"], other, one

    yield replace(_text(cut, spec, pairs(), tagged=False), sentences=[(start - first, end - first)])


_EFFECTS = {
    "positive": "increases",
    "increases": "increases",
    "causes": "increases",
    "negative": "decreases",
    "decreases": "decreases",
    "inhibits": "decreases",
    "rescues": "rescues",
    "no effect": "no_effect",
}
FUNCGEN_RELATIONS = ("increases", "decreases", "rescues", "no_effect", "affects")


def funcgen(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Perturbing action → phenotype, labelled by the effect that links them.

    In the first version of the scheme the effect names the phenotype itself: type EFFECT_PHENOTYPE here.
    """
    first_scheme = record["version"] == "v1"
    rows = [
        {**e, "type": "EFFECT_PHENOTYPE"} if first_scheme and e["type"] == "EFFECT" else e for e in record["entities"]
    ]
    attributes = {e["id"]: e.get("attributes", {}) for e in rows}

    def pairs() -> Iterator[Pair]:
        for relation in record["relations"]:
            found = dict(relation["args"])
            action, effect = found.get("perturbing_action"), found.get("effect")
            phenotype = effect if first_scheme else found.get("phenotype")
            if action and effect and phenotype:
                said = attributes[effect].get("activity" if first_scheme else "effect", "")
                yield _EFFECTS.get(said, "affects"), action, phenotype

    yield _text({**record, "entities": rows}, spec, pairs())
