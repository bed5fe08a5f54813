"""Fetching that is stopped and goes on, keys that stay secret, and the command ``minecsc fetch``."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from eutils_server import EutilsServer, broken, busy
from fetch_cases import FIRST, THIRTY, Clock, assert_all_there, client, order, run, stopped_clock, stored
from typer.testing import CliRunner

from minecsc.cli import main
from minecsc.errors import SourceError
from minecsc.sources.eutils import Eutils, Refused
from minecsc.sources.fetch import fetch

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return stopped_clock(monkeypatch)


@pytest.fixture
def server(clock) -> Iterator[EutilsServer]:
    with EutilsServer(dict(THIRTY), clock.time) as running:
        yield running


def test_a_second_run_asks_for_nothing(server, clock, tmp_path):
    first = run(server, clock, tmp_path)
    asked = len(server.requests)
    assert run(server, clock, tmp_path) == first
    assert len(server.requests) == asked


def test_a_file_that_was_deleted_or_changed_is_fetched_again(server, clock, tmp_path):
    run(server, clock, tmp_path)
    gone, changed, _ = sorted(tmp_path.glob("*.gz"))
    gone.unlink()
    changed.write_bytes(changed.read_bytes()[:-20])
    asked = len(server.requests)
    assert_all_there(server, run(server, clock, tmp_path), tmp_path)
    assert len(server.requests) == asked + 2


def test_files_are_the_same_bytes_whenever_they_are_fetched(server, clock, tmp_path):
    run(server, clock, tmp_path / "a")
    run(server, clock, tmp_path / "b")
    for file in (tmp_path / "a").glob("*.gz"):
        content = file.read_bytes()
        assert content == (tmp_path / "b" / file.name).read_bytes()
        assert content[4:8] == bytes(4)  # the place of the time in gzip


def test_records_added_in_between_do_not_shift_the_batches(server, clock, tmp_path):
    server.faults["efetch"] += [lambda handler, sound: handler.reply(200, sound)] + [broken()] * 12
    run(server, clock, tmp_path)
    expected = dict(server.records)
    server.records |= {str(pmid): FIRST for pmid in range(900, 905)}
    server.histories.clear()
    report = run(server, clock, tmp_path)
    assert report.complete
    assert sorted(stored(tmp_path)) == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"query": "other"}, "query"),
        ({"until": date(2021, 1, 1)}, "until"),
        ({"date_type": "pdat"}, "date_type"),
        ({"batch": 11}, "batch"),
    ],
)
def test_another_order_in_the_same_folder_is_refused(server, clock, tmp_path, changes, named):
    run(server, clock, tmp_path)
    asked = len(server.requests)
    with pytest.raises(SourceError, match=f"was fetched with {named} "):
        run(server, clock, tmp_path, **changes)
    assert len(server.requests) == asked


def test_a_folder_with_other_files_is_left_alone(server, clock, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SourceError, match="other files"):
        run(server, clock, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(SourceError, match="cannot be used"):
        run(server, clock, tmp_path / "thesis.txt")


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 9}'])
def test_a_damaged_state_is_an_error_in_words(server, clock, tmp_path, damage):
    run(server, clock, tmp_path)
    (tmp_path / ".fetch" / "manifest.json").write_text(damage)
    with pytest.raises(SourceError, match="damaged"):
        run(server, clock, tmp_path)


def test_a_changed_list_of_pmids_is_noticed(server, clock, tmp_path):
    run(server, clock, tmp_path)
    next((tmp_path / ".fetch").glob("*.pmids")).write_text("100\n101")
    with pytest.raises(SourceError, match="damaged"):
        run(server, clock, tmp_path)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["kill", "ctrl-c"]
)
def test_a_run_that_is_ended_goes_on(server, clock, tmp_path, sent, code):
    reached, release = threading.Event(), threading.Event()

    def hold(handler, sound):
        reached.set()
        release.wait(60)

    server.faults["efetch"] += [lambda handler, sound: handler.reply(200, sound), hold]
    folder = tmp_path / "out"
    child = subprocess.Popen(
        [sys.executable, HERE / "fetch_child.py", server.url, folder, "2020-01-01", "2020-01-10", "10"],
        env=os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert reached.wait(120)
        child.send_signal(sent)
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
        release.set()
    assert child.returncode == code
    if sent == signal.SIGINT:
        assert f"What came is in {folder}; the same command goes on" in said
    assert len(stored(folder)) == 10
    asked = len(server.requests)
    assert_all_there(server, run(server, clock, folder), folder)
    assert [request.parameters.get("retstart") for request in server.requests[asked:]] == ["10", "20"]


# -- the key, and the command


def test_a_wrong_key_is_told_without_showing_it(server, clock, tmp_path):
    with pytest.raises(Refused, match="API key invalid") as caught:
        fetch(order(), tmp_path, client(server, clock, api_key="wrong-secret"), progress=False)
    assert "wrong-secret" not in str(caught.value)
    assert clock.slept == []
    assert len(server.requests) == 1


def test_the_key_is_never_written_down(server, clock, tmp_path):
    server.keys = {"top-secret"}
    fetch(order(), tmp_path, client(server, clock, api_key="top-secret"), progress=False)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert b"top-secret" not in (gzip.decompress(raw) if path.suffix == ".gz" else raw)


@pytest.mark.parametrize("address", ["eutils.ncbi.nlm.nih.gov", "file:///etc/hosts", "http://", ""])
def test_what_is_no_server_is_refused(address):
    with pytest.raises(SourceError, match="address of a server"):
        Eutils(base_url=address)


@pytest.mark.parametrize("changes", [{"query": " "}, {"since": date(2021, 1, 1)}, {"batch": 0}])
def test_senseless_orders_are_refused(changes):
    with pytest.raises(SourceError):
        order(**changes)


def command(server: EutilsServer, folder: Path, *more: str, since: str = "2020", until: str = "2020-01"):
    base = ["fetch", "q", "--since", since, "--until", until, "--out", str(folder), "--base-url", server.url]
    return CliRunner().invoke(main, [*base, *more])


def test_the_command_tells_what_came(server, tmp_path):
    done = command(server, tmp_path, "--batch-size", "20")
    assert done.exit_code == 0, done.output
    assert f"{tmp_path}: 30 of 30 records (files: 2, slices of dates: 1)" in done.stdout
    search = server.asked("esearch")[0]
    assert (search["mindate"], search["maxdate"]) == ("2020/01/01", "2020/01/31")
    facts = json.loads(command(server, tmp_path, "--batch-size", "20", "--json").stdout)
    assert (facts["complete"], facts["expected"], facts["received"]) == (True, 30, 30)


def test_the_command_ends_with_3_when_records_are_missing(server, tmp_path):
    server.withheld = {"111"}
    done = command(server, tmp_path)
    assert done.exit_code == 3
    assert "29 of 30 records" in done.stdout
    assert "missing 1: " in done.stdout
    assert "(PMID 111)" in done.stdout


def test_the_command_ends_with_3_when_a_search_stays_unanswered(server, tmp_path):
    server.faults["esearch"].append(busy("86400"))
    done = command(server, tmp_path)
    assert done.exit_code == 3
    assert "the same command goes on" in done.stderr


def test_the_key_may_come_from_the_environment_and_a_wrong_one_ends_with_1(server, tmp_path, monkeypatch):
    server.keys = {"good"}
    monkeypatch.setenv("NCBI_API_KEY", "good")
    assert command(server, tmp_path).exit_code == 0
    assert {request.parameters["api_key"] for request in server.requests} == {"good"}
    done = command(server, tmp_path / "other", "--api-key", "bad-one")
    assert done.exit_code == 1
    assert "API key invalid" in done.stderr
    assert "bad-one" not in done.output


@pytest.mark.parametrize("day", ["yesterday", "2020-13", "2020-02-30", "20", "0000"])
def test_what_is_no_date_is_wrong_usage(server, tmp_path, day):
    assert command(server, tmp_path, since=day).exit_code == 2
    assert server.requests == []
