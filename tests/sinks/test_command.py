"""`slugline sinks` and `slugline events replay --sink`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.errors import InputError, UsageError
from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import Settings
from tests.sinks.receiving import receiver, reply
from tests.sinks.test_deliverer import Clock, deliver, happen, held
from workers.cli.app import app

RUN = CliRunner()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """That of a data directory, as the commands see it."""
    monkeypatch.setenv("SLUGLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SLUGLINE_ALLOW_NETWORKS", "127.0.0.0/8")
    return open_ledger(Settings(data_dir=tmp_path).ledger_url, upgrade=True)


def say(*words: str, code: int = 0) -> str:
    """What a command prints, or the error with which it ends; `code` is what `main` makes of that."""
    ran = RUN.invoke(app, list(words))
    assert {0: None, 1: InputError, 2: UsageError}[code] is (type(ran.exception) if ran.exception else None), ran.output
    return ran.output + str(ran.exception or "")


def test_the_secret_is_shown_once_and_a_test_shows_the_answer(ledger: Ledger) -> None:
    with receiver() as desk:
        made = json.loads(say("sinks", "add", "desk", desk.url + "?token=hush", "--type", "storyline.*", "--json"))
        assert made["secret"].startswith("whsec_")
        desk.answer = lambda handler: reply(handler, 202, b"thank you")
        assert "thank you" in say("sinks", "test", "desk")
        assert desk.got[0]["type"] == "slugline.test"
        desk.answer = lambda handler: reply(handler, 500)
        assert "answered 500" in say("sinks", "test", "desk", code=1)
    for command in (("list",), ("show", "desk"), ("list", "--json")):
        shown = say("sinks", *command)
        assert "desk" in shown
        assert made["secret"] not in shown
        assert "hush" not in shown
    assert say("sinks", "rotate", "desk").split()[-1] != made["secret"]


def test_what_cannot_be_a_sink_is_named(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "begins with https://" in say("sinks", "add", "desk", "ftp://a.example/", code=2)
    assert "no event 'storyline.gone'" in say(
        "sinks", "add", "desk", "http://127.0.0.1:9/", "--type", "storyline.gone", code=2
    )
    assert "24 to 64 bytes" in say("sinks", "add", "desk", "http://127.0.0.1:9/", "--secret", "short", code=2)
    assert "none was added yet" in say("sinks", "show", "desk", code=1)
    monkeypatch.setenv("SLUGLINE_ALLOW_NETWORKS", "")
    for url in ("http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/", "http://0x7f.1/"):
        assert "not on the public internet" in say("sinks", "add", "desk", url, code=2), url


def test_an_alertmanager_is_added_tried_and_given_another_token(ledger: Ledger) -> None:
    where = "http://user:hush@127.0.0.1:9/"
    assert "one address" in say("sinks", "add", "ring", code=2)
    assert "one address" in say("sinks", "add", "ring", "https://1.1.1.1/", "--alertmanager", where, code=2)
    assert "1 to 10080 minutes" in say("sinks", "add", "ring", "--alertmanager", where, "--ends-after", "0", code=2)
    assert "no minutes" in say("sinks", "add", "ring", "http://127.0.0.1:9/", "--ends-after", "5", code=2)
    said = say("sinks", "add", "ring", "--alertmanager", where, "--type", "storyline.*", code=2)
    assert "storyline.opened is no alert" in said
    with receiver() as desk:
        made = json.loads(say("sinks", "add", "ring", "--alertmanager", desk.url, "--secret", "t0k3n", "--json"))
        assert (made["kind"], made["options"], made["types"]) == ("alertmanager", {"minutes": 240}, [])
        desk.answer = lambda handler: reply(handler, 200 if "t1k3n" in handler.headers["Authorization"] else 401)
        assert "a bearer token" in say("sinks", "test", "ring", code=1)
        assert "--secret" in say("sinks", "rotate", "ring", code=2)
        say("sinks", "rotate", "ring", "--secret", "t1k3n")
        assert "200" in say("sinks", "test", "ring")
        ((alert,),) = desk.got  # type: ignore[misc]
        assert alert["labels"]["alertname"] == "SluglineTest"
    assert "k3n" not in say("sinks", "show", "ring")


def test_a_service_by_apprise_is_added_and_tried_and_its_url_never_shown(ledger: Ledger, tmp_path: Path) -> None:
    body = tmp_path / "body.txt"
    body.write_text("{{ summary }}\n{% endif %}")
    with receiver() as desk:
        url = desk.url.replace("http://", "json://hush:hu5h@") + "/t0k3n"
        said = say("sinks", "add", "mail", "--apprise", url, "--body", str(body), code=2)
        assert "body, line 2: " in said
        assert "cannot be read" in say("sinks", "add", "mail", "--apprise", url, "--title", "/nowhere", code=2)
        assert "stands in its URL" in say("sinks", "add", "mail", "--apprise", url, "--secret", "x", code=2)
        assert "no service for sinks" in say("sinks", "add", "mail", "--apprise", "exec://t0k3n", code=2)
        body.write_text("It says: {{ data.message }}")
        typed = RUN.invoke(app, ["sinks", "add", "mail", "--apprise", "-", "--body", str(body)], input=url + "\n")
        shown = [said, typed.output, say("sinks", "test", "mail"), say("sinks", "show", "mail", "--json")]
        desk.answer = lambda handler: reply(handler, 403, b"t0k3n")
        shown += [say("sinks", "test", "mail", code=1), say("sinks", "list"), say("sinks", "rotate", "mail", code=2)]
        assert desk.got[0]["message"] == "It says: A test of the sink mail."
    assert "json://***" in shown[3]
    assert "403" in shown[4]
    for text in shown:
        assert not {word for word in ("hu5h", "t0k3n", "hush:") if word in text}, text


def test_a_sink_is_told_once_more(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with receiver() as desk:
        say("sinks", "add", "desk", desk.url)
        ids = happen(ledger, "storyline/1", "storyline/2", "storyline/1")
        deliver(ledger, clock)
        assert "same ids" in say("events", "replay", "--after", "1", "--sink", "desk")
        deliver(ledger, clock)
        assert sorted(desk.ids) == sorted(ids + ids[1:])
        (newest, *_) = json.loads(say("sinks", "deliveries", "desk", "--json"))
        assert "1 wait" in say("sinks", "replay", "desk", str(newest["id"]))
        assert "has no delivery 99" in say("sinks", "replay", "desk", "99", code=2)
        say("sinks", "pause", "desk")
        happen(ledger, "storyline/3")
        deliver(ledger, clock)
        assert held(ledger).state == "paused"
        say("sinks", "resume", "desk")
        deliver(ledger, clock)
        assert len(desk.got) == 7
    say("sinks", "remove", "desk")
    assert json.loads(say("sinks", "list", "--json")) == []
