"""The linker on real material: the review's entities (their own names masked) and the gold mentions."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from minecsc.linking import KnowledgeBase, Linker
from minecsc.linking.layout import REVIEW
from minecsc.schema import EntityType

pytestmark = pytest.mark.shared

_TYPES: dict[str, tuple[EntityType, ...]] = {
    "drug": ("Drug", "Chemical"),
    "gene": ("Gene",),
    "gene_family": ("Gene",),
    "cytokine": ("Gene",),
    "mirna": ("Gene",),
    "pathway": ("Pathway",),
    "process": ("Process",),
    "anatomy": ("Process",),
    "cell_state": ("CSC", "Cell", "Process"),
    "marker_phenotype": ("CSC", "Gene"),
    "cell_type": ("Cell", "Drug"),
    "cancer": ("Cancer",),
}
_CANNOT_EXPRESS = ("atc:", "chembl.compound:", "pid.pathway:", "UBERON:")
"""Vocabularies left out for their licence, or for want of an entity type."""


def test_entities_of_the_review_without_their_own_names(shared: Path) -> None:
    linker = Linker(KnowledgeBase.load(mask=[REVIEW]))
    right = total = right_expressible = expressible = 0
    with (shared / "review" / "seed_entities.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if row["type"] == "trial":
                continue
            found = next((f for t in _TYPES[row["type"]] if (f := linker.link(row["seed_surface"], t))), [])
            hit = bool(found) and row["curie"] in (found[0].concept_id, *found[0].xrefs)
            total += 1
            right += hit
            if not row["curie"].startswith(_CANNOT_EXPRESS):
                expressible += 1
                right_expressible += hit
    assert total == 550
    assert right / total >= 0.87
    assert right_expressible / expressible >= 0.90


def test_most_gold_mentions_are_linked(shared: Path) -> None:
    linker = Linker(KnowledgeBase.load())
    mentions, linked = Counter[str](), Counter[str]()
    with (shared / "gold" / "dev.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            record = json.loads(line)
            for entity in record["entities"]:
                found = linker.link(entity["text"], entity["type"], context=record["text"])
                mentions[entity["type"]] += 1
                linked[entity["type"]] += bool(found)
                scores = [candidate.score for candidate in found]
                assert scores == sorted(scores, reverse=True)
                assert not found or linker.threshold - 1e-4 <= scores[0] <= 1.0
                for candidate in found:
                    assert linker.kb.concept(candidate.concept_id) is not None
    main = ("Drug", "Gene", "Cancer")
    assert sum(linked[t] for t in main) / sum(mentions[t] for t in main) >= 0.8
    assert linked["CSC"] / mentions["CSC"] >= 0.9
