"""The command line: thin verbs over the Python API.

Exit codes: 0 done; 1 something the user can mend, said in one coded line on stderr; 2 wrong usage;
3 finished, but records failed (``extract --strict``), are missing (``fetch``) or were refused (``curate``);
130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from typer.core import TyperGroup

from minecsc.cli_common import (
    DEFAULT_DB,
    Db,
    Device,
    EntitiesModel,
    EntityLabels,
    Json,
    Model,
    Precision,
    labels_of,
)
from minecsc.cli_common import dump as _dump
from minecsc.cli_common import show as _show
from minecsc.cli_curate import curate
from minecsc.cli_evaluate import evaluate
from minecsc.cli_export import export
from minecsc.cli_fetch import fetch
from minecsc.cli_train import train
from minecsc.errors import MinecscError, StoreError

if TYPE_CHECKING:
    from minecsc.store import EvidenceBase

_FAILED_RECORDS = 3


class _Group(TyperGroup):
    """Turns errors raised on purpose into one line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MinecscError as error:
            typer.echo(f"minecsc: {error}", err=True)
            raise typer.Exit(1) from error


main = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Mine PubMed abstracts for drug - mechanism - cancer stem cell evidence, and ask the result.",
)


class What(StrEnum):
    """What a query returns."""

    frames = "frames"
    relations = "relations"
    statements = "statements"


class Group(StrEnum):
    """Which assertions of the review a validation reports."""

    all = "all"
    validatable = "validatable"
    core = "core"


def _open(db: Path) -> EvidenceBase:
    from minecsc.store import open_base

    return open_base(db)


@main.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from minecsc import __version__

        typer.echo(f"minecsc {__version__}")
        raise typer.Exit()


@main.command()
def extract(
    inputs: Annotated[
        list[str], typer.Argument(help="Files, folders or patterns; see the README for the formats read. Plain or .gz.")
    ],
    db: Db = DEFAULT_DB,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Abstracts the model reads at a time.")] = 64,
    shard_size: Annotated[int, typer.Option(min=1, help="Records between two points of resumption.")] = 256,
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Do not go on from an interrupted run.")] = False,
    min_probability: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Keep relations from this probability on; default: the model's."),
    ] = None,
    entities_model: EntitiesModel = None,
    entity_labels: EntityLabels = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if any record failed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
    as_json: Json = False,
) -> None:
    """Read abstracts and store mentions, relations and frames in a database.

    Example: minecsc extract pubmed26n0001.xml.gz more/*.jsonl --db evidence.duckdb
    """
    from minecsc import report
    from minecsc.engine import extract as run

    summary = run(
        inputs,
        db,
        model=model,
        device=device,
        precision=precision,
        batch_size=batch_size,
        shard_size=shard_size,
        min_probability=min_probability,
        entities=entities_model,
        entity_labels=labels_of(entities_model, entity_labels),
        resume=not no_resume,
        progress=False if quiet else None,
    )
    if as_json:
        _dump(report.run_facts(summary))
    elif not quiet:
        _show([report.run_table(summary)])
    if strict and summary.errors:
        raise typer.Exit(_FAILED_RECORDS)


@main.command()
def query(
    db: Db = DEFAULT_DB,
    what: Annotated[What, typer.Option(help="What to list.")] = What.frames,
    drug: Annotated[str | None, typer.Option(help="Drug, by name, synonym or identifier.")] = None,
    mechanism: Annotated[str | None, typer.Option(help="Mechanism, by name, or a class such as wnt.")] = None,
    population: Annotated[str | None, typer.Option(help="Cancer stem cell population.")] = None,
    cancer: Annotated[str | None, typer.Option(help="Cancer.")] = None,
    relation: Annotated[str | None, typer.Option(help="Relation type, e.g. decreases.")] = None,
    min_belief: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least belief (of relations: probability).")
    ] = 0.0,
    exact: Annotated[bool, typer.Option("--exact", help="Only the concept named, not narrower ones.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, best first.")] = 20,
    sql: Annotated[str | None, typer.Option(help="Ask this SELECT instead.")] = None,
    as_json: Json = False,
) -> None:
    """Ask for frames, relations or statements, or anything in SQL.

    A name also finds what is narrower (Notch finds NOTCH1) unless --exact is given.

    Example: minecsc query --drug salinomycin --mechanism wnt --min-belief 0.5
    """
    from minecsc import report

    filters = (drug, mechanism, population, cancer, relation)
    if sql is not None and any(value is not None for value in filters):
        raise typer.BadParameter("--sql asks on its own: put the filters into it")
    if what is What.statements and cancer is not None:
        raise typer.BadParameter("a statement holds over all cancers: with --cancer, ask for frames or relations")
    with _open(db) as base:
        slots: dict[str, Any] = {"drug": drug, "mechanism": mechanism, "population": population, "exact": exact}
        if sql is not None:
            result = base.sql(sql)
            lines: Iterable[RenderableType] = [report.row_table(result.columns, result)]
        elif what is What.frames:
            result = base.frames(**slots, cancer=cancer, effect=relation, min_belief=min_belief, limit=limit)
            lines = report.frame_lines(result)
        elif what is What.relations:
            result = base.relations(
                **slots,
                cancer=cancer,
                type=relation,
                min_probability=min_belief,
                include_negated=True,
                limit=limit,
            )
            lines = report.relation_lines(result)
        else:
            result = base.statements(**slots, type=relation, min_belief=min_belief, limit=limit)
            lines = [report.statement_table(result)]
    if as_json:
        _dump(result.rows())
    elif len(result):
        _show(lines)
    else:
        typer.echo(f"no {'rows' if sql else what.value} match; nothing found is an answer too", err=True)


@main.command()
def show(
    pmid: Annotated[str, typer.Argument(help="PMID, or document id such as sample:0001.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show one abstract with its mentions and relations marked.

    Example: minecsc show 28123456 --db evidence.duckdb
    """
    from minecsc import report

    with _open(db) as base:
        found = report.document_rows(base, pmid)
    if as_json:
        _dump(found)
    else:
        _show([report.document_view(found["document"], found["sentences"], found["mentions"], found["relations"])])


@main.command()
def validate(
    db: Db = DEFAULT_DB,
    group: Annotated[Group, typer.Option(help="Which assertions to report; all are judged.")] = Group.all,
    sentences: Annotated[int, typer.Option(min=0, help="Judged assertions to print with their sentences.")] = 10,
    novel: Annotated[int, typer.Option(min=0, help="Statements to print that the review does not make.")] = 10,
    as_json: Json = False,
) -> None:
    """Hold the review against the evidence: a verdict for each assertion, its trials, and what it does not say.

    The outcome is stored in the database. Example: minecsc validate --group core
    """
    from minecsc import report
    from minecsc.review import validate as run

    found = run(db)
    with _open(db) as base:
        if as_json:
            _dump(report.validation_facts(base, found, group.value))
        else:
            _show(report.validation_view(base, found, group.value, sentences=sentences, novel=novel))


main.command()(fetch)
main.command()(evaluate)
main.command()(curate)
main.command()(export)
main.command()(train)


@main.command()
def info(
    db: Annotated[Path | None, typer.Option("--db", help="Also tell what is in this database.")] = None,
    as_json: Json = False,
) -> None:
    """Tell versions, device, model and knowledge base, and what a database holds.

    Example: minecsc info --db evidence.duckdb
    """
    from minecsc import report

    stored = None
    if db is not None:
        with _open(db) as base:
            stored = {"path": str(db), **report.overview(base), "runs": base.runs().rows()}
    facts = report.installation() | ({} if stored is None else {"database": stored})
    if as_json:
        _dump(facts)
    else:
        _show([report.fact_table(facts)])


@main.command()
def demo(
    db: Db = DEFAULT_DB,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace the database if it is there.")] = False,
) -> None:
    """Run the whole way on the sample abstracts: extract, validate, query; then explain what came out.

    Example: minecsc demo && minecsc query --drug salinomycin
    """
    from minecsc import report
    from minecsc.engine import extract as run
    from minecsc.resources import resource
    from minecsc.review import validate as judge

    sample = resource("corpus", "sample", "abstracts.jsonl")
    if db.exists():
        if not force:
            raise StoreError(f"{db} is there already: --force replaces it, --db FILE takes another")
        _open(db).close()  # only what is an evidence base may be replaced
        db.unlink()
    typer.echo("Reading the sample: abstracts written for this project, not real papers.")
    run([sample], db, device=device, resume=False)
    judge(db)
    with _open(db) as base:
        _show(report.demo_view(report.overview(base), report.best_frames(base, limit=5), db))
