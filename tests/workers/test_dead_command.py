"""`slugline dead`: what it shows, and whom it tries again or lets go of."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import InputError, UsageError
from pipeline.ledger import Ledger
from tests.ledger.making import queued, state
from tests.ledger.test_retrying import fail
from workers.cli.app import app


@pytest.fixture
def dead(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two at one host, one at another; the commands of this test see the same ledger."""
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    return [
        fail(sqlite_ledger, "https://paper.example/one", "timeout"),
        fail(sqlite_ledger, "https://me:hidden@paper.example/two", "http-500"),
        fail(sqlite_ledger, "https://journal.example/one", "timeout"),
    ]


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["dead", *map(str, words)])


def test_it_shows_what_where_why_and_how_many(dead: list[int]) -> None:
    told = run("list").stdout
    assert "reasons: timeout 2, http-500 1" in told
    assert "hosts: paper.example 2, journal.example 1" in told
    assert "hidden" not in told
    (one,) = json.loads(run("list", "--host", "paper.example", "--reason", "timeout", "--json").stdout)
    assert (one["id"], one["host_key"], one["attempts"], one["error"]) == (dead[0], "paper.example", 1, "no answer")


def test_it_acts_on_those_of_a_reason_or_host(dead: list[int], sqlite_ledger: Ledger) -> None:
    assert json.loads(run("retry", "--reason", "timeout", "--json").stdout) == {"queued": 2}
    assert run("drop", "--host", "paper.example").stdout.startswith("1 articles were dropped")
    assert [state(sqlite_ledger, one) for one in dead] == ["queued", "rejected", "queued"]


def test_wrong_use_changes_nothing_and_names_what_there_is(dead: list[int], sqlite_ledger: Ledger) -> None:
    (alive,) = queued(sqlite_ledger, "https://paper.example/alive")
    assert isinstance(run("drop").exception, UsageError)
    for words, said in (
        (("retry", dead[0], alive), f"article {alive} is not dead: it is queued"),
        (("drop", dead[0], 999), "article 999 is not dead: there is none"),
        (("drop", "--reason", "timeouts"), "there are: http-500, timeout"),
        (("list", "--host", "elsewhere.example"), "there are: journal.example, paper.example"),
    ):
        error = run(*words).exception
        assert isinstance(error, InputError)
        assert said in str(error)
    assert {state(sqlite_ledger, one) for one in dead} == {"dead"}
