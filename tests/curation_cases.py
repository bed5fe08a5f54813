"""What the tests of curation share: a small database, judging by the words of a relation, single verdicts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from store_factory import concepts, fetch, manifest, paper, read_words

from minecsc.curation import read_verdicts, select, write_sheet
from minecsc.engine.assemble import evidence_of
from minecsc.evidence import LinkedRelation
from minecsc.evidence.curation import Curation
from minecsc.store import load_shards, write_shard

DAY = datetime(2026, 3, 1)
LOWERS = "In CSCs of breast cancer salinomycin lowers Wnt. Notch1 stays."
SALINOMYCIN_WNT = "salinomycin decreases Wnt"
SALINOMYCIN_CSC = "salinomycin decreases CSCs"


def make_base(path: Path) -> Path:
    load(
        path,
        paper(1, LOWERS, year=2019),
        paper(2, "In CSCs cisplatin may lower Notch1.", year=2021),
        paper(3, "CD44 marks CSCs.", year=2020),
    )
    return path


def load(db: Path, *papers, run: str = "run-1", probability: float = 0.9, change=lambda extraction: extraction):
    read = [change(read_words(document, probability)) for document in papers]
    shard = write_shard(db.parent / f"shards-{run}", read, [], [], key=run)
    return load_shards(db, [shard], manifest(run, pipeline_digest=run), concepts, evidence_of)


def rows_of(db: Path) -> dict[str, dict]:
    return {row["relation"]: row for row in select(db, limit=100, strategy="random", curator="nobody")}


def judge(db: Path, curator: str, verdicts: dict[str, dict | str], *, day: int = 1, suffix: str = ".csv"):
    """Fills a sheet in, under the relation's words, and reads it back."""
    rows = rows_of(db)
    for relation, verdict in verdicts.items():
        rows[relation] |= {"correct": verdict} if isinstance(verdict, str) else verdict
    sheet = db.parent / f"{curator}-{day}{suffix}"
    write_sheet(list(rows.values()), sheet, force=True)
    report = read_verdicts(db, sheet, curator=curator, judged=DAY.replace(day=day), evidence=evidence_of)
    assert report.problems == ()
    return report


def beliefs(db: Path) -> dict[str, float]:
    rows = fetch(db, "SELECT head_name || ' ' || type || ' ' || tail_name, belief FROM statement")
    return {name: pytest.approx(belief) for name, belief in rows}


def relation(**fields) -> LinkedRelation:
    settings = {
        "head_mention_id": "d#0-1", "head_concept_id": "a", "head_surface": "A", "head_type": "Gene",
        "tail_mention_id": "d#2-3", "tail_concept_id": "b", "tail_surface": "B", "tail_type": "Gene",
    }  # fmt: skip
    return LinkedRelation("d#increases:0-1>2-3", "d", "d#s0", "increases", **(settings | {"probability": 0.7} | fields))


def verdict(**fields) -> Curation:
    settings = dict.fromkeys(("category", "corrected_type", "corrected_negated", "corrected_speculative", "note")) | {
        "evidence_id": "e", "curator": "ada", "judged": DAY, "recorded": DAY, "correct": False, "source": "s",
        "chosen": None, "document_id": "d", "relation_id": "d#increases:0-1>2-3", "run_id": "r", "type": "increases",
        "head": "A", "head_type": "Gene", "head_id": "a", "tail": "B", "tail_type": "Gene", "tail_id": "b",
        "negated": False, "speculative": False, "probability": 0.7,
    }  # fmt: skip
    return Curation(**(settings | fields))
