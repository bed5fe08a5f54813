"""What a folder of fetched records remembers: the order, the slices searched, and the files that came."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import asdict, dataclass, field, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from minecsc.errors import SourceError
from minecsc.ids import digest, file_digest
from minecsc.sources.eutils import DateType, Found, History

STATE_FOLDER: Final = ".fetch"
MANIFEST: Final = "manifest.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch: a PubMed query, its first and last day, the date that is meant, and records a file."""

    query: str
    since: date
    until: date
    date_type: DateType = "edat"
    batch: int = 500

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise SourceError("the query is empty")
        if self.since > self.until:
            raise SourceError(f"the first day, {self.since}, lies after the last, {self.until}")
        if self.batch < 1:
            raise SourceError(f"a file needs room for a record; batch={self.batch}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"since": self.since.isoformat(), "until": self.until.isoformat()}


@dataclass(slots=True)
class Slice:
    """One search: its days, the records the server counted, and those it listed, each once, in its order.

    history: where the server keeps the result; None once it does not any more.
    """

    since: str
    until: str
    count: int
    pmids: tuple[str, ...]
    history: History | None
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.since}_{self.until}"


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that came. missing: PMIDs of its batch that the server did not give. sha256: of the compressed bytes."""

    records: int
    missing: tuple[str, ...]
    sha256: str


@dataclass(slots=True)
class State:
    """The state of a folder; every change is on disk before the call that makes it returns."""

    folder: Path
    order: Order
    slices: list[Slice] = field(default_factory=list)
    files: dict[str, FetchedFile] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, order: Order) -> State:
        """The state of ``folder``, empty for a new or empty one; files that are gone or changed are forgotten.

        Raises SourceError where the folder holds another order or other files, or its state is damaged.
        """
        state, manifest = cls(folder, order), folder / STATE_FOLDER / MANIFEST
        try:
            if manifest.exists():
                state._load(json.loads(manifest.read_text(encoding="utf-8")))
                return state
            folder.mkdir(parents=True, exist_ok=True)
            strangers = sorted(path.name for path in folder.iterdir() if path.name != STATE_FOLDER)
            if strangers:
                raise SourceError(f"{folder} holds other files ({strangers[0]}): fetch into a folder of its own")
            manifest.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise SourceError(f"{folder} cannot be used: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{manifest} is damaged ({error}): fetch into another folder") from error
        state.save()
        return state

    def _load(self, value: dict[str, Any]) -> None:
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']!r}")
        _same_order(self.folder, value["order"], self.order)
        self.slices = [_slice(self.folder / STATE_FOLDER, entry) for entry in value["slices"]]
        for name, entry in value["files"].items():
            path = self.folder / name
            if path.is_file() and file_digest(path) == entry["sha256"]:
                self.files[name] = FetchedFile(entry["records"], tuple(entry["missing"]), entry["sha256"])

    @property
    def next_day(self) -> date:
        """The first day that is not searched yet."""
        return date.fromisoformat(self.slices[-1].until) + timedelta(1) if self.slices else self.order.since

    def add(self, since: date, until: date, found: Found) -> None:
        """Keep the result of a search; slices are added in the order of their days."""
        pmids = tuple(dict.fromkeys(found.pmids))
        piece = Slice(since.isoformat(), until.isoformat(), found.count, pmids, found.history, found.warnings)
        self._write(self.folder / STATE_FOLDER / f"{piece.name}.pmids", "\n".join(pmids).encode())
        self.slices.append(piece)
        self.save()

    def keep(self, name: str, xml: bytes, records: int, missing: list[str]) -> None:
        """Write a batch to its file, and note it."""
        self._write(self.folder / name, gzip.compress(xml, mtime=0))
        self.files[name] = FetchedFile(records, tuple(missing), file_digest(self.folder / name))
        self.save()

    def is_whole(self, name: str) -> bool:
        """Whether a file is there with every record of its batch."""
        return name in self.files and not self.files[name].missing

    def save(self) -> None:
        value = {
            "version": _VERSION,
            "order": self.order.to_dict(),
            "slices": [
                {
                    "since": piece.since,
                    "until": piece.until,
                    "count": piece.count,
                    "listed": len(piece.pmids),
                    "pmids_digest": digest(*piece.pmids),
                    "history": piece.history and asdict(piece.history),
                    "warnings": piece.warnings,
                }
                for piece in self.slices
            ],
            "files": {name: asdict(entry) for name, entry in self.files.items()},
        }
        text = json.dumps(value, ensure_ascii=False, indent=1)
        self._write(self.folder / STATE_FOLDER / MANIFEST, text.encode())

    def _write(self, path: Path, content: bytes) -> None:
        """The whole file or, if the process dies, what was there before."""
        partial = self.folder / STATE_FOLDER / "partial"
        try:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        except OSError as error:
            raise SourceError(f"{path} cannot be written: {error.strerror or error}") from error


def _same_order(folder: Path, stored: dict[str, Any], order: Order) -> None:
    asked = order.to_dict()
    for entry in fields(Order):
        if stored[entry.name] != asked[entry.name]:
            raise SourceError(
                f"{folder} was fetched with {entry.name} {stored[entry.name]!r}, not {asked[entry.name]!r}: "
                "fetch another query into another folder"
            )


def _slice(folder: Path, entry: dict[str, Any]) -> Slice:
    history = History(**entry["history"]) if entry["history"] else None
    name = f"{entry['since']}_{entry['until']}"
    pmids = tuple((folder / f"{name}.pmids").read_text(encoding="utf-8").split())
    if digest(*pmids) != entry["pmids_digest"]:
        raise ValueError(f"the PMIDs of {name} are not those of the search")
    return Slice(entry["since"], entry["until"], entry["count"], pmids, history, tuple(entry["warnings"]))
