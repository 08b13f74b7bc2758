"""What is on the block list is neither asked for nor taken in, and whoever looks is told why."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pipeline.errors import FetchError
from pipeline.ledger import Ledger
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers import polling
from tests.workers.fetching import FULL_TEXT, page, run, take_in
from tests.workers.site import Answer, Site
from tests.workers.wire import row, states
from workers.cli.app import app


def settings(*block: str) -> Settings:
    return Settings(
        allow_networks=("127.0.0.0/8",), request_seconds=10, host_spacing_seconds=0, poll_min_seconds=60, block=block
    )


def rss(*links: str) -> Answer:
    items = "".join(f"<item><title>About {link}</title><link>{link}</link><guid>{link}</guid></item>" for link in links)
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Paper</title>{items}</channel></rss>'
    return Answer(body, headers={"Content-Type": "application/rss+xml"})


def test_a_blocked_page_is_not_asked_for_and_not_taken_from_its_feed(
    ledger: Ledger, site: Site, sandbox: Sandbox
) -> None:
    site.pages |= {"/good": Answer(page()), "/live/1": Answer(page())}
    good, blocked = take_in(ledger, site.url("/good"), site.url("/live/1"), content={site.url("/live/1"): FULL_TEXT})
    assert run(settings("*/live/*"), ledger, sandbox, [good, blocked]) == {"fetched": 1, "rejected": 1}
    assert "/live/1" not in [one.path for one in site.asked]
    assert row(ledger, blocked)["reason"] == "blocked"
    assert "is on the block list (*/live/*)" in row(ledger, blocked)["error"]


def test_a_redirect_to_a_blocked_page_is_not_followed(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    site.pages |= {"/go": Answer(status=302, headers={"Location": "/live/1"}), "/live/1": Answer(page())}
    (article,) = take_in(ledger, site.url("/go"))
    assert run(settings("127.0.0.1/live/*"), ledger, sandbox, [article]) == {"rejected": 1}
    assert "/live/1" not in [one.path for one in site.asked]
    assert row(ledger, article)["reason"] == "blocked"


def test_a_page_that_says_it_is_a_blocked_one_is_rejected(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    site.pages["/amp/1"] = Answer(page(more=f'<link rel="canonical" href="{site.url("/live/1")}">'))
    (article,) = take_in(ledger, site.url("/amp/1"))
    assert run(settings("*/live/*"), ledger, sandbox, [article]) == {"rejected": 1}
    assert row(ledger, article)["reason"] == "blocked"


def test_blocked_entries_are_left_out_and_the_feed_says_so(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    links = ["https://paper.example/1", "https://ads.example/2", "https://www.ads.example/3"]
    site.pages["/feed"] = rss(*links)
    polling.add(ledger, site.url("/feed"))
    polling.poll(settings("ads.example"), ledger, sandbox)
    assert states(ledger) == {"queued": 1}
    assert "2 entries were left out by the block list (ads.example)" in polling.one(ledger).problems


def test_a_blocked_feed_is_not_asked_and_says_so(ledger: Ledger, site: Site, sandbox: Sandbox) -> None:
    site.pages["/feed"] = rss("https://paper.example/1")
    polling.add(ledger, site.url("/feed"))
    polling.poll(settings("127.0.0.1"), ledger, sandbox)
    feed = polling.one(ledger)
    assert [one.path for one in site.asked] == []
    assert "is on the block list (127.0.0.1)" in feed.error
    assert feed.state == "active", "the list may change"


def test_by_hand_it_is_refused_at_once(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SLUGLINE_BLOCK", "ads.example")
    done = CliRunner().invoke(app, ["ingest", "https://paper.example/1", "https://www.ads.example/2"])
    assert isinstance(done.exception, FetchError)
    assert "is on the block list (ads.example)" in str(done.exception)
    assert states(sqlite_ledger) == {}
