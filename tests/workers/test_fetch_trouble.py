"""Fetch jobs whose parsers, ledger or leases make trouble: it costs one article, and no other."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.articles import EntryHint, warm
from pipeline.errors import SluglineError
from pipeline.ledger import Ledger
from pipeline.ledger.schema import articles as article_table
from pipeline.records import Extraction, Marks
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.fetching import hand_out, page, run, take_in
from tests.workers.site import Answer, Asked, Site
from tests.workers.wire import row
from workers import fetch, marks, parsers


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, host_spacing_seconds=0, retry_base_seconds=30)


# ---- parsers that misbehave ----


def read_or_misbehave(body: bytes, url: str, content_type: str | None, hint: EntryHint, asked: marks.Asked) -> Any:
    if b"hangs the parser" in body:
        while True:
            pass
    if b"crashes the parser" in body:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"confuses the parser" in body:
        raise ZeroDivisionError("one by none")
    return parsers.read_article(body, url, content_type, hint, asked)


def test_pages_that_misbehave_cost_one_page_each(sqlite_ledger: Ledger, site: Site, settings: Settings) -> None:
    site.pages |= {
        "/1": Answer(page("The first good page of Orsel")),
        "/hangs": Answer("hangs the parser"),
        "/crashes": Answer("crashes the parser"),
        "/confuses": Answer("confuses the parser"),
        "/2": Answer(page("The second good page of Orsel")),
    }
    ids = take_in(sqlite_ledger, *(site.url(path) for path in site.pages))
    with Sandbox({"article": read_or_misbehave}, seconds=5.0, warm=warm) as limited:
        assert run(settings, sqlite_ledger, limited, ids) == {"fetched": 2, "dead": 1, "retry": 2}
        first, hangs, crashes, confuses, second = (row(sqlite_ledger, article) for article in ids)
        assert (first["state"], second["state"]) == ("fetched", "fetched")
        assert (hangs["state"], hangs["reason"], hangs["attempts"]) == ("queued", "parser-timeout", 1)
        assert (crashes["state"], crashes["reason"], crashes["attempts"]) == ("queued", "parser-crashed", 1)
        assert (confuses["state"], confuses["reason"]) == ("dead", "parser-error")
        assert run(settings, sqlite_ledger, limited, [hangs["id"], crashes["id"]], "fetch-2") == {"dead": 2}
    hangs, crashes = (row(sqlite_ledger, article["id"]) for article in (hangs, crashes))
    assert (hangs["state"], hangs["reason"]) == ("dead", "parser-timeout")
    assert "killed after 5 s" in hangs["error"]
    assert (crashes["state"], crashes["reason"]) == ("dead", "parser-crashed")


def test_a_page_that_was_not_had_before_is_read_once_more_all_the_same(
    sqlite_ledger: Ledger, site: Site, settings: Settings
) -> None:
    site.pages["/1"] = Answer("busy", status=503)
    (article,) = take_in(sqlite_ledger, site.url("/1"))
    with Sandbox({"article": read_or_misbehave}, seconds=5.0, warm=warm) as limited:
        assert run(settings, sqlite_ledger, limited, [article]) == {"retry": 1}
        site.pages["/1"] = Answer("crashes the parser")
        for job, ending in (("fetch-2", "retry"), ("fetch-3", "dead")):
            assert run(settings, sqlite_ledger, limited, [article], job) == {ending: 1}
    assert row(sqlite_ledger, article)["reason"] == "parser-crashed"


def unwritable(body: bytes, url: str, content_type: str | None, hint: EntryHint, asked: marks.Asked) -> Any:
    made, signature = parsers.read_article(body, url, content_type, hint, asked)
    if "/bad" not in url:
        return made, signature
    return Extraction(title=made.title, text=made.text, published=datetime(2026, 1, 1)), Marks()  # noqa: DTZ001


def test_an_ending_that_the_ledger_refuses_costs_one_article(
    sqlite_ledger: Ledger, site: Site, settings: Settings
) -> None:
    site.pages |= {"/bad": Answer(page("The bad page")), "/good": Answer(page("The good page"))}
    bad, good = take_in(sqlite_ledger, site.url("/bad"), site.url("/good"))
    with Sandbox({"article": unwritable}, warm=warm) as own:
        assert run(settings, sqlite_ledger, own, [bad, good]) == {"retry": 1, "fetched": 1}
    again = row(sqlite_ledger, bad)
    assert (again["state"], again["reason"], again["attempts"]) == ("queued", "unforeseen", 1)
    assert "time without zone" in again["error"]


def test_dead_parsers_kill_no_article(sqlite_ledger: Ledger, site: Site, settings: Settings) -> None:
    site.pages["/good"] = Answer(page())
    (article,) = take_in(sqlite_ledger, site.url("/good"))
    with parsers.sandbox(settings) as gone:
        os.kill(gone.pid, signal.SIGKILL)
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        assert run(settings, sqlite_ledger, gone, [article]) == {"retry": 1}
    back = row(sqlite_ledger, article)
    assert (back["state"], back["reason"]) == ("queued", "parser-gone")


def test_a_job_whose_workers_parsers_died_starts_its_own(
    sqlite_ledger: Ledger, site: Site, settings: Settings, valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_surroundings", None)  # put back afterwards
    site.pages["/good"] = Answer(page())
    (article,) = take_in(sqlite_ledger, site.url("/good"))
    hand_out(sqlite_ledger, [article])
    with parsers.sandbox(settings) as gone:
        os.kill(gone.pid, signal.SIGKILL)
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        fetch.prepare(settings.model_copy(update={"redis_url": valkey}), gone, sqlite_ledger)
        assert fetch.fetch_batch("fetch-1", [article]) == {"fetched": 1}


# ---- leases ----


def test_an_ending_that_comes_too_late_changes_nothing(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    def lose(_: Asked) -> Answer:
        with sqlite_ledger.write() as tx:
            tx.execute(update(article_table).values(job_id="fetch-9", lease_owner="another"))
        return Answer(page())

    site.pages["/a"] = lose
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"lease-lost": 1}
    found = row(sqlite_ledger, article)
    assert (found["state"], found["job_id"], found["lease_owner"]) == ("queued", "fetch-9", "another")


def test_the_lease_is_renewed_while_a_page_is_slow(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings
) -> None:
    seen: list[datetime] = []

    def slow(_: Asked) -> Answer:
        """Answers when the lease has been renewed twice (or after some 20 s, and then the test fails)."""
        for _try in range(20_000):
            until = row(sqlite_ledger, article)["lease_until"]
            if until not in seen:
                seen.append(until)
            if len(seen) == 3:
                break
        return Answer(page())

    site.pages["/a"] = slow
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    brief = settings.model_copy(update={"lease_seconds": 1.01})
    assert run(brief, sqlite_ledger, sandbox, [article]) == {"fetched": 1}
    assert len(seen) == 3
    assert seen == sorted(seen)


def test_jobs_outside_of_a_fetch_worker_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_surroundings", None)
    with pytest.raises(SluglineError, match="slugline worker fetch"):
        fetch.fetch_batch("fetch-1", [1])
