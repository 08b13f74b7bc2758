"""`slugline search` finds what the page finds, and says when it could not look for meaning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.ledger import Ledger
from tests.web.newsroom import Newsroom
from workers.cli.app import app


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", *arguments])


def test_words_find_storylines_for_people_and_programs(sqlite_ledger: Ledger) -> None:
    newsroom = Newsroom(sqlite_ledger)
    dam, cafe = newsroom.open(), newsroom.open()
    newsroom.file(dam, title="Orsel dam breaks above the Vell valley")
    newsroom.file(cafe, title="A café opens in Aldmouth")
    found = json.loads(run("orsel", "dam", "--json").stdout)
    assert found["without_meaning"] is None
    assert [(hit["storyline"]["id"], hit["words"]) for hit in found["hits"]] == [(dam, True)]
    assert "Orsel dam breaks" in run("orsel").stdout
    nothing = run("zzqx")
    assert (nothing.exit_code, "nothing matches" in nothing.stderr) == (0, True)


def test_without_its_model_it_goes_by_words_and_says_so(
    sqlite_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom = Newsroom(sqlite_ledger)
    newsroom.file(newsroom.open(), title="Orsel dam breaks above the Vell valley")
    monkeypatch.setenv("SLUGLINE_MODEL", str(tmp_path / "missing"))
    found = run("orsel", "--json")
    assert "by words alone" in found.stderr
    assert len(json.loads(found.stdout)["hits"]) == 1
    assert "missing is no directory" in json.loads(found.stdout)["without_meaning"]


def test_an_empty_question_is_wrong_use() -> None:
    answer = run(" ")
    assert answer.exit_code != 0
