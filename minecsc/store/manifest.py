"""What a run must record so that it can be repeated."""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import duckdb

from minecsc.ids import json_digest

_DECISIVE: Final = (
    "minecsc", "spacy", "scispacy", "torch", "transformers", "tokenizers", "numpy", "lxml", "duckdb",
    "pyarrow",
)  # fmt: skip


def utc_now() -> datetime:
    """The present in UTC, without a time zone: the form of every timestamp in the store."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_run_id(started: datetime | None = None) -> str:
    """A fresh identifier that sorts by time of start, e.g. ``20261122T160500.123456-9f3a01c2``."""
    moment = started if started is not None else utc_now()
    return f"{moment:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that decide what is extracted."""
    versions = {"python": platform.python_version()}
    for name in _DECISIVE:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # not every part of the package is needed for every run
            continue
    return versions


@dataclass(frozen=True, slots=True)
class RunManifest:
    """One extraction run. Times are UTC without a zone.

    inputs: (file name, SHA-256 of its bytes) in reading order. parameters: settings, JSON-able.
    pipeline_digest: what decides the result for a given text; by default the model's, the knowledge
    base's and the parameters' digest together. Documents extracted under an equal one are not redone.
    """

    run_id: str
    started: datetime
    finished: datetime | None
    inputs: tuple[tuple[str, str], ...]
    model_name: str
    model_digest: str
    kb_digest: str
    package_versions: Mapping[str, str] = field(default_factory=package_versions)
    seed: int | None = None
    device: str = "cpu"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pipeline_digest: str = ""

    def __post_init__(self) -> None:
        if not self.pipeline_digest:
            parts = [self.model_digest, self.kb_digest, dict(self.parameters)]
            object.__setattr__(self, "pipeline_digest", json_digest(parts))


def write_run(con: duckdb.DuckDBPyConnection, run: RunManifest, shards: Sequence[str]) -> None:
    """Stores the row of a run; one of the same id is replaced. ``shards``: keys of what it loaded."""
    con.execute("DELETE FROM run WHERE run_id = ?", [run.run_id])
    con.execute(
        """
        INSERT INTO run BY NAME
        SELECT $run_id AS run_id, $started::TIMESTAMP AS started, $finished::TIMESTAMP AS finished,
            $inputs::JSON::STRUCT(name VARCHAR, digest VARCHAR)[] AS inputs,
            $model_name AS model_name, $model_digest AS model_digest, $kb_digest AS kb_digest,
            $package_versions::JSON::MAP(VARCHAR, VARCHAR) AS package_versions,
            $seed::INTEGER AS seed, $device AS device, $parameters::JSON AS parameters,
            $pipeline_digest AS pipeline_digest, $shards::VARCHAR[] AS shards
        """,
        {
            "run_id": run.run_id,
            "started": run.started,
            "finished": run.finished,
            "inputs": json.dumps([{"name": name, "digest": digest} for name, digest in run.inputs]),
            "model_name": run.model_name,
            "model_digest": run.model_digest,
            "kb_digest": run.kb_digest,
            "package_versions": json.dumps(dict(run.package_versions)),
            "seed": run.seed,
            "device": run.device,
            "parameters": json.dumps(dict(run.parameters), sort_keys=True, default=str),
            "pipeline_digest": run.pipeline_digest,
            "shards": list(shards),
        },
    )
