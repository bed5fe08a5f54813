"""NCBI's E-utilities for PubMed: one search or one batch of records a call, patient with a busy server.

Biopython builds the requests, keeps to the documented rate (3 a second, 10 with an API key) and parses search results.
Added here is what it lacks: waiting as long as the server asks, a time limit, other servers, and a look at what came.
Reference: https://www.ncbi.nlm.nih.gov/books/NBK25499/
"""

from __future__ import annotations

import io
import json
import re
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Final, Literal, TypeVar
from urllib.error import HTTPError

from Bio import Entrez
from lxml import etree

from minecsc.errors import SourceError

BASE_URL: Final = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
ESEARCH_LIMIT: Final = 9_999
"""Records of one PubMed search that ESearch gives out; the rest of a larger result is out of its reach."""

DateType = Literal["edat", "pdat", "mdat"]
"""Which date a search goes by: when the record entered PubMed, was published, or was last changed."""

_TOOL = "minecsc"
_TIMEOUT = 120.0
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 600.0
_PUBMED_XML = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_T = TypeVar("_T")


class Refused(SourceError):
    """The server will not answer this request however often it is sent: a wrong key, query or history."""


class Unanswered(SourceError):
    """Every try failed for a reason that may pass: a busy or unreachable server, damaged replies.

    reason: the message without the code of the error.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Damaged(Exception):
    """A reply that came through but is not what was asked for."""


class _NoRecords(_Damaged):
    """A message of the server in the place of records."""


@dataclass(frozen=True, slots=True)
class History:
    """Where the server keeps the result of a search, for some hours."""

    web_env: str
    query_key: str


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search. ``pmids`` are in the order of the history and at most as many as ESearch gives out."""

    count: int
    pmids: tuple[str, ...]
    history: History
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A batch of records as it came. ``pmids``: the record identifiers in it, in order."""

    xml: bytes
    pmids: tuple[str, ...]


class Eutils:
    """A client of one server.

    tries: how often a request is sent before it counts as unanswered. Waits between tries double from one second, and
    are never shorter than the server's ``Retry-After``. sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        *,
        email: str | None = None,
        api_key: str | None = None,
        base_url: str = BASE_URL,
        tries: int = 6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not re.match(r"https?://\w", base_url):
            raise SourceError(f"{base_url!r} is not the address of a server: https://…")
        self._base_url = base_url.rstrip("/") + "/"
        self._common = {"tool": _TOOL, "email": email, "api_key": api_key}
        self._tries = tries
        self._sleep = sleep

    def search(
        self, query: str, since: date, until: date, date_type: DateType = "edat", limit: int = ESEARCH_LIMIT
    ) -> Found:
        """Records that match ``query`` and whose date lies from ``since`` to ``until``, both days included.

        Raises Refused, and Unanswered.
        """

        def ask() -> Found:
            dates = {"datetype": date_type, "mindate": _slashed(since), "maxdate": _slashed(until)}
            content = _content(Entrez.esearch("pubmed", query, usehistory="y", retmax=limit, **dates, **self._common))
            return _found(content)

        return self._call(ask)

    def fetch_history(self, history: History, offset: int, number: int) -> Reply:
        """``number`` records of a search from ``offset`` on. Raises Refused where the history is gone; Unanswered."""

        def ask() -> Reply:
            where = {"WebEnv": history.web_env, "query_key": history.query_key, "retstart": offset, "retmax": number}
            content = _content(Entrez.efetch("pubmed", retmode="xml", **where, **self._common))
            try:
                return _reply(content)
            except _NoRecords as error:
                raise Refused(str(error)) from error

        return self._call(ask)

    def fetch_pmids(self, pmids: Sequence[str]) -> Reply:
        """The records of these PMIDs, without those that PubMed no longer has. Raises Refused, and Unanswered."""

        def ask() -> Reply:
            return _reply(_content(Entrez.efetch("pubmed", id=list(pmids), retmode="xml", **self._common)))

        return self._call(ask)

    def _call(self, ask: Callable[[], _T]) -> _T:
        fault = ""
        for attempt in range(self._tries):
            asked = 0.0
            try:
                with self._entrez():
                    return ask()
            except HTTPError as error:
                fault = _explained(error)
                if error.code != 429 and error.code < 500:
                    raise Refused(f"the server refuses the request: {fault}") from error
                asked = _retry_after(error.headers.get("Retry-After"))
            except (OSError, HTTPException, _Damaged) as error:
                fault = str(error) or type(error).__name__
            wait = max(asked, _FIRST_WAIT * 2**attempt)
            if wait > _LONGEST_WAIT:
                raise Unanswered(f"the server asks to wait {wait:,.0f} seconds ({fault})")
            if attempt + 1 < self._tries:
                self._sleep(wait)
        raise Unanswered(f"no good answer in {self._tries} tries; the last: {fault}")

    @contextmanager
    def _entrez(self) -> Iterator[None]:
        """Biopython's Entrez with one try a call, and with a server and a time limit, for which it has no settings."""

        def open_url(request: urllib.request.Request) -> Any:
            request.full_url = self._base_url + request.full_url.removeprefix(BASE_URL)
            return urllib.request.urlopen(request, timeout=_TIMEOUT)

        entrez: Any = Entrez
        before = entrez.max_tries, entrez.urlopen
        entrez.max_tries, entrez.urlopen = 1, open_url
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"\s*Email address is not specified")
                yield
        finally:
            entrez.max_tries, entrez.urlopen = before


def _content(handle: Any) -> bytes:
    with handle:
        content = handle.read()
    return content.encode() if isinstance(content, str) else bytes(content)


def _found(content: bytes) -> Found:
    try:
        result = Entrez.read(io.BytesIO(content), validate=False)
        pmids = tuple(str(pmid) for pmid in result["IdList"])
        history = History(str(result["WebEnv"]), str(result["QueryKey"]))
        return Found(int(result["Count"]), pmids, history, tuple(_warnings(result)))
    except RuntimeError as error:  # Biopython's way to pass on an <ERROR> of the server
        raise _Damaged(f"the search failed: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _Damaged(f"the search result is damaged ({type(error).__name__}: {error})") from error


def _warnings(result: Any) -> Iterator[str]:
    for block in ("ErrorList", "WarningList"):
        for kind, texts in (result.get(block) or {}).items():
            yield from (f"{kind}: {text}" for text in texts)


def _reply(content: bytes) -> Reply:
    try:
        root = etree.fromstring(content, _PUBMED_XML)
    except etree.XMLSyntaxError as error:
        raise _Damaged(f"the records are cut short or damaged ({error})") from error
    if root.tag != "PubmedArticleSet":
        said = " ".join("".join(root.itertext()).split())
        raise _NoRecords(f"the server answers with <{root.tag}>: {said[:200]}")
    places = ("MedlineCitation/PMID", "BookDocument/PMID")
    return Reply(content, tuple(pmid for record in root for place in places if (pmid := record.findtext(place))))


def _explained(error: HTTPError) -> str:
    """Status and what the server says about it, in JSON (``error``) or XML (``<ERROR>``); never the key it echoes."""
    with error:
        try:
            body = error.read(4096).decode("utf-8", "replace")
        except (OSError, HTTPException):
            body = ""
    try:
        said = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        match = re.search(r"<ERROR>(.*?)</ERROR>", body, re.DOTALL)
        said = " ".join(match[1].split()) if match else ""
    return f"{error.code} {error.reason}" + (f" ({said})" if said else "")


def _retry_after(value: str | None) -> float:
    """Seconds from now that a ``Retry-After`` header asks for, be it a number or a date; 0 without one."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _slashed(day: date) -> str:
    return f"{day:%Y/%m/%d}"
