"""Figures of a benchmark beside what they should reach: as values, as Markdown, as rows for a console."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from minecsc.evaluation.spans import MICRO

_COLUMNS: Final = (
    "task", "corpus", "split", "of", "measure", "value", "95 % interval", "target", "reached", "P", "R", "gold",
    "predicted", "matched", "out of reach", "documents", "note",
)  # fmt: skip
_LEFT: Final = frozenset(("task", "corpus", "split", "of", "measure", "reached", "note"))


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value in [0, 1], None where undefined (nothing to find and nothing found).

    label: type measured, "micro" for all; interval: 95 %, by resampled documents; at_most: the target is an upper
    bound; unreachable: gold items that the model's form cannot give, counted as missed.
    """

    task: str
    corpus: str
    split: str
    label: str
    measure: str
    value: float | None
    interval: tuple[float, float] | None = None
    target: float | None = None
    at_most: bool = False
    precision: float | None = None
    recall: float | None = None
    gold: int | None = None
    predicted: int | None = None
    matched: int | None = None
    unreachable: int | None = None
    documents: int = 0
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the value reaches its target; None where there is no target or no value."""
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def cells(self) -> list[str]:
        """The figure as a row of text, in percent; an ECE as it is."""
        scale, digits = (1, 3) if self.measure == "ECE" else (100, 1)

        def number(value: float | None) -> str:
            return "–" if value is None else f"{scale * value:.{digits}f}"

        sign = "≤" if self.at_most else "≥"
        return [
            self.task,
            self.corpus,
            self.split,
            "all" if self.label == MICRO else self.label,
            self.measure,
            number(self.value),
            "–" if self.interval is None else f"{number(self.interval[0])}–{number(self.interval[1])}",
            "–" if self.target is None else f"{sign} {number(self.target)}",
            {True: "yes", False: "no", None: "–"}[self.reached],
            number(self.precision),
            number(self.recall),
            *("–" if n is None else str(n) for n in (self.gold, self.predicted, self.matched, self.unreachable)),
            str(self.documents),
            self.note,
        ]


@dataclass(frozen=True)
class Benchmark:
    """All figures of one run. notes: what was left out and why."""

    command: str
    model_digest: str
    split: str
    limit: int | None
    samples: int
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "model_digest": self.model_digest,
            "split": self.split,
            "limit": self.limit,
            "bootstrap": self.samples,
            "figures": [{**asdict(figure), "reached": figure.reached} for figure in self.figures],
            "notes": list(self.notes),
        }

    def grids(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """(title, column names, rows): what has a target or is over all types, then the rest by type."""
        main = [f for f in self.figures if f.label == MICRO or f.target is not None]
        yield "Figures and what they should reach", list(_COLUMNS), [f.cells() for f in main]
        if rest := [f.cells() for f in self.figures if f not in main]:
            yield "By type", list(_COLUMNS), rest

    def remarks(self) -> list[str]:
        """What a reader must know besides the figures."""
        limited = f"First {self.limit} documents of each corpus only: not figures to quote." if self.limit else ""
        return [line for line in (limited, *self.notes) if line]

    def to_markdown(self) -> str:
        """The tables with the command that made them."""
        parts = [f"`{self.command}`", f"Model {self.model_digest}. Intervals: {self.samples} resamples of documents."]
        parts += self.remarks()
        for title, columns, rows in self.grids():
            rule = _row("---" if name in _LEFT else "---:" for name in columns)
            parts.append("\n".join([f"### {title}", "", _row(columns), rule, *map(_row, rows)]))
        return "\n\n".join(parts) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
