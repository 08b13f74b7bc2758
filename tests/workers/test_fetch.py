"""Fetch jobs against a site on loopback: every way in which an article can end, and none that harms the others."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pipeline.errors import FetchError
from pipeline.ledger import Ledger, hosts, work
from pipeline.ledger.schema import hosts as host_table
from pipeline.ledger.schema import texts as text_table
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.fetching import FULL_TEXT, page, run, take_in, text_of
from tests.workers.site import Answer, Site
from tests.workers.wire import row, states
from workers.fetch import Batch, retry_delay
from workers.process import now


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, host_spacing_seconds=0, retry_base_seconds=30)


# ---- when to try again ----


@pytest.mark.parametrize(
    ("attempts", "error", "seconds"),
    [
        (1, FetchError("x", reason="timeout"), 30),
        (2, FetchError("x", reason="timeout"), 60),
        (4, FetchError("x", reason="timeout"), 240),
        (5, FetchError("x", reason="timeout"), None),
        (1, FetchError("x", reason="bad-url", retry=False), None),
        (1, FetchError("x", reason="throttled", after=600), 600),
        (3, FetchError("x", reason="throttled", after=5), 120),
        (5, FetchError("x", reason="throttled", after=5), None),
    ],
)
def test_the_next_attempt(attempts: int, error: FetchError, seconds: float | None) -> None:
    assert retry_delay(attempts, error, Settings(retry_base_seconds=30, max_attempts=5)) == seconds


def test_the_next_attempt_is_never_more_than_an_hour_away_unless_the_host_asks() -> None:
    settings = Settings(retry_base_seconds=30, max_attempts=50)
    assert retry_delay(20, FetchError("x", reason="timeout"), settings) == 3600
    assert retry_delay(20, FetchError("x", reason="throttled", after=7200), settings) == 7200


# ---- pages ----


def test_a_batch_in_which_each_page_ends_differently(
    ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages |= {
        "/good": Answer(page(), headers={"Content-Type": "text/html"}),
        "/500": Answer("oops", status=500),
        "/file": Answer(b"%PDF-1.7 ...", headers={"Content-Type": "application/pdf"}),
        "/short": Answer("<html><title>Nothing</title><body><p>Nothing here.</p></body></html>"),
        "/451": Answer("no", status=451),
    }
    good, missing, broken, pdf, short, legal = take_in(
        ledger, *(site.url(path) for path in ("/good", "/404", "/500", "/file", "/short", "/451"))
    )
    outcomes = run(settings, ledger, sandbox, [good, missing, broken, pdf, short, legal])
    assert outcomes == {"fetched": 1, "rejected": 4, "retry": 1}
    assert states(ledger) == {"fetched": 1, "rejected": 4, "queued": 1}
    assert (row(ledger, missing)["reason"], row(ledger, pdf)["reason"]) == ("not-found", "pdf")
    assert row(ledger, legal)["reason"] == "legal"
    assert "404" in row(ledger, missing)["error"]
    assert row(ledger, short)["reason"] == "too-short"
    again = row(ledger, broken)
    assert (again["attempts"], again["reason"], again["job_id"]) == (1, "server-error", None)
    assert timedelta(seconds=25) < again["due"] - now() <= timedelta(seconds=30)
    read = row(ledger, good)
    assert (read["title"], read["lang"], read["attempts"]) == ("Orsel closes its old bridge", "en", 0)
    assert text_of(ledger, good).startswith("The city council of Orsel voted on Monday")
    with ledger.read() as tx:
        assert tx.execute(select(text_table.c.signature)).scalar_one() is not None
    assert "if-none-match" not in site.requests("/good")[0].headers
    assert site.requests("/good")[0].headers["user-agent"] == settings.user_agent


def test_a_job_that_is_run_again_changes_nothing(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages["/good"] = Answer(page())
    ids = take_in(sqlite_ledger, site.url("/good"))
    run(settings, sqlite_ledger, sandbox, ids)
    before = row(sqlite_ledger, ids[0])
    assert Batch(settings, sqlite_ledger, sandbox, "fetch-1").run(ids) == {}
    assert row(sqlite_ledger, ids[0]) == before
    assert len(site.requests("/good")) == 1


def test_attempts_end(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    site.pages["/500"] = Answer("oops", status=500)
    (article,) = take_in(sqlite_ledger, site.url("/500"))
    outcomes = [run(settings, sqlite_ledger, sandbox, [article], f"fetch-{n}") for n in range(settings.max_attempts)]
    assert outcomes == [{"retry": 1}] * 4 + [{"dead": 1}]
    dead = row(sqlite_ledger, article)
    assert (dead["state"], dead["reason"], dead["attempts"]) == ("dead", "server-error", 5)
    assert "failed with status 500" in dead["error"]


def test_retry_after_holds_for_the_whole_host(ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    site.pages |= {"/busy": Answer(status=503, headers={"Retry-After": "900"}), "/other": Answer(page())}
    busy, other = take_in(ledger, site.url("/busy"), site.url("/other"))
    assert run(settings, ledger, sandbox, [busy]) == {"retry": 1}
    assert row(ledger, busy)["due"] > now() + timedelta(seconds=890)
    with ledger.read() as tx:
        assert work.due_for_fetch(tx, now() + timedelta(seconds=880), 10) == []
        assert [article for article, _ in work.due_for_fetch(tx, now() + timedelta(seconds=910), 10)] != []
    assert run(settings, ledger, sandbox, [other], "fetch-2") == {"host-booked": 1}
    assert site.requests("/other") == []


def test_a_booked_host_gives_the_article_back_uncounted(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages["/good"] = Answer(page())
    (article,) = take_in(sqlite_ledger, site.url("/good"))
    with sqlite_ledger.write() as tx:
        key = row_host(sqlite_ledger, article)
        until = now() + timedelta(seconds=60)
        tx.execute(update(host_table).where(host_table.c.host_key == key).values(next_request=until))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"host-booked": 1}
    back = row(sqlite_ledger, article)
    assert (back["state"], back["attempts"], back["job_id"]) == ("queued", 0, None)
    assert back["due"] == until, "it does not come up before its host is free"
    assert site.asked == []


def row_host(ledger: Ledger, article: int) -> str:
    return str(row(ledger, article)["host_key"])


def test_a_dead_host_is_tried_again(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    site.pages["/good"] = Answer(page())
    with socket.socket() as taken:  # bound, not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a"
        dead, private, good = take_in(sqlite_ledger, address, "http://10.1.2.3/a", site.url("/good"))
        outcomes = run(settings, sqlite_ledger, sandbox, [dead, private, good])
    assert outcomes == {"retry": 1, "dead": 1, "fetched": 1}
    assert row(sqlite_ledger, dead)["reason"] == "connect"
    assert row(sqlite_ledger, private)["reason"] == "forbidden-address"


# ---- robots.txt ----


def test_robots_txt_is_obeyed_and_kept(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    site.pages |= {
        "/robots.txt": Answer("User-agent: slugline\nDisallow: /private\n"),
        "/private/a": Answer(page()),
        "/open": Answer(page()),
    }
    kept, open_ = take_in(sqlite_ledger, site.url("/private/a"), site.url("/open"))
    assert run(settings, sqlite_ledger, sandbox, [kept]) == {"rejected": 1}
    assert row(sqlite_ledger, kept)["reason"] == "robots"
    assert "does not allow" in row(sqlite_ledger, kept)["error"]
    assert run(settings, sqlite_ledger, sandbox, [open_], "fetch-2") == {"fetched": 1}
    assert [asked.path for asked in site.asked] == ["/robots.txt", "/open"], "asked for once a day"


def test_a_crawl_delay_holds_the_host_back(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages |= {"/robots.txt": Answer("User-agent: *\nCrawl-delay: 30\n"), "/a": Answer(page())}
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"fetched": 1}
    with sqlite_ledger.read() as tx:
        free = hosts.free_at(tx, row_host(sqlite_ledger, article))
    assert free is not None
    assert free > now() + timedelta(seconds=20)


def test_robots_txt_is_that_of_the_origin_not_of_the_publisher(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages["/robots.txt"] = Answer("User-agent: *\nDisallow: /\n")
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    with sqlite_ledger.write() as tx:  # another host of the same publisher allows everything
        hosts.keep_robots(tx, row_host(sqlite_ledger, article), "", now() + timedelta(hours=1))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"rejected": 1}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_robots_txt_that_cannot_be_had_for_now_forbids_for_now(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, status: int
) -> None:
    """RFC 9309, 2.3.1.4. A copy that allows all must not be kept for a day because of one bad moment."""
    site.pages |= {"/robots.txt": Answer("oops", status=status), "/a": Answer(page())}
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"retry": 1}
    assert site.requests("/a") == []
    site.pages["/robots.txt"] = Answer("User-agent: *\nDisallow: /a\n")
    assert run(settings, sqlite_ledger, sandbox, [article], "fetch-2") == {"rejected": 1}


# ---- the feed's own text ----


@pytest.mark.parametrize("status", [404, 410, 401, 402, 451, 400])
def test_a_page_that_cannot_be_had_for_good_leaves_the_feeds_text(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings, status: int
) -> None:
    site.pages["/a"] = Answer("no", status=status)
    url = site.url("/a")
    (article,) = take_in(sqlite_ledger, url, content={url: FULL_TEXT})
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"fetched": 1}
    found = row(sqlite_ledger, article)
    assert (found["title"], found["sources"]["text"], found["lang"]) == (f"About {url}", "feed", "en")
    assert found["outlet"] != ""
    assert found["authors"] == ["Ada Fell"]
    assert text_of(sqlite_ledger, article).startswith("The city council of Orsel voted on Monday")
    assert "<p>" not in text_of(sqlite_ledger, article)


def test_the_page_comes_first_as_long_as_there_is_hope(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    site.pages["/a"] = Answer("oops", status=500)
    url = site.url("/a")
    (article,) = take_in(sqlite_ledger, url, content={url: FULL_TEXT})
    outcomes = [run(settings, sqlite_ledger, sandbox, [article], f"fetch-{n}") for n in range(settings.max_attempts)]
    assert outcomes == [{"retry": 1}] * 4 + [{"fetched": 1}]


def test_a_teaser_is_no_article(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
    url = site.url("/404")
    (article,) = take_in(sqlite_ledger, url, content={url: "<p>Orsel closes its bridge.</p>"})
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"rejected": 1}
