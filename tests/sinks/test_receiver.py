"""The documented receiver, as a program, told by a deliverer: it believes the genuine alone and does nothing twice."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.alerts import signing
from pipeline.alerts.delivery import wanted
from pipeline.ledger import Ledger, sinks
from tests.sinks.test_deliverer import Clock, deliver, happen, held, sink
from workers.process import now

PROGRAM = Path(__file__).resolve().parents[2] / "docs/clients/receiver.py"


@contextlib.contextmanager
def program(secret: str, path: Path) -> Iterator[str]:
    """The program at work; gives its URL."""
    made = subprocess.Popen(
        [sys.executable, str(PROGRAM), "0", str(path)],
        env=os.environ | {"SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert made.stdout is not None
        yield f"http://127.0.0.1:{made.stdout.readline().split()[-1]}/"
    finally:
        made.kill()
        made.communicate(timeout=30)


def seen(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT id FROM seen ORDER BY rowid")]


def test_it_takes_each_event_once_however_often_it_is_told(
    sqlite_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    clock.now = now()
    secret = signing.new_secret()
    with program(secret, tmp_path / "mine.db") as url:
        made, _ = sink(sqlite_ledger, url)
        with sqlite_ledger.write() as tx:
            sinks.set_secrets(tx, made.id, [(secret, None)])
        ids = happen(sqlite_ledger, "storyline/1", "storyline/1", "storyline/1")
        deliver(sqlite_ledger, clock)
        assert seen(tmp_path / "mine.db") == ids
        with sqlite_ledger.write() as tx:
            sinks.rewind(tx, sinks.need(tx, "desk"), 0, wanted)
        deliver(sqlite_ledger, clock)
        assert held(sqlite_ledger).delivered == 6
        assert seen(tmp_path / "mine.db") == ids


def test_it_believes_nobody_else(tmp_path: Path) -> None:
    body = b'{"id": "forged", "type": "storyline.opened", "subject": "storyline/1", "sequence": 1, "data": {}}'
    with program(signing.new_secret(), tmp_path / "mine.db") as url:
        forged = signing.headers("forged", now(), body, [signing.new_secret()])
        for lines in (forged, {}):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(urllib.request.Request(url, body, lines), timeout=30)
        assert seen(tmp_path / "mine.db") == []
