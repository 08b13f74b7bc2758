"""`slugline ingest`: a page is fetched now, shown field by field, and goes on as if a fetch job had brought it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.errors import FetchError, UsageError
from pipeline.ledger import Ledger, roles
from tests.workers.fetching import page, take_in, text_of
from tests.workers.site import Answer, Asked, Site
from tests.workers.wire import row, states
from workers import clusterer
from workers.cli.app import app
from workers.process import now


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SLUGLINE_ALLOW_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("SLUGLINE_HOST_SPACING_SECONDS", "0")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ingest", *arguments])


def found(*arguments: str) -> list[dict[str, Any]]:
    done = run("--json", *arguments)
    return list(json.loads(done.stdout)["articles"])


def test_a_page_is_shown_field_by_field_with_where_each_came_from(sqlite_ledger: Ledger, site: Site) -> None:
    site.pages["/a"] = Answer(
        page(more='<meta name="author" content="Ilsa Brandt">'), 200, {"Content-Type": "text/html"}
    )
    (one,) = found(site.url("/a"))
    assert one["fields"]["title"] == "Orsel closes its old bridge"
    assert one["fields"]["authors"] == ["Ilsa Brandt"]
    assert (one["sources"]["title"], one["sources"]["text"]) == ("h1", "page")
    assert (one["status"], one["new"], one["state"], one["error"]) == (200, True, "fetched", "")
    assert text_of(sqlite_ledger, one["article"]) == one["fields"]["text"]
    steps = {"robots", "fetch", "read in the sandbox", "decode", "extract", "language", "signature", "all"}
    assert steps <= set(one["timings_ms"])
    assert sum(one["timings_ms"][name] for name in ("fetch", "extract")) < one["timings_ms"]["all"]


def test_people_read_the_same(site: Site) -> None:
    site.pages["/a"] = Answer(page())
    done = run(site.url("/a"))
    assert done.exit_code == 0
    for words in ("Orsel closes its old bridge", "h1", "milliseconds: ", "words in", "no Slugline runs on this ledger"):
        assert words in done.stdout


def test_a_running_service_takes_it_up(sqlite_ledger: Ledger, site: Site) -> None:
    site.pages["/a"] = Answer(page())
    with sqlite_ledger.write() as tx:
        roles.take(tx, clusterer.ROLE, "somebody", now(), 60)
    done = run(site.url("/a"))
    assert "the running Slugline embeds and files it" in done.stdout
    assert "no Slugline runs" not in done.stdout


def test_what_is_known_is_looked_at_and_left_as_it_is(sqlite_ledger: Ledger, site: Site) -> None:
    site.pages["/a"] = Answer(page())
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    before = row(sqlite_ledger, article)
    (one,) = found(site.url("/a"))
    assert (one["article"], one["new"], one["state"]) == (article, False, "queued")
    assert one["fields"]["title"] == "Orsel closes its old bridge"
    assert row(sqlite_ledger, article) == before
    assert len(site.requests("/a")) == 1


@pytest.mark.parametrize(
    ("answer", "reason", "state"),
    [
        (Answer("gone", 404), "not-found", "rejected"),
        (Answer(b"%PDF-1.7 and so on", 200, {"Content-Type": "application/pdf"}), "pdf", "rejected"),
        (Answer("", 402), "payment", "rejected"),
        (Answer("busy", 503), "server-error", "queued"),
    ],
)
def test_why_there_is_no_article(sqlite_ledger: Ledger, site: Site, answer: Answer, reason: str, state: str) -> None:
    site.pages["/a"] = answer
    done = run("--json", site.url("/a"))
    (one,) = json.loads(done.stdout)["articles"]
    assert (done.exit_code, one["reason"], one["state"], one["fields"]) == (1, reason, state, None)
    assert one["error"]
    assert states(sqlite_ledger) == {state: 1}


def test_robots_are_heeded(sqlite_ledger: Ledger, site: Site) -> None:
    site.pages["/robots.txt"] = Answer("User-agent: *\nDisallow: /a\n")
    site.pages["/a"] = Answer(page())
    (one,) = found(site.url("/a"))
    assert (one["reason"], one["state"]) == ("robots", "rejected")
    assert site.requests("/a") == []


def test_addresses_that_are_not_public_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUGLINE_ALLOW_NETWORKS")
    (one,) = found(site.url("/a"))
    assert one["reason"] == "forbidden-address"
    assert site.asked == []


def test_a_host_is_not_asked_more_often_than_it_bears(
    sqlite_ledger: Ledger, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_HOST_SPACING_SECONDS", "3600")
    site.pages |= {"/a": Answer(page()), "/b": Answer(page("Another"))}
    first, second = found(site.url("/a"), site.url("/b"))
    assert (first["state"], second["state"], second["reason"]) == ("fetched", "queued", "host-booked")
    assert site.requests("/b") == []
    assert row(sqlite_ledger, second["article"])["attempts"] == 0


def test_a_blocked_one_among_several_stops_all(
    sqlite_ledger: Ledger, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_BLOCK", "ads.example")
    assert isinstance(run(site.url("/a"), "https://ads.example/b").exception, FetchError)
    assert isinstance(run(site.url("/a"), "ftp://paper.example/b").exception, UsageError)
    assert (site.asked, states(sqlite_ledger)) == ([], {})


def test_the_pages_own_address_may_be_that_of_a_known_article(sqlite_ledger: Ledger, site: Site) -> None:
    link = f'<link rel="canonical" href="{site.url("/a")}">'
    site.pages |= {"/a": Answer(page(more=link)), "/b": Answer(page(more=link))}
    first, second = found(site.url("/a"), site.url("/b"))
    assert (second["article"], second["new"], second["state"]) == (first["article"], False, "fetched")


def test_later_only_queues(sqlite_ledger: Ledger, site: Site) -> None:
    done = run("--later", site.url("/a"))
    assert "queued" in done.stdout
    assert (site.asked, states(sqlite_ledger)) == ([], {"queued": 1})


def test_a_page_that_answers_in_the_middle_is_nobody_elses(sqlite_ledger: Ledger, site: Site) -> None:
    taken: list[Any] = []

    def look(_: Asked) -> Answer:
        (only,) = [row(sqlite_ledger, 1)]
        taken.append((only["job_id"][:7], only["attempts"], bool(only["lease_owner"])))
        return Answer(page())

    site.pages["/a"] = look
    found(site.url("/a"))
    assert taken == [("ingest-", 1, True)]


def test_extract_shows_timings_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page())
    done = CliRunner().invoke(app, ["extract", str(file), "--json", "--timings"])
    assert set(json.loads(done.stdout)["timings_ms"]) == {"decode", "extract", "language", "signature"}
    plain = CliRunner().invoke(app, ["extract", str(file), "--timings"]).stdout
    assert "milliseconds: " in plain
    assert "timings_ms" not in json.loads(CliRunner().invoke(app, ["extract", str(file), "--json"]).stdout)
