"""Fetching from a server on this machine that speaks the protocol, and fails in every known way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from Bio import Entrez
from eutils_server import (
    ESEARCH_ERROR,
    EutilsServer,
    broken,
    busy,
    cut,
    error_page,
    hang_up,
    truncated,
    without_last,
)
from fetch_cases import FIRST, THIRTY, Clock, assert_all_there, client, order, run, stopped_clock, stored
from hypothesis import given
from hypothesis import strategies as st

from minecsc.sources.eutils import Found, History, Unanswered
from minecsc.sources.fetch import fetch, slices


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return stopped_clock(monkeypatch)


@pytest.fixture
def server(clock) -> Iterator[EutilsServer]:
    with EutilsServer(dict(THIRTY), clock.time) as running:
        yield running


def test_records_come_in_batches_from_the_history_with_tool_and_address(server, clock, tmp_path):
    report = run(server, clock, tmp_path)
    assert_all_there(server, report, tmp_path)
    names = [f"2020-01-01_2020-01-10_{offset:05d}.xml.gz" for offset in (0, 10, 20)]
    assert sorted(path.name for path in tmp_path.glob("*.gz")) == names
    assert len(server.asked("esearch")) == 1
    assert [asked["retstart"] for asked in server.asked("efetch")] == ["0", "10", "20"]
    for request in server.requests:
        assert request.parameters["tool"] == "minecsc"
        assert request.parameters["email"] == "me@example.org"
        assert "api_key" not in request.parameters
    search = server.asked("esearch")[0]
    assert (search["term"], search["datetype"], search["usehistory"]) == ("q", "edat", "y")


def test_biopython_is_left_as_it_was(server, clock, tmp_path):
    before = Entrez.max_tries, Entrez.urlopen, Entrez.email, Entrez.tool, Entrez.api_key
    run(server, clock, tmp_path)
    assert (Entrez.max_tries, Entrez.urlopen, Entrez.email, Entrez.tool, Entrez.api_key) == before


def test_nothing_found_is_a_complete_answer(server, clock, tmp_path):
    report = run(server, clock, tmp_path, since=date(1990, 1, 1), until=date(1991, 1, 1))
    assert (report.complete, report.expected, report.files) == (True, 0, 0)


@pytest.mark.parametrize(("key", "rate"), [(None, 3), ("secret", 10)])
def test_requests_keep_to_the_documented_rate(server, clock, tmp_path, key, rate):
    server.keys = {"secret"}
    fetch(order(batch=1), tmp_path, client(server, clock, api_key=key), progress=False)
    times = [request.time for request in server.requests]
    assert len(times) == 31
    assert all(later - earlier > 1 - 1e-6 for earlier, later in zip(times, times[rate:], strict=False))
    assert times[-1] - times[0] < 31 / rate * 1.2  # and does not dawdle


# -- slices


def test_dates_are_halved_until_a_slice_is_within_reach_of_the_search(server, clock, tmp_path):
    server.limit = 7
    report = run(server, clock, tmp_path, limit=7)
    assert_all_there(server, report, tmp_path)
    state = json.loads((tmp_path / ".fetch" / "manifest.json").read_text())
    days = [(date.fromisoformat(s["since"]), date.fromisoformat(s["until"])) for s in state["slices"]]
    assert (days[0][0], days[-1][1]) == (FIRST, date(2020, 1, 10))
    assert all(then == until + timedelta(1) for (_, until), (then, _) in pairwise(days))
    assert all(s["count"] <= 7 for s in state["slices"])
    assert report.slices == len(days) > 4


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(4, 12), st.integers(0, 40))
def test_slices_cover_every_day_once_whatever_the_records(offsets, limit, days):
    last = FIRST + timedelta(days)

    def search(since: date, until: date) -> Found:
        found = [str(i) for i, offset in enumerate(offsets) if since <= FIRST + timedelta(offset) <= until]
        return Found(len(found), tuple(found[:limit]), History("w", "1"), ())

    found = list(slices(search, FIRST, last, limit))
    assert (found[0][0], found[-1][1]) == (FIRST, last)
    assert all(later[0] == earlier[1] + timedelta(1) for earlier, later in pairwise(found))
    assert all(result.count <= limit or since == until for since, until, result in found)
    assert sum(result.count for *_, result in found) == sum(offset <= days for offset in offsets)


def test_a_day_beyond_the_limit_gives_what_it_can_and_says_what_is_missing(server, clock, tmp_path):
    server.limit = 2
    report = run(server, clock, tmp_path, limit=2)
    assert (report.expected, report.received, report.complete) == (30, 20, False)
    assert sum(missing.count for missing in report.missing) == 10
    assert "2020-01-01 to 2020-01-01: a day with more records than ESearch lists (2)" in report.missing[0].reason


def test_a_record_with_two_dates_counts_once(server, clock, tmp_path):
    search = server.search

    def twice(asked):  # under PDAT, record 100 is in print and online on different days
        server.records["100"] = FIRST if asked["mindate"] == "2020/01/01" else date(2020, 1, 9)
        return search(asked)

    server.search = twice
    server.limit = 16
    report = run(server, clock, tmp_path, limit=16, date_type="pdat")
    assert (report.expected, report.received, report.repeated, report.complete) == (30, 30, 1, True)
    assert {asked["datetype"] for asked in server.asked("esearch")} == {"pdat"}


# -- a server in trouble


@pytest.mark.parametrize("path", ["esearch", "efetch"])
@pytest.mark.parametrize(
    "fault",
    [busy(), broken(500), broken(503), cut, hang_up, truncated],
    ids="429 500 503 cut hang_up truncated".split(),
)
def test_what_fails_once_is_asked_again(server, clock, tmp_path, path, fault):
    server.faults[path].append(fault)
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert clock.slept == [1.0]
    assert len(server.asked(path)) == {"esearch": 1, "efetch": 3}[path] + 1


def test_waits_double(server, clock, tmp_path):
    server.faults["efetch"] += [broken()] * 5
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_the_server_says_how_long_to_wait(server, clock, tmp_path):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.faults["esearch"] += [busy("30"), busy("1"), busy(later), busy("soon")]
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert clock.slept[:2] == [30.0, 2.0]
    assert 60 < clock.slept[2] <= 100
    assert clock.slept[3] == 8.0


def test_no_one_waits_for_hours(server, clock, tmp_path):
    server.faults["esearch"].append(busy("86400"))
    with pytest.raises(Unanswered, match="wait 86,400 seconds"):
        run(server, clock, tmp_path)
    assert clock.slept == []


def test_a_search_that_stays_unanswered_ends_the_run_and_can_go_on(server, clock, tmp_path):
    server.limit = 7
    server.faults["esearch"] += [lambda handler, sound: handler.reply(200, sound)] * 4 + [broken()] * 6
    with pytest.raises(Unanswered, match=r"6 tries; the last: 500"):
        run(server, clock, tmp_path, limit=7)
    asked = len(server.asked("esearch"))
    assert_all_there(server, run(server, clock, tmp_path, limit=7), tmp_path)
    assert server.asked("esearch")[asked]["mindate"] > "2020/01/01"  # what was searched is not searched again


def test_a_batch_that_stays_unanswered_is_named_and_asked_for_next_time(server, clock, tmp_path):
    server.faults["efetch"] += [truncated] * 6
    report = run(server, clock, tmp_path)
    assert (report.expected, report.received, report.files, report.complete) == (30, 20, 2, False)
    (missing,) = report.missing
    assert missing.count == 10
    assert "cut short or damaged" in missing.reason
    assert set(missing.pmids).isdisjoint(stored(tmp_path))
    asked = len(server.requests)
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert [request.path for request in server.requests[asked:]] == ["efetch"]


def test_a_server_that_is_down_is_not_asked_for_every_batch(server, clock, tmp_path):
    server.faults["efetch"] += [broken(502)] * 100
    report = run(server, clock, tmp_path, batch=3)
    assert len(server.asked("efetch")) == 3 * 6
    assert (report.received, sum(missing.count for missing in report.missing)) == (0, 30)
    assert any("not asked for" in missing.reason for missing in report.missing)


def test_a_history_that_is_gone_is_replaced_by_pmids(server, clock, tmp_path):
    server.faults["esearch"].append(lambda handler, sound: (server.histories.clear(), handler.reply(200, sound)))
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert ["id" in asked for asked in server.asked("efetch")] == [False, True, True, True]
    assert clock.slept == []


def test_a_history_in_another_order_is_left_alone(server, clock, tmp_path):
    def turned(handler, sound):
        server.histories = {name: pmids[::-1] for name, pmids in server.histories.items()}
        handler.reply(200, sound)

    server.faults["esearch"].append(turned)
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert ["id" in asked for asked in server.asked("efetch")] == [False, True, True, True]


def test_a_search_error_of_the_server_is_no_result(server, clock, tmp_path):
    server.faults["esearch"].append(
        lambda handler, _: handler.reply(200, ESEARCH_ERROR.format("Search Backend failed").encode())
    )
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    server.faults["esearch"] += [truncated, lambda handler, _: handler.reply(200, b"{}")]
    assert_all_there(server, run(server, clock, tmp_path / "more"), tmp_path / "more")


def test_a_server_that_is_not_there_is_said_to_be(clock, tmp_path):
    with EutilsServer({}) as gone:
        pass
    with pytest.raises(Unanswered, match="no good answer in 2 tries"):
        fetch(order(), tmp_path, client(gone, clock, tries=2), progress=False)


def test_an_error_in_the_place_of_records_is_not_taken_for_records(server, clock, tmp_path):
    server.faults["efetch"] += [error_page("Unable to obtain query #1"), error_page("Empty result"), cut]
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)


def test_long_lists_of_pmids_are_posted(server, clock, tmp_path):
    server.records = {str(40_000_000 + i): FIRST for i in range(250)}
    server.faults["efetch"].append(error_page("Unable to obtain query #1"))
    assert_all_there(server, run(server, clock, tmp_path, batch=250), tmp_path)
    assert server.requests[-1].method == "POST"


# -- what comes is checked


def test_a_batch_that_lacks_a_record_is_asked_for_by_pmid(server, clock, tmp_path):
    server.faults["efetch"].append(without_last("PubmedArticle"))
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert "id" in server.asked("efetch")[1]


def test_a_record_that_pubmed_does_not_give_is_named(server, clock, tmp_path):
    server.withheld = {"111", "129"}
    report = run(server, clock, tmp_path)
    assert (report.expected, report.received, report.complete) == (30, 28, False)
    (missing,) = report.missing
    assert sorted(missing.pmids) == ["111", "129"]
    assert "EFetch does not give them" in missing.reason
    server.withheld = set()
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)


def test_a_search_that_counts_more_than_it_lists_is_repeated(server, clock, tmp_path):
    server.faults["esearch"].append(without_last("Id"))
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)


def test_a_count_that_stays_wrong_is_reported(server, clock, tmp_path):
    server.faults["esearch"] += [without_last("Id")] * 3
    report = run(server, clock, tmp_path)
    assert (report.expected, report.received, report.complete) == (30, 29, False)
    assert [(missing.count, missing.pmids) for missing in report.missing] == [(1, ())]


def test_what_pubmed_notes_on_the_query_is_passed_on(server, clock, tmp_path):
    server.extra = "<ErrorList><PhraseNotFound>stemmnes</PhraseNotFound></ErrorList>"
    assert run(server, clock, tmp_path).warnings == ("PhraseNotFound: stemmnes",)
