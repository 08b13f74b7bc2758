"""Sinks through the API and on the ops page: added, tried, told once more, and never with their secrets."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger, deliveries, sinks
from pipeline.settings import Settings
from tests.sinks.receiving import receiver, reply
from tests.sinks.test_deliverer import START, Clock, deliver, happen, held
from tests.web.newsroom import served

API = "/api/v1"


@pytest.fixture
def local(settings: Settings) -> Settings:
    return settings.model_copy(update={"allow_networks": ["127.0.0.0/8"]})


def test_a_sink_is_added_tried_paused_and_removed(local: Settings, ledger: Ledger) -> None:
    with receiver() as desk, served(local, ledger) as site:
        made = site.post(f"{API}/sinks", json={"name": "desk", "url": desk.url + "?token=hush", "types": ["feed.*"]})
        assert made.status_code == 201
        secret = made.json()["secret"]
        assert secret.startswith("whsec_")
        assert site.post(f"{API}/sinks", json={"name": "desk", "url": desk.url}).status_code == 409
        tried = site.post(f"{API}/sinks/1/test").json()
        assert (tried["taken"], tried["status"], tried["error"]) == (True, 204, "")
        assert desk.got[0]["type"] == "slugline.test"
        assert site.patch(f"{API}/sinks/1", json={"state": "paused"}).json()["state"] == "paused"
        assert site.post(f"{API}/sinks/1/rotate").json()["secret"] not in ("", secret)
        shown = site.get(f"{API}/sinks").text + site.get(f"{API}/sinks/1").text
        assert "desk" in shown
        assert "hush" not in shown
        assert "whsec_" not in shown
        assert site.delete(f"{API}/sinks/1").status_code == 204
        assert site.get(f"{API}/sinks/1").status_code == 404


def test_what_cannot_be_a_sink_is_refused_in_words(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        for given, said in (
            ({"url": "http://127.0.0.1/"}, "not on the public internet"),
            ({"url": "ftp://a.example/"}, "begins with https://"),
            ({"url": "https://1.1.1.1/", "types": ["storyline.gone"]}, "no event 'storyline.gone'"),
            ({"url": "https://1.1.1.1/", "secret": "short"}, "24 to 64 bytes"),
            ({"url": "https://1.1.1.1/", "kind": "alertmanager", "types": ["storyline.*"]}, "is no alert"),
            ({"url": "https://1.1.1.1/", "minutes": 5}, "a webhook has no minutes"),
        ):
            answer = site.post(f"{API}/sinks", json={"name": "desk", **given})
            assert answer.status_code == 422, answer.text
            assert said in answer.json()["detail"]
        assert site.get(f"{API}/sinks").json() == {"sinks": []}


def test_an_alertmanager_is_added_and_its_token_changed(local: Settings, ledger: Ledger) -> None:
    with receiver() as desk, served(local, ledger) as site:
        wanted = {"name": "ring", "kind": "alertmanager", "url": desk.url, "secret": "t0k3n", "minutes": 30}
        made = site.post(f"{API}/sinks", json=wanted).json()
        assert (made["kind"], made["options"], made["secret"]) == ("alertmanager", {"minutes": 30}, "")
        assert site.post(f"{API}/sinks/1/rotate").status_code == 422
        assert site.post(f"{API}/sinks/1/rotate", json={"secret": "t1k3n"}).json() == {"secret": "t1k3n"}
        assert site.post(f"{API}/sinks/1/test").json()["taken"]
        assert "k3n" not in site.get(f"{API}/sinks").text


def test_a_service_by_apprise_is_added_and_its_url_never_shown(local: Settings, ledger: Ledger) -> None:
    with receiver() as desk, served(local, ledger) as site:
        url = desk.url.replace("http://", "json://hush:hu5h@") + "/t0k3n"
        wanted = {"name": "mail", "kind": "apprise", "url": url}
        refused = site.post(f"{API}/sinks", json={**wanted, "title": "{{"})
        made = site.post(f"{API}/sinks", json={**wanted, "title": "{{ type }}"})
        assert (refused.status_code, made.status_code) == (422, 201)
        assert "title, line 1" in refused.json()["detail"]
        assert made.json()["options"] == {"service": "JSON", "format": "text", "title": "{{ type }}"}
        tried = site.post(f"{API}/sinks/1/test")
        assert tried.json()["taken"]
        assert desk.got[0]["title"] == "slugline.test"
        desk.answer = lambda handler: reply(handler, 500)
        shown = [one.text for one in (refused, made, tried, site.post(f"{API}/sinks/1/test"), site.get(f"{API}/sinks"))]
        assert "json://***" in shown[-1]
        assert not [text for text in shown if "hu5h" in text or "t0k3n" in text]


def test_what_was_given_up_is_seen_and_told_once_more(
    local: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with receiver() as desk, served(local, ledger) as site:
        site.post(f"{API}/sinks", json={"name": "desk", "url": desk.url})
        ids = happen(ledger, "storyline/1", "storyline/2")
        with ledger.write() as tx:
            deliveries.fill(tx, sinks.need(tx, "desk"), START, lambda *_: True)
            assert deliveries.give_up(tx, held(ledger).id, START, START) == 2
        rows = site.get(f"{API}/deliveries", params={"state": "dead"}).json()["deliveries"]
        assert sorted(row["event_id"] for row in rows) == sorted(ids)
        assert "2 deliveries were given up" in site.get("/ops").text
        assert site.post(f"{API}/deliveries/{rows[0]['id']}/replay").status_code == 202
        assert site.post(f"{API}/deliveries/99/replay").status_code == 404
        deliver(ledger, clock)
        assert desk.ids == [rows[0]["event_id"]]
        assert site.post(f"{API}/sinks/1/replay", json={"dead": True}).json() == {"waiting": 1}
        assert site.post(f"{API}/sinks/1/replay", json={}).status_code == 422
        deliver(ledger, clock)
        assert sorted(desk.ids) == sorted(ids)
        assert site.post(f"{API}/sinks/1/replay", json={"after": 0}).status_code == 200
        deliver(ledger, clock)
        assert sorted(desk.ids) == sorted(ids * 2)
        assert "deliveries were given up" not in site.get("/ops").text
