"""`slugline forget`: by URL and by id, undone, listed; and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import InputError, UsageError
from pipeline.ledger import Ledger
from tests.workers.wire import NOON, VERSION, at, embedded, row
from workers.cli.app import app
from workers.clusterer import Clusterer


@pytest.fixture(autouse=True)
def _ledger_in_use(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.exception
    return done.output


def test_by_url_it_is_erased_and_what_waits_is_told(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    article_id = embedded(sqlite_ledger, 1, "flood", "Orsel", title="Quokka flood")
    Clusterer(sqlite_ledger, VERSION).step(NOON)
    url = row(sqlite_ledger, article_id)["url"]
    output = said("forget", f"{url}?utm_source=x", "--reason", "a court said so")
    assert output.startswith(
        f"{url}?utm_source=x: article {article_id} is erased; storyline 1 is told without it as soon"
    )
    assert Clusterer(sqlite_ledger, VERSION).step(at(60)) == 1
    assert not any(b"uokka" in file.read_bytes() for file in tmp_path.glob("ledger.db*"))


def test_it_is_refused_when_it_comes_by_hand(sqlite_ledger: Ledger) -> None:
    assert "is kept away from now on; nothing was known of it" in said("forget", "https://paper.example/a")
    assert "was forgotten before" in said("forget", "https://paper.example/a#x")
    refused = run("ingest", "https://paper.example/a?utm_source=x")
    assert isinstance(refused.exception, InputError)
    assert "`slugline forget --undo https://paper.example/a" in str(refused.exception)
    assert "may come in again" in said("forget", "--undo", "https://paper.example/a")
    assert "queued" in said("ingest", "--later", "https://paper.example/a")
    assert "was not forgotten" in said("forget", "--undo", "https://paper.example/a")


def test_the_list_shows_no_urls(sqlite_ledger: Ledger) -> None:
    article_id = embedded(sqlite_ledger, 1, "flood", "Orsel")
    said("forget", str(article_id), "https://paper.example/unheard-of", "--reason", "a court said so")
    output = said("forget", "--list")
    assert "a court said so" in output
    assert "1 articles under 3 names are kept away" in output
    assert "unheard-of" not in output
    listed = json.loads(said("forget", "--list", "--json"))
    assert (listed["names"], listed["articles"]) == (3, 1)
    assert {one["article"] for one in listed["forgotten"]} == {article_id, None}


@pytest.mark.parametrize("words", [[], ["nonsense"], ["ftp://paper.example/a"], ["1", "nonsense"]])
def test_wrong_use_is_named_and_nothing_is_done(sqlite_ledger: Ledger, words: list[str]) -> None:
    article_id = embedded(sqlite_ledger, 1, "flood", "Orsel")
    assert isinstance(run("forget", *words).exception, UsageError)
    assert row(sqlite_ledger, article_id)["state"] == "embedded"


def test_an_id_that_is_none_is_named() -> None:
    for number in ("7", "9" * 30):
        refused = run("forget", number).exception
        assert isinstance(refused, InputError)
        assert f"there is no article {number}" in str(refused)
