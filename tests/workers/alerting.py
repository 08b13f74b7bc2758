"""An alerter in a process of its own, to be killed: `python -m tests.workers.alerting URL SECONDS`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.ledger import connect
from pipeline.settings import Settings
from tests.workers.watching import embed
from tests.workers.wire import VERSION
from workers.alerter import Alerter
from workers.process import Stop


def run(url: str, leader_seconds: float) -> None:
    ledger = connect(url)
    Alerter(Settings(leader_seconds=leader_seconds), ledger, VERSION, embed).run(Stop.on_signals())
    ledger.close()


@contextlib.contextmanager
def running(url: str, leader_seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """An alerter at work on the ledger at `url` while the block runs; killed in the end, whatever it was told."""
    command = [sys.executable, "-m", "tests.workers.alerting", url, str(leader_seconds)]
    made = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.kill()
        made.wait(30)


if __name__ == "__main__":
    run(sys.argv[1], float(sys.argv[2]))
