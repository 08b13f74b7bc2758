"""Hubs come from outside without credentials, and get at nothing but their own addresses."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from pipeline.errors import SettingsError
from pipeline.ledger import Ledger, feeds, subscriptions
from pipeline.ledger.schema import feeds as feed_table
from pipeline.ledger.schema import pushes as push_table
from pipeline.records import Subscription
from pipeline.settings import Settings, load
from tests.web.newsroom import NOW, served
from workers.web import websub

TOPIC = "https://outlet.example/feed"
PUBLIC = "https://news.example"
BODY = b"<rss version='2.0'><channel/></rss>"
OTHER_NAME = {"Host": "news.example"}  # as a proxy in front passes it on


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": PUBLIC, "feed_max_bytes": 20_000_000, "api_token": "locked"})


@pytest.fixture
def held(ledger: Ledger) -> Subscription:
    """A subscription whose hub was asked a minute ago."""
    with ledger.write() as tx:
        made = feeds.add(tx, TOPIC, NOW)
        tx.execute(update(feed_table).values(hub_url="https://hub.example/", topic_url=TOPIC))
        subscriptions.align(tx, PUBLIC, NOW)
        assert made is not None
        found = subscriptions.of_feed(tx, made)
        assert found is not None
        subscriptions.save(tx, found, {"requested": NOW - timedelta(minutes=1)})
    return found


@pytest.fixture
def site(settings: Settings, ledger: Ledger) -> Iterator[httpx.Client]:
    with served(settings, ledger, headers=OTHER_NAME) as client:
        yield client


def agree(site: httpx.Client, held: Subscription, **query: str) -> httpx.Response:
    given = {"mode": "subscribe", "topic": TOPIC, "challenge": "<script>alert(1)</script>", "lease_seconds": "3600"}
    return site.get(f"/websub/{held.token}", params={f"hub.{name}": value for name, value in (given | query).items()})


def push(site: httpx.Client, held: Subscription, body: bytes = BODY, **headers: str) -> httpx.Response:
    signature = "sha256=" + hmac.new(held.secret.encode(), body, hashlib.sha256).hexdigest()
    given = {"X-Hub-Signature": signature, "Content-Type": "application/rss+xml; charset=utf-8"}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.post(f"/websub/{held.token}", content=body, headers=given | sent)


def now_held(ledger: Ledger, held: Subscription) -> Subscription:
    with ledger.read() as tx:
        found = subscriptions.by_token(tx, held.token)
    assert found is not None
    return found


def waiting(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.read() as tx:
        return [tuple(row) for row in tx.execute(select(push_table.c.content_type, push_table.c.body))]


def test_a_hub_that_asks_back_gets_its_challenge_as_plain_text(
    site: httpx.Client, ledger: Ledger, held: Subscription
) -> None:
    answer = agree(site, held)
    assert (answer.status_code, answer.text) == (200, "<script>alert(1)</script>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    found = now_held(ledger, held)
    assert (found.state, found.verified, found.expires) == ("active", NOW, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "query", [{"topic": "https://outlet.example/other"}, {"mode": "unsubscribe"}, {"challenge": ""}, {"mode": ""}]
)
def test_what_was_not_asked_for_is_not_there(
    site: httpx.Client, ledger: Ledger, held: Subscription, query: dict[str, str]
) -> None:
    assert agree(site, held, **query).status_code == 404
    assert now_held(ledger, held).state == "pending"
    assert site.get(f"/websub/{held.token}").status_code == 404


def test_a_denial_is_noted(site: httpx.Client, ledger: Ledger, held: Subscription) -> None:
    assert agree(site, held, mode="denied", reason="no such topic").status_code == 200
    assert now_held(ledger, held).error == "the hub denied it: no such topic"


def test_a_push_is_kept_as_it_came_and_nothing_is_read_from_it(
    site: httpx.Client, ledger: Ledger, held: Subscription
) -> None:
    agree(site, held)
    body = b"\x00<!DOCTYPE bomb [<!ENTITY a 'aaaa'>]>" + b"\xff" * 2_000_000
    answer = push(site, held, body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert waiting(ledger) == [("application/rss+xml; charset=utf-8", body)]
    assert (now_held(ledger, held).pushes, now_held(ledger, held).pushed) == (1, NOW)


@pytest.mark.parametrize("signature", ["", "sha256=" + "0" * 64, "sha1", "none=x", "sha256=é"])
def test_a_push_without_the_right_signature_is_counted_and_nothing_else(
    site: httpx.Client, ledger: Ledger, held: Subscription, signature: str
) -> None:
    agree(site, held)
    answer = site.post(f"/websub/{held.token}", content=BODY, headers={"X-Hub-Signature": signature.encode()})
    assert answer.status_code == 204, "a hub is not told"
    assert waiting(ledger) == []
    assert (now_held(ledger, held).refused, now_held(ledger, held).pushed) == (1, None)


def test_before_the_hub_has_asked_back_nothing_is_taken(site: httpx.Client, ledger: Ledger, held: Subscription) -> None:
    push(site, held)
    assert waiting(ledger) == []


def test_a_hub_without_the_secret_can_only_say_that_there_is_news(
    site: httpx.Client, ledger: Ledger, held: Subscription
) -> None:
    agree(site, held)
    with ledger.write() as tx:
        subscriptions.save(tx, now_held(ledger, held), {"hub": "http://hub.example/"})
    for _ in range(3):
        assert push(site, held, X_Hub_Signature="").status_code == 204
    assert [body for _, body in waiting(ledger)] == [b""]


def test_nobody_home_is_told_so_that_the_hub_stops(site: httpx.Client, ledger: Ledger, held: Subscription) -> None:
    unknown = held.token[::-1]
    assert site.post(f"/websub/{unknown}", content=BODY).status_code == 410
    assert site.get(f"/websub/{unknown}", params={"hub.challenge": "x"}).status_code == 404
    with ledger.write() as tx:
        feeds.remove(tx, 1, NOW)
    assert push(site, held).status_code == 410


def test_bodies_are_bounded_announced_or_not(settings: Settings, ledger: Ledger, held: Subscription) -> None:
    small = settings.model_copy(update={"feed_max_bytes": 1000})

    def endless() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 100

    with served(small, ledger, headers=OTHER_NAME) as site:
        agree(site, held)
        assert push(site, held, b"x" * 1001).status_code == 413
        assert site.post(f"/websub/{held.token}", content=endless()).status_code == 413
        assert push(site, held, b"x" * 1000).status_code == 204
    assert len(waiting(ledger)) == 1


def test_a_body_that_does_not_come_is_not_waited_for(
    settings: Settings, ledger: Ledger, held: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websub, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(websub, "PLACES", 1)
    with served(settings, ledger, headers=OTHER_NAME) as site:
        agree(site, held)
        head = f"POST /websub/{held.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n<rss>".encode()
        with socket.create_connection((site.base_url.host, site.base_url.port or 0)) as slow:
            slow.sendall(head)
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")
        with socket.create_connection((site.base_url.host, site.base_url.port or 0)) as gone:
            gone.sendall(head)
        assert push(site, held).status_code in (204, 408)
        assert push(site, held, BODY + b" ").status_code == 204, "its place is free again"


def test_many_pushes_at_once_are_all_taken(site: httpx.Client, ledger: Ledger, held: Subscription) -> None:
    agree(site, held)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: push(site, held, BODY + b"%d" % number).status_code, range(24)))
    assert answers == [204] * 24
    assert now_held(ledger, held).pushes == 24


@pytest.mark.parametrize(
    "path",
    ["/websub/", "/websub/short", "/websub/{token}/", "/websub/{token}/../../", "/websub/{token}x", "//websub/{token}"],
)
def test_only_the_very_addresses_are_open(site: httpx.Client, held: Subscription, path: str) -> None:
    answer = site.post(path.format(token=held.token), content=BODY)
    assert answer.status_code == 401
    assert site.get("/api/v1/feeds").status_code == 401


def test_other_methods_are_not_taken(site: httpx.Client, held: Subscription) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert site.request(method, f"/websub/{held.token}").status_code == 405


def test_without_a_public_url_nobody_comes_from_outside(ledger: Ledger, held: Subscription, settings: Settings) -> None:
    closed = settings.model_copy(update={"public_url": ""})
    with served(closed, ledger) as site:
        assert agree(site, held).status_code == 401
    with served(closed.model_copy(update={"api_token": ""}), ledger) as site:
        assert agree(site, held).status_code == 404
    assert now_held(ledger, held).state == "pending"


def test_on_loopback_hubs_come_under_any_name_and_nobody_else_does(
    settings: Settings, ledger: Ledger, held: Subscription
) -> None:
    with served(settings.model_copy(update={"api_token": ""}), ledger, headers=OTHER_NAME) as site:
        assert agree(site, held).status_code == 200
        assert site.get("/").status_code == 400


def test_what_hubs_may_do_is_no_part_of_the_api(site: httpx.Client) -> None:
    paths = site.get("/openapi.json", headers={"Authorization": "Bearer locked"}).json()["paths"]
    assert not [path for path in paths if "websub" in path]


@pytest.mark.parametrize("url", ["", "https://news.example", "http://127.0.0.1:8400/slugline", "https://[2001:db8::1]"])
def test_a_public_url_is_taken_without_its_last_slash(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_PUBLIC_URL", f"{url}/" if url else "")
    assert load().public_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("news.example", "ftp://news.example", "https://", "https://me:word@news.example", "https://news.example?a=b"),
        *("https://news.example#a", "https://news.example/a/../b", "https://news.example//a", "https://news.example:x"),
        *("https://[::1", "https://news.example/a b", "https://näws.example", "https://news.example/%2e"),
    ],
)
def test_a_public_url_that_hubs_could_not_use_is_refused_by_name(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_PUBLIC_URL", url)
    with pytest.raises(SettingsError, match="SLUGLINE_PUBLIC_URL"):
        load()
