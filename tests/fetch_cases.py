"""What the tests of fetching share: time that stands still, an order, and a look at what came."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from Bio import Entrez
from eutils_server import EutilsServer
from pubmed_samples import pmids

from minecsc.sources import expand_inputs, read
from minecsc.sources.eutils import Eutils
from minecsc.sources.fetch import FetchReport, fetch
from minecsc.sources.fetch_state import Order

FIRST = date(2020, 1, 1)
THIRTY = {str(100 + i): FIRST + timedelta(i // 3) for i in range(30)}
"""PMID → date of thirty records, three a day from FIRST on."""


class Clock:
    """Time that passes only by sleeping, in the place of the module ``time``."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, seconds: float) -> None:
        """A sleep of ours, between tries."""
        self.slept.append(seconds)
        self.sleep(seconds)


def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that Biopython then goes by; what the environment says of NCBI is forgotten."""
    clock = Clock()
    monkeypatch.setattr(Entrez, "time", clock)
    monkeypatch.setattr(Entrez._open, "previous", 0)
    monkeypatch.delenv("NCBI_API_KEY", raising=False)
    monkeypatch.delenv("NCBI_EMAIL", raising=False)
    return clock


def order(**changes) -> Order:
    return Order(**{"query": "q", "since": FIRST, "until": date(2020, 1, 10), "batch": 10} | changes)


def client(server: EutilsServer, clock: Clock, **settings) -> Eutils:
    return Eutils(base_url=server.url, email="me@example.org", sleep=clock.wait, **settings)


def run(server: EutilsServer, clock: Clock, folder: Path, limit: int = 9_999, **changes) -> FetchReport:
    return fetch(order(**changes), folder, client(server, clock), limit=limit, progress=False)


def stored(folder: Path) -> list[str]:
    """PMIDs in the files of a folder, as ``minecsc extract`` would read them."""
    return [pmid for file in expand_inputs([folder]) for pmid in pmids(read(file)) if pmid]


def assert_all_there(server: EutilsServer, report: FetchReport, folder: Path) -> None:
    assert (report.complete, report.missing) == (True, ())
    assert report.expected == report.received == len(server.records)
    assert sorted(stored(folder)) == sorted(server.records)
