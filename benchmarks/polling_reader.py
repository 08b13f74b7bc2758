"""lemon24/reader polling the feeds of `benchmarks/polling.py`; run by it, with a Python that has `reader` installed.

    python benchmarks/polling_reader.py DATABASE URLS WORKERS SECONDS

URLS is a file with one feed a line. Adds and reads them all once, prints `ready`; then updates them all with WORKERS
threads, again and again for SECONDS, and prints the seconds it took.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from reader import make_reader


def main() -> None:
    database, urls, workers, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    logging.getLogger("reader").setLevel(logging.CRITICAL)  # failing feeds are part of it
    reader = make_reader(database)
    for url in urls.read_text().split():
        reader.add_feed(url, exist_ok=True)
    reader.update_feeds(new=True, scheduled=False, workers=workers)
    print("ready", flush=True)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        reader.update_feeds(scheduled=False, workers=workers)
    print(time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main()
