"""Linking accuracy given the mention: public corpora, the seed review's entities, the hand-checked sample.

python scripts/benchmark_linking.py --split test --markdown linking.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from minecsc.errors import MinecscError
from minecsc.evaluation.linking import LinkingResult, Vocabulary, evaluate_linking
from minecsc.evaluation.linking_cases import CORPORA, corpus_cases, pipeline_expander, review_cases, sample_cases
from minecsc.evaluation.linking_report import REVIEW, SAMPLE, LinkingReport
from minecsc.evaluation.linking_systems import ExactMatch, Ours, Scispacy, ScispacyCandidates, System
from minecsc.linking import KnowledgeBase, Linker
from minecsc.linking.layout import REVIEW as REVIEW_TIER

_WIDTH = 170  # columns that the widest table needs
REPO = Path(__file__).resolve().parent.parent


class Split(StrEnum):
    train = "train"
    dev = "dev"
    test = "test"


def run(
    kb_folder: Path | None, shared: Path, sample: Path, split: Split, only: list[str], with_scispacy: bool, samples: int
) -> Iterator[LinkingResult]:
    """Results in the order of the report; what ``only`` does not name is left out."""
    kb = KnowledgeBase.load(kb_folder)
    vocabulary, expander = Vocabulary(kb), pipeline_expander()
    systems: list[System] = [Ours(Linker(kb)), ExactMatch(kb)]
    if with_scispacy and {*CORPORA, SAMPLE} & set(only):
        candidates = ScispacyCandidates(kb)
        systems += [Scispacy(candidates, typed=False), Scispacy(candidates, typed=True)]
    for corpus in CORPORA:
        if corpus in only:
            cases = corpus_cases(shared / "corpora", corpus, split.value, expander)
            yield from evaluate_linking(corpus, cases, systems, vocabulary, samples=samples)
    if REVIEW in only:
        masked = KnowledgeBase.load(kb_folder, mask=[REVIEW_TIER])
        cases = review_cases(shared / "review" / "seed_entities.tsv")
        yield from evaluate_linking(REVIEW, cases, [Ours(Linker(masked)), ExactMatch(masked)], vocabulary)
    if SAMPLE in only:
        texts = [shared / "gold" / f"{part}.jsonl" for part in ("train", "dev")]
        texts += sorted((shared / "csc").glob("*.jsonl.gz"))
        yield from evaluate_linking(SAMPLE, sample_cases(sample, texts, expander), systems, vocabulary)


def write_misses(path: Path, results: list[LinkingResult]) -> None:
    """One line a mention that did not come out right; none of the sample, which is for measuring only."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("source\tlinker\toutcome\ttype\tsurface\tgold\tanswer\tname\tscore\tdocument\tlong form\n")
        for result in results:
            for miss in result.misses if result.source != SAMPLE else ():
                case, answer = miss.case, miss.answer
                told = (
                    ("", "", "") if answer is None else (answer.concept.concept_id, answer.concept.name, answer.score)
                )
                cells = (
                    result.source, result.system, miss.outcome, case.group, case.surface, "|".join(case.gold), *told,
                    case.document, case.expansions.get(case.surface, ""),
                )  # fmt: skip
                stream.write("\t".join(" ".join(str(cell).split()) for cell in cells) + "\n")


def main(
    split: Annotated[Split, typer.Option(help="Split of the public corpora; test is for the final table.")] = Split.dev,
    only: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join([*CORPORA, REVIEW, SAMPLE])}; repeatable, default all.")
    ] = None,
    shared: Annotated[Path, typer.Option(help="Folder with corpora/, review/, gold/ and csc/.")] = Path("../shared"),
    sample: Annotated[Path, typer.Option(help="The hand-checked mentions.")] = REPO / "corpus/linking/sample.jsonl",
    kb: Annotated[Path | None, typer.Option(help="Another build of the knowledge base than the shipped one.")] = None,
    scispacy: Annotated[bool, typer.Option(help="Compare scispaCy's candidate generator.")] = True,
    bootstrap: Annotated[int, typer.Option(help="Resamples behind the intervals.")] = 1000,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here.")] = None,
    errors: Annotated[
        Path | None, typer.Option(help="Write what went wrong here; not of the test split or the sample.")
    ] = None,
) -> None:
    """Compare the linker with exact match and scispaCy's candidate generator over the same names.

    Example: python scripts/benchmark_linking.py --split dev --only biored --no-scispacy --errors errors.tsv
    """
    names = only or [*CORPORA, REVIEW, *([SAMPLE] if sample.exists() else [])]
    if unknown := set(names) - {*CORPORA, REVIEW, SAMPLE}:
        typer.echo(
            f"nothing is called {', '.join(sorted(unknown))}; there are: {', '.join([*CORPORA, REVIEW, SAMPLE])}",
            err=True,
        )
        raise typer.Exit(2)
    if errors is not None and split is Split.test:
        typer.echo("errors of the test split stay unread, so that nothing is tuned on them", err=True)
        raise typer.Exit(2)
    if not sample.exists() and only is None:
        typer.echo(f"without the hand-checked sample: {sample} is not there", err=True)
    try:
        results = tuple(run(kb, shared, sample, split, names, scispacy, bootstrap))
        digest = KnowledgeBase.load(kb).digest
    except MinecscError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    options = [
        f"--split {split.value}",
        *(f"--only {name}" for name in only or ()),
        *([] if scispacy else ["--no-scispacy"]),
    ]
    command = " ".join(["python scripts/benchmark_linking.py", *options])
    report = LinkingReport(command, digest, split.value, results)
    console = Console(width=max(Console().width, _WIDTH))
    for table in report.tables():
        console.print(table)
    if json_ is not None:
        json_.write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
    if markdown is not None:
        markdown.write_text(report.to_markdown(), encoding="utf-8")
    if errors is not None:
        write_misses(errors, list(results))


if __name__ == "__main__":
    typer.run(main)
