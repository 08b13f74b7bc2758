"""`slugline status --watch` shows how the wire is, in words, and goes on whatever is away."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from rich.console import Console

from pipeline import queues, tally
from pipeline.ledger import connect, open_ledger
from pipeline.settings import Settings
from tests.ledger.making import queued
from workers.cli.watching import _Look, screen
from workers.web.opsnow import Ops


def shown(settings: Settings) -> tuple[str, Ops]:
    """What a wide terminal shows, and what it was made of."""
    with closing(connect(settings.ledger_url)) as ledger:
        moment, found = _Look(settings, ledger)()
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(screen(found, moment))
    return console.export_text(), found


def test_it_says_what_is_wrong_and_what_waits(ledger_url: str, valkey: str) -> None:
    with closing(connect(ledger_url)) as ledger:
        queued(ledger, "https://paper.example/a", "https://paper.example/b")
    with closing(queues.connect(valkey)) as client:
        counts = tally.Tally()
        counts.moved("poller", 1000.0)
        assert counts.send(client)
    text, found = shown(Settings(database_url=ledger_url, redis_url=valkey))
    assert found.verdict.level == "bad"
    assert "The poller has stopped, since " in text
    assert "start it with “slugline poller”" in text
    (line,) = [line for line in text.splitlines() if line.startswith("Fetch")][:1]
    assert line.split()[:3] == ["Fetch", "2", "articles"]
    assert "Dead letters: 0" in text


def test_a_redis_and_a_ledger_that_are_away_are_said(tmp_path: Path, sqlite_url: str) -> None:
    settings = Settings(database_url=sqlite_url, redis_url=f"unix://{tmp_path}/none.sock")
    text, _ = shown(settings)
    assert "Redis does not answer" in text
    assert "Redis does not say who is at work" in text
    with closing(connect(sqlite_url)) as ledger:
        look = _Look(settings, ledger)
        (tmp_path / "ledger.db").write_bytes(b"no database at all" * 1000)
        _, found = look()
        assert "The ledger does not answer" in [one.says for one in found.verdict.troubles]


def test_it_runs_on_a_terminal_until_ctrl_c_and_gives_lines_to_programs(tmp_path: Path) -> None:
    environment = {**os.environ, "SLUGLINE_DATA_DIR": str(tmp_path), "TERM": "xterm", "LINES": "60", "COLUMNS": "160"}
    open_ledger(Settings(data_dir=tmp_path).ledger_url, upgrade=True).close()
    command = [sys.executable, "-m", "workers.cli", "status", "--watch", "--interval", "1"]

    terminal, its_end = pty.openpty()
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # nobody has the other end any more
            while part := os.read(terminal, 65_536):
                seen.extend(part)

    # To the end: a terminal that nobody reads takes a few kilobytes, and whoever writes more waits.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with subprocess.Popen(command, env=environment, stdin=its_end, stdout=its_end, stderr=subprocess.PIPE) as process:
        os.close(its_end)
        try:
            for _ in range(600):
                if b"Dead letters" in seen:
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    reader.join(30)
    os.close(terminal)
    assert b"Dead letters" in seen
    assert b"\x1b[?1049h" in seen  # a screen of its own, so that what was there before comes back

    with subprocess.Popen([*command, "--json"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert lines[0]["at"] < lines[1]["at"]
    assert lines[0]["verdict"]["level"] == "bad"
