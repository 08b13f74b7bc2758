"""`slugline rules`: written, seen, paused, removed, and tried on the last days; the archive test behind it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import InputError, UsageError
from pipeline.ledger import Ledger, sinks, troubles
from tests.workers.watching import Watch, embed
from tests.workers.wire import VERSION
from workers import ruleview
from workers.alerter.archive import Rehearsal, first_since, rehearse
from workers.cli.app import app
from workers.seeds import seeds_dir


@pytest.fixture
def watch(sqlite_ledger: Ledger, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", sqlite_url)
    made = Watch(sqlite_ledger)
    with sqlite_ledger.write() as tx:
        for name in ("desk", "ops"):
            sinks.add(tx, name, "webhook", f"https://{name}.example/", made.now)
    return made


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, words)])


def shown(*words: object) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("watch")
def test_a_rule_is_added_shown_paused_resumed_and_removed() -> None:
    made = shown(
        "add", "Call", 'maduro AND "phone call"', "--sink", "desk", "--sink", "ops", "--quiet", "22:00-07:00",
        "--zone", "Europe/Berlin", "--cooldown", "1h", "--limit", 3, "--no-escalate",
    )  # fmt: skip
    assert made["query"] == 'maduro AND "phone call"'
    assert made["sinks"] == ["desk", "ops"]
    assert made["quiet"] == {"hours": "22:00-07:00", "zone": "Europe/Berlin"}
    assert (made["cooldown"], made["limit"], made["escalate"], made["paused"]) == (3600.0, 3, False, False)
    assert [one["name"] for one in shown("list")] == ["Call"]
    assert "Call" in run("list").stdout
    assert run("pause", "Call").exit_code == 0
    assert shown("show", made["id"])["paused"] is True
    assert run("resume", "Call").exit_code == 0
    assert shown("show", "Call")["paused"] is False
    assert run("remove", "Call").exit_code == 0
    assert shown("list") == []


@pytest.mark.usefixtures("watch")
def test_a_sink_that_there_is_not_is_refused() -> None:
    refused = run("add", "Call", "maduro", "--sink", "dsek")
    assert isinstance(refused.exception, UsageError)
    assert "no sink 'dsek'; there are: desk, ops" in str(refused.exception)


@pytest.mark.usefixtures("watch")
def test_a_rule_that_cannot_be_read_is_pointed_at() -> None:
    for words in (("add", "Call", "maduro AND (phoned OR )"), ("test", "maduro AND (phoned OR )")):
        result = run(*words)
        assert isinstance(result.exception, UsageError)
        first, rule, caret = str(result.exception).split("\n")
        assert first.startswith("the rule cannot be read at column 23: expected a word")
        assert rule[caret.index("^")] == ")"


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "12", "maduro"), "is no number"),
        (("add", "Call", "maduro", "--quiet", "late"), "write them as 22:00-07:00"),
        (("add", "Call", "maduro", "--cooldown", "long"), "write it as 90s"),
        (("add", "Call", "maduro", "--limit", "0"), "1 to 1000 times"),
        (("show", "Nothing"), "there is no rule 'Nothing'"),
        (("test", "maduro", "--since", "ever"), "write it as 90s"),
    ],
)
def test_wrong_use_is_told_in_a_line(words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.usefixtures("watch")
def test_a_name_is_taken_once() -> None:
    shown("add", "Call", "maduro")
    result = run("add", "Call", "trump")
    assert isinstance(result.exception, UsageError)
    assert "there is a rule 'Call' already" in str(result.exception)


def test_rules_come_from_a_file_once_and_a_bad_one_is_named(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nname = "Call"\nquery = "maduro"\ncooldown = "1h"\nsinks = ["desk"]\n', encoding="utf-8")
    assert run("import", path).stdout == "1 added, 0 there already\n"
    assert run("import", path).stdout == "0 added, 1 there already\n"
    assert shown("show", "Call")["cooldown"] == 3600.0
    for bad, said in (
        ('[[rule]]\nname = "A"\nquery = "maduro AND"\n', "rule 1, 'A': the rule cannot be read at column 11"),
        ('[[rule]]\nname = "A"\nquery = "maduro"\nsound = 3\n', "rule 1 has 'sound'"),
        ('[[rule]]\nname = "A"\n', "needs a name and a query"),
        ("rule = 3\n", "each rule is a table"),
        ("= 3\n", "is no TOML"),
    ):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(InputError, match=r"rules\.toml") as caught:
            ruleview.load(watch.ledger, path, watch.now)
        assert said in str(caught.value)
    assert [name for name, _, _ in ruleview.read(seeds_dir() / "rules.toml")] == ["Maduro call"]


def tried(watch: Watch, text: str, since: datetime, **options: Any) -> Rehearsal:
    return rehearse(watch.ledger, text, since, version=VERSION, embed=embed, **options)


def levels(made: Rehearsal) -> list[tuple[str, int | None]]:
    return [(one.level, (one.event.data.get("storyline") or {}).get("id")) for one in made.rings]


def test_the_archive_shows_what_would_have_rung_each_storyline_once_and_its_surge(watch: Watch) -> None:
    before = watch.now
    watch.backfilled("fire", "mill", source="A")
    (mill,) = watch.where()
    watch.file("fire", "mill", source="B")
    watch.file("fire", "mill", source="C")
    (port,) = set(watch.where()[:]) ^ {mill, *watch.where(watch.file("strike", "port", source="A"))}
    watch.seconds += 1
    half = watch.now
    watch.turns(mill, "surging")
    merged = watch.ask("merge", storyline=port, into=mill)
    assert merged
    watch.file("fire", "mill", source="D")
    watch.told()  # numbers them
    assert levels(tried(watch, "mill", before)) == [("first", mill), ("surge", mill)]
    # Of the merged one it is known that it is part of the other one now.
    assert levels(tried(watch, "mill OR port", before)) == [("first", mill), ("surge", mill)]
    assert levels(tried(watch, "outlets>=3", before)) == [("first", mill), ("surge", mill)]
    assert levels(tried(watch, "outlets>=5", before)) == []
    assert levels(tried(watch, 'meaning:"fire mill">=0.5', before))[0] == ("first", mill)
    assert levels(tried(watch, "mill", half)) == [("first", mill)]  # it surges already
    late = tried(watch, "mill", before, most=1)
    assert (late.events, levels(late)) == (1, [("first", mill)])
    assert late.since > before


def test_troubles_are_tried_as_well_and_the_log_is_entered_by_halves(watch: Watch) -> None:
    feed = {"feed": {"id": 3, "url": "https://reuters.example/feed", "title": "World"}}
    moments = []
    for number in range(20):
        watch.seconds += 60
        moments.append(watch.now)
        with watch.ledger.write() as tx:
            begun = (troubles.begin, "feed.silent") if number % 2 == 0 else (troubles.end, "feed.recovered")
            begun[0](tx, "feed/3", "silent", begun[1], feed, watch.now)
    watch.told()
    assert len(tried(watch, "feed:silent reuters", moments[0]).rings) == 10
    assert len(tried(watch, "feed:silent reuters", moments[10]).rings) == 5
    with watch.ledger.read() as tx:
        assert [first_since(tx, moment) for moment in moments] == list(range(1, 21))
        assert first_since(tx, moments[-1] + timedelta(seconds=1)) == 21
        assert first_since(tx, moments[0] - timedelta(days=9)) == 1


@pytest.mark.usefixtures("watch")
def test_an_empty_ledger_has_nothing_to_try_on() -> None:
    assert shown("test", "maduro", "--since", "7d")["matches"] == []
    assert run("test", "maduro").stdout.startswith("0 rings since ")


def test_a_saved_rule_is_tried_by_its_name(watch: Watch) -> None:
    watch.rule("mill", "The mill")
    watch.file("fire", "mill", source="B")
    watch.told()
    # The wire of these tests is of another day: far back enough to hold it.
    found = shown("test", "The mill", "--since", "36500d")
    assert found["query"] == "mill"
    assert [one["level"] for one in found["matches"]] == ["first"]
    assert "in its headline" in run("test", "mill", "--since", "36500d").stdout
