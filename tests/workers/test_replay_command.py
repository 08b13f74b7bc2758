"""`slugline replay`: what it says to people and machines, and wrong use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.embedding import version
from pipeline.errors import InputError, LedgerError, SluglineError, UsageError
from pipeline.ledger import Ledger
from pipeline.ledger.schema import texts
from tests.workers.changing import Desk
from tests.workers.test_replay import dispatches
from tests.workers.wire import filed
from workers.cli.app import app

DAY = ("--since", "2026-11-23", "--until", "2026-11-24")


@pytest.fixture
def desk(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One storyline of two dispatches; the commands of this test see the same ledger."""
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    made = Desk(sqlite_ledger)
    dispatches(made)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["replay", *words])


def refused(*words: str) -> SluglineError:
    done = run(*words)
    assert isinstance(done.exception, SluglineError), done.output
    return done.exception


def test_people_are_told_what_would_be_split(desk: Desk) -> None:
    done = run(*DAY, "--set", "threshold=900")
    assert done.exit_code == 0, done.exception
    told = re.sub(r"\(\d+ s\)", "(… s)", done.stdout)
    assert "4 articles filed anew with threshold=900.0, from 2026-11-23 00:00 to 2026-11-24 00:00 UTC" in told
    assert "1 storyline would be split: 2 articles leave" in told
    assert "2 would go to a new one, 'The flood in Orsel: the barrier broke' (2 articles)" in told
    assert "BCubed F1 0.667" in told
    assert "4 of 4 articles have no vector of the present model" in done.stderr
    assert version("") in done.stderr


def test_people_are_told_what_was_left_out_for_want_of_a_text(desk: Desk, sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.write() as tx:
        tx.execute(texts.delete().where(texts.c.article_id == min(filed(sqlite_ledger))))
    done = run(*DAY)
    assert done.exit_code == 0, done.exception
    assert "3 articles filed anew" in done.stdout
    assert "1 left out, since their texts are not kept any more (SLUGLINE_TEXT_RETENTION_DAYS)" in done.stdout
    assert "went meanwhile" not in done.stdout
    assert json.loads(run(*DAY, "--json").stdout)["articles"]["without_text"] == 1


def test_machines_get_all_of_it_on_one_line(desk: Desk) -> None:
    done = run(*DAY, "--set", "threshold=900", "--json")
    found = json.loads(done.stdout)
    assert found["since"] == "2026-11-23T00:00:00+00:00"
    assert found["split"]["shown"][0]["storyline"]["id"] == desk.where()[0]
    assert set(found) == {
        "since", "until", "settings", "articles", "declared_within", "live", "replay", "agreement", "merged", "split",
        "moved", "seconds", "disk_bytes",
    }  # fmt: skip


def test_a_limit_bounds_the_lists(desk: Desk) -> None:
    found = json.loads(run(*DAY, "--set", "threshold=900", "--json", "--limit", "0").stdout)
    assert (found["split"]["storylines"], found["split"]["shown"]) == (1, [])
    assert "and 1 more; --limit shows more of them" in run(*DAY, "--set", "threshold=900", "--limit", "0").stdout


def test_the_settings_are_listed(desk: Desk) -> None:
    listed = {one["name"]: one for one in json.loads(run("--list", "--json").stdout)}
    assert listed["threshold"]["value"] == 4.0
    assert listed["threshold"]["takes"] == "a number from -1,000 to 1,000"
    assert "An article joins the best storyline that scores at least this" in run("--list").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say from when on, such as --since 7d"),
        (("--since", "yesterday"), "--since takes a span such as 90m, 12h, 7d or 2w, or a time such as 2026-03-01"),
        (("--since", "9999-01-01"), "--since 9999-01-01 lies ahead; nothing was filed then"),
        (("--since", "999999w"), "--since takes a span"),
        (("--since", "1h", "--until", "2h"), "there is no time; --since is earlier"),
        (("--since", "7d", "--set", "treshold=3"), "did you mean threshold?"),
    ],
)
def test_wrong_use_is_told_with_the_way_out(desk: Desk, words: tuple[str, ...], told: str) -> None:
    error = refused(*words)
    assert isinstance(error, UsageError)
    assert told in str(error)


def test_a_time_without_articles_is_told(desk: Desk) -> None:
    error = refused("--since", "2025-01-01", "--until", "2025-02-01")
    assert isinstance(error, InputError)
    assert "no article was filed from 2025-01-01 00:00 to 2025-02-01 00:00 UTC" in str(error)


def test_a_ledger_without_this_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    error = refused("--since", "7d")
    assert isinstance(error, LedgerError)
    assert "slugline db upgrade" in str(error)
