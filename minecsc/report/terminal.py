"""Rows of the store as rich renderables: in colour on a terminal, complete without it.

Every function takes plain rows (dicts by the columns of the store's views) and prints nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

STYLES: Final[dict[str, str]] = {
    "Drug": "bold green",
    "Gene": "bold blue",
    "Pathway": "bold magenta",
    "Process": "bold cyan",
    "Chemical": "bold yellow",
    "CSC": "bold red",
    "Cell": "bold bright_black",
    "Cancer": "bold bright_magenta",
}
"""Entity type → colour."""

_ACTORS: Final = {"drug": "Drug", "mechanism": "Process", "population": "CSC"}
_VERBS: Final = {
    "resistance_to": "makes resistant to",
    "sensitizes_to": "sensitizes to",
    "marker_of": "is a marker of",
    "associated_with": "is associated with",
}


def document_view(document: Row, sentences: Iterable[Row], mentions: Sequence[Row], relations: Sequence[Row]) -> Text:
    """A document sentence by sentence: mentions as ``[surface|Type]``, relations under their sentence.

    document: of table ``document``; sentences, mentions: with offsets; relations: of view ``evidence``.
    """
    about = [document["document_id"], document.get("journal"), document.get("year")]
    flags = [name for name in ("retracted", "deleted") if document.get(name)]
    view = Text(" · ".join(str(part) for part in about if part), style="dim")
    if flags:
        view.append(f"  {' and '.join(flags).upper()}", style="bold red")
    view.append("\n\n")
    by_sentence: dict[str, list[Row]] = {}
    for relation in relations:
        by_sentence.setdefault(relation["sentence_id"], []).append(relation)
    for sentence in sentences:
        start, end = sentence["start_char"], sentence["end_char"]
        inside = [m for m in mentions if start <= m["start_char"] and m["end_char"] <= end]
        view.append_text(marked(document["text"], start, end, inside))
        view.append("\n")
        for relation in by_sentence.get(sentence["sentence_id"], []):
            view.append("    ")
            view.append_text(relation_phrase(relation))
            view.append("\n")
    return view


def marked(text: str, start: int, end: int, mentions: Iterable[Row]) -> Text:
    """``text[start:end]`` with its mentions marked and labelled."""
    view = Text()
    at = start
    for mention in sorted(mentions, key=lambda m: m["start_char"]):
        view.append(text[at : mention["start_char"]])
        view.append("[", style="dim")
        view.append(mention["surface"], style=STYLES[mention["type"]])
        view.append(f"|{mention['type']}]", style="dim")
        at = mention["end_char"]
    view.append(text[at:end])
    return view


def relation_phrase(row: Row) -> Text:
    """``head → verb → tail`` with its flags and probability."""
    phrase = Text()
    phrase.append(row["head"], style=STYLES[row["head_type"]])
    phrase.append(f" ─{row['type']}→ ")
    phrase.append(row["tail"], style=STYLES[row["tail_type"]])
    phrase.append(f"  {_flags(row)}p {row['probability']:.2f}", style="dim")
    return phrase


def relation_lines(rows: Iterable[Row]) -> Iterator[Text]:
    """Relations of view ``evidence``, each with its paper and sentence."""
    for row in rows:
        block = relation_phrase(row)
        block.append_text(_source(row))
        yield block


def frame_lines(rows: Iterable[Row]) -> Iterator[Text]:
    """Frames of view ``frame_view``, each with its paper and sentence."""
    for row in rows:
        block = frame_phrase(row)
        block.append(f"  {_flags(row)}belief {row['belief']:.2f}", style="dim")
        block.append_text(_source(row))
        yield block


def frame_phrase(row: Row) -> Text:
    """``drug ─decreases→ mechanism ─increases→ population, in cancer``, as far as the slots are filled."""
    phrase = Text()
    drug, mechanism, population = row["drug"], row["mechanism"], row["population"]
    chained = bool(drug and mechanism and row["drug_effect"])
    if chained:
        phrase.append(drug, style=STYLES["Drug"])
        phrase.append(f" ─{row['drug_effect']}→ ")
        phrase.append(mechanism, style=STYLES["Process"])
    actor, effect, target = row["csc_actor"], row["csc_effect"], row["target"]
    if actor and effect and target:
        if not (chained and actor == "mechanism"):
            phrase.append("; " if chained else "")
            phrase.append(str(row[actor]), style=STYLES[_ACTORS[actor]])
        phrase.append(f" ─{effect}→ ")
        phrase.append(target, style=STYLES["CSC"])
    named = population == target or actor == "population"
    context = [name for name in (None if named else population, row["cancer"]) if name]
    if context:
        phrase.append(f"  in {', '.join(context)}")
    return phrase


def _flags(row: Row) -> str:
    return "".join(f"{name}, " for name in ("negated", "speculative") if row[name])


def _source(row: Row, label: str = "") -> Text:
    paper = f"PMID {row['pmid']}" if row.get("pmid") else row["document_id"]
    year = f", {row['year']}" if row.get("year") else ""
    flags = "".join(f", {name}" for name in ("retracted", "deleted") if row.get(name))
    source = Text(f"\n    {label}{paper}{year}{flags}: ", style="dim")
    source.append(str(row["sentence"] or ""), style="italic")
    return source


def statement_table(rows: Iterable[Row]) -> Table:
    """Statements of view ``statement_view`` as a table."""
    table = Table()
    for name in ("head", "relation", "tail"):
        table.add_column(name, overflow="fold")
    for name in ("belief", "for", "against", "speculative", "years"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        years = [str(year) for year in dict.fromkeys((row["first_year"], row["last_year"])) if year]
        table.add_row(
            Text(row["head"], style=STYLES[row["head_type"]]),
            row["type"],
            Text(row["tail"], style=STYLES[row["tail_type"]]),
            f"{row['belief']:.2f}",
            *(str(row[f"documents_{side}"]) for side in ("for", "against", "speculative")),
            "–".join(years),
        )
    return table


def row_table(columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """Any rows as a table, in the order of ``columns``."""
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def verdict_table(verdicts: Sequence[str], rows: Iterable[tuple[str, Mapping[str, int]]]) -> Table:
    """Verdict counts, one row a chapter: (chapter, verdict → count)."""
    table = Table()
    table.add_column("chapter", overflow="fold")
    for name in (*verdicts, "total"):
        table.add_column(name.replace("_", " "), justify="right")
    for chapter, counts in rows:
        table.add_row(chapter, *(str(counts[name]) for name in verdicts), str(sum(counts.values())))
    return table


def verdict_lines(rows: Iterable[Row]) -> Iterator[Text]:
    """Judged assertions with the sentences they rest on.

    rows: ``assertion_id, head, relation, tail, verdict, meaning, belief, documents_for,
    documents_against, sentences`` (of view ``evidence``, with ``stance``).
    """
    for row in rows:
        block = Text(f"{row['assertion_id']}  ")
        verb = _VERBS.get(row["relation"], row["relation"])
        block.append(f"{row['head']} {verb} {row['tail']}", style="bold")
        belief = "" if row["belief"] is None else f", belief {row['belief']:.2f}"
        block.append(f"  {row['verdict'].replace('_', ' ')}", style=_VERDICT_STYLES.get(row["verdict"], ""))
        block.append(
            f" ({row['documents_for']} for, {row['documents_against']} against{belief}): {row['meaning']}",
            "dim",
        )
        for sentence in row["sentences"]:
            if sentence["stance"] in _COUNTED:
                block.append_text(_source(sentence, f"{sentence['stance']} · "))
        yield block


_COUNTED: Final = frozenset({"for", "against", "speculative"})
"""Stances that a verdict counts; the others only explain why nothing was found."""


_VERDICT_STYLES: Final = {
    "supported": "green",
    "contradicted": "red",
    "mixed": "yellow",
    "only_speculative": "cyan",
    "not_found": "dim",
}
