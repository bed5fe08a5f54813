"""The linking benchmark as JSON-able values, as tables for a console, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from minecsc.evaluation.linking import ALL, LinkingResult, LinkingScore

if TYPE_CHECKING:
    from rich.table import Table

REVIEW, SAMPLE = "review", "sample"
Grid = tuple[str, list[str], list[list[str]]]

_LEFT: Final = frozenset({"mentions of", "type", "linker", "score"})
_NOTE: Final = """\
Accuracy: right of the mentions that our vocabularies can express, given the mention; a mention with several
identifiers is right when the answer is one of them. Right of all: of every mention; or NIL: right, or NIL where nothing
of ours expresses the mention, of every mention. Answered: right of the expressible mentions that got an answer.
Broader: a family or broader term of what gold names, counted as wrong. NIL P: of mentions answered NIL, those that
nothing of ours expresses; NIL R: of those that nothing expresses, the ones answered NIL. Namesakes: gold's identifier
is beyond our vocabulary, and the answer bears the mention's very name (the human gene for one of a mouse, a drug under
a retired identifier), which cannot be checked here. False: any other answer to a mention that nothing expresses.
Diseases are offered as cancers, so those that are no neoplasm should be NIL. scispaCy: its candidate generator over
the names of the same knowledge base, with exact nearest neighbours in place of approximate ones."""


@dataclass(frozen=True)
class LinkingReport:
    """All results of one run. command: reproduces it; knowledge_base: digest of its content; split: of the corpora."""

    command: str
    knowledge_base: str
    split: str
    results: tuple[LinkingResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "command": self.command,
            "knowledge_base": self.knowledge_base,
            "split": self.split,
            "results": [result.to_dict() for result in self.results],
        }

    def grids(self) -> Iterator[Grid]:
        """The tables as (title, column names, rows of text)."""
        corpora = [r for r in self.results if r.source not in (REVIEW, SAMPLE)]
        if corpora:
            yield self._comparison(corpora)
            yield _details(f"Outcomes, public corpora, {self.split} split", corpora, groups=False)
        for source, title in (
            (REVIEW, "Entities of the seed review, their own names masked"),
            (SAMPLE, "Hand-checked mentions of real abstracts"),
        ):
            if found := [r for r in self.results if r.source == source]:
                yield _details(title, found, groups=True)
                if source == SAMPLE:
                    yield from _reliability(found[0])

    def _comparison(self, results: Sequence[LinkingResult]) -> Grid:
        systems = list(dict.fromkeys(r.system for r in results))
        by_key = {(r.source, r.system): r.scores for r in results}
        rows = []
        for source in dict.fromkeys(r.source for r in results):
            first = by_key[source, systems[0]]
            for group, score in first.items():
                if group == ALL or len(first) > 2:
                    cells = [_accuracy(by_key[source, system][group]) for system in systems]
                    label = group if group != ALL or len(first) > 2 else next(g for g in first if g != ALL)
                    rows.append([source, label, str(score.mentions), _percent(score.coverage), *cells])
        title = f"Accuracy given the mention, % (95 % interval), {self.split} split"
        return title, ["mentions of", "type", "mentions", "expressible %", *systems], rows

    def tables(self) -> Iterator[Table]:
        """The report as rich tables."""
        from rich.table import Table

        for title, columns, rows in self.grids():
            table = Table(title=title, title_justify="left", title_style="bold")
            for name in columns:
                table.add_column(name, justify="left" if name in _LEFT else "right")
            for row in rows:
                table.add_row(*row, style="bold" if ALL in row[:2] else "")
            yield table

    def to_markdown(self) -> str:
        """The tables with their reading and the command that makes them."""
        parts = [f"`{self.command}` on knowledge base `{self.knowledge_base}`:"]
        for title, columns, rows in self.grids():
            rule = _row("---" if name in _LEFT else "---:" for name in columns)
            parts.append("\n".join([f"### {title}", "", _row(columns), rule, *map(_row, rows)]))
        return "\n\n".join([*parts, _NOTE]) + "\n"


def _details(title: str, results: Sequence[LinkingResult], *, groups: bool) -> Grid:
    rows = [
        [
            *((result.source,) if not groups else ()),
            result.system,
            *((group,) if groups else ()),
            str(score.mentions),
            str(score.expressible),
            _accuracy(score),
            *((_percent(score.right / score.mentions), _percent(score.accuracy_of_all)) if groups else ()),
            _percent(score.precision),
            str(score.wrong),
            str(score.broader),
            str(score.abstained),
            _percent(score.nil_precision),
            _percent(score.nil_recall),
            str(score.namesakes),
            str(score.false),
        ]
        for result in results
        for group, score in result.scores.items()
        if groups or group == ALL
    ]
    columns = [
        *(("mentions of",) if not groups else ()), "linker", *(("type",) if groups else ()), "mentions",
        "expressible", "accuracy %", *(("right of all %", "or NIL %") if groups else ()), "answered %", "wrong",
        "broader", "abstained", "NIL P %", "NIL R %", "namesakes", "false",
    ]  # fmt: skip
    return title, columns, rows


def _reliability(result: LinkingResult) -> Iterator[Grid]:
    """The score of an answer against the share of right ones, in bins of a tenth."""
    if result.calibration is None:
        return
    rows = [
        [f"{b.low:.1f}–{b.high:.1f}", str(b.count), f"{b.confidence:.3f}", f"{b.accuracy:.3f}"]
        for b in result.calibration.bins
    ]
    title = f"What the score of {result.system} is worth: ECE {result.calibration.ece:.3f}"
    yield title, ["score", "answers", "mean score", "share right"], rows


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _accuracy(score: LinkingScore) -> str:
    if score.interval is None:
        return "–"
    low, high = score.interval
    return f"{_percent(score.accuracy)} ({_percent(low)}–{_percent(high)})"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
