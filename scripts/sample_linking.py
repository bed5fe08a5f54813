"""Draw the mentions of ``corpus/linking/sample.jsonl``: real CSC abstracts, stratified by entity type, by a fixed seed.

Writes stand-off lines without the identifiers that the mentions should get: those are decided by reading.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from minecsc.errors import MinecscError
from minecsc.evaluation import load_gold
from minecsc.schema import Extraction, Mention

QUOTA: Mapping[str, int] = {
    "Drug": 55,
    "Gene": 60,
    "Pathway": 30,
    "Process": 45,
    "Chemical": 20,
    "CSC": 35,
    "Cell": 30,
    "Cancer": 25,
}
PER_ABSTRACT = 4
SEED = 20261122
_ON_CSCS = re.compile(r"cancer stem|tumou?r[- ]initiating|stem-like|stemness", re.IGNORECASE)


def pool(dev: Sequence[Extraction], train: Sequence[Extraction]) -> Iterator[tuple[str, Extraction, Mention]]:
    """Every mention that may be drawn: all of dev, and of train where the abstract speaks of cancer stem cells."""
    for source, readings in (("gold/dev", dev), ("gold/train", train)):
        for reading in readings:
            if source == "gold/dev" or _ON_CSCS.search(reading.document.text):
                yield from ((source, reading, mention) for mention in reading.mentions)


def draw(
    candidates: Sequence[tuple[str, Extraction, Mention]],
    quota: Mapping[str, int] = QUOTA,
    *,
    per_abstract: int = PER_ABSTRACT,
    seed: int = SEED,
) -> list[dict[str, str | int]]:
    """Fill the quota of each type in random order: a name once per type, a few mentions of an abstract.

    The order depends on ``seed`` and on the candidates' order alone. Returns lines sorted by abstract and offset.
    """
    order = list(candidates)
    random.Random(seed).shuffle(order)
    taken: Counter[str] = Counter()
    of_abstract: Counter[str] = Counter()
    names: set[tuple[str, str]] = set()
    lines: list[dict[str, str | int]] = []
    for source, reading, mention in order:
        pmid, name = str(reading.document.pmid), (mention.type, mention.surface.casefold())
        if taken[mention.type] >= quota.get(mention.type, 0) or of_abstract[pmid] >= per_abstract or name in names:
            continue
        taken[mention.type] += 1
        of_abstract[pmid] += 1
        names.add(name)
        lines.append(
            {
                "pmid": pmid,
                "source": source,
                "sha256": reading.document.text_sha256,
                "start": mention.start,
                "end": mention.end,
                "type": mention.type,
            }
        )
    return sorted(lines, key=lambda line: (line["source"], int(line["pmid"]), line["start"]))


def main(
    output: Annotated[Path, typer.Argument(help="file to write")],
    shared: Annotated[Path, typer.Option(help="folder that holds gold/ with texts")] = Path("../shared"),
) -> None:
    """Draw the sample.

    Example: python scripts/sample_linking.py drawn.jsonl --shared ../shared
    """
    if output.exists():
        typer.echo(f"{output} exists; what has been decided there would be lost", err=True)
        raise typer.Exit(1)
    try:
        dev, train = (load_gold(shared / "gold" / name) for name in ("dev.jsonl", "train.jsonl"))
    except MinecscError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    lines = draw(list(pool(dev, train)))
    output.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    counted = Counter(line["type"] for line in lines)
    typer.echo(", ".join(f"{type_} {counted[type_]}" for type_ in QUOTA))


if __name__ == "__main__":
    typer.run(main)
