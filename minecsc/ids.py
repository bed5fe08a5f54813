"""Stable identifiers: content decides them, so that runs and workers agree on every key."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest(*parts: str, size: int = 16) -> str:
    """BLAKE2b of the parts, separated so that ("ab", "c") differs from ("a", "bc"). Hexadecimal."""
    h = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        h.update(len(raw).to_bytes(8, "big"))
        h.update(raw)
    return h.hexdigest()


def json_digest(value: Any) -> str:
    """Digest of a JSON-able value, whatever the order of its keys."""
    return digest(json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, lower-case hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sentence_id(document_id: str, index: int) -> str:
    return f"{document_id}#s{index}"


def mention_id(document_id: str, start: int, end: int) -> str:
    """Mentions are flat and never overlap: the span is the key."""
    return f"{document_id}#{start}-{end}"


def relation_id(document_id: str, type_: str, head: tuple[int, int], tail: tuple[int, int]) -> str:
    return f"{document_id}#{type_}:{head[0]}-{head[1]}>{tail[0]}-{tail[1]}"
