"""A run of the engine in a process of its own, for tests that kill it. Usage: MOMENT INPUT DATABASE PACE.

MOMENT: "extracting" (PACE seconds a document), or the step to stop at for ever: "assembling", "cleaning".
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from store_factory import processor, read_words

from minecsc.engine import extract, local


def main(moment: str, source: str, db: str, pace: float) -> None:
    def slowly(documents):
        for document in documents:
            time.sleep(pace)
            yield read_words(document)

    def stop(*_):
        Path(f"{db}.{moment}").touch()
        time.sleep(300)

    if moment == "assembling":
        local.evidence_of = stop
    elif moment == "cleaning":
        local._loaded = stop
    extract([source], db, shard_size=4, process=processor(slowly))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
