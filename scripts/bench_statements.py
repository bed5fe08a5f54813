"""Time what statements cost: aggregation, years, refinement and storing, on generated relations over real concepts.

python scripts/bench_statements.py --documents 20000
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import duckdb
import typer

from minecsc.evidence import DocumentInfo, LinkedRelation, build_statements
from minecsc.evidence.refinement import refinements
from minecsc.evidence.statements import collect
from minecsc.linking import Concept, KnowledgeBase
from minecsc.schema import RELATION_TYPES, signature_allows
from minecsc.store.concepts import with_ancestors
from minecsc.store.connect import create_schema
from minecsc.store.evidence_io import put_evidence

T = TypeVar("T")


def generate(
    kb: KnowledgeBase, documents: int, each: int, names: int, seed: int
) -> tuple[list[LinkedRelation], dict[str, DocumentInfo], dict[str, Concept]]:
    """Relations between concepts drawn by Zipf's law from ``names`` of the knowledge base and their ancestors."""
    rng = random.Random(seed)
    drawn = with_ancestors({kb.row(row).concept_id for row in rng.sample(range(len(kb)), names)}, kb.concepts)
    pool = sorted(drawn.values(), key=lambda concept: concept.concept_id)
    rng.shuffle(pool)
    weights = [1.0 / (rank + 10) for rank in range(len(pool))]
    known = {f"pmid:{n}": DocumentInfo(f"pmid:{n}", 1990 + n % 35, n % 500 == 0) for n in range(documents)}
    drawn_twice = iter(rng.choices(pool, weights, k=12 * documents * each))
    relations: list[LinkedRelation] = []
    while len(relations) < documents * each:
        head, tail = next(drawn_twice), next(drawn_twice)
        types = [type_ for type_ in RELATION_TYPES if signature_allows(type_, head.type, tail.type)]
        if types and head is not tail:
            number = len(relations)
            document_id, place = f"pmid:{number // each}", rng.random()
            relations.append(
                LinkedRelation(
                    f"{document_id}#{number}",
                    document_id,
                    "",
                    rng.choice(types),
                    "",
                    head.concept_id,
                    head.name,
                    head.type,
                    "",
                    tail.concept_id,
                    tail.name,
                    tail.type,
                    place < 0.02,
                    0.02 < place < 0.08,
                    rng.uniform(0.4, 1.0),
                )
            )
    return relations, known, drawn


def timed(what: str, work: Callable[[], T]) -> T:
    """Runs ``work`` and prints the seconds of processor time it took."""
    start = time.process_time()
    result = work()
    typer.echo(f"{what}: {time.process_time() - start:.2f} s")
    return result


def main(
    documents: Annotated[int, typer.Option(help="Documents to generate.")] = 20_000,
    each: Annotated[int, typer.Option(help="Relations of each document.")] = 7,
    names: Annotated[int, typer.Option(help="Concepts to draw from, their ancestors apart.")] = 8_000,
    seed: int = 13,
) -> None:
    """Print processor seconds for each part."""
    relations, known, concepts = generate(KnowledgeBase.load(), documents, each, names, seed)
    evidence = timed("of which votes collected", lambda: collect(relations, known))
    narrower = timed("of which refinements found", lambda: refinements(evidence, concepts))
    pairs = sum(map(len, narrower.values()))
    typer.echo(f"{len(relations):,} relations, {len(evidence):,} statements, {len(concepts):,} concepts")
    typer.echo(f"{pairs:,} refinements of {len(narrower):,} statements")
    found = timed("all statements built", lambda: build_statements(relations, known, concepts))
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(str(Path(folder) / "base.duckdb")) as con:
        create_schema(con)
        timed("statements stored", lambda: put_evidence(con, [], found))
        years = timed("all of statement_year read", lambda: con.execute("FROM statement_year").fetchall())
        typer.echo(f"{len(years):,} years of statements")


if __name__ == "__main__":
    typer.run(main)
