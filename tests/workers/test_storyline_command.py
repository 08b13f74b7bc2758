"""`slugline storyline ID`: what an analyst reads, on a terminal and for machines."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from pipeline.ledger import Ledger
from tests.web.newsroom import JOINED, NOW, Newsroom
from workers.cli import common, telling
from workers.cli.app import app

TEXTS = (
    "Orsel dam gave way on Tuesday and a wave ran down the Vell valley, the Vellwater Authority said.",
    "A wave ran down the Vell valley on Tuesday after Orsel dam gave way, said the Vellwater Authority.",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)


@pytest.fixture
def newsroom(sqlite_ledger: Ledger) -> Newsroom:
    return Newsroom(sqlite_ledger)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["storyline", *arguments])


def dam(newsroom: Newsroom) -> tuple[int, int]:
    cafe = newsroom.open()
    newsroom.file(cafe, title="Café below Orsel dam opens again", lead="The Vellwater Authority agreed.")
    story = newsroom.open()
    why = {"storyline": story, **JOINED, "runner_up": cafe}
    for n, text in enumerate(TEXTS):
        made = newsroom.file(
            story, title=f"Orsel dam breaks {n}", text=text, source=f"Outlet {n}", why=why,
            published=NOW - timedelta(days=2 - n),
        )  # fmt: skip
    newsroom.file(
        story,
        title="Copy",
        copy_of=made,
        source="Copier",
        why={**why, "runner_up": None, "copy_of": made, "score": 0.93},
    )
    return story, cafe


@pytest.mark.parametrize("width", [80, 120, 160])
def test_it_is_told_within_the_width_of_the_terminal(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    story, cafe = dam(newsroom)
    for module in (common, telling):
        monkeypatch.setattr(module, "console", Console(width=width))
    done = run(str(story))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= width
    told = " ".join(done.output.replace(" 2026", "").split())  # the year is left out while it lasts
    parts = ["What is said", "Names", "Who covers it", "Day by day", "Related storylines", "Coverage"]
    assert [line for line in lines if line and not line.startswith(" ")][2:] == parts
    assert "developing · 2 originals, 1 reprint of 3 outlets · 27 Nov 14:05 to 29 Nov 11:05" in told
    assert "said the Vellwater Authority. Outlet 1, 28 Nov 14:05" in told
    assert "Orsel Dam" not in told
    assert f"{cafe} Café below Orsel dam opens again" in told
    assert "was the runner-up for 2 articles here" in told
    assert re.search(r"reprint of 3 \(93% of the text\)", told) or width < 160, "a narrow one folds it"


def test_the_coverage_is_as_long_as_asked(newsroom: Newsroom) -> None:
    story, _ = dam(newsroom)
    assert "Coverage" in run(str(story), "--articles", "1").output
    assert "Coverage" not in run(str(story), "--articles", "0").output
    assert len(json.loads(run(str(story), "--articles", "1", "--json").output)["coverage"]) == 1


def test_machines_get_the_same(newsroom: Newsroom) -> None:
    story, cafe = dam(newsroom)
    found = json.loads(run(str(story), "--json").output)
    assert {
        "id",
        "headline",
        "lead",
        "state",
        "declared",
        "articles",
        "originals",
        "outlets",
        "updated",
    } <= found.keys()
    assert len(found["coverage"]) == 3
    told = found["digest"]
    assert [one["text"] for one in told["sentences"]]
    assert [one["id"] for one in told["related"]] == [cafe]
    assert [one["day"] for one in told["days"]] == ["2026-11-29", "2026-11-28", "2026-11-27"]


def test_what_feeds_write_does_not_reach_the_terminal_as_it_is(newsroom: Newsroom) -> None:
    story = newsroom.open()
    newsroom.file(
        story,
        title="[bold red]Loud\x1b[31m\x07[/] \u202eright\u2028",
        text="\x1b]0;owned\x07 Text.",
        source="\x1b[2JOut",
    )
    done = run(str(story))
    assert done.exit_code == 0, done.output
    assert not any(c in done.output for c in "\x1b\x07\u202e\u2028")
    assert "[bold red]Loud" in done.output


def test_a_reason_of_unknown_shape_is_no_obstacle(newsroom: Newsroom) -> None:
    story = newsroom.open()
    for why in ({}, {"score": "high"}, {"storyline": story, "score": 1.0, "threshold": None, "evidence": [{}]}):
        newsroom.file(story, title="Moved by hand", why=why)
    assert run(str(story)).exit_code == 0


def test_an_empty_one_and_none(newsroom: Newsroom) -> None:
    done = run(str(newsroom.open(title="The flood", text="Water.", declared=True)))
    assert done.exit_code == 0
    assert "The flood" in done.output
    assert run("99").exit_code != 0


@pytest.mark.parametrize("rows", [1, common.FOLDED + 1])
def test_nor_does_it_in_the_list(newsroom: Newsroom, rows: int) -> None:
    for n in range(rows):
        story = newsroom.open()
        newsroom.file(story, title=f"Loud {n} \x1b]0;owned\x07\x1b[31m \u202eright", text="Text.")
    done = CliRunner().invoke(app, ["storylines", "list", "--limit", str(rows)])
    assert done.exit_code == 0
    assert "Loud 0" in done.output
    assert not any(c in done.output for c in "\x1b\x07\u202e")
