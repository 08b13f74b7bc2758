"""Ops and feeds in a real browser, over real processes: a worker that stops, letters retried, lists in and out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis as redis_client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pipeline.ledger import Ledger, feeds
from pipeline.settings import Settings
from tests.web import test_browser
from tests.web.newsroom import NOW, served
from tests.web.test_browser import TOKEN, Watched
from tests.web.test_feeds import add
from tests.web.test_opspages import give_up, states
from tests.workers.site import Answer, rss, serving
from workers.rqworker import BEAT_SECONDS
from workers.web.crew import SILENT

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60_000  # ms; a machine may be busy with other things
LIST = """<opml version="2.0"><body><outline text="sea"><outline text="A" xmlUrl="https://a.example/feed"/></outline>
<outline text="bad" xmlUrl="mailto:x@y.example"/></body></opml>"""

chromium = test_browser.chromium  # the fixture


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    return sqlite_ledger


@pytest.fixture
def settings(settings: Settings, sqlite_url: str, valkey: str) -> Settings:
    given = {"database_url": sqlite_url, "redis_url": valkey, "allow_networks": ("127.0.0.0/8",)}
    return settings.model_copy(update=given | {"host_spacing_seconds": 0.01})


@pytest.fixture
def client(valkey: str) -> Iterator[redis_client.Redis]:
    with contextlib.closing(redis_client.Redis.from_url(valkey)) as made:
        yield made


@contextlib.contextmanager
def watched(browser: Browser, origin: str, *, script: bool = True, **how: object) -> Iterator[Watched]:
    """A page on which nothing is asked of another host and no policy is violated."""
    given = {"viewport": {"width": 1100, "height": 900}, "reduced_motion": "reduce", "java_script_enabled": script}
    context: BrowserContext
    with browser.new_context(**given | how) as context:  # type: ignore[arg-type]
        found = Watched(context.new_page(), origin)
        yield found
        if script:
            assert found.page.evaluate("window.__violations") == []
    assert [one for one in found.seen if "status of 4" not in one] == []


def origin_of(site: object) -> str:
    return str(site.base_url).rstrip("/")  # type: ignore[attr-defined]


@contextlib.contextmanager
def running(settings: Settings, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "SLUGLINE_DATABASE_URL": settings.database_url,
        "SLUGLINE_REDIS_URL": settings.redis_url,
        "SLUGLINE_DATA_DIR": str(settings.data_dir),
    }
    started = subprocess.Popen([sys.executable, "-m", "workers.cli", *command], env=environment, cwd=ROOT)
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.send_signal(signal.SIGCONT)
            started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(30)


def test_what_stopped_is_shown_within_15_s_by_what_is_promised() -> None:
    every = 5.0  # seconds between two looks of the page (ops.html)
    assert 'data-every="5"' in (ROOT / "workers/web/templates/ops.html").read_text(encoding="utf-8")
    assert SILENT.total_seconds() + every < 15
    assert SILENT.total_seconds() >= 2 * BEAT_SECONDS


def test_a_stopped_worker_and_clusterer_are_shown_and_recover(
    chromium: Browser, settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    with (
        served(settings, ledger, client, clock=lambda: datetime.now(UTC)) as site,
        running(settings, "worker", "fetch") as worker,
        running(settings, "clusterer") as clusterer,
        watched(chromium, origin_of(site)) as seen,
    ):
        page = seen.page
        page.goto(f"{seen.origin}/ops")
        verdict = page.locator("#verdict")
        fetch, files = (page.locator("#crew li", has_text=name) for name in ("Fetch worker", "Clusterer"))
        for there in (fetch, files):
            expect(there).to_have_class("is-there", timeout=PATIENCE)
        expect(verdict).not_to_contain_text("fetch worker")
        for process in (worker, clusterer):
            process.send_signal(signal.SIGSTOP)
        for gone in (fetch, files):
            expect(gone).to_have_class("is-silent", timeout=PATIENCE)
        expect(verdict).to_contain_text("The fetch worker has stopped")
        expect(verdict).to_contain_text("The clusterer has stopped")
        for process in (worker, clusterer):
            process.send_signal(signal.SIGCONT)
        for there in (fetch, files):
            expect(there).to_have_class("is-there", timeout=PATIENCE)
        expect(verdict).not_to_contain_text("has stopped")


def test_a_killed_worker_that_was_started_afresh_is_no_trouble(
    chromium: Browser, settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    with (
        served(settings, ledger, client, clock=lambda: datetime.now(UTC)) as site,
        watched(chromium, origin_of(site)) as seen,
    ):
        page = seen.page
        page.goto(f"{seen.origin}/ops")
        fetch = page.locator("#crew li", has_text="Fetch worker")
        with running(settings, "worker", "fetch") as worker:
            expect(fetch).to_have_class("is-there", timeout=PATIENCE)
            worker.kill()
        with running(settings, "worker", "fetch"):
            expect(fetch.filter(has=page.locator(".place", has_text=str(worker.pid)))).to_have_count(
                0, timeout=PATIENCE
            )
            expect(fetch).to_have_class("is-there", timeout=PATIENCE)
            expect(fetch).to_have_count(1)


def test_a_dead_letter_is_retried_from_the_page(
    chromium: Browser, settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    for number, reason in enumerate(("timeout", "timeout", "dns"), start=1):
        give_up(ledger, number, reason, "a.example", answer="<script>alert(1)</script>")
    locked = settings.model_copy(update={"api_token": TOKEN})
    with served(locked, ledger, client) as site, watched(chromium, origin_of(site)) as seen:
        page = seen.page
        page.goto(f"{seen.origin}/ops")
        page.get_by_role("link", name="Log in").click()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/ops")
        letter = page.locator("#dead .letters li", has_text="Letter 3")
        letter.get_by_role("button", name="Retry").click()
        expect(page.get_by_text("1 article is queued again.")).to_be_visible()
        assert states(ledger) == {1: "dead", 2: "dead", 3: "queued"}
        page.get_by_role("link", name="All dead letters").click()
        page.locator("section", has_text="By reason").get_by_role("button", name="Retry all").first.click()
        expect(page.get_by_text("2 articles are queued again.")).to_be_visible()
    assert states(ledger) == {1: "queued", 2: "queued", 3: "queued"}


@pytest.mark.parametrize("script", [True, False])
def test_a_list_is_imported_exported_and_a_feed_paused(
    chromium: Browser, settings: Settings, ledger: Ledger, tmp_path: Path, script: bool
) -> None:
    (tmp_path / "my.opml").write_text(LIST, encoding="utf-8")
    locked = settings.model_copy(update={"api_token": TOKEN})
    with (
        served(locked, ledger, clock=lambda: datetime.now(UTC)) as site,
        watched(chromium, origin_of(site), script=script) as seen,
    ):
        page = seen.page
        page.goto(f"{seen.origin}/login?next=/feeds")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("A list of feeds").set_input_files(tmp_path / "my.opml")
        page.get_by_role("button", name="Import the list").click()
        expect(page.get_by_role("status").first).to_contain_text("my.opml: 1 feed was added.")
        expect(page.get_by_text("mailto:x@y.example")).to_be_visible()
        page.get_by_text("Add feeds").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Export all feeds as OPML").click()
        exported = Path(download.value.path()).read_text(encoding="utf-8")
        assert 'xmlUrl="https://a.example/feed"' in exported
        page.get_by_role("link", name="A", exact=True).click()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("it is not polled until you resume it")).to_be_visible()
        expect(page.locator(".verdict .standing")).to_have_text("Paused")
    with ledger.read() as tx:
        assert [(feed.state, feed.tags) for feed in feeds.every(tx)] == [("paused", ("sea",))]


def test_the_feeds_of_a_site_are_found_from_the_page(chromium: Browser, settings: Settings, ledger: Ledger) -> None:
    home = '<link rel="alternate" type="application/rss+xml" title="Courier" href="/rss.xml">'
    with serving() as outlet, served(settings, ledger) as site, watched(chromium, origin_of(site)) as seen:
        outlet.pages |= {"/": Answer(home), "/rss.xml": Answer(rss("https://a.example/1", title="The Courier"))}
        page = seen.page
        page.goto(f"{seen.origin}/feeds")
        page.get_by_label("Address of a feed").fill(f"127.0.0.1:{outlet.port}")
        page.get_by_role("button", name="Look for the site's feeds").click()
        found = page.get_by_label("The Courier")
        expect(found).to_be_checked(timeout=PATIENCE)
        page.get_by_role("button", name="Add the chosen ones").click()
        expect(page.get_by_text("It is polled at once.")).to_be_visible()
        assert page.url == f"{seen.origin}/feeds/1?done=added"


def fill(ledger: Ledger) -> None:
    """What makes lines long: titles, addresses and errors without a blank."""
    long = "https://outlet.example/" + "a-very-long-path-without-any-blank" * 4
    for number in range(3):
        trouble = {"failures": 2, "error": f"{long} does not answer", "last_polled": NOW, "last_success": NOW}
        add(ledger, f"{long}/{number}", title="Feedwithaverylongtitle" * 5, tags=["world", "sea"], **trouble)
        give_up(ledger, number, "server-error", "outlet.example", title="L" * 90, error=long, answer=long)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_and_no_colour_is_lost(
    chromium: Browser, settings: Settings, ledger: Ledger, client: redis_client.Redis, scheme: str
) -> None:
    fill(ledger)
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with served(settings, ledger, client) as site, watched(chromium, origin_of(site), **phone) as seen:
        page = seen.page
        for path in ("/ops", "/ops/dead", "/feeds", "/feeds/1", "/feeds?show=trouble"):
            answer = page.goto(seen.origin + path)
            assert answer is not None
            assert answer.status == 200
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert page.evaluate("window.__violations") == []
            assert unreadable(page) == [], path


def unreadable(page: Page) -> list[str]:
    """Texts whose colour is that of the ground."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(one => one.childElementCount === 0 && one.textContent)
        .filter(one => getComputedStyle(one).color === getComputedStyle(document.body).backgroundColor)
        .map(one => one.outerHTML)"""
    )
    return found


def test_the_page_says_that_it_is_old_and_keeps_a_section_that_somebody_is_in(
    chromium: Browser, settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    give_up(ledger, 1, "dns", "a.example")
    with served(settings, ledger, client) as site, watched(chromium, origin_of(site)) as seen:
        page = seen.page
        page.goto(f"{seen.origin}/ops")
        button = page.locator("#dead .letters").get_by_role("button", name="Retry")
        button.focus()
        give_up(ledger, 2, "timeout", "b.example")
        add(ledger, "https://c.example/feed", failures=1, error="it is away", last_polled=NOW - timedelta(minutes=1))
        expect(page.locator("#troubled")).to_contain_text("It is away", timeout=PATIENCE)
        assert page.locator("#dead .letters li").count() == 1
        expect(button).to_be_focused()
        button.blur()
        expect(page.locator("#dead .letters li")).to_have_count(2, timeout=PATIENCE)
        page.route("**/ops?part=1", lambda route: route.fulfill(status=503))
        expect(page.locator("#freshness")).to_contain_text("does not answer", timeout=PATIENCE)
        page.unroute("**/ops?part=1")
        expect(page.locator("#freshness")).to_be_empty(timeout=PATIENCE)
        seen.seen = [one for one in seen.seen if "503" not in one]
