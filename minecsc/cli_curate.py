"""``minecsc curate``: evidence to people, their verdicts back, and what they say."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minecsc.cli_common import DEFAULT_DB, Json, dump, show

_REFUSED_ROWS = 3


class Strategy(StrEnum):
    """What makes evidence worth a look."""

    mixed = "mixed"
    uncertain = "uncertain"
    contested = "contested"
    novel = "novel"
    impact = "impact"
    random = "random"


def curate(
    db: Annotated[Path, typer.Argument(help="Database of evidence.")] = DEFAULT_DB,
    out: Annotated[Path | None, typer.Option(help="Write evidence to judge: .csv, .xlsx or .jsonl.")] = None,
    read: Annotated[Path | None, typer.Option(help="Read the verdicts of a filled-in sheet back.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Tell what the verdicts say.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="With --out: at most so many rows.")] = 50,
    strategy: Annotated[Strategy, typer.Option(help="With --out: what to look at first.")] = Strategy.mixed,
    curator: Annotated[
        str | None,
        typer.Option(help="With --read: who judged. With --out: leave out only what this curator has judged."),
    ] = None,
    date: Annotated[
        datetime | None, typer.Option(help="With --read: when it was judged, UTC; default: when the file was saved.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --out: replace the file if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write the evidence most worth a look to a sheet; read the verdicts back; report on them.

    Verdicts are kept for ever and change belief at once. Rows that cannot be taken are named, and end with exit
    code 3; the others are stored.

    Example: minecsc curate evidence.duckdb --out todo.csv --limit 100
    """
    if sum((out is not None, read is not None, report)) != 1:
        raise typer.BadParameter("say one of --out FILE, --read FILE and --report")
    if read is not None and not curator:
        raise typer.BadParameter("--read needs --curator NAME")
    from minecsc import curation

    if out is not None:
        rows = curation.select(db, limit=limit, strategy=strategy.value, curator=curator)
        curation.write_sheet(rows, out, force=force)
        typer.echo(f"{out}: {len(rows):,} rows to judge", err=True)
    elif read is not None:
        _read(db, read, curator or "", date, as_json)
    else:
        found = curation.curation_report(db)
        if as_json:
            dump(found.to_dict())
        else:
            show(found.tables())


def _read(db: Path, sheet: Path, curator: str, date: datetime | None, as_json: bool) -> None:
    from dataclasses import asdict

    from minecsc.curation import read_verdicts
    from minecsc.engine.assemble import evidence_of

    outcome = read_verdicts(db, sheet, curator=curator, judged=date, evidence=evidence_of)
    for problem in outcome.problems:
        typer.echo(str(problem), err=True)
    if as_json:
        dump(asdict(outcome))
    else:
        typer.echo(
            f"{outcome.added:,} verdicts stored, {outcome.known:,} known already, {outcome.open:,} rows left open, "
            f"{len(outcome.problems):,} refused"
        )
    if outcome.problems:
        raise typer.Exit(_REFUSED_ROWS)
