"""The main job on one machine: files in, a database of evidence out, resumable at every moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from tqdm import tqdm

from minecsc.engine.assemble import evidence_of
from minecsc.engine.processor import Processor, load_processor
from minecsc.engine.selection import Chunk, Selection
from minecsc.engine.summary import RunSummary
from minecsc.engine.work import WorkFolder, work_folder
from minecsc.ids import file_digest
from minecsc.schema import Extraction, Record, RecordError
from minecsc.sources import expand_inputs, read
from minecsc.store import (
    LoadReport,
    RunManifest,
    ShardInfo,
    load_shards,
    new_run_id,
    open_base,
    read_shard,
    write_shard,
)
from minecsc.store.manifest import utc_now

BATCH_SIZE: Final = 64
SHARD_SIZE: Final = 256
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """What the run has done so far. ``documents``: in its shards, a shard named twice counted twice."""

    read: int = 0
    present: int = 0
    superseded: int = 0
    documents: int = 0
    deletions: int = 0
    errors: int = 0
    processed: int = 0
    resumed: int = 0
    processing_seconds: float = 0.0
    shards: list[Path] = field(default_factory=list)
    inputs: list[tuple[str, str]] = field(default_factory=list)

    def add(self, chunk: Chunk, shard: ShardInfo | None) -> None:
        self.present += chunk.present
        self.superseded += chunk.superseded
        if shard is not None:
            self.shards.append(shard.path)
            self.documents += shard.counts["document"]
            self.deletions += shard.counts["deletion"]
            self.errors += shard.counts["error"]


def extract(
    inputs: Sequence[str | Path] | str | Path,
    db: Path | str,
    *,
    model: Path | str | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = BATCH_SIZE,
    shard_size: int = SHARD_SIZE,
    min_probability: float | None = None,
    entities: Path | str | None = None,
    entity_labels: Mapping[str, str | None] | None = None,
    resume: bool = True,
    progress: bool | None = None,
    format: str | None = None,
    process: Processor | None = None,
) -> RunSummary:
    """Reads ``inputs``, extracts from what ``db`` does not have yet and brings its evidence up to date.

    model, device, precision, batch_size, min_probability, entities, entity_labels: of the pipeline, see
    ``minecsc.load``; unused where ``process`` is given in its place. shard_size: records between two points
    of resumption. resume: go on from what an interrupted run left. progress: a bar on stderr; None shows it
    on a terminal only. format: of all inputs, where it should not be told from their content.

    The database changes at the end and at once. Whenever the run breaks off, the same call goes on from
    the last finished shard and ends with the same content. Raises SourceError, ModelError,
    KnowledgeBaseError or StoreError; a record that fails is counted and stored as an error instead.
    """
    clock, started = time.perf_counter(), utc_now()
    path = Path(db).expanduser().resolve()
    files = expand_inputs([inputs] if isinstance(inputs, str | Path) else inputs)
    if path.exists():
        open_base(path).close()  # better to hear of a foreign or locked database now than after hours
    processor = process or load_processor(
        model,
        device=device,
        precision=precision,
        batch_size=batch_size,
        min_probability=min_probability,
        entities=entities,
        entity_labels=entity_labels,
    )
    state = _Progress()
    with work_folder(path) as work, _kept(work, state):
        if not resume:
            work.clear()
        bar = tqdm(unit=" records", disable=None if progress is None else not progress, smoothing=0.1)
        with bar:
            _extract_shards(_records(files, format, state), path, work, processor, shard_size, state, bar)
        run = RunManifest(
            run_id=new_run_id(started),
            started=started,
            finished=utc_now(),
            inputs=tuple(state.inputs),
            model_name=processor.model_name,
            model_digest=processor.model_digest,
            kb_digest=processor.kb_digest,
            device=processor.device,
            parameters={**processor.settings, "batch_size": batch_size, "shard_size": shard_size},
            pipeline_digest=processor.digest,
        )
        report = None
        if state.shards or not path.exists():
            report = load_shards(path, state.shards, run, processor.concepts, evidence_of)
        keys, counts = _loaded(path)
        work.remove(keys)
    return _summary(run, path, len(files), state, report, counts, time.perf_counter() - clock)


def _records(files: Iterable[Path], format: str | None, state: _Progress) -> Iterator[Record]:
    for file in files:
        try:
            digest = file_digest(file)
        except OSError:  # the reader reports it
            digest = ""
        state.inputs.append((file.name, digest))
        yield from read(file, format=format)


def _extract_shards(
    records: Iterator[Record],
    db: Path,
    work: WorkFolder,
    processor: Processor,
    shard_size: int,
    state: _Progress,
    bar: tqdm[None],
) -> None:
    """Leaves a finished shard for every ``shard_size`` records that hold anything new."""
    selection = Selection(db, processor.digest)
    while records_read := list(islice(records, shard_size)):
        state.read += len(records_read)
        chunk = selection.chunk(records_read)
        shard = None
        if not chunk.empty:
            key = chunk.key(processor.digest)
            shard = work.finished(key)
            if shard is None:
                shard = _process(chunk, work, processor, key, state, bar)
            else:
                state.resumed += len(chunk.documents)
                bar.update(len(chunk.documents))
        bar.update(len(records_read) - len(chunk.documents))
        state.add(chunk, shard)


def _process(
    chunk: Chunk, work: WorkFolder, processor: Processor, key: str, state: _Progress, bar: tqdm[None]
) -> ShardInfo:
    begun = time.perf_counter()
    outcomes = processor.outcomes(chunk.documents, bar.update)
    state.processing_seconds += time.perf_counter() - begun
    state.processed += len(chunk.documents)
    extractions = [outcome for outcome in outcomes if isinstance(outcome, Extraction)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, RecordError)]
    return read_shard(write_shard(work.path, extractions, chunk.deletions, [*chunk.errors, *failures], key=key))


def _loaded(db: Path) -> tuple[set[str], dict[str, int]]:
    """Keys of all shards that the database has, those of a run killed after loading included; its counts."""
    with open_base(db) as base:
        keys = {row["key"] for row in base.sql("SELECT DISTINCT unnest(shards) AS key FROM run")}
        return keys, base.summary()


@contextmanager
def _kept(work: WorkFolder, state: _Progress) -> Iterator[None]:
    """Says, where a run breaks off, that nothing finished is lost."""
    try:
        yield
    except BaseException:
        if state.shards:
            _log.warning(
                "broken off; %d abstracts are kept in %s, and the same command goes on from there",
                state.documents,
                work.path,
            )
        raise


def _summary(
    run: RunManifest,
    db: Path,
    files: int,
    state: _Progress,
    report: LoadReport | None,
    counts: Mapping[str, int],
    seconds: float,
) -> RunSummary:
    extracted = report.documents if report else 0
    return RunSummary(
        run_id=run.run_id,
        database=str(db),
        files=files,
        read=state.read,
        extracted=extracted,
        present=state.present,
        superseded=state.superseded + state.documents - extracted,
        deletions=state.deletions,
        errors=state.errors,
        new_errors=report.new_errors if report else 0,
        processed=state.processed,
        resumed=state.resumed,
        mentions=report.mentions if report else 0,
        relations=report.relations if report else 0,
        frames=counts["frames"],
        statements=counts["statements"],
        seconds=seconds,
        processing_seconds=state.processing_seconds,
    )
