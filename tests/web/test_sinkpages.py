"""The page of the sinks: they are added, tried, paused and removed without a script, and secrets do not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from pipeline.ledger import Ledger, sinks
from pipeline.settings import Settings
from tests.sinks.receiving import Receiver, receiver, reply
from tests.web.newsroom import served

PAGE = "/ops/sinks"
TOKEN = "a token of tests"


@pytest.fixture
def desk() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def site(settings: Settings, sqlite_ledger: Ledger) -> Iterator[httpx.Client]:
    with served(settings.model_copy(update={"allow_networks": ["127.0.0.0/8"]}), sqlite_ledger) as made:
        yield made


def said(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_webhook_is_added_shown_its_secret_once_and_looked_after(
    site: httpx.Client, sqlite_ledger: Ledger, desk: Receiver
) -> None:
    assert "Add a sink" in said(site.get(PAGE))
    assert PAGE in site.get("/ops").text
    form = {"name": "desk <b>", "kind": "webhook", "url": desk.url + "?token=hush", "type": ["feed.failing"]}
    made = site.post(f"{PAGE}/add", data=form)
    assert made.status_code == 201
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text)
    with sqlite_ledger.read() as tx:
        kept = sinks.need(tx, "desk <b>")
        assert (kept.secrets[0][0], kept.types) == (secret, ("feed.failing",))
    page = site.get(PAGE)
    assert "desk <b> Webhook" in said(page)
    assert "Told of feed.failing" in said(page)
    assert not [word for word in ("hush", "whsec_", "desk <b>") if word in page.text + site.get("/ops").text]
    assert "took the test with 204" in said(site.post(f"{PAGE}/1/test"))
    desk.answer = lambda handler: reply(handler, 500, b"<i>broken</i>")
    tried = site.post(f"{PAGE}/1/test")
    assert "did not take the test: it answered 500" in said(tried)
    assert "<i>" not in tried.text
    assert site.post(f"{PAGE}/1/pause").headers["location"] == f"{PAGE}?done=paused"
    assert "Paused: paused by a person" in said(site.get(f"{PAGE}?done=paused"))
    site.post(f"{PAGE}/1/resume")
    assert "Active" in said(site.get(PAGE))
    assert site.post(f"{PAGE}/1/replay").status_code == 303
    assert site.post(f"{PAGE}/1/remove").status_code == 303
    assert site.post(f"{PAGE}/1/remove").status_code == 404
    assert site.post(f"{PAGE}/1/burn").status_code in (404, 422)


def test_alertmanager_and_apprise_are_added_and_mistakes_are_named(site: httpx.Client, desk: Receiver) -> None:
    ring = {"name": "ring", "kind": "alertmanager", "url": desk.url, "secret": "t0k3n", "minutes": "30"}
    mail = {"name": "mail", "kind": "apprise", "url": desk.url.replace("http://", "json://") + "/t0k3n"}
    for form, wrong in (
        ({**ring, "minutes": "soon"}, "Minutes are a whole number"),
        ({**ring, "minutes": "0"}, "1 to 10080 minutes"),
        ({**ring, "type": "storyline.grew"}, "Storyline.grew is no alert"),
        ({**ring, "url": "ftp://x"}, "begins with https://"),
        ({**ring, "kind": "pigeon"}, "Choose what kind"),
        ({**mail, "body": "{% if %}"}, "The template of the body, line 1"),
        ({**mail, "url": "exec://t0k3n"}, "Exec:// is no service for sinks"),
    ):
        refused = site.post(f"{PAGE}/add", data=form)
        assert refused.status_code == 422
        assert wrong in said(refused)
        assert "t0k3n" not in refused.text
    for form in (ring, {**mail, "title": "{{ type }}"}):
        made = site.post(f"{PAGE}/add", data=form)
        assert made.status_code == 201, said(made)
        assert "t0k3n" not in made.text
    assert "Mail or chat, by Apprise: json://***" in said(site.get(PAGE))
    assert "took the test" in said(site.post(f"{PAGE}/2/test"))
    assert desk.got[-1]["title"] == "slugline.test"


def test_forms_need_the_token_of_the_session(settings: Settings, sqlite_ledger: Ledger) -> None:
    with served(settings.model_copy(update={"api_token": TOKEN}), sqlite_ledger) as site:
        assert site.get(PAGE).status_code == 401
        site.post("/login", data={"token": TOKEN})
        form = {"name": "desk", "kind": "webhook", "url": "https://1.1.1.1/"}
        assert site.post(f"{PAGE}/add", data=form).status_code == 403
        csrf = re.findall(r'name="csrf" value="([^"]+)"', site.get(PAGE).text)[0]
        assert site.post(f"{PAGE}/add", data={**form, "csrf": csrf}).status_code == 201
        assert site.post(f"{PAGE}/1/remove").status_code == 403
