"""Papers for the tests of the exports, and the database made of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from store_factory import concepts, manifest, paper, read_all

from minecsc.evidence import build_frames, build_statements
from minecsc.export import export
from minecsc.schema import Document
from minecsc.store import load_shards, open_base, read_evidence, replace_evidence, write_shard

PAPERS = [
    paper(
        1, year=2019, journal="J & B", doi="10.1000/x_1", authors=("Doe, Jane", "Unit of Sand and Stone"),
        keywords=("stem cells", "50%"),
    ),
    paper(2, "cisplatin may lower Notch1 in CSCs.", year=2021, title="Unsure\nand broken."),
    paper(3, "CD44 marks CSCs.", year=2020),
    paper(4, "cisplatin lowers CD44 here.", year=2018, retracted=True),
    paper(5, "gobbledynib lowers Wnt and CSCs.", title=""),
    paper(6, "salinomycin does not lower CD44."),
    Document("sample:0007", "No hit | here {at} all.", ""),
]  # fmt: skip


def build(folder: Path, papers: list[Document]) -> Path:
    """A database of the papers, with frames and statements."""
    db = folder / "evidence.duckdb"
    shard = write_shard(folder / "shards", list(read_all(papers)), [], [], key="0")
    load_shards(db, [shard], manifest(), concepts)
    stored = read_evidence(db)
    replace_evidence(
        db,
        build_frames(stored.relations, stored.mentions, stored.concepts),
        build_statements(stored.relations, stored.documents),
    )
    return db


def text(db: Path, format: str, out: Path, **options) -> str:
    """What an export writes into its one file."""
    export(db, format, out, **options)
    return out.read_text(encoding="utf-8")


def counts(db: Path) -> dict[str, int]:
    """Stored mentions and relations."""
    with open_base(db) as base:
        return {name: base.sql(f"SELECT count(*) AS n FROM {name}").rows()[0]["n"] for name in ("mention", "relation")}


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a KGX table."""
    stream = io.StringIO(path.read_text(encoding="utf-8"))
    return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
