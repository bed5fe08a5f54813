"""A server on this machine that speaks NCBI's E-utilities for PubMed, over records made up for the tests.

Faults are queued for a path (``esearch``, ``efetch``) and served one a request, before anything sound is.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from pubmed_samples import article, article_set

ESEARCH = """<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE eSearchResult PUBLIC "-//NLM//DTD esearch 20060628//EN" "https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20060628/esearch.dtd">
<eSearchResult><Count>{count}</Count><RetMax>{shown}</RetMax><RetStart>0</RetStart><QueryKey>1</QueryKey>
<WebEnv>{web_env}</WebEnv><IdList>{ids}</IdList><TranslationSet/><QueryTranslation>{term}</QueryTranslation>{extra}
</eSearchResult>"""
ESEARCH_ERROR = ESEARCH.split("<eSearchResult>")[0] + "<eSearchResult><ERROR>{}</ERROR></eSearchResult>"
EFETCH_ERROR = (
    '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE eEfetchResult PUBLIC "-//NLM//DTD efetch 20131226//EN" '
    '"https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20131226/efetch.dtd">\n'
    "<eFetchResult><ERROR>{}</ERROR></eFetchResult>"
)

Fault = Callable[["_Handler", bytes], None]
"""Answers a request in place of the sound reply, which it is given."""


class EutilsServer(AbstractContextManager["EutilsServer"]):
    """records: PMID → date. requests: (path, parameters) of all that came in, in order."""

    def __init__(self, records: dict[str, date], now: Callable[[], float] = lambda: 0.0) -> None:
        self.records = records
        self.limit = 9_999
        self.keys: set[str] = set()
        self.withheld: set[str] = set()
        self.extra = ""
        self.requests: list[SimpleNamespace] = []
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.histories: dict[str, list[str]] = {}
        self.now = now
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/entrez/eutils/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked(self, path: str) -> list[dict[str, str]]:
        return [request.parameters for request in self.requests if request.path == path]

    def search(self, asked: dict[str, str]) -> bytes:
        first, last = (date(*map(int, asked[name].split("/"))) for name in ("mindate", "maxdate"))
        found = sorted((p for p, day in self.records.items() if first <= day <= last), key=int, reverse=True)
        shown = found[: min(int(asked["retmax"]), self.limit)]
        web_env = f"MCID_{len(self.histories)}"
        self.histories[web_env] = found
        ids = "".join(f"<Id>{pmid}</Id>" for pmid in shown)
        return ESEARCH.format(
            count=len(found), shown=len(shown), web_env=web_env, ids=ids, term=asked["term"], extra=self.extra
        ).encode()

    def fetch(self, asked: dict[str, str]) -> bytes | None:
        """None where the history is not (any more) there."""
        if "id" in asked:
            pmids = asked["id"].split(",")
        elif asked["WebEnv"] in self.histories:
            start = int(asked["retstart"])
            pmids = self.histories[asked["WebEnv"]][start : start + int(asked["retmax"])]
        else:
            return None
        return article_set(*(article(pmid) for pmid in pmids if pmid not in self.withheld)).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, query: str) -> None:
        owner: EutilsServer = self.server.owner
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        path = urlsplit(self.path).path.rsplit("/", 1)[1].removesuffix(".fcgi")
        owner.requests.append(SimpleNamespace(path=path, method=self.command, parameters=asked, time=owner.now()))
        if "api_key" in asked and asked["api_key"] not in owner.keys:
            said = {"error": "API key invalid", "api-key": asked["api_key"], "type": "key", "status": "unknown"}
            self.reply(400, json.dumps(said).encode(), "application/json")
            return
        sound = owner.search(asked) if path == "esearch" else owner.fetch(asked)
        if owner.faults[path]:
            owner.faults[path].popleft()(self, sound or b"")
        elif sound is None:
            self.reply(400, EFETCH_ERROR.format("Cannot retrieve history data: WebEnv not found").encode())
        else:
            self.reply(200, sound)

    def reply(self, status: int, body: bytes, kind: str = "text/xml; charset=UTF-8", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


def busy(retry_after: str | None = None) -> Fault:
    headers = {"Retry_After": retry_after} if retry_after else {}
    body = json.dumps({"error": "API rate limit exceeded", "api-key": "127.0.0.1", "count": "4", "limit": "3"}).encode()
    return lambda handler, _: handler.reply(429, body, "application/json", **headers)


def broken(status: int = 500) -> Fault:
    return lambda handler, _: handler.reply(status, b"<html>sorry</html>", "text/html")


def cut(handler: _Handler, sound: bytes) -> None:
    """Promise everything, send half, hang up."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.send_header("Content-Length", str(len(sound)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(sound[: len(sound) // 2])


def hang_up(handler: _Handler, _: bytes) -> None:
    """Close without a word."""
    handler.close_connection = True


def truncated(handler: _Handler, sound: bytes) -> None:
    """A reply that HTTP thinks whole and XML does not."""
    handler.reply(200, sound[: len(sound) // 2])


def error_page(text: str) -> Fault:
    return lambda handler, _: handler.reply(200, EFETCH_ERROR.format(text).encode())


def without_last(tag: str) -> Fault:
    """The sound reply less its last element ``tag``."""

    def answer(handler: _Handler, sound: bytes) -> None:
        start = sound.rindex(f"<{tag}>".encode())
        end = sound.index(f"</{tag}>".encode(), start) + len(tag) + 3
        handler.reply(200, sound[:start] + sound[end:])

    return answer
