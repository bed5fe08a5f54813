"""The outcome of a validation: as JSON-able values, and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from minecsc.report.collect import verdict_rows
from minecsc.report.terminal import STYLES, Row, verdict_lines, verdict_table
from minecsc.review import DIVISIONS, REASONS, VERDICTS, SummaryRow, Validation, groups_of, summarise
from minecsc.store import EvidenceBase

_SHOWN: Final = (("mechanism_class", "all chapters"), ("strategy_class", "all strategies"))


def validation_facts(base: EvidenceBase, found: Validation, group: str) -> dict[str, Any]:
    """Everything that a validation found, of one group of assertions, as JSON-able values.

    base: where it was stored. Keys: ``group``; ``coverage``, by division of the review; ``verdicts``; ``trials``, rows
    of view ``trial_view``; ``novel``, rows of view ``novel_view``.
    """
    coverage = {by: [_counts(row) for row in _coverage(found, by, group)] for by in DIVISIONS}
    return {
        "group": group,
        "coverage": coverage,
        "verdicts": _verdicts(base, found, group),
        "trials": _trials(base),
        "novel": _novel(base),
    }


def validation_view(
    base: EvidenceBase, found: Validation, group: str, *, sentences: int, novel: int
) -> Iterator[RenderableType]:
    """Coverage by chapter and strategy, the trials, the most believed verdicts, and what the review does not say.

    base: where it was stored. sentences, novel: how many verdicts and novel statements to show.
    """
    for by, label in _SHOWN:
        rows = _coverage(found, by, group)
        yield verdict_table(VERDICTS, [(row.chapter or label, row.counts) for row in rows])
    held = _verdicts(base, found, group)
    reasons = Counter(row["reason"] for row in held if row["verdict"] == "not_found")
    for reason, count in reasons.most_common():
        yield Text(f"{count:4} not found: {REASONS[reason]}")
    yield trial_table(_trials(base))
    judged = [row for row in held if row["sentences"] and row["verdict"] != "not_found"]
    best = sorted(judged, key=lambda row: (-(row["belief"] or 0), row["assertion_id"]))
    yield from verdict_lines(best[:sentences])
    if novel:
        new = sorted(_novel(base), key=lambda row: (-row["belief"], -row["documents_for"], row["statement_id"]))
        yield from novel_lines(new[:novel])


def trial_table(rows: Iterable[Row]) -> Table:
    """Drugs, treatments and cancers of the trials (view ``trial_view``) with the evidence on them."""
    table = Table()
    for name in ("trial", "role", "name", "concept"):
        table.add_column(name, overflow="fold")
    for name in ("papers", "with the cancer", "statements", "frames", "belief"):
        table.add_column(name, justify="right")
    for row in rows:
        if row["role"] == "cancer":
            continue
        numbers = (row["documents"], row["documents_together"], row["statements"], row["frames"])
        belief = "" if row["belief"] is None else f"{row['belief']:.2f}"
        table.add_row(
            row["nct_id"], row["role"], row["name"], row["concept_name"] or "", *(f"{n:,}" for n in numbers), belief
        )
    return table


def novel_lines(rows: Iterable[Row]) -> Iterator[Text]:
    """Statements that the review does not make (view ``novel_view``), each with its best sentence."""
    for row in rows:
        block = Text(f"{row['chapter']}  ", style="dim")
        block.append(row["head"], style=STYLES[row["head_type"]])
        block.append(f" ─{row['relation']}→ ")
        block.append(row["tail"], style=STYLES[row["tail_type"]])
        block.append(f"  not in the review; belief {row['belief']:.2f}, papers {row['documents_for']}", style="dim")
        paper = f"PMID {row['pmid']}" if row["pmid"] else row["document_id"]
        block.append(f"\n    {paper}: ", style="dim")
        block.append(row["sentence"], style="italic")
        yield block


def _coverage(found: Validation, by: Any, group: str) -> list[SummaryRow]:
    return [row for row in summarise(found.verdicts, found.assertions, by=by) if row.group == group and row.total]


def _counts(row: SummaryRow) -> dict[str, Any]:
    return {
        "chapter": row.chapter,
        "total": row.total,
        "found": round(row.found, 4),
        "counts": dict(row.counts),
        "reasons": dict(row.reasons),
    }


def _verdicts(base: EvidenceBase, found: Validation, group: str) -> list[dict[str, Any]]:
    chosen = [assertion for assertion in found.assertions if group in groups_of(assertion)]
    return verdict_rows(base, found.verdicts, chosen)


def _trials(base: EvidenceBase) -> Sequence[Mapping[str, Any]]:
    return base.sql("SELECT * FROM trial_view ORDER BY nct_id, role DESC, name").rows()


def _novel(base: EvidenceBase) -> Sequence[Mapping[str, Any]]:
    return base.sql("SELECT * FROM novel_view ORDER BY chapter, rank").rows()
