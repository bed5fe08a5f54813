"""``minecsc fetch``: everything PubMed has on a query, as files that ``minecsc extract`` reads."""

from __future__ import annotations

import calendar
import re
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minecsc.cli_common import Json, dump

if TYPE_CHECKING:
    from minecsc.sources.fetch import FetchReport

_INCOMPLETE = 3
_INTERRUPTED = 130
_SHOWN_PMIDS = 5


class DateType(StrEnum):
    """Which date of a record counts."""

    edat = "edat"
    pdat = "pdat"
    mdat = "mdat"


def fetch(
    query: Annotated[str, typer.Argument(help="PubMed query, as on the PubMed page, without dates.")],
    since: Annotated[str, typer.Option(metavar="DATE", help="First day: 2015, 2015-06 or 2015-06-30.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="Last day, included; 2024 is to the end of 2024.")],
    out: Annotated[Path, typer.Option(help="Folder for the files, new or of the same command before.")],
    date_type: Annotated[
        DateType,
        typer.Option(
            help="The date meant: edat, when a record entered PubMed; pdat, its publication; mdat, its change."
        ),
    ] = DateType.edat,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="NCBI_API_KEY", show_default=False, help="NCBI API key: 10 requests a second, not 3."),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(envvar="NCBI_EMAIL", show_default=False, help="Where NCBI can reach you; it asks for it."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, max=9_999, help="Records a file.")] = 500,
    base_url: Annotated[str | None, typer.Option(help="Another E-utilities server, for a mirror or tests.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch the PubMed records of a query as XML files, checked against what the search counted.

    The same command goes on where it was stopped. Exit code 3 if records are missing in the end.

    Example: minecsc fetch "cancer stem cells AND cisplatin" --since 2015 --until 2024 --out pubmed --email me@x.org
    """
    order_days = _day(since, "--since"), _day(until, "--until", last=True)
    from minecsc.sources.eutils import BASE_URL, Eutils, Unanswered
    from minecsc.sources.fetch import fetch as run
    from minecsc.sources.fetch_state import Order

    if email is None and base_url is None and not quiet:
        typer.echo("NCBI asks users of its E-utilities for an address: --email, or NCBI_EMAIL.", err=True)
    order = Order(query, *order_days, date_type=date_type.value, batch=batch_size)
    server = Eutils(email=email, api_key=api_key, base_url=base_url or BASE_URL)
    try:
        report = run(order, out, server, progress=False if quiet else None)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What came is in {out}; the same command goes on from there.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except Unanswered as error:
        typer.echo(f"minecsc: {error}\nWhat came is in {out}; the same command goes on from there.", err=True)
        raise typer.Exit(_INCOMPLETE) from error
    if as_json:
        dump(asdict(report) | {"complete": report.complete})
    elif not quiet:
        _tell(report)
    if not report.complete:
        raise typer.Exit(_INCOMPLETE)


def _tell(report: FetchReport) -> None:
    for text in report.warnings:
        typer.echo(f"PubMed notes: {text}", err=True)
    typer.echo(
        f"{report.folder}: {report.received:,} of {report.expected:,} records "
        f"(files: {report.files:,}, slices of dates: {report.slices:,})"
    )
    for missing in report.missing:
        named = ", ".join(missing.pmids[:_SHOWN_PMIDS]) + (" …" if len(missing.pmids) > _SHOWN_PMIDS else "")
        typer.echo(f"missing {missing.count:,}: {missing.reason}" + (f" (PMID {named})" if named else ""))
    if report.missing:
        typer.echo("The same command asks for the missing records again.")


def _day(text: str, option: str, *, last: bool = False) -> date:
    """The day that is meant by a year, month or day: its first one, or its ``last``."""
    match = re.fullmatch(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a date: 2015, 2015-06 or 2015-06-30", param_hint=option)
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        month = month or (12 if last else 1)
        return date(year or 0, month, day or (calendar.monthrange(year or 0, month)[1] if last else 1))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date ({error})", param_hint=option) from error
