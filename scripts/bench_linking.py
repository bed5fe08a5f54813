"""What linking costs: size on disk, loading, memory, and its share of extraction time on real abstracts.

python scripts/bench_linking.py --abstracts 200 --json linking.json

Processor time, not wall time, so that a busy machine does not count. Loading and memory are measured in a process of
its own; the mentions are those that the shipped pipeline finds. Cold is the first pass over the abstracts, with empty
caches; warm is a second pass over the same ones.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer
from rich.console import Console
from rich.table import Table

from minecsc.resources import resource as shipped

_LINKER: Final = "minecsc_linker"
_WARM_UP: Final = 8
GOALS: Final = {"size_mb": 40.0, "load_cpu_s": 2.0, "peak_growth_mb": 400.0, "share_cold": 0.20}
"""Upper limits of issue 4."""


def _peak_mb() -> float:
    """Most memory this program has held; Linux only, since elsewhere the figure includes that of the parent."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise typer.BadParameter("this system does not tell a program's peak memory")


def child(surfaces: Path) -> dict[str, float]:
    """Loading and memory, in a process that has done nothing else. surfaces: JSON list of (surface, type, context)."""
    from minecsc.linking import KnowledgeBase, Linker

    mentions = json.loads(surfaces.read_text(encoding="utf-8"))
    before, wall, cpu = _peak_mb(), time.perf_counter(), time.process_time()
    linker = Linker(KnowledgeBase.load())
    linker.link("ABCG2", "Gene")
    loaded = {"load_cpu_s": time.process_time() - cpu, "load_wall_s": time.perf_counter() - wall}
    at_load = _peak_mb()
    for surface, type_, context in mentions:
        linker.link(surface, type_, context=context)
    return {**loaded, "load_growth_mb": at_load - before, "peak_growth_mb": _peak_mb() - before}


def _texts(shared: Path, count: int) -> list[str]:
    with gzip.open(shared / "csc" / "csc_abstracts.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [" ".join(part for part in (r["title"], r["abstract"]) if part) for r in rows][:count]


def measure(shared: Path, abstracts: int) -> dict[str, Any]:
    """All figures, by name; a limit of :data:`GOALS` holds for the one of its name."""
    from minecsc.nlp import load

    folder = shipped("models", "kb")
    texts = _texts(shared, abstracts + _WARM_UP)
    nlp = load(device="cpu")
    linker = nlp.get_pipe(_LINKER)
    with nlp.select_pipes(disable=[_LINKER]):
        list(nlp.pipe(texts[:_WARM_UP]))
        started = time.process_time()
        docs = list(nlp.pipe(texts[_WARM_UP:]))
        rest = time.process_time() - started
    mentions = [(e.text, e.label_, doc.text) for doc in docs for e in doc.ents]
    seconds = []
    for _ in ("cold", "warm"):
        started = time.process_time()
        docs = [linker(doc) for doc in docs]
        seconds.append(time.process_time() - started)
    linked = sum(bool(e.kb_id_) for doc in docs for e in doc.ents)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "mentions.json"
        path.write_text(json.dumps(mentions), encoding="utf-8")
        script = [sys.executable, __file__, "--child", str(path)]
        loading = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    return {
        "abstracts": len(docs), "mentions": len(mentions), "linked": linked,
        "distinct_surfaces": len({(s, t) for s, t, _ in mentions}),
        "size_mb": sum(f.stat().st_size for f in folder.iterdir()) / 1e6,
        **loading,
        "cold_ms_per_mention": 1e3 * seconds[0] / len(mentions),
        "warm_ms_per_mention": 1e3 * seconds[1] / len(mentions),
        "extraction_without_linking_ms_per_abstract": 1e3 * rest / len(docs),
        "share_cold": seconds[0] / (rest + seconds[0]),
        "share_warm": seconds[1] / (rest + seconds[1]),
    }  # fmt: skip


def main(
    shared: Annotated[Path, typer.Option(help="Folder of the real corpora")] = Path("../shared"),
    abstracts: Annotated[int, typer.Option(min=1, help="CSC abstracts to extract")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures here")] = None,
    child_of: Annotated[Path | None, typer.Option("--child", hidden=True)] = None,
) -> None:
    """Measure the knowledge base and the linker against the limits set for them.

    Example: python scripts/bench_linking.py --abstracts 100
    """
    if child_of is not None:
        typer.echo(json.dumps(child(child_of)))
        return
    found = measure(shared, abstracts)
    table = Table("what", "measured", "limit")
    for name, value in found.items():
        limit = GOALS.get(name)
        shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
        table.add_row(name, shown, "" if limit is None else f"{limit:g} {'met' if value <= limit else 'MISSED'}")
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
