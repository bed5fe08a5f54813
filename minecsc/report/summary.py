"""Short accounts in words: what is installed, what a database holds, what the demo did."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minecsc.engine import RunSummary
from minecsc.errors import MinecscError
from minecsc.linking import KnowledgeBase
from minecsc.report.terminal import Row, frame_lines
from minecsc.store import EvidenceBase, package_versions


def installation() -> dict[str, Any]:
    """Versions, device, model and knowledge base; a part that cannot be loaded says so in ``problem``."""
    from minecsc import __version__

    return {
        "minecsc": __version__,
        "packages": package_versions(),
        "device": _device(),
        "model": _model(),
        "knowledge_base": _knowledge_base(),
    }


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({os.cpu_count()} cores)"


def _model() -> dict[str, Any]:
    from minecsc.nlp import default_model, model_digest, read_meta

    try:
        folder = default_model()
        meta = read_meta(folder)
        return {
            "name": meta.get("name", folder.name),
            "digest": model_digest(folder),
            "made": meta.get("made"),
            "base": meta.get("base"),
            "figures": meta.get("dev", {}),
            "decision": meta.get("decision", {}),
        }
    except MinecscError as error:
        return {"problem": str(error)}


def _knowledge_base() -> dict[str, Any]:
    try:
        base = KnowledgeBase.load()
    except MinecscError as error:
        return {"problem": str(error)}
    return {"digest": base.digest, "concepts": len(base), "types": base.meta.get("types", {})}


def run_facts(summary: RunSummary) -> dict[str, Any]:
    """The summary of a run with what follows from it, as JSON-able values."""
    return asdict(summary) | {
        "skipped": dict(summary.skipped),
        "accounted": summary.accounted,
        "abstracts_per_second": round(summary.abstracts_per_second, 1),
    }


def run_table(summary: RunSummary) -> Table:
    """Where every input record of a run went, and what came of it."""
    skipped = {reason: count for reason, count in summary.skipped.items() if count}
    speed = f", {summary.abstracts_per_second:.1f} abstracts a second" if summary.processed else ""
    resumed = f", {summary.resumed:,} of them by an interrupted run" if summary.resumed else ""
    return fact_table(
        {
            "read": f"{summary.read:,} records from {summary.files:,} files",
            "extracted": f"{summary.extracted:,} documents{resumed}",
            "skipped": skipped,
            "written": {"mentions": summary.mentions, "relations": summary.relations},
            "database": {"frames": summary.frames, "statements": summary.statements, "in": summary.database},
            "time": f"{summary.seconds:.1f} s{speed}",
        }
    )


def overview(base: EvidenceBase) -> dict[str, Any]:
    """Counts of what is stored: everything; mentions and relations by type; verdicts by name."""

    def counted(table: str, column: str) -> dict[str, int]:
        rows = base.sql(f"SELECT {column} AS name, count(*) AS n FROM {table} GROUP BY ALL ORDER BY n DESC, name")
        return {row["name"]: row["n"] for row in rows}

    return {
        "counts": base.summary(),
        "mentions": counted("mention", "type"),
        "relations": counted("relation", "type"),
        "verdicts": counted("assertion_verdict", "verdict"),
    }


def fact_table(facts: Mapping[str, Any]) -> Table:
    """Nested facts as two columns; a mapping of plain values becomes one line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(facts):
        table.add_row(name, Text(value))
    return table


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping) and any(isinstance(item, Mapping | list) for item in value.values()):
            yield from _flat(value, f"{name} · ")
        elif isinstance(value, Mapping):
            yield name, ", ".join(f"{k} {_number(v)}" for k, v in value.items()) or "none"
        elif isinstance(value, list):
            yield from ((f"{name} {i}", _line(item)) for i, item in enumerate(value, start=1))
        elif value is not None:
            yield name, _number(value)


def _line(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    kept = ("run_id", "started", "device", "model_name", "documents")
    return ", ".join(f"{key} {item[key]}" for key in kept if key in item)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def demo_view(facts: Mapping[str, Any], frames: Sequence[Row], db: Path) -> Iterator[RenderableType]:
    """The end of the demo, for someone who sees all this for the first time.

    facts: of :func:`overview`; frames: of view ``frame_view``, best first.
    """
    counts = facts["counts"]
    yield _heading(f"What was read: {counts['documents']} abstracts, {counts['sentences']} sentences")
    yield _paragraph(
        f"{counts['mentions']:,} names were found and typed, {counts['linked_mentions']:,} of them linked to "
        "an identifier of a public vocabulary:"
    )
    yield _counts(facts["mentions"])
    yield _paragraph(f"{counts['relations']:,} directed relations between names of one sentence:")
    yield _counts(facts["relations"])
    yield _heading("What it says: drug → mechanism → cancer stem cells")
    yield _paragraph(
        f"Relations of one abstract join to {counts['frames']:,} frames, and over all abstracts to "
        f"{counts['statements']:,} statements, {counts['contested_statements']:,} of them contested. "
        "The fullest and most believed frames, with the sentence they start from:"
    )
    for line in frame_lines(frames):
        yield Padding(line, (0, 0, 1, 2))
    yield _heading("How the seed review stands against it")
    yield _paragraph(
        "Each assertion of the review was looked for. With so few abstracts most are not found, "
        "which says nothing against them:"
    )
    yield _counts(facts["verdicts"])
    yield _heading("What next")
    option = "" if db.name == "evidence.duckdb" and db.parent == Path() else f" --db {db}"
    table = Table.grid(padding=(0, 3))
    for command, purpose in (
        (f"minecsc query --drug salinomycin{option}", "frames of one drug"),
        (f"minecsc query --what statements --mechanism wnt{option}", "statements on one mechanism"),
        (f"minecsc show sample:0001{option}", "one abstract, marked up"),
        (f"minecsc validate --group core{option}", "verdicts by chapter, with their sentences"),
        ("minecsc extract FILE.xml.gz --db mine.duckdb", "your own PubMed files"),
    ):
        table.add_row(Text(command, style="bold"), purpose)
    yield Padding(table, (0, 0, 0, 2))


def _heading(text: str) -> Padding:
    return Padding(Text(text, style="bold underline"), (0, 0, 1, 0))


def _paragraph(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 1, 0))


def _counts(counts: Mapping[str, int]) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    return Padding(table, (0, 0, 1, 2))
