"""What was answered for a page that was given up is there to be looked at, until it is tried again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.ledger import Ledger, dead, forgotten
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.fetching import run, take_in
from tests.workers.site import Answer, Site
from tests.workers.wire import NOON
from workers.cli.app import app

TROUBLE = "<title>Down</title><p>Back soon \N{EM DASH} or so.</p>\x1b[31m" + "x" * 9_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, allow_networks=("127.0.0.0/8",), max_attempts=1, host_spacing_seconds=0)


@pytest.fixture
def letter(sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> int:
    site.pages["/a"] = Answer(TROUBLE, status=503, headers={"Content-Type": "text/html"})
    (article,) = take_in(sqlite_ledger, site.url("/a"))
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"dead": 1}
    return article


def answer(ledger: Ledger, article: int) -> dead.Answer | None:
    with ledger.read() as tx:
        return dead.answered(tx, [article]).get(article)


def test_the_beginning_is_kept(sqlite_ledger: Ledger, site: Site, letter: int) -> None:
    kept = answer(sqlite_ledger, letter)
    assert kept is not None
    assert (kept.url, kept.status, kept.content_type) == (site.url("/a"), 503, "text/html")
    assert kept.head == TROUBLE.encode()[: dead.HEAD_BYTES]
    words = TROUBLE.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    assert kept.words() == words[: len(kept.words())]


def test_it_goes_when_the_article_is_tried_again_dropped_or_forgotten(sqlite_ledger: Ledger, letter: int) -> None:
    kept = answer(sqlite_ledger, letter)
    assert kept is not None
    for act in (dead.retry, dead.drop):
        with sqlite_ledger.write() as tx:
            before = tx.begin_nested()
            assert act(tx, NOON) == 1
            assert dead.answered(tx, [letter]) == {}
            before.rollback()
    with sqlite_ledger.write() as tx:
        assert forgotten.erase(tx, letter, NOON) is not None
    assert answer(sqlite_ledger, letter) is None


def test_nothing_is_kept_of_a_site_that_does_not_answer(
    sqlite_ledger: Ledger, sandbox: Sandbox, settings: Settings
) -> None:
    (article,) = take_in(sqlite_ledger, "http://127.0.0.1:9/a")
    assert run(settings, sqlite_ledger, sandbox, [article]) == {"dead": 1}
    assert answer(sqlite_ledger, article) is None


def test_the_command_shows_it(letter: int, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    shown = CliRunner().invoke(app, ["dead", "show", str(letter)])
    assert shown.exit_code == 0, shown.output
    assert "answer: 503 from" in shown.output
    assert "\x1b" not in shown.output
    found = json.loads(CliRunner().invoke(app, ["dead", "show", str(letter), "--json"]).stdout)
    assert (found["id"], found["answer"]["status"]) == (letter, 503)
    wrong = CliRunner().invoke(app, ["dead", "show", "999"])
    assert wrong.exit_code != 0
