"""On-disk form of the knowledge base: four files that are mapped into memory, not parsed.

``concepts.bin``  concepts sorted by id, in zlib blocks of :data:`BLOCK` lines; one tab-separated line each
``index.npz``     block offsets and the first id of each block
``keys.npy``      sorted 64-bit hashes of folded surfaces (uint64)
``postings.npy``  for each key the concept's row (uint32, low 24 bits) and its type and tier (high 8 bits)
``rules.json``    sense rules for names whose reading depends on the document
``meta.json``     format, digest of the content, digests of the files, sources and counts
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minecsc.errors import KnowledgeBaseError
from minecsc.ids import file_digest
from minecsc.schema import ENTITY_TYPES, EntityType

FORMAT: Final = 1
BLOCK: Final = 64
FILES: Final = ("concepts.bin", "index.npz", "keys.npy", "postings.npy", "rules.json")
CURATED, NAME, OFFICIAL, SYNONYM, WEAK, REVIEW = range(6)
_ROW_BITS = 24
_ROW_MASK = (1 << _ROW_BITS) - 1


@dataclass(frozen=True, slots=True)
class Concept:
    """One entry of the knowledge base.

    concept_id: preferred CURIE; ``xrefs`` are CURIEs of equal entries elsewhere and of MeSH headings that index it;
    ``parents`` of broader ones.
    genes: ids of the genes it acts on (drugs) or is defined by (populations, axes).
    mechanism_class, strategy_class: one of schema.MECHANISM_CLASSES, schema.STRATEGY_CLASSES, or None.
    """

    concept_id: str
    name: str
    type: EntityType
    synonyms: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    mechanism_class: str | None = None
    strategy_class: str | None = None
    genes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Posting:
    """A concept that carries a looked-up key. tier: how good the name is.

    CURATED our own tables, NAME preferred, OFFICIAL long name, SYNONYM, WEAK old or shared, REVIEW as the seed
    review writes it (apart from the others, so that tests on the review's entities can mask it).
    """

    row: int
    type: EntityType
    tier: int


def key_hash(key: str) -> int:
    """64-bit hash of a folded surface; the same on every platform."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8"), digest_size=8).digest(), "big")


def pack(row: int, type_: EntityType, tier: int) -> int:
    """A posting as one 32-bit integer."""
    return row | ENTITY_TYPES.index(type_) << _ROW_BITS | tier << (_ROW_BITS + 3)


def unpack(value: int) -> Posting:
    """Inverse of :func:`pack`."""
    return Posting(value & _ROW_MASK, ENTITY_TYPES[value >> _ROW_BITS & 7], value >> (_ROW_BITS + 3))


def encode(concept: Concept) -> str:
    """A concept as one line. Names never hold tabs, pipes or newlines: the build removes them."""
    return "\t".join(
        (
            concept.concept_id, concept.name, concept.type, "|".join(concept.synonyms), "|".join(concept.xrefs),
            "|".join(concept.parents), concept.mechanism_class or "", concept.strategy_class or "",
            "|".join(concept.genes),
        )
    )  # fmt: skip


def decode(line: str) -> Concept:
    """Inverse of :func:`encode`."""
    id_, name, type_, synonyms, xrefs, parents, mechanism, strategy, genes = line.split("\t")
    return Concept(
        id_,
        name,
        type_,  # type: ignore[arg-type]
        tuple(synonyms.split("|")) if synonyms else (),
        tuple(xrefs.split("|")) if xrefs else (),
        tuple(parents.split("|")) if parents else (),
        mechanism or None,
        strategy or None,
        tuple(genes.split("|")) if genes else (),
    )


def write(
    folder: Path,
    concepts: Sequence[Concept],
    keys: Iterable[tuple[str, int]],
    rules: dict[str, Any],
    meta: dict[str, Any],
) -> dict[str, Any]:
    """Write a knowledge base and return its whole meta table.

    concepts: sorted by id; keys: (folded surface, packed posting) pairs in any order; meta: entries to add.
    The digest covers what is stored, not how zlib or numpy wrote it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = hashlib.blake2b(digest_size=16)
    offsets, first = [0], []
    with (folder / "concepts.bin").open("wb") as stream:
        for start in range(0, len(concepts), BLOCK):
            block = concepts[start : start + BLOCK]
            raw = "\n".join(map(encode, block)).encode("utf-8")
            content.update(raw)
            first.append(block[0].concept_id)
            offsets.append(offsets[-1] + stream.write(zlib.compress(raw, 9)))
    pairs = sorted({(key_hash(key), value) for key, value in keys})
    hashes = np.fromiter((h for h, _ in pairs), dtype=np.uint64, count=len(pairs))
    values = np.fromiter((v for _, v in pairs), dtype=np.uint32, count=len(pairs))
    np.save(folder / "keys.npy", hashes)
    np.save(folder / "postings.npy", values)
    _save_index(folder / "index.npz", np.array(offsets, dtype=np.uint32), np.array(first, dtype=np.bytes_))
    rules_text = json.dumps(rules, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "rules.json").write_text(rules_text, encoding="utf-8")
    for part in (hashes.tobytes(), values.tobytes(), rules_text.encode("utf-8")):
        content.update(part)
    meta = {
        "format": FORMAT,
        "digest": content.hexdigest(),
        "concepts": len(concepts),
        "keys": len(pairs),
        "files": {name: file_digest(folder / name) for name in FILES},
        **meta,
    }
    text = json.dumps(meta, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "meta.json").write_text(text, encoding="utf-8")
    return meta


def _save_index(path: Path, offsets: npt.NDArray[Any], first: npt.NDArray[Any]) -> None:
    # np.savez stamps no time into the archive, so equal content gives equal bytes
    np.savez(path, offsets=offsets, first=first)


@dataclass(frozen=True, slots=True)
class Tables:
    """The mapped files of one knowledge base."""

    meta: dict[str, Any]
    rules: dict[str, Any]
    blob: bytes | memoryview
    offsets: npt.NDArray[np.uint32]
    first: list[str]
    keys: npt.NDArray[np.uint64]
    postings: npt.NDArray[np.uint32]


def read(folder: Path) -> Tables:
    """Map a knowledge base written by :func:`write`.

    Raises KnowledgeBaseError where a file is missing, of another format, or not the one that meta.json names.
    """
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta.get("format") != FORMAT:
            raise KnowledgeBaseError(f"{folder}: format {meta.get('format')!r}, this version reads {FORMAT}")
        for name in FILES:
            if file_digest(folder / name) != meta["files"][name]:
                raise KnowledgeBaseError(f"{folder / name} is not the file that meta.json names: rebuild or reinstall")
        rules = json.loads((folder / "rules.json").read_text(encoding="utf-8"))
        with np.load(folder / "index.npz") as index:
            offsets, first = index["offsets"], index["first"]
        keys = np.load(folder / "keys.npy", mmap_mode="r")
        postings = np.load(folder / "postings.npy", mmap_mode="r")
        blob = (folder / "concepts.bin").read_bytes()
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"{folder} is not a complete knowledge base: {error}") from error
    return Tables(meta, rules, blob, offsets, [f.decode("utf-8") for f in first.tolist()], keys, postings)
