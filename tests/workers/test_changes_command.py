"""`slugline storylines merge` and the others: what they ask for, and what they say came of it."""

from __future__ import annotations

import io
import json

import pytest
import structlog
from typer.testing import CliRunner, Result

from pipeline.errors import InputError, UsageError
from pipeline.ledger import Ledger, commands, roles
from tests.workers.changing import Desk
from tests.workers.wire import running
from workers import asking
from workers.cli.app import app
from workers.clusterer import ROLE
from workers.process import now


@pytest.fixture
def desk(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Storylines 1 (articles 1, 2) and 2 (article 3); the commands of this test see the same ledger."""
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    made = Desk(sqlite_ledger)
    made.file("flood", "Orsel")
    made.file("flood", "Orsel")
    made.file("trial", "Marven")
    return made


@pytest.fixture(autouse=True)
def _logs_elsewhere() -> None:
    """What the clusterer beside them logs is not what the commands print; the suite's fixture puts it back."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["storylines", *words])


def said(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.exception
    return str(done.output).strip()


def test_without_a_clusterer_it_waits_and_is_done_later(desk: Desk) -> None:
    assert said("merge", "2", "1") == (
        "it waits as command 1: no clusterer is running; start one with `slugline up` or `slugline clusterer`"
    )
    assert json.loads(said("lock", "1", "--json")) == {"command": 2, "state": "pending", "result": None, "error": None}
    desk.step()
    assert desk.one(2).id == 1
    assert desk.row(1)["locked"]


def test_with_one_at_work_they_say_what_came_of_it(desk: Desk) -> None:
    with running(desk.clusterer.run):
        assert said("merge", "2", "1") == "storyline 2 is part of storyline 1 now (change 1)"
        assert said("split", "1", "3") == "the articles have storyline 3 of their own now (change 2)"
        assert said("move", "2", "--to", "3") == "the articles are in storyline 3 now (change 3)"
        assert said("rename", "1", "The Orsel flood") == "storyline 1 has its new title (change 4)"
        assert said("lock", "1") == "storyline 1 is locked (change 5)"
        assert said("unlock", "1") == "storyline 1 is not locked any more (change 6)"
        assert said("undo", "3") == "change 3 is undone (change 7)"
        assert said("move", "2", "--to", "new") == "the articles are in storyline 4 now (change 8)"
        done = json.loads(said("rename", "1", "Orsel", "--json"))
        assert done == {"command": 9, "state": "applied", "result": {"change": 9, "storyline": 1, "other": None},
                        "error": None}  # fmt: skip
        refused = run("merge", "1", "1")
        assert isinstance(refused.exception, InputError)
        assert str(refused.exception).startswith("storyline 1 is itself; name two that differ")
        refused = run("lock", "99", "--json")
        assert isinstance(refused.exception, InputError)
        assert json.loads(refused.output)["state"] == "refused"


def test_one_that_is_too_busy_is_not_waited_for_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    with desk.ledger.write() as tx:
        roles.take(tx, ROLE, "another process", now(), 60)
    answer = asking.ask(desk.ledger, "lock", {"storyline": 1}, patience=0.2)
    assert (answer.state, answer.heard) == ("pending", True)


def test_the_history_tells_who_did_what(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    desk.ask("rename", storyline=1, title="The Orsel flood")
    desk.ask("undo", change=1)
    output = said("history", "1")
    for words in ("2 merged into 1 with 1 article", "renamed to 'The Orsel flood'", "change 1 undone", "people"):
        assert words in output
    listed = json.loads(said("history", "2", "--json"))
    assert [(one["id"], one["kind"], one["by"]) for one in listed] == [(3, "undo", "people"), (1, "merge", "people")]
    assert listed[1]["articles"] == [3]
    assert listed[1]["undone"] is not None
    desk.ask("merge", storyline=2, into=1)
    assert "storyline 2 leads to storyline 1, which has a history of its own" in said("history", "2")


@pytest.mark.parametrize("words", [["history", "99"], ["move", "1", "--to", "old"], ["move", "1", "--to", "9" * 30]])
def test_wrong_use_is_named_and_nothing_is_asked_for(desk: Desk, words: list[str]) -> None:
    assert isinstance(run(*words).exception, UsageError)
    with desk.ledger.read() as tx:
        assert commands.pending(tx, 9) == []


@pytest.mark.parametrize("words", [["merge", "1"], ["merge", "0", "1"], ["split", "1"], ["move", "1"], ["undo", "x"]])
def test_what_is_missing_or_no_id_is_wrong_use(desk: Desk, words: list[str]) -> None:
    assert run(*words).exit_code == 2
    with desk.ledger.read() as tx:
        assert commands.pending(tx, 9) == []
