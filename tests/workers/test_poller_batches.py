"""Polls that end together are written together, and one that the ledger refuses spoils none of the others."""

from __future__ import annotations

import contextlib
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, text, update

from pipeline.feeds.schedule import PollOutcome
from pipeline.http import Response
from pipeline.ledger import Ledger, articles, connect, feeds, hosts, polls, work
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import Entry, Feed, FeedDocument, FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.ledger.making import START
from tests.workers.polling import add, one, poll
from tests.workers.site import Answer, Site, rss
from tests.workers.wire import states
from workers.poller import record
from workers.poller.outcome import Polled
from workers.poller.record import BATCH, ENTRIES, Job, Recorder, batch_size
from workers.process import now

pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",))


def refuse(ledger: Ledger, word: str) -> None:
    """Have the database refuse entries whose URL holds this word."""
    with ledger.write() as tx:
        if ledger.is_sqlite:
            when = f"WHEN NEW.url LIKE '%{word}%'"
            tx.execute(
                text(f"CREATE TRIGGER no BEFORE INSERT ON sightings {when} BEGIN SELECT RAISE(ABORT, 'refused'); END")
            )
        else:
            tx.execute(text(f"ALTER TABLE sightings ADD CONSTRAINT refused CHECK (url NOT LIKE '%%{word}%%')"))


def allow(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(text("DROP TRIGGER no" if ledger.is_sqlite else "ALTER TABLE sightings DROP CONSTRAINT refused"))


def test_one_that_is_refused_spoils_none_of_the_others(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "GATHER_SECONDS", 0.5)  # all of them in one batch
    paths = [f"/{name}.xml" for name in ("one", "two", "bad", "three")]
    site.pages |= {path: Answer(rss(f"https://a.example{path}"), headers={"ETag": '"1"'}) for path in paths}
    add(ledger, *(site.own_host(path) for path in paths))
    refuse(ledger, "bad")
    try:
        poll(settings, ledger, sandbox)
    finally:
        allow(ledger)
    assert states(ledger) == {"queued": 3}
    assert [one(ledger, number).failures for number in range(1, 5)] == [0, 0, 1, 0]
    assert "could not be taken in" in one(ledger, 3).error
    assert [one(ledger, number).etag for number in range(1, 5)] == ['"1"', '"1"', None, '"1"']


def test_a_batch_is_as_long_as_others_can_wait_for_it() -> None:
    def job(entries: int) -> Job:
        found = tuple(Entry(key=str(number), url=f"https://a.example/{number}") for number in range(entries))
        polled = Polled(asked=START, outcome=PollOutcome(), document=FeedDocument(format="RSS", entries=found))
        return Job(Feed(id=1, url="https://a.example/feed"), "token", polled)

    assert batch_size([job(0)] * 1000) == BATCH
    assert batch_size([job(0)] * 3) == 3
    assert batch_size([job(ENTRIES * 3), job(1)]) == 1, "however long it is, it has to be written"
    assert batch_size([job(ENTRIES // 2)] * 5) == 2
    assert batch_size([]) == 0


def test_polls_without_news_share_their_transactions(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "GATHER_SECONDS", 0.5)
    paths = [f"/{number}.xml" for number in range(20)]
    site.pages |= {path: Answer("", status=500) for path in paths}
    add(sqlite_ledger, *(site.own_host(path) for path in paths))
    written: list[int] = []

    def note(_c: object, _cursor: object, statement: str, parameters: list[object], _x: object, many: bool) -> None:
        if statement.startswith("UPDATE feeds") and "last_polled" in statement:
            written.append(len(parameters) if many else 1)

    event.listen(sqlite_ledger.engine, "before_cursor_execute", note)
    poll(settings, sqlite_ledger, sandbox)
    event.remove(sqlite_ledger.engine, "before_cursor_execute", note)
    assert [one(sqlite_ledger, number).failures for number in range(1, 21)] == [1] * 20
    assert sum(written) == 20
    assert len(written) < 5


def test_a_feed_that_moved_to_an_address_that_is_too_long_spoils_none_of_the_others(
    ledger: Ledger, settings: Settings
) -> None:
    """PostgreSQL's index takes some 2,700 bytes; SQLite's takes it."""
    add(ledger, "https://a.example/feed", "https://b.example/feed")
    target, before = f"https://a.example/{secrets.token_hex(2000)}", now() - timedelta(days=3)
    with ledger.write() as tx:
        moving = {"moved_to": target, "moved_seen": 5, "moved_since": before}
        tx.execute(update(feed_table).where(feed_table.c.id == 1).values(moving))
        turns = polls.claim_due(tx, now(), "token", 60.0, 10)
    jobs = []
    for turn in turns:
        hops = ((301, target),) if turn.feed.id == 1 else ()
        answer = Response(
            url=turn.feed.url, final_url=target, status=304, headers={}, body=b"", redirects=hops, seconds=0.1
        )
        jobs.append(Job(turn.feed, "token", Polled(asked=now(), outcome=PollOutcome(not_modified=True), answer=answer)))
    recorder = Recorder(settings, ledger, lambda: None)
    recorder.write(jobs)
    recorder.close()
    assert one(ledger, 2).last_success is not None
    moved = one(ledger, 1)
    assert moved.due > now(), "it is not asked again at once, for ever"
    if not ledger.is_sqlite:
        assert "could not be taken in" in moved.error
        assert moved.url == "https://a.example/feed"


def test_a_batch_and_a_hand_out_do_not_wait_for_each_other(postgres_url: str, settings: Settings) -> None:
    """A hand-out locks hosts and then their articles; a batch may bring an edit of such an article and a host's wish to
    be left alone at once. The other way round the two would block each other until PostgreSQL ends one of them."""
    with contextlib.closing(connect(postgres_url)) as ledger:
        add(ledger, "https://a.example/feed", "https://b.example/feed")
        edited = Entry(key="1", url="https://a.example/1", title="Mill closes", summary="Today.")
        with ledger.write() as tx:
            articles.record_entries(tx, [edited], now(), feed_id=1)
            turns = {turn.feed.id: turn.feed for turn in polls.claim_due(tx, now(), "token", 60.0, 10)}
        document = FeedDocument(format="RSS", entries=(replace(edited, summary="Tomorrow."),))
        busy = PollOutcome(error="it asks us to slow down", error_reason="throttled", retry_after=600.0)
        jobs = [
            Job(turns[1], "token", Polled(asked=now(), outcome=PollOutcome(), document=document)),
            Job(turns[2], "token", Polled(asked=now(), outcome=busy, throttled="a.example")),
        ]
        recorder = Recorder(settings, ledger, lambda: None)
        with ThreadPoolExecutor(1) as thread:
            with ledger.write() as tx:
                hosts.reserve_handout(tx, ["a.example"], now())
                written = thread.submit(recorder.write, jobs)
                wait_until_blocked(ledger)
                work.hand_out(tx, [1], "job", now())
            written.result(timeout=30)
        recorder.close()
        assert "asks us to slow down" in one(ledger, 2).error
        with ledger.read() as tx:
            free = hosts.free_at(tx, "a.example")
        assert free is not None
        assert free > now() + timedelta(seconds=590)


def wait_until_blocked(ledger: Ledger) -> None:
    """Until a transaction waits for a lock."""
    for _ in range(500):
        with ledger.read() as tx:
            if tx.execute(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).scalar_one():
                return
        time.sleep(0.01)
    pytest.fail("nobody waits for anybody")


def test_a_feed_that_is_paused_while_it_is_polled_stays_paused(ledger: Ledger, settings: Settings) -> None:
    add(ledger, "https://a.example/feed")
    with ledger.write() as tx:
        (turn,) = polls.claim_due(tx, now(), "token", 60.0, 10)
        feeds.set_state(tx, 1, FeedState.PAUSED, now())
    recorder = Recorder(settings, ledger, lambda: None)
    late = PollOutcome(error="it was not done after 20 s", error_reason="timeout")
    recorder.write([Job(turn.feed, "token", Polled(asked=now(), outcome=late))])
    recorder.close()
    assert one(ledger).failures == 1
    assert one(ledger).state == FeedState.PAUSED
