"""A clusterer in a process of its own, to be killed or stopped: `python -m tests.workers.clustering URL SECONDS`."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.ledger import Ledger, connect
from tests.workers.changing import ALONE
from tests.workers.wire import VERSION
from workers.clusterer import Clusterer
from workers.process import Stop

KEEP_EVERY = 20
BATCH = 7
PATIENCE = 180.0  # seconds on a very busy machine


def clusterer(ledger: Ledger, leader_seconds: float) -> Clusterer:
    # Without second thoughts: when they come depends on when there was nothing to file, not on what was filed.
    return Clusterer(
        ledger, VERSION, options=ALONE, batch=BATCH, leader_seconds=leader_seconds, keep_every=KEEP_EVERY
    )  # fmt: skip


@contextlib.contextmanager
def running(url: str, leader_seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """A clusterer at work on the ledger at `url` while the block runs; killed in the end, whatever it was told."""
    command = [sys.executable, "-m", "tests.workers.clustering", url, str(leader_seconds)]
    made = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.send_signal(signal.SIGKILL)
        made.wait()


def until(what: Callable[[], bool]) -> float:
    """Wait for it; returns how many seconds it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < PATIENCE, "it took too long"
        time.sleep(0.01)  # another process is at work
    return time.monotonic() - began


if __name__ == "__main__":
    with contextlib.closing(connect(sys.argv[1])) as opened:
        clusterer(opened, float(sys.argv[2])).run(Stop.on_signals())
