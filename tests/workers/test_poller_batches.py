"""Polls that end together are written together, and one that the ledger refuses spoils none of the others."""

from __future__ import annotations

import pytest
from sqlalchemy import event, text

from pipeline.feeds.schedule import PollOutcome
from pipeline.ledger import Ledger
from pipeline.records import Entry, Feed, FeedDocument
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.ledger.making import START
from tests.workers.polling import add, one, poll
from tests.workers.site import Answer, Site, rss
from tests.workers.wire import states
from workers.poller import record
from workers.poller.outcome import Polled
from workers.poller.record import BATCH, ENTRIES, Job, batch_size

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
