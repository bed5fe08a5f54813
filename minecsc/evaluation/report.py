"""The result of an evaluation, and its three forms: JSON-able values, tables, Markdown."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from minecsc.errors import EvaluationError
from minecsc.evaluation.bootstrap import Counts, PairedComparison
from minecsc.evaluation.calibration import Calibration
from minecsc.evaluation.spans import MICRO
from minecsc.evaluation.taxonomy import MEANING, ErrorCount

if TYPE_CHECKING:
    from rich.table import Table

TITLES: Final[dict[str, str]] = {
    "entities.strict": "Entities, strict (offsets and type)",
    "entities.overlap": "Entities, overlap (same type, a shared character)",
    "linking.found": "Linking, of mentions with a known identifier that were found",
    "linking.end_to_end": "Linking end to end, of all mentions with a known identifier",
    "relations.strict": "Relations end to end, strict (both spans, types, relation, direction)",
    "relations.overlap": "Relations end to end, overlapping arguments",
    "relations.pair": "Relations end to end, pair only (untyped, undirected)",
    "relations.document": "Relations end to end, distinct facts of a document",
    "negation": "Negation, on relations both sides hold",
    "speculation": "Speculation, on relations both sides hold",
    "relations_given.strict": "Relations given the gold entities, strict",
    "relations_given.overlap": "Relations given the gold entities, overlapping arguments",
    "relations_given.pair": "Relations given the gold entities, pair only (untyped, undirected)",
    "negation_given": "Negation given the gold entities, on relations both sides hold",
    "speculation_given": "Speculation given the gold entities, on relations both sides hold",
    "frames.whole": "Frames, whole (every slot and both polarities)",
    "frames.slots": "Frames, slots of frames paired one to one",
}
"""Section → what it measures, in the order of reports."""

_DETAILED: Final = (
    "entities.strict",
    "entities.overlap",
    "linking.found",
    "relations.strict",
    "relations.document",
    "relations_given.strict",
    "frames.slots",
)


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 in [0, 1] with 95 % intervals; None where undefined (0 divided by 0).

    support: gold items; predicted: predicted items; matched: items both hold.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    matched: int
    precision_interval: tuple[float, float] | None = None
    recall_interval: tuple[float, float] | None = None
    f1_interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


ScoreTable = tuple[str, str, list[tuple[str, Score]]]
"""Title, name of the first column, and the labelled scores."""


@dataclass(frozen=True)
class Report:
    """Everything measured on a set of documents.

    scores: section → label → score, e.g. ``scores["relations.strict"]["micro"]``; see TITLES.
    document_key: what told the arguments of ``relations.document`` apart, "concept" or "name".
    counts: the counts per document behind the scores, for paired comparison.
    comparison: this system (A) against another (B) on the same documents. about: what was scored, name → value.
    """

    documents: int
    bootstrap: int
    seed: int
    document_key: str
    scores: dict[str, dict[str, Score]]
    calibration: dict[str, Calibration]
    errors: tuple[ErrorCount, ...]
    counts: Counts = field(repr=False, compare=False)
    comparison: tuple[PairedComparison, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    def score(self, section: str, label: str = MICRO) -> Score:
        """One score. Raises EvaluationError naming what there is where it was not measured."""
        try:
            return self.scores[section][label]
        except KeyError:
            known = ", ".join(self.scores.get(section, self.scores))
            raise EvaluationError(f"no score {section!r}, {label!r}; there are: {known}") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values of everything but the counts by document."""
        return {
            "about": dict(self.about),
            "documents": self.documents,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "document_key": self.document_key,
            "scores": {
                section: {label: score.to_dict() for label, score in labels.items()}
                for section, labels in self.scores.items()
            },
            "calibration": {name: value.to_dict() for name, value in self.calibration.items()},
            "errors": [
                {
                    "category": item.category,
                    "meaning": MEANING[item.category],
                    "missed": item.missed,
                    "false": item.false,
                    "examples": [example.to_dict() for example in item.examples],
                }
                for item in self.errors
            ],
            "comparison": [asdict(item) for item in self.comparison],
        }

    def score_tables(self) -> Iterator[ScoreTable]:
        """All sections over all types, then the sections of most interest by type, the commonest first."""
        summary = [(TITLES[section], self.scores[section][MICRO]) for section in TITLES if section in self.scores]
        yield f"{self.documents} documents", "what", summary
        for section in _DETAILED:
            if section in self.scores:
                yield TITLES[section], "type", sorted(self.scores[section].items(), key=_by_support)

    def grids(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """The tables of the report as (title, column names, rows of text)."""
        summary, *details = self.score_tables()
        yield _score_grid(summary)
        if self.comparison:
            rows = [_compared(item) for item in self.comparison]
            yield "This system (A) against the other (B), F1 on the same documents", _COMPARISON_COLUMNS, rows
        yield from map(_score_grid, details)
        if self.calibration:
            yield "Calibration of probabilities", _CALIBRATION_COLUMNS, list(self._calibration_rows())
        if any(item.missed or item.false for item in self.errors):
            rows = [[item.category, str(item.missed), str(item.false), MEANING[item.category]] for item in self.errors]
            yield "Errors of relations end to end", ["error", "missed", "false", "meaning"], rows

    def _calibration_rows(self) -> Iterator[list[str]]:
        for name, value in self.calibration.items():
            point = value.at_precision
            reached = (
                "not reached"
                if point is None
                else f"P {_percent(point.precision)} R {_percent(point.recall)} at p ≥ {point.threshold:.3f}"
            )
            yield [
                name,
                f"{value.ece:.3f}",
                f"{value.ece_mass:.3f}",
                f"{value.brier:.3f}",
                str(value.predictions),
                reached,
            ]

    def tables(self) -> Iterator[Table]:
        """The report as rich tables, for a console."""
        from rich.table import Table

        for title, columns, rows in self.grids():
            table = Table(title=title, title_justify="left", title_style="bold")
            for name in columns:
                numeric = name in NUMERIC
                table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
            for row in rows:
                table.add_row(*row, style="bold" if row[0] == MICRO else "")
            yield table

    def to_text(self, *, width: int = 120) -> str:
        """The tables as plain text of at most ``width`` columns."""
        from rich.console import Console

        console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
        for table in self.tables():
            console.print(table)
        stream = console.file
        return stream.getvalue() if isinstance(stream, io.StringIO) else ""

    def to_markdown(self) -> str:
        """The tables and the example errors as Markdown."""
        parts = []
        for title, columns, rows in self.grids():
            rule = _row("---:" if name in NUMERIC else "---" for name in columns)
            parts.append("\n".join([f"### {title}", "", _row(columns), rule, *map(_row, rows)]))
        examples = [
            f"- **{item.category}** {example.document_id}: gold `{example.gold or '–'}`, "
            f"predicted `{example.predicted or '–'}`\n  > {example.sentence}"
            for item in self.errors
            for example in item.examples
        ]
        if examples:
            parts.append("\n".join(["### Examples of errors", "", *examples]))
        if self.about:
            parts.append("\n".join(["### About", "", *(f"- {name}: {value}" for name, value in self.about.items())]))
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """The whole report as one page that needs nothing else: tables, charts, example errors."""
        from minecsc.evaluation.page import page

        return page(self)


_SCORE_COLUMNS: Final = ["P", "R", "F1", "95 % interval", "gold", "predicted", "matched"]
_COMPARISON_COLUMNS: Final = ["what", "A", "B", "A − B", "95 % interval", "p"]
NUMERIC: Final = frozenset({*_SCORE_COLUMNS, *_COMPARISON_COLUMNS[1:], "missed", "false", "ECE", "ECE mass", "Brier"})
"""Columns of :meth:`Report.grids` that hold figures."""
_CALIBRATION_COLUMNS: Final = ["probability of", "ECE", "ECE mass", "Brier", "predicted", "operating point"]


def _by_support(item: tuple[str, Score]) -> tuple[bool, int, str]:
    label, score = item
    return label != MICRO, -score.support, label


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _cells(score: Score) -> list[str]:
    low_high = score.f1_interval
    interval = "–" if low_high is None else f"{_percent(low_high[0])}–{_percent(low_high[1])}"
    return [
        _percent(score.precision),
        _percent(score.recall),
        _percent(score.f1),
        interval,
        str(score.support),
        str(score.predicted),
        str(score.matched),
    ]


def _score_grid(table: ScoreTable) -> tuple[str, list[str], list[list[str]]]:
    title, first, scores = table
    return title, [first, *_SCORE_COLUMNS], [[label, *_cells(score)] for label, score in scores]


def _compared(item: PairedComparison) -> list[str]:
    return [
        TITLES.get(item.section, item.section),
        _percent(item.f1_a),
        _percent(item.f1_b),
        f"{100 * item.difference:+.1f}",
        f"{100 * item.low:+.1f} to {100 * item.high:+.1f}",
        f"{item.p_value:.3f}",
    ]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
