"""What validation and aggregation cost on the evidence of many abstracts, stage by stage.

python scripts/bench_validate.py evidence.duckdb --documents 20000 --json validate.json

Takes the documents of a real base, with sentences, mentions and relations, as often as needed, under new identifiers
and with a text hash of their own, so that each copy counts as a paper. Names that the knowledge base does not know are
made new in each copy, as in other abstracts they would be; concepts stay, so that the evidence on each grows. Measured
are processor and wall time of: reading, frames and statements, storing them; reading again, index, verdicts, trials,
novel statements, storing the outcome.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from minecsc.engine.assemble import evidence_of
from minecsc.evidence.curation import apply_curations
from minecsc.linking import KnowledgeBase, Linker
from minecsc.review import Validation, load_assertions, load_trials, store
from minecsc.review.compatibility import Families
from minecsc.review.matching import EvidenceIndex, Matcher
from minecsc.review.novelty import novel_statements
from minecsc.review.trials import link_trials
from minecsc.review.validation import collection_paused
from minecsc.review.verdicts import judge_all
from minecsc.store import read_evidence, read_review, replace_evidence

GOAL_SECONDS: Final = 30.0
"""Processor time of everything but loading the knowledge base, for 20,000 abstracts (issue 5)."""

_COPIED: Final = {
    "document": ("document_id", "pmid", "text_sha256"),
    "sentence": ("sentence_id", "document_id"),
    "mention": ("mention_id", "document_id", "sentence_id"),
    "relation": ("relation_id", "document_id", "sentence_id", "head_mention_id", "tail_mention_id"),
}
"""Table → columns that a copy must not share with its original."""


class Clock:
    """Processor and wall seconds by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        self.stages[name] = {unit: round(seconds, 3) for unit, seconds in spent.items()}


def multiply(db: Path, documents: int) -> int:
    """Copies the documents of ``db`` until there are so many; returns how many there are then."""
    with duckdb.connect(str(db)) as con:
        con.execute("SET enable_progress_bar = false")
        have = con.execute("SELECT count(*) FROM document").fetchall()[0][0]
        if not have:
            raise typer.BadParameter("no document in it")
        con.execute("CREATE TEMP TABLE original AS SELECT document_id FROM document ORDER BY document_id")
        for table, columns in _COPIED.items():
            renamed = ", ".join(f"{column} || '~' || n AS {column}" for column in columns)
            if table == "mention":
                renamed += ", surface || CASE WHEN concept_id IS NULL THEN ' x' || n ELSE '' END AS surface"
            con.execute(
                f"""
                INSERT INTO {table} BY NAME
                SELECT t.* REPLACE ({renamed}) FROM {table} t
                JOIN (SELECT document_id, row_number() OVER (ORDER BY document_id) AS place FROM original)
                USING (document_id)
                JOIN range(1, ?) r(n) ON n * ? + place <= ?
                """,
                [documents // have + 2, have, max(documents, have)],
            )
        return int(con.execute("SELECT count(*) FROM document").fetchall()[0][0])


def measure(db: Path, clock: Clock) -> dict[str, int]:
    """Assembles and validates ``db``; the numbers of what went in and came out."""
    with clock.stage("knowledge base"):
        linker = Linker(KnowledgeBase.load())
    with clock.stage("read for assembly"):
        evidence = read_evidence(db)
    with clock.stage("frames and statements"):
        frames, statements = evidence_of(evidence)
    with clock.stage("store evidence"):
        replace_evidence(db, frames, statements)
    counts = {"relations": len(evidence.relations), "frames": len(frames), "statements": len(statements)}
    del evidence, frames, statements
    assertions, trials = load_assertions(), load_trials()
    with collection_paused():
        with clock.stage("read for validation"):
            rows = read_review(db)
        with clock.stage("index"):
            relations = apply_curations(rows.relations, rows.curations)
            index = EvidenceIndex(relations, rows.occurrences, rows.documents, linker.kb.concept)
        with clock.stage("verdicts"):
            matcher = Matcher(index, linker)
            families = Families(matcher, index)
            verdicts = judge_all(assertions, matcher, families, index)
        with clock.stage("trials"):
            links = link_trials(trials, matcher, families, index, rows.statements, rows.frames)
        with clock.stage("novel statements"):
            novel = novel_statements(assertions, rows.statements, matcher, families, index)
    with clock.stage("store validation"):
        store(db, Validation(assertions, verdicts, trials, links, novel))
    found = sum(verdict.verdict != "not_found" for verdict in verdicts)
    return counts | {"assertions found": found, "novel statements": len(novel)}


def main(
    base: Annotated[Path, typer.Argument(help="An evidence base with real abstracts; it is copied, not changed.")],
    documents: Annotated[int, typer.Option(min=1, help="Documents to multiply it to.")] = 20_000,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")] = None,
) -> None:
    """Time assembly and validation on the multiplied evidence of a base."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "many.duckdb"
        shutil.copyfile(base, db)
        counts = {"documents": multiply(db, documents)} | measure(db, clock)
    counted = [spent for name, spent in clock.stages.items() if name != "knowledge base"]
    total = {unit: round(sum(spent[unit] for spent in counted), 3) for unit in ("cpu_s", "wall_s")}
    table = Table("stage", "cpu s", "wall s", title=", ".join(f"{n:,} {name}" for name, n in counts.items()))
    for name, spent in (clock.stages | {"all but the knowledge base": total}).items():
        table.add_row(name, f"{spent['cpu_s']:.2f}", f"{spent['wall_s']:.2f}")
    Console().print(table)
    met = total["cpu_s"] <= GOAL_SECONDS
    print(f"goal: {GOAL_SECONDS:.0f} s of processor time: {'met' if met else 'missed'}")
    if out is not None:
        report = {"counts": counts, "stages": clock.stages, "total": total, "goal_s": GOAL_SECONDS, "met": met}
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
