"""Extraction speed and memory on real abstracts, beside a spaCy pipeline of en_core_sci_md's architecture.

python scripts/bench_extract.py --json bench.json

Every system runs in processes of its own with one torch thread each. Times are of the texts alone, after loading and
a warm-up on other texts; where two processes share the work, both start on a signal. The peer is built from the
configuration that scispaCy publishes for its models (configs/base_parser_tagger.cfg and base_ner.cfg of
allenai/scispacy), with random weights, which speed does not depend on, and without its lemmatizer and attribute ruler.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

REPO = Path(__file__).resolve().parent.parent
PRECISIONS = ("fp32", "bf16", "int8")
OURS = [f"minecsc {p}" for p in PRECISIONS]
MODEL = [f"minecsc {p}, network alone" for p in PRECISIONS]
PEER, PEER_NER = "en_core_sci_md architecture", "en_core_sci_md architecture, NER alone"
SYSTEMS = [*OURS, *MODEL, PEER, PEER_NER]
WARM_UP = 24

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One system with so many processes. cpu_ms: processor time an abstract; peak_mb: of all its processes."""

    system: str
    processes: int
    abstracts_per_second: float
    cpu_ms: float
    peak_mb: float


def abstracts(shared: Path, count: int) -> list[Row]:
    """``count`` abstracts on cancer stem cells first, then others of the background, and as many to warm up on."""
    found: list[Row] = []
    for name in ("csc_abstracts", "background_abstracts"):
        with gzip.open(shared / "csc" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
            rows = (
                {"id": r["pmid"], "title": r["title"] or "", "abstract": r["abstract"]}
                for r in map(json.loads, stream)
                if r["abstract"]
            )
            found += itertools.islice(rows, count + WARM_UP - len(found))
    return found


def peer(*, ner_alone: bool) -> Any:
    """scispaCy's md pipeline with random weights: tagger and parser over one encoder, NER over its own."""
    import numpy as np
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example

    rng = random.Random(1)
    names = [f"word{k}" for k in range(50_000)]
    nlp = spacy.blank("en")
    table = np.random.default_rng(1).normal(size=(len(names), 200)).astype("float32")
    nlp.vocab.vectors = spacy.vectors.Vectors(strings=nlp.vocab.strings, data=table, keys=names)
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 96,
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 3,
    }

    def tok2vec(attrs: Sequence[str], rows: Sequence[int]) -> dict[str, Any]:
        embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 96, "attrs": list(attrs), "rows": list(rows)}
        return {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": {**embed, "include_static_vectors": True},
            "encode": encode,
        }

    def transitions(state: str, layer: dict[str, Any]) -> dict[str, Any]:
        sizes = {"extra_state_tokens": False, "hidden_width": 128, "maxout_pieces": 3, "use_upper": True, "nO": None}
        return {
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": state,
                **sizes,
                "tok2vec": layer,
            }
        }

    if not ner_alone:
        attrs, rows = ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"], [5000, 1000, 2500, 2500, 50, 50]
        listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
        nlp.add_pipe("tok2vec", config={"model": tok2vec(attrs, rows)})
        tagger = {"@architectures": "spacy.Tagger.v2", "nO": None, "normalize": False, "tok2vec": listener}
        nlp.add_pipe("tagger", config={"model": tagger})
        nlp.add_pipe("parser", config={**transitions("parser", listener), "min_action_freq": 1})
    own = tok2vec(["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY"], [5000, 2500, 2500, 2500, 100])
    nlp.add_pipe("ner", config=transitions("ner", own))
    examples = []
    for _ in range(60):  # made-up sentences with the label sets' sizes of the published models
        words = rng.choices(names, k=25)
        reference = Doc(
            nlp.vocab,
            words=words,
            tags=[f"T{rng.randrange(48)}" for _ in words],
            heads=[0, *range(len(words) - 1)],
            deps=["ROOT", *(f"d{rng.randrange(45)}" for _ in words[1:])],
            ents=[rng.choice(["O", "O", "B-ENTITY"]) for _ in words],
        )
        examples.append(Example(Doc(nlp.vocab, words=words), reference))
    spacy.util.fix_random_seed(1)
    nlp.initialize(lambda: examples)
    for at in range(0, len(examples), 10):  # the layer of the actions starts at zero: move it off
        nlp.update(examples[at : at + 10])
    return nlp


def runner(system: str) -> Callable[[Sequence[Row]], None]:
    """Loads a system; calling the result works through texts."""
    if system in (PEER, PEER_NER):
        nlp = peer(ner_alone=system == PEER_NER)

        def read(rows: Sequence[Row]) -> None:
            for doc in nlp.pipe(f"{r['title']} {r['abstract']}".strip() for r in rows):
                list(doc.ents)

        return read
    from minecsc.nlp import load
    from minecsc.nlp.records import extract_documents, make_doc
    from minecsc.schema import Document, Extraction

    nlp = load(device="cpu", precision=system.split()[1].rstrip(","), link=system not in MODEL)

    def documents(rows: Sequence[Row]) -> list[Document]:
        return [Document(f"pmid:{r['id']}", r["title"], r["abstract"]) for r in rows]

    def extract(rows: Sequence[Row]) -> None:
        for result in extract_documents(nlp, documents(rows)):
            if not isinstance(result, Extraction):
                raise SystemExit(f"{result.record}: {result.reason}")

    if system not in MODEL:
        return extract
    component: Any = nlp.get_pipe("minecsc_extractor")
    inputs: dict[str, Any] = {}

    def prepare(rows: Sequence[Row]) -> None:
        """Word by word, so that the timed part is the network's alone."""
        for document in documents(rows):
            doc = nlp.get_pipe("minecsc_sentences")(make_doc(nlp, document))
            inputs[document.document_id] = component._input(doc, [t.i for t in doc if not t.is_space])

    def predict(rows: Sequence[Row]) -> None:
        component.extractor.predict([inputs[f"pmid:{r['id']}"] for r in rows])

    predict.prepare = prepare  # type: ignore[attr-defined]
    return predict


def child(system: str) -> None:
    """Texts come on the first line of stdin, the signal to start on the second; the figures go to stdout."""
    rows = json.loads(sys.stdin.readline())
    work = runner(system)
    getattr(work, "prepare", lambda _: None)(rows)
    work(rows[:WARM_UP])
    print("ready", flush=True)
    sys.stdin.readline()
    clock, used = time.perf_counter(), time.process_time()
    work(rows[WARM_UP:])
    wall, used = time.perf_counter() - clock, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "cpu": used, "peak": peak, "texts": len(rows) - WARM_UP}), flush=True)


def measure(system: str, processes: int, rows: Sequence[Row]) -> Measure:
    """Runs a system on ``rows``, divided between so many fresh processes."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"), "1")
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), "--child", system]
    running = [
        subprocess.Popen(
            command, cwd=REPO, env={**os.environ, **single}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(processes)
    ]
    pipes = []
    for k, process in enumerate(running):
        if process.stdin is None or process.stdout is None:
            raise SystemExit("no pipes to the processes measured")
        process.stdin.write(json.dumps([*rows[:WARM_UP], *rows[WARM_UP + k :: processes]]) + "\n")
        process.stdin.flush()
        pipes.append((process.stdin, process.stdout))
    for _, out in pipes:
        if out.readline().strip() != "ready":
            raise SystemExit(f"{system}: the process measured broke off")
    for into, _ in pipes:
        into.write("go\n")
        into.flush()
    found = [json.loads(out.readline()) for _, out in pipes]
    for process in running:
        process.communicate()
    texts = sum(f["texts"] for f in found)
    return Measure(
        system=system,
        processes=processes,
        abstracts_per_second=round(texts / max(f["wall"] for f in found), 1),
        cpu_ms=round(1000 * sum(f["cpu"] for f in found) / texts, 1),
        peak_mb=round(sum(f["peak"] for f in found)),
    )


class Stopwatch:
    """Processor time in functions by label, without that of timed functions they call."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Puts a timed function in the place of ``owner.name``."""
        function = getattr(owner, name)
        self.seconds.setdefault(label, 0.0)

        def timed(*args: Any, **named: Any) -> Any:
            begun = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*args, **named)
            finally:
                spent = time.process_time() - begun
                self.seconds[label] += spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        setattr(owner, name, timed)


def profile(precision: str, rows: Sequence[Row]) -> dict[str, float]:
    """Processor milliseconds an abstract in each part of ``minecsc extract``, one thread; linking starts cold."""
    import tempfile

    import torch

    from minecsc.nlp import components, decoding, encoding, fast, load, records, tokenization
    from minecsc.schema import Document
    from minecsc.store import shards

    torch.set_num_threads(1)
    documents = [Document(f"pmid:{r['id']}", r["title"], r["abstract"]) for r in rows]
    nlp = load(device="cpu", precision=precision)
    list(records.extract_documents(nlp, documents[:WARM_UP]))
    watch = Stopwatch()
    for owner, name, label in (
        (tokenization.WordTokenizer, "__call__", "words and Doc"),
        (components.Sentences, "__call__", "sentences"),
        (components.Abbreviations, "__call__", "abbreviations"),
        (encoding.PieceEncoder, "encode", "word pieces and features"),
        (fast.BertStates, "__call__", "encoder"),
        (fast._Words, "__call__", "word layer"),
        (fast.FastNetwork, "encode", "word vectors and tag scores"),
        (decoding.Decoder, "__call__", "tags and posteriors"),
        (fast.FastNetwork, "pair_scores", "pairs"),
        (components.ExtractorComponent, "_annotate", "mentions, relations, spans"),
        (components.LinkerComponent, "__call__", "linking"),
        (records, "extraction_from_doc", "records"),
        (shards, "write_shard", "shard"),
        (records, "_batch", "rest of the pipeline"),
    ):
        watch.watch(owner, name, label)
    found = [r for r in records.extract_documents(nlp, documents[WARM_UP:]) if not isinstance(r, records.RecordError)]
    with tempfile.TemporaryDirectory() as folder:
        shards.write_shard(Path(folder), found, key="profile")
    return {label: round(1000 * spent / len(found), 2) for label, spent in watch.seconds.items()}


def parity(shared: Path, precisions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Strict F1 of entities and relations on gold/dev in each precision."""
    from minecsc.evaluation import evaluate, load_gold
    from minecsc.evaluation.predict import predict
    from minecsc.nlp import load

    gold = load_gold(shared / "gold" / "dev.jsonl")
    for precision in precisions:
        result = evaluate(gold, predict(gold, load(device="cpu", precision=precision, link=False)), bootstrap=0)
        entities, relations = result.score("entities.strict"), result.score("relations.strict")
        yield {"precision": precision, "entity_f1": entities.f1, "relation_f1": relations.f1}


def show(console: Console, measures: Sequence[Measure], scores: Sequence[dict[str, Any]]) -> None:
    table = Table(title="Extraction on a CPU")
    for name in ("system", "processes", "abstracts/s", "CPU ms/abstract", "peak MB"):
        table.add_column(name, justify="left" if name == "system" else "right")
    for m in measures:
        table.add_row(
            m.system, str(m.processes), f"{m.abstracts_per_second:.1f}", f"{m.cpu_ms:.1f}", f"{m.peak_mb:.0f}"
        )
    console.print(table)
    if scores:
        table = Table("precision", "entity F1", "relation F1", title="gold/dev, strict, end to end")
        for s in scores:
            table.add_row(s["precision"], f"{100 * s['entity_f1']:.2f}", f"{100 * s['relation_f1']:.2f}")
        console.print(table)


def main(
    shared: Annotated[Path, typer.Option(help="Folder of the real corpora.")] = REPO.parent / "shared",
    texts: Annotated[int, typer.Option(min=1, help="Abstracts to time.")] = 300,
    only: Annotated[list[str] | None, typer.Option(help="Systems whose name begins so; default: all.")] = None,
    processes: Annotated[list[int] | None, typer.Option(min=1, help="Numbers of processes; default: 1 and 2.")] = None,
    with_parity: Annotated[bool, typer.Option("--parity/--no-parity", help="Also score each precision.")] = True,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    parts: Annotated[
        str | None, typer.Option("--profile", help="Instead: where the time of an abstract goes in this precision.")
    ] = None,
    run_child: Annotated[str | None, typer.Option("--child", hidden=True)] = None,
) -> None:
    """Times our pipeline in each precision and the peer; each system in fresh processes."""
    console = Console()
    if run_child is not None:
        child(run_child)
        return
    if not (shared / "csc" / "csc_abstracts.jsonl.gz").exists():
        console.print(f"{shared} has no real abstracts: nothing to measure on (--shared names another folder)")
        raise typer.Exit(2)
    rows = abstracts(shared, texts)
    if parts is not None:
        spent = profile(parts, rows)
        table = Table("part", "CPU ms/abstract", "%", title=f"minecsc extract, {parts}, {texts} abstracts, one thread")
        for label, ms in spent.items():
            table.add_row(label, f"{ms:.2f}", f"{100 * ms / sum(spent.values()):.1f}")
        table.add_row("sum", f"{sum(spent.values()):.2f}", "")
        console.print(table)
        return
    systems = [s for s in SYSTEMS if not only or s.startswith(tuple(only))]
    measures = []
    for system, count in itertools.product(systems, processes or [1, 2]):
        with console.status(f"{system}, {count} process(es)"):
            measures.append(measure(system, count, rows))
    scores: list[dict[str, Any]] = []
    if with_parity and (shared / "gold" / "dev.jsonl").exists():
        with console.status("parity on gold/dev"):
            scores = list(parity(shared, PRECISIONS))
    elif with_parity:
        console.print(f"{shared / 'gold' / 'dev.jsonl'} is not there: no parity table")
    show(console, measures, scores)
    if out is not None:
        record = {"texts": texts, "cores": os.cpu_count(), "measures": [asdict(m) for m in measures], "parity": scores}
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
