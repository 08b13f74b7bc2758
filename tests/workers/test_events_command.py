"""`slugline events`: the end of the log, what happens, and all behind a position."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pipeline.ledger import Ledger, connect, events
from tests.alerts.schemas import validator
from tests.conftest import LEDGER
from tests.servers import Postgres
from tests.workers.wire import NOON, at
from workers.cli.app import app
from workers.cli.events import AWAY_SECONDS

ROOT = Path(__file__).resolve().parents[2]


def happen(ledger: Ledger, count: int, *, subject: str = "storyline/1", type_: str = "storyline.grew") -> None:
    with ledger.write() as tx:
        first = len(events.after(tx, 0, 10_000, subjects=[subject])) + 1
        for sequence in range(first, first + count):
            events.append(tx, type_, subject, sequence, NOON, {"storyline": {"headline": "The\x1b[31m mill"}})
        events.number(tx, 10_000)


@pytest.fixture
def log(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """1,000 events and one of another type; the commands of this test see the same ledger."""
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    happen(sqlite_ledger, 1_000)
    happen(sqlite_ledger, 1, subject="storyline/2", type_="storyline.surging")
    return sqlite_ledger


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["events", *map(str, words)])


def positions(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["position"] for line in result.stdout.splitlines()]


def test_the_newest_are_shown(log: Ledger) -> None:
    assert positions(run("tail", "--json")) == list(range(982, 1002))
    assert positions(run("tail", "-n", 1, "--type", "storyline.grew", "--json")) == [1000]
    heading, *lines = run("tail", "-n", 2).stdout.splitlines()
    assert heading.split() == ["position", "time", "type", "subject", "about"]
    assert [line.split()[0] for line in lines] == ["1000", "1001"]
    assert "\x1b" not in lines[0]


def test_all_behind_a_position_or_an_id_come_in_order(log: Ledger) -> None:
    assert positions(run("replay", "--json")) == list(range(1, 1002))
    assert positions(run("replay", "--after", 3, "-n", 700, "--json")) == list(range(4, 704))
    assert positions(run("replay", "--after", 3, "--type", "storyline.surging", "--json")) == [1001]
    assert positions(run("tail", "--after", 999, "--json")) == [1000, 1001]
    with log.read() as tx:
        (known,) = events.after(tx, 997, 1)
    assert positions(run("replay", "--after", known.id, "--json")) == [999, 1000, 1001]


def test_what_is_printed_is_a_cloudevent(log: Ledger) -> None:
    said = json.loads(run("tail", "-n", 1, "--json").stdout)
    validator("envelope").validate(said)


def test_wrong_use_names_the_way_out(log: Ledger) -> None:
    for words, said in (
        (("replay", "--after", 2000), "ends at position 1001"),
        (("tail", "--after", "nonsense"), "no published event nonsense"),
        (("tail", "--type", "storyline.gorwn"), "there are: storyline.opened"),
    ):
        error = run(*words).exception
        assert isinstance(error, UsageError)
        assert said in str(error)


def test_events_that_are_kept_no_more_are_named(log: Ledger) -> None:
    with log.write() as tx:
        events.expire(tx, at(1), 500)
    told = run("replay", "--after", 100, "-n", 1, "--json")
    assert "up to position 500 are kept no more" in told.stderr
    assert positions(run("replay", "-n", 1, "--json")) == [501], "from the beginning of what is kept is no loss"


@contextlib.contextmanager
def following(*, url: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """`slugline events tail --follow` on the newest event; killed in the end, whatever it was told."""
    command = [sys.executable, "-m", "workers.cli", "events", "tail", "-n", "1", "--follow", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        env=environment | ({"SLUGLINE_DATABASE_URL": url} if url else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore SIGINT, and the tests may have been started so.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread here forks
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def printed(child: subprocess.Popen[str], count: int = 1) -> list[int]:
    assert child.stdout is not None
    return [json.loads(child.stdout.readline())["position"] for _ in range(count)]


def interrupted(child: subprocess.Popen[str]) -> str:
    """What it had to say on standard error by the time it was told to end."""
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    return errors


def test_following_prints_what_happens_until_it_is_interrupted(log: Ledger) -> None:
    with following() as child:
        assert printed(child) == [1001]
        happen(log, 2)
        assert printed(child, 2) == [1002, 1003]
        assert interrupted(child) == ""


def test_following_outlasts_a_ledger_that_goes_away_and_misses_nothing(
    postgres_server: Postgres, postgres_url: str
) -> None:
    with contextlib.closing(connect(postgres_url)) as ledger:
        happen(ledger, 1)
        with following(url=postgres_url) as child:
            assert printed(child) == [1]
            try:
                postgres_server.execute(f"ALTER DATABASE {LEDGER} ALLOW_CONNECTIONS false")
                postgres_server.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{LEDGER}'"
                )
                assert child.stderr is not None
                assert "waiting for it" in child.stderr.readline()
                time.sleep(2.5 * AWAY_SECONDS)  # it looks again more than once, and says it once
            finally:
                postgres_server.execute(f"ALTER DATABASE {LEDGER} ALLOW_CONNECTIONS true")
            ledger.engine.dispose()
            happen(ledger, 600)
            assert printed(child, 600) == list(range(2, 602))
            assert interrupted(child) == ""
