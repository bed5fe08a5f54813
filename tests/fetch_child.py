"""A fetch in a process of its own, for tests that end it. Usage: BASE_URL FOLDER SINCE UNTIL BATCH."""

from __future__ import annotations

import signal
import sys
import time
from types import SimpleNamespace

from Bio import Entrez

from minecsc.cli import main

Entrez.time = SimpleNamespace(time=time.time, sleep=lambda _: None)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit it ignored
    base_url, folder, since, until, batch = sys.argv[1:]
    dates = ["--since", since, "--until", until]
    main(["fetch", "q", *dates, "--out", folder, "--batch-size", batch, "--base-url", base_url])
