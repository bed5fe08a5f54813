"""Everything PubMed has on a query, as files of EFetch XML: resumable, and checked record by record.

The dates are cut into slices small enough for ESearch. Every slice is searched once and its PMIDs are kept, so that
what has to come is fixed from then on, whatever changes in PubMed between two runs. Its records are fetched in batches
from the history server, a file each; a batch that is not what the search listed is asked for again by PMID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from tqdm import tqdm

from minecsc.sources.eutils import ESEARCH_LIMIT, Eutils, Found, Refused, Reply, Unanswered
from minecsc.sources.fetch_state import Order, Slice, State

_GIVE_UP: Final = 3
"""Batches unanswered in a row after which the server is taken to be down."""
_SEARCHES: Final = 3
_NOT_GIVEN = "the search listed them, EFetch does not give them (deleted since, or withheld)"


@dataclass(frozen=True, slots=True)
class Missing:
    """Records that did not come, and why. ``pmids`` is empty where the server did not even list them."""

    reason: str
    count: int
    pmids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a folder holds after a fetch, all runs together.

    expected, received: distinct records that the searches counted, and that are in the files.
    repeated: how often a record was listed by a further slice; never under EDAT, the date each has only one of.
    """

    folder: Path
    slices: int
    files: int
    expected: int
    received: int
    repeated: int
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing


def fetch(
    order: Order,
    folder: Path | str,
    server: Eutils,
    *,
    limit: int = ESEARCH_LIMIT,
    progress: bool | None = None,
) -> FetchReport:
    """Bring what ``order`` asks for into ``folder``, or go on where an interrupted or incomplete run stopped.

    Files are named ``<first day>_<last day>_<offset>.xml.gz`` after their slice and place in it, and appear only whole;
    the state is in ``.fetch`` beside them. After any end the same call goes on.
    limit: most records a slice may have. progress: None shows a bar on a terminal.
    Raises SourceError where the folder holds another order or other files; Refused where the server will not have it;
    Unanswered where a search stays unanswered. Batches that stay unanswered are in the report.
    """
    state = State.open(Path(folder), order)
    bar = tqdm(unit=" records", disable=None if progress is None else not progress, smoothing=0.1)
    with bar:
        _search(state, server, limit, bar)
        faults = _fetch_batches(state, server, bar)
    return _report(state, limit, faults)


def _search(state: State, server: Eutils, limit: int, bar: tqdm[None]) -> None:
    """Search the days that are not searched yet."""
    order = state.order

    def search(since: date, until: date) -> Found:
        bar.set_description_str(f"searching {since} to {until}")
        return _settled(server, order, since, until, limit)

    for since, until, found in slices(search, state.next_day, order.until, limit):
        state.add(since, until, found)
    bar.set_description_str("fetching")
    bar.reset(total=sum(len(piece.pmids) for piece in state.slices))


def slices(
    search: Callable[[date, date], Found], since: date, until: date, limit: int
) -> Iterator[tuple[date, date, Found]]:
    """(first day, last day, result) of searches that find at most ``limit`` records each, day after day.

    Days are halved until that is so; only a single day may find more. No day is left out or in two slices.
    """
    pending = [(since, until)] if since <= until else []
    while pending:
        first, last = pending.pop()
        found = search(first, last)
        if found.count > limit and first < last:
            middle = first + timedelta((last - first).days // 2)
            pending += [(middle + timedelta(1), last), (first, middle)]
        else:
            yield first, last, found


def _settled(server: Eutils, order: Order, since: date, until: date, limit: int) -> Found:
    """A search that lists what it counts; where none does, the last of a few."""
    found = server.search(order.query, since, until, order.date_type, limit)
    for _ in range(_SEARCHES - 1):
        if len(set(found.pmids)) >= min(found.count, limit):
            break
        found = server.search(order.query, since, until, order.date_type, limit)
    return found


def _batches(state: State) -> Iterator[tuple[Slice, str, int, tuple[str, ...]]]:
    """(slice, file name, offset in the slice, PMIDs) of every file that there is to be."""
    size = state.order.batch
    for piece in state.slices:
        for offset in range(0, len(piece.pmids), size):
            yield piece, f"{piece.name}_{offset:05d}.xml.gz", offset, piece.pmids[offset : offset + size]


def _fetch_batches(state: State, server: Eutils, bar: tqdm[None]) -> dict[str, str]:
    """Fetch the files that are not there whole. Returns file name → why, for those that did not come."""
    faults: dict[str, str] = {}
    in_a_row = 0
    for piece, name, offset, pmids in _batches(state):
        if not state.is_whole(name):
            if in_a_row == _GIVE_UP:
                faults[name] = f"not asked for, as {_GIVE_UP} batches in a row had stayed unanswered"
                continue
            try:
                reply = _fetch_batch(server, piece, offset, pmids)
            except Unanswered as error:
                faults[name] = error.reason
                in_a_row += 1
                continue
            in_a_row = 0
            given = set(reply.pmids)
            state.keep(name, reply.xml, len(reply.pmids), [pmid for pmid in pmids if pmid not in given])
        bar.update(len(pmids))
    return faults


def _fetch_batch(server: Eutils, piece: Slice, offset: int, pmids: tuple[str, ...]) -> Reply:
    """The records of a batch from the history; by PMID where the history is gone or holds something else."""
    if piece.history:
        try:
            reply = server.fetch_history(piece.history, offset, len(pmids))
            if sorted(reply.pmids) == sorted(pmids):
                return reply
            if not set(reply.pmids) <= set(pmids):  # the history is in another order than the search
                piece.history = None
        except Refused:
            piece.history = None
    return server.fetch_pmids(pmids)


def _report(state: State, limit: int, faults: dict[str, str]) -> FetchReport:
    listed: set[str] = set()
    received: set[str] = set()
    lost: dict[str, dict[str, None]] = {}
    for _, name, _, pmids in _batches(state):
        listed.update(pmids)
        entry = state.files.get(name)
        absent = pmids if entry is None else entry.missing
        received.update(set(pmids).difference(absent))
        lost.setdefault(faults.get(name, _NOT_GIVEN), {}).update(dict.fromkeys(absent))
    missing = [
        Missing(reason, len(absent), absent)
        for reason, batch in lost.items()
        if (absent := tuple(pmid for pmid in batch if pmid not in received))
    ]
    unlisted = 0
    for piece in state.slices:
        if short := piece.count - len(piece.pmids):
            unlisted += short
            beyond = piece.count > limit
            why = f"a day with more records than ESearch lists ({limit:,})" if beyond else "counted, but not listed"
            missing.append(Missing(f"{piece.since} to {piece.until}: {why}", short))
    return FetchReport(
        folder=state.folder,
        slices=len(state.slices),
        files=len(state.files),
        expected=len(listed) + unlisted,
        received=len(received),
        repeated=sum(len(piece.pmids) for piece in state.slices) - len(listed),
        missing=tuple(missing),
        warnings=tuple(dict.fromkeys(text for piece in state.slices for text in piece.warnings)),
    )
