"""Mail and chats by Apprise: what people read, and what a hostile address, answer or URL cannot do."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts import apprising
from pipeline.errors import InputError
from pipeline.ledger import Ledger, events, sinks
from pipeline.records import Sink
from pipeline.settings import Settings
from tests.sinks.mailbox import Mailbox, mailbox
from tests.sinks.receiving import SETTINGS, Receiver, receiver, reply
from tests.sinks.test_deliverer import START, Clock, deliver, held, rows
from workers import notifier, sinkview
from workers.sinkview import checked

HEADLINE = "Flood <script>alert(1)</script>\r\nBcc: all@x.example @everyone"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def desk() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def add(ledger: Ledger, url: str, *types: str, **options: Any) -> Sink:
    """One that is not looked at before: what it does shows when it sends."""
    with ledger.write() as tx:
        return sinkview.add(tx, "desk", url.replace("http://", "json://"), types, None, "apprise", options)[0]


def ring(ledger: Ledger, *headlines: str) -> None:
    """A rule rings, once for each headline."""
    for headline in headlines:
        with ledger.write() as tx:
            before = events.last_position(tx)
            data = {
                "rule": {"id": 7, "name": "floods"},
                "level": "first",
                "storyline": {"id": 3, "headline": headline, "articles": 2, "outlets": 2},
                "article": {"id": 1, "title": headline, "url": "https://a.example/x_y_z?q=1&r=2", "outlet": "A"},
                "why": [{"condition": "flood", "found": "in 2 of 2 articles"}],
            }
            events.append(tx, "alert.matched", "rule/7", before + 1, START, data)
            events.number(tx, 1)


def test_each_alert_comes_once_and_in_order(ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    add(ledger, desk.url)
    ring(ledger, "one", "two", "three")
    with ledger.write() as tx:  # what is no alert goes to those who ask for it
        events.append(tx, "storyline.grew", "storyline/3", 1, START, {"storyline": {"id": 3, "headline": "x"}})
        events.number(tx, 1)
    deliver(ledger, clock, SETTINGS.model_copy(update={"public_url": "https://news.example"}))
    assert [one["title"] for one in desk.got] == ["floods: one", "floods: two", "floods: three"]
    assert desk.got[0]["message"].split("\n") == [
        "flood: in 2 of 2 articles",
        "one (A)",
        "https://a.example/x_y_z?q=1&r=2",
        "https://news.example/storylines/3",
    ]
    assert (held(ledger).delivered, rows(ledger, "waiting")) == (3, [])


def test_mail_is_html_in_which_a_headline_is_only_text(sqlite_ledger: Ledger, mail: Mailbox, clock: Clock) -> None:
    add(sqlite_ledger, mail.url)
    ring(sqlite_ledger, HEADLINE)
    deliver(sqlite_ledger, clock)
    (found,) = mail.got
    assert "floods: Flood" in found["Subject"]
    assert "\n" not in found["Subject"]
    assert found["Bcc"] is None
    assert (found["From"].addresses[0].addr_spec, found["To"]) == ("slugline@paper.example", "night@paper.example")
    body = found.get_body(("html",))
    assert body is not None
    shown = body.get_content()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert 'href="https://a.example/x_y_z?q=1&amp;r=2"' in shown.replace("&r", "&amp;r")
    assert mail.logins == [(b"desk", b"hu5hhush")]


def test_what_is_refused_is_tried_again_and_told_without_the_url(
    sqlite_ledger: Ledger, mail: Mailbox, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    add(sqlite_ledger, mail.url)
    mail.refuse = "554 no room for desk with hu5hhush"
    ring(sqlite_ledger, "one")
    deliver(sqlite_ledger, clock)
    (row,) = rows(sqlite_ledger, "waiting")
    assert re.search(r"it was not taken: .*554.*no room for \*\*\* with \*\*\*", row["error"])
    assert (
        "hu5hhush" not in f"{rows(sqlite_ledger, 'waiting')} {sinkview.view(held(sqlite_ledger))} {capfd.readouterr()}"
    )
    assert sinkview.view(held(sqlite_ledger))["url"] == "mailto://***"


def test_a_failure_of_the_service_is_tried_again(sqlite_ledger: Ledger, desk: Receiver, clock: Clock) -> None:
    add(sqlite_ledger, desk.url + "/t0ken?password=hu5hhush")
    desk.answer = lambda handler: reply(handler, 500, b"/t0ken is out of order")
    ring(sqlite_ledger, "one", "two")
    deliver(sqlite_ledger, clock)
    assert "500" in held(sqlite_ledger).last_error
    assert "t0ken" not in str(rows(sqlite_ledger, "waiting"))
    assert desk.asked == 1, "Apprise itself tries once"
    desk.answer = lambda handler: reply(handler, 200)
    for _ in range(3):
        clock.now += timedelta(minutes=1)
        deliver(sqlite_ledger, clock)
    assert [one["title"] for one in desk.got] == ["floods: one", "floods: two"]


def _leads_inside(handler: BaseHTTPRequestHandler) -> None:
    host = str(handler.headers["Host"]).replace("127.0.0.1", "127.0.0.2")
    reply(handler, 307, Location=f"http://{host}/inside")


@pytest.mark.parametrize(
    ("allowed", "host", "asked"),
    [("10.0.0.0/8", "127.0.0.1", 0), ("10.0.0.0/8", "localhost", 0), ("127.0.0.1/32", "127.0.0.1", 1)],
    ids=["address", "name", "redirect"],
)
def test_an_address_that_is_not_public_is_never_dialled(
    sqlite_ledger: Ledger, desk: Receiver, clock: Clock, allowed: str, host: str, asked: int
) -> None:
    add(sqlite_ledger, desk.url.replace("127.0.0.1", host) + "?redirect=yes")
    desk.answer = _leads_inside
    ring(sqlite_ledger, "one")
    deliver(sqlite_ledger, clock, Settings(allow_networks=[allowed], leader_seconds=1.1))
    assert desk.asked == asked
    assert re.search("loopback.*not on the public internet", held(sqlite_ledger).last_error)


def test_one_that_hangs_is_stopped_and_holds_up_nobody(
    sqlite_ledger: Ledger, desk: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "SECONDS", 1.0)
    add(sqlite_ledger, desk.url + "?rto=60")
    desk.answer = lambda handler: time.sleep(4)
    ring(sqlite_ledger, "one")
    deliver(sqlite_ledger, clock)
    assert held(sqlite_ledger).last_error == "it did not answer within 1 s"
    assert len(rows(sqlite_ledger, "waiting")) == 1


def makes(url: str, **options: str) -> dict[str, Any]:
    """What becomes of a sink that is to be made."""
    return asyncio.run(checked(SETTINGS, "apprise", url, options))[1]


def made(*wanted: tuple[str, dict[str, str]]) -> list[dict[str, str] | str]:
    """What becomes of each: its options, or the error."""

    async def all_of() -> list[dict[str, str] | str]:
        one, found = notifier.Notifier(SETTINGS), []
        for url, options in wanted:
            try:
                found.append(await one.check(url, **options))
            except InputError as error:
                found.append(str(error))
        await one.aclose()
        return found

    return asyncio.run(all_of())


@pytest.mark.parametrize("url", ["exec://x", "syslog://", "dbus://", "file:///etc/passwd", "gnome://", "windows://"])
def test_a_service_that_is_none_of_the_network_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="no service for sinks"):
        makes(url)


def test_what_apprise_cannot_use_and_templates_that_fail_are_named_with_their_line() -> None:
    wrong = (
        ("slack://s3cret", {}, "Apprise cannot make anything of the URL"),
        ("https://hooks.example/s3cret", {}, "no service for sinks"),
        ("no url", {}, "begins with the name of a service"),
        ("json://localhost/", {"body": "one\n{% if %}"}, "body, line 2: "),
        ("json://localhost/", {"title": "{{ storyline.id / 0 }}"}, "title, line 1: division by zero"),
        ("json://localhost/", {"body": "\n\n{{ ''.__class__.__mro__ }}"}, "line 3: access to attribute '__class__'"),
        ("json://localhost/", {"body": "{{ open('/etc/passwd') }}"}, "'open' is undefined"),
    )
    for found, (_, _, said) in zip(made(*((url, options) for url, options, _ in wrong)), wrong, strict=True):
        assert said in found
        assert "s3cret" not in found
    with pytest.raises(InputError, match="has no minutes"):
        makes("json://localhost/", minutes="5")
    token = "tgram://123456789:abcdefghijklmnopqrstuvwxyz_ABCDEFGH/12315544/"
    assert made(("json://localhost/", {"body": "{{ summary }}"}), ("mailto://a:b@paper.example", {}), (token, {})) == [
        {"service": "JSON", "format": "text", "body": "{{ summary }}"},
        {"service": "E-Mail", "format": "html"},
        {"service": "Telegram", "format": "html"},
    ]


def test_every_service_that_is_allowed_is_one_of_apprise() -> None:
    listing = "from apprise.manager_plugins import NotificationManager as N; print(*N().schemas())"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    assert apprising.SCHEMES - set(done.stdout.split()) == set()


def test_a_template_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "SECONDS", 1.0)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(InputError, match="hung and was stopped after 1 s"):
        makes("json://localhost/", body=endless)


def test_own_templates_are_used_and_the_shipped_ones_where_they_fail(
    sqlite_ledger: Ledger, desk: Receiver, clock: Clock
) -> None:
    add(
        sqlite_ledger,
        desk.url,
        title="{{ rule.name | upper }}",
        body="{{ storyline.headline }}!\n{{ 1 / (storyline.id - 3) }}",
    )
    ring(sqlite_ledger, "one")
    deliver(sqlite_ledger, clock)
    assert desk.got[0]["title"] == "floods: one", "rather than nothing"
    assert "line 2: division by zero" in rows(sqlite_ledger, "done")[0]["answer"]
    with sqlite_ledger.write() as tx:
        sinks.save(tx, held(sqlite_ledger).id, {"options": {"title": "{{ rule.name | upper }}", "body": "{{ link }}-"}})
    ring(sqlite_ledger, "two")
    deliver(sqlite_ledger, clock)
    assert (desk.got[1]["title"], desk.got[1]["message"]) == ("FLOODS", "-")


def test_no_file_of_this_machine_goes_out(sqlite_ledger: Ledger, desk: Receiver, clock: Clock, tmp_path: Path) -> None:
    """A service that may read a template from a path is asked for a file that is none of its business."""
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"text": "hu5hhush"}))
    where = desk.url.removeprefix("http://").split("/")[0]
    add(sqlite_ledger, f"workflows://{where}/workflow/signature?template={secret}")
    ring(sqlite_ledger, "one")
    deliver(sqlite_ledger, clock)
    assert desk.asked == 0
    assert "a file was asked for" in held(sqlite_ledger).last_error
