"""Build ``corpus/review`` and ``corpus/gold`` from the folder of shared data.

The review's files are copied as they are. The gold annotations are cut down to stand-off form: PMID,
SHA-256 of the text, offsets and labels, and no word of the abstracts.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from minecsc.errors import MinecscError
from minecsc.evaluation import load_gold

REVIEW_FILES = ("assertions.jsonl", "trials.jsonl", "taxonomy.json", "seed_entities.tsv")
GOLD_FILES = ("train.jsonl", "dev.jsonl")
MADE = "model-assisted, two passes"


def stand_off(record: dict[str, Any]) -> dict[str, Any]:
    """What may be published of an annotated abstract: everything but its words."""
    return {
        "pmid": record["pmid"],
        "sha256": record["sha256"],
        "sentences": record["sentences"],
        "entities": [
            {key: entity[key] for key in ("id", "type", "start", "end", "sent")} for entity in record["entities"]
        ],
        "relations": [
            {key: relation[key] for key in ("type", "head", "tail", "negated", "speculative")}
            for relation in record["relations"]
        ],
        "batch": record["batch"],
        "made": MADE,
    }


def gold_lines(source: Path) -> tuple[bytes, str]:
    """The stand-off form of a gold file, one document a line, and a sentence that counts it.

    Raises EvaluationError where an annotation is invalid or a text does not have its SHA-256.
    """
    readings = load_gold(source)
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
    body = "".join(json.dumps(stand_off(row), ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    types = Counter(mention.type for reading in readings for mention in reading.mentions)
    relations = sum(len(reading.relations) for reading in readings)
    return body.encode(), f"{len(readings)} abstracts, {types.total()} entities, {relations} relations"


def place(target: Path, content: bytes, *, force: bool) -> None:
    """Write a file unless that would undo a change made to it since it was last built."""
    if target.exists() and target.read_bytes() != content and not force:
        typer.echo(f"{target} differs from what would be built; --force replaces it, corrections included", err=True)
        raise typer.Exit(1)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def main(
    shared: Annotated[Path, typer.Option(help="folder that holds review/ and gold/")] = Path("../shared"),
    corpus: Annotated[Path, typer.Option(help="folder to write review/ and gold/ into")] = Path("corpus"),
    force: Annotated[bool, typer.Option("--force", help="replace files that have been corrected by hand")] = False,
) -> None:
    """Copy the review's files and cut the gold annotations down to stand-off form.

    Example: python scripts/build_corpus.py --shared ../shared
    """
    try:
        for name in REVIEW_FILES:
            place(corpus / "review" / name, (shared / "review" / name).read_bytes(), force=force)
            typer.echo(f"review/{name}")
        for name in GOLD_FILES:
            content, counted = gold_lines(shared / "gold" / name)
            place(corpus / "gold" / name, content, force=force)
            typer.echo(f"gold/{name}: {counted}")
    except (MinecscError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
