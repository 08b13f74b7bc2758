"""Events as server-sent events: the log, then what happens, to listeners that come and go, over a real connection."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pipeline.ledger import Ledger, events
from pipeline.settings import Settings
from tests.web.newsroom import NOW, served
from workers.web import streams

STREAM = "/api/v1/events/stream"


def happen(ledger: Ledger, count: int = 1, *, subject: str = "storyline/1", type_: str = "storyline.grew") -> None:
    """Events that the relay has numbered."""
    with ledger.write() as tx:
        first = len(events.after(tx, 0, 10_000, subjects=[subject])) + 1
        for sequence in range(first, first + count):
            events.append(tx, type_, subject, sequence, NOW, {"word": "città", "padding": "x" * 2_000})
        events.number(tx, 10_000)


@contextlib.contextmanager
def listening(site: httpx.Client, **asked: Any) -> Iterator[Iterator[str]]:
    """The lines of a stream, without empty ones."""
    with site.stream("GET", STREAM, **asked) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines).startswith("retry: ")
        yield lines


def take(lines: Iterator[str], count: int) -> list[tuple[int, dict[str, Any]]]:
    """The next messages: id and data."""
    found = []
    for _ in range(count):
        name, _, position = next(line for line in lines if not line.startswith(":")).partition(": ")
        assert name == "id"
        name, _, data = next(lines).partition(": ")
        assert name == "data"
        found.append((int(position), json.loads(data)))
    return found


def test_the_log_comes_first_and_then_what_happens(settings: Settings, ledger: Ledger) -> None:
    happen(ledger, 250)
    with served(settings, ledger) as site, listening(site, params={"after": 2}) as lines:
        assert [position for position, _ in take(lines, 248)] == list(range(3, 251))
        happen(ledger, 2, subject="storyline/2")
        ((position, said), _) = take(lines, 2)
    assert position == said["position"] == 251
    assert (said["specversion"], said["type"], said["subject"]) == ("1.0", "storyline.grew", "storyline/2")
    assert (said["sequence"], said["source"], said["data"]["word"]) == (1, "urn:slugline", "città")


def test_who_comes_back_goes_on_behind_what_was_seen_last(settings: Settings, sqlite_ledger: Ledger) -> None:
    happen(sqlite_ledger, 5)
    with served(settings, sqlite_ledger) as site:
        with listening(site, params={"after": 0}, headers={"Last-Event-ID": "3"}) as lines:
            assert [position for position, _ in take(lines, 2)] == [4, 5]
        with listening(site) as lines:
            happen(sqlite_ledger)
            assert take(lines, 1)[0][0] == 6, "without a position: from now on"


def test_who_was_away_for_too_long_is_told_once_where_the_log_begins(settings: Settings, ledger: Ledger) -> None:
    happen(ledger, 9)
    with ledger.write() as tx:
        events.expire(tx, NOW + timedelta(days=1), 6)
    with served(settings, ledger) as site:
        with listening(site, headers={"Last-Event-ID": "2"}) as lines:
            assert [next(lines) for _ in range(3)] == ["id: 6", "event: gap", 'data: {"after": 2, "first": 7}']
            assert [position for position, _ in take(lines, 3)] == [7, 8, 9]
        for start in ("0", "6"):
            with listening(site, headers={"Last-Event-ID": start}) as lines:
                assert take(lines, 1)[0][0] == 7, "who asks for what is kept misses nothing"


def test_types_and_subjects_are_chosen_and_the_rest_is_not_looked_through_again(
    settings: Settings, sqlite_ledger: Ledger
) -> None:
    happen(sqlite_ledger, 3)
    happen(sqlite_ledger, 1, subject="storyline/2", type_="storyline.surging")
    happen(sqlite_ledger, 2, subject="storyline/3")
    asked = [("after", "0"), ("type", "storyline.surging"), ("type", "storyline.merged")]
    with served(settings, sqlite_ledger) as site:
        with listening(site, params=asked) as lines:
            assert take(lines, 1)[0][0] == 4
            assert next(lines) == "id: 6"
        with listening(site, params={"after": 0, "subject": "storyline/3"}) as lines:
            assert [position for position, _ in take(lines, 2)] == [5, 6]
        found = site.get("/api/v1/events", params={"subject": "storyline/2"}).json()
    assert [event["position"] for event in found["events"]] == [4]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"params": {"type": "storyline.gorwn"}}, "'storyline.gorwn'"),
        ({"params": {"subject": "storyline"}}, "storyline/ID"),
        ({"params": {"after": 9}}, "ends at position 1"),
        ({"params": {"after": -1}}, "after"),
        ({"headers": {"Last-Event-ID": "x"}}, "last-event-id"),
    ],
)
def test_what_makes_no_sense_is_said(
    settings: Settings, sqlite_ledger: Ledger, asked: dict[str, Any], said: str
) -> None:
    happen(sqlite_ledger)
    with served(settings, sqlite_ledger) as site:
        answer = site.get(STREAM, **asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_there_is_room_for_so_many(settings: Settings, sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST", 2)
    with served(settings, sqlite_ledger) as site:
        with listening(site), listening(site):
            refused = site.get(STREAM)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        let_in(site)


def let_in(site: httpx.Client) -> None:
    """A place is free, or will be at once: that a listener has gone is noticed a moment later."""
    for _ in range(500):
        with site.stream("GET", STREAM) as answer:
            if answer.status_code == 200:
                return
            answer.read()
    pytest.fail("no place became free")


def test_a_quiet_stream_says_that_it_lives(
    settings: Settings, sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ALIVE_SECONDS", 0.02)
    with served(settings, sqlite_ledger) as site, listening(site) as lines:
        assert [next(lines), next(lines)] == [": nothing new"] * 2


def test_streams_end_properly_when_the_service_does(settings: Settings, sqlite_ledger: Ledger) -> None:
    with contextlib.ExitStack() as stack:
        with served(settings, sqlite_ledger) as site:
            client = stack.enter_context(httpx.Client(base_url=site.base_url, trust_env=False, verify=False))
            lines = stack.enter_context(listening(client))
        assert list(lines) == [], "a stream that was cut off would raise RemoteProtocolError"


def test_who_takes_nothing_fills_no_memory_and_is_let_go(
    settings: Settings, sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST", 1)
    monkeypatch.setattr(streams, "SEND_SECONDS", 0.2)
    reads: list[int] = []
    read = streams.Streams._read

    def counted(self: streams.Streams, position: int, *chosen: Any) -> Any:
        reads.append(position)
        return read(self, position, *chosen)

    monkeypatch.setattr(streams.Streams, "_read", counted)
    happen(sqlite_ledger, 9_000)  # 20 MB, more than a socket takes by itself
    with served(settings, sqlite_ledger) as site, socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        idle.connect((site.base_url.host, site.base_url.port))
        idle.sendall(f"GET {STREAM}?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while not reads:
            assert site.get("/healthz").status_code == 200
        let_in(site)
    assert max(reads) < 8_000, "most of the log was never read for it"
