"""Credentials in the URL of a feed work, and are nowhere but in the ledger's column of URLs."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from typing import Literal

import pytest
import structlog
from sqlalchemy import select, update
from typer.testing import CliRunner

from pipeline.ledger import Ledger, feeds
from pipeline.ledger.schema import articles, metadata
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import Feed, FeedState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.web.newsroom import served
from tests.workers.polling import Poller, add, until
from tests.workers.site import Answer, Asked, Page, Site, rss
from workers import logs
from workers.cli.app import app

SECRET = "s3cretpass"
BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()
FEEDS = ("/ok", "/refused", "/slow", "/broken", "/page", "/away", "/moved", "/missing")
MAY_HOLD = {("feeds", "url"), ("articles", "url"), ("sightings", "url"), ("feeds", "moved_to")}


def guarded(page: Page) -> Page:
    """A page behind a login."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Basic {BASIC}":
            return Answer("who are you?", 401, {"www-authenticate": "Basic"})
        return page if isinstance(page, Answer) else page(asked)

    return answer


@pytest.fixture
def addresses(site: Site) -> list[str]:
    own = f"http://user:{SECRET}@127.0.0.1:{site.port}"
    elsewhere = f"http://user:{SECRET}@localhost:{site.port}/elsewhere"
    pages: dict[str, Page] = {
        "/ok": Answer(rss("/story", "/other", title="Mine").replace(b"https://a.example/", own.encode())),
        "/slow": site.hang,
        "/broken": Answer(b"<rss><channel><item><link>" + own.encode() + b"/x</link><title>&nope;<b>"),
        "/page": Answer(f'<html><link rel="alternate" type="application/rss+xml" href="{own}/named"></html>'),
        "/away": Answer(status=302, headers={"location": elsewhere}),
        "/moved": Answer(status=301, headers={"location": "/ok"}),
    }
    site.pages |= {path: guarded(page) for path, page in pages.items()}
    site.pages |= {"/refused": Answer("no", 401), "/elsewhere": Answer("not here", 404)}
    return [own + path for path in FEEDS]


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_log_answer_list_or_export_shows_the_password_of_a_feed(
    sqlite_ledger: Ledger,
    sqlite_url: str,
    site: Site,
    sandbox: Sandbox,
    addresses: list[str],
    form: Literal["console", "json"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(
        allow_networks=("127.0.0.0/8", "::1/128"),
        request_seconds=1,
        host_spacing_seconds=0.01,
        log_format=form,
        log_level="debug",
        database_url=sqlite_url,
    )
    written = io.StringIO()
    library = logging.StreamHandler(written)
    logging.getLogger().addHandler(library)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logs.configure(settings, "poller", written)
    try:
        add(sqlite_ledger, *addresses)
        poller = Poller(settings, sqlite_ledger, None, sandbox)
        asyncio.run(until(lambda: all(feed.last_polled for feed in _feeds(sqlite_ledger)), poller))
    finally:
        logging.getLogger().removeHandler(library)
        structlog.contextvars.clear_contextvars()
    assert site.requests("/ok")[0].headers["authorization"] == f"Basic {BASIC}"
    assert all("authorization" not in one.headers for one in site.requests("/elsewhere"))
    known = {feed.url.rpartition("/")[2]: feed for feed in _feeds(sqlite_ledger)}
    with sqlite_ledger.read() as tx:
        carried = tx.execute(select(articles.c.id).where(articles.c.url.contains(SECRET))).scalars().all()
    assert known["ok"].error == ""
    assert "login" in known["refused"].error
    assert all(known[path].failures for path in ("refused", "slow", "page", "away", "missing"))
    shown = {"log": written.getvalue()}
    shown |= _columns(sqlite_ledger)
    with sqlite_ledger.write() as tx:
        if carried:
            values = {"state": "dead", "error": f"http://user:{SECRET}@127.0.0.1/ failed", "reason": "x"}
            tx.execute(update(articles).where(articles.c.id == carried[0]).values(values))
        tx.execute(update(feed_table).where(feed_table.c.id == 1).values(moved_to=addresses[1]))
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    for command in ("feeds list", "feeds list --json", "feeds list --trouble", "feeds show 1", "feeds show 1 --json",
                    "feeds export", "status --json", "dead list", "dead list --json", "feeds poll 1", "feeds pause 1",
                    f"feeds resume {addresses[0]}", f"feeds add {addresses[0]}"):  # fmt: skip
        result = CliRunner().invoke(app, command.split())
        assert result.exit_code == 0, (command, result.output, result.exception)
        shown[command] = result.output
    with served(settings, sqlite_ledger) as web:
        paths = ["/api/v1/feeds", "/api/v1/feeds.opml", "/api/v1/feeds/1", "/api/v1/dead", "/api/v1/events", "/"]
        paths += [f"/api/v1/articles/{one}" for one in carried]
        for path in paths:
            answer = web.get(path)
            assert answer.status_code == 200, (path, answer.text)
            shown[path] = answer.text
    told = [place for place, text in shown.items() if SECRET in text or BASIC in text]
    assert told == []
    whole = CliRunner().invoke(app, ["feeds", "export", "--with-credentials"])
    assert whole.output.count(SECRET) == len(FEEDS)


def _feeds(ledger: Ledger) -> list[Feed]:
    with ledger.read() as tx:
        return feeds.every(tx)


def _columns(ledger: Ledger) -> dict[str, str]:
    """Everything in the ledger but the columns that have to hold URLs as they are."""
    with ledger.read() as tx:
        return {
            f"{table.name}.{column.name}": str(tx.execute(select(column)).scalars().all())
            for table in metadata.sorted_tables
            for column in table.columns
            if (table.name, column.name) not in MAY_HOLD
        }


def test_a_gone_feed_is_polled_again_when_a_person_says_so(
    sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    (made,) = add(sqlite_ledger, "https://a.example/feed")
    with sqlite_ledger.write() as tx:
        tx.execute(update(feed_table).values(state=FeedState.GONE))
    refused = CliRunner().invoke(app, ["feeds", "poll", str(made)])
    assert "feeds resume" in str(refused.exception)
    assert CliRunner().invoke(app, ["feeds", "resume", str(made)]).exit_code == 0
    assert CliRunner().invoke(app, ["feeds", "poll", "https://a.example/feed"]).exit_code == 0
    with sqlite_ledger.read() as tx:
        (feed,) = feeds.every(tx)
    assert (feed.state, feed.due_reason) == (FeedState.ACTIVE, "asked for")
