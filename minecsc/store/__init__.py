"""The store: one DuckDB file. Workers write shards, the loader loads them, everyone else reads."""

from __future__ import annotations

from minecsc.store.base import EvidenceBase, StoredRecord, open_base, stored_records
from minecsc.store.checks import Violation, check_base, content_hash
from minecsc.store.connect import SCHEMA_VERSION
from minecsc.store.evidence_io import (
    EvidenceRows,
    collection_paused,
    read_evidence,
    replace_evidence,
)
from minecsc.store.loader import LoadReport, load_shards
from minecsc.store.manifest import RunManifest, new_run_id, package_versions
from minecsc.store.result import Result
from minecsc.store.review_io import FrameRow, ReviewRows, StatementRow, read_review, replace_review
from minecsc.store.shards import ShardInfo, read_shard, write_shard

__all__ = [
    "SCHEMA_VERSION",
    "EvidenceBase",
    "EvidenceRows",
    "FrameRow",
    "LoadReport",
    "Result",
    "ReviewRows",
    "RunManifest",
    "ShardInfo",
    "StatementRow",
    "StoredRecord",
    "Violation",
    "check_base",
    "collection_paused",
    "content_hash",
    "load_shards",
    "new_run_id",
    "open_base",
    "package_versions",
    "read_evidence",
    "read_review",
    "read_shard",
    "replace_evidence",
    "replace_review",
    "stored_records",
    "write_shard",
]
