"""``minecsc evaluate``: a model, or what a database holds, against annotated abstracts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minecsc.cli_common import Device, EntitiesModel, EntityLabels, Json, Model, Precision, dump, labels_of, show
from minecsc.errors import EvaluationError

if TYPE_CHECKING:
    from minecsc.evaluation import Report
    from minecsc.schema import Extraction


@dataclass(frozen=True)
class _System:
    """Where predictions come from: a database, or a model with its settings."""

    db: Path | None
    model: Path | None
    settings: dict[str, Any]
    given_entities: bool

    def answers(self, gold: Sequence[Extraction]) -> tuple[dict[str, Extraction], dict[str, Extraction] | None]:
        """Predictions end to end and, where asked for, between the gold entities."""
        if self.db is not None:
            from minecsc.evaluation.stored import stored_extractions
            from minecsc.store import open_base

            with open_base(self.db) as base:
                return stored_extractions(base, [reading.document.document_id for reading in gold]), None
        from minecsc.evaluation.predict import predict, predict_given
        from minecsc.nlp import load

        found = predict(gold, load(self.model, **self.settings))
        if not self.given_entities:
            return found, None
        sure = self.settings | {"entities": None, "entity_labels": None}
        return found, predict_given(gold, load(self.model, **sure, link=False, given_entities=True))

    def describe(self) -> dict[str, str]:
        """What to say of it in a report."""
        if self.db is not None:
            from minecsc.store import open_base

            with open_base(self.db) as base:
                models = sorted({f"{run['model_name']}, digest {run['model_digest']}" for run in base.runs()})
            return {"database": self.db.name, "model": "; ".join(models)}
        from minecsc.nlp.model_io import default_model, model_digest

        folder = self.model or default_model()
        kept = {name: value for name, value in self.settings.items() if value is not None}
        shown = ", ".join(f"{name} {value}" for name, value in kept.items())
        return {"model": f"{folder.name}, digest {model_digest(folder)}", "settings": shown}


def evaluate(
    gold: Annotated[Path, typer.Argument(help="Gold annotations, JSON lines, with text or stand-off.")],
    texts: Annotated[
        list[Path] | None, typer.Option("--texts", help="File with the texts of stand-off gold; repeatable.")
    ] = None,
    links: Annotated[
        Path | None, typer.Option(help="Checked identifiers of gold mentions, such as corpus/linking/sample.jsonl.")
    ] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    db: Annotated[Path | None, typer.Option("--db", help="Score what is stored here; run no model.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(exists=True, help="Compare with this model folder, or with this database of predictions."),
    ] = None,
    given_entities: Annotated[
        bool, typer.Option("--given-entities", help="Also score relations on the gold entities.")
    ] = False,
    entities_model: EntitiesModel = None,
    entity_labels: EntityLabels = None,
    min_probability: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Keep relations from this probability on.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples of the documents for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 13,
    examples: Annotated[int, typer.Option(min=0, help="Examples to keep of each kind of error.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Also write the report: .html, .json, .md, else text.")] = None,
    as_json: Json = False,
) -> None:
    """Score extraction against gold, with 95 % intervals by document and an error breakdown.

    Examples quote the abstracts: keep such reports to yourself, or write them with --examples 0.

    Example: minecsc evaluate dev.jsonl --given-entities --out report.html
    """
    if db is not None and (given_entities or any(v is not None for v in (model, entities_model, min_probability))):
        raise typer.BadParameter(
            "--db runs no model: leave out --model, --given-entities, --entities-model, --min-probability"
        )
    if against is not None and not bootstrap:
        raise typer.BadParameter("--against compares on resampled documents: --bootstrap must not be 0")
    settings = {"device": device, "precision": precision, "min_probability": min_probability}
    entities = {"entities": entities_model, "entity_labels": labels_of(entities_model, entity_labels)}
    system = _System(db, model, settings | entities, given_entities)
    from minecsc import __version__
    from minecsc.evaluation import compare, link_gold, load_gold, load_links, named_links
    from minecsc.evaluation import evaluate as score
    from minecsc.ids import file_digest
    from minecsc.linking import KnowledgeBase, Linker

    readings = load_gold(gold, texts or ())
    knowledge_base = KnowledgeBase.load()
    linked = link_gold(readings, Linker(knowledge_base))
    expected = named_links(readings) if links is None else load_links(links, readings)

    def measure(system: _System) -> Report:
        predicted, given = system.answers(readings)
        return score(
            linked,
            predicted,
            given=given,
            knowledge_base=knowledge_base,
            links=expected,
            bootstrap=bootstrap,
            seed=seed,
            examples=examples,
        )

    result = measure(system)
    about = {
        "gold": f"{gold.name}, SHA-256 {file_digest(gold)[:16]}",
        **system.describe(),
        "knowledge base": f"digest {knowledge_base.digest}",
        "made with": f"minecsc {__version__}",
    }
    if against is not None:
        stored = against.is_file()
        other = _System(against if stored else None, None if stored else against, settings, given_entities)
        comparison = compare(result.counts, measure(other).counts, samples=bootstrap, seed=seed)
        about |= {f"against, {name}": value for name, value in other.describe().items()}
        result = replace(result, comparison=comparison)
    result = replace(result, about=about)
    if out is not None:
        _write(result, out)
    if as_json:
        dump(result.to_dict())
    else:
        show(result.tables())


def _write(result: Report, out: Path) -> None:
    """Write the report in the form that the file's name asks for. Raises EvaluationError."""
    match out.suffix.lower():
        case ".json":
            text = json.dumps(result.to_dict(), indent=2, ensure_ascii=False) + "\n"
        case ".html" | ".htm":
            text = result.to_html()
        case ".md":
            text = result.to_markdown()
        case _:
            text = result.to_text()
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{out}: cannot be written ({error.strerror})") from error
