"""Who is let in: tokens, host names, cross-site requests."""

from __future__ import annotations

import base64

import pytest

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from tests.web.newsroom import served
from workers.web.attempts import ADDRESSES, MOST, SECONDS, Attempts
from workers.web.guard import is_local

TOKEN = "correct horse bättery"  # beyond ASCII: it arrives as UTF-8
FEED = {"url": "https://outlet.example/feed"}


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What differs between databases is behind the queries, which the tests of the API run on both."""
    return sqlite_ledger


def bearer(token: str) -> dict[str, str | bytes]:
    return {"Authorization": b"Bearer " + token.encode()}


def basic(password: str) -> dict[str, str | bytes]:
    return {"Authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


@pytest.fixture
def locked(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_token": TOKEN})


def test_everything_but_healthz_asks_for_the_token(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        assert site.get("/healthz").json() == {"alive": True}
        for path in ("/", "/storylines/1", "/readyz", "/openapi.json", "/nope"):
            answer = site.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        answer = site.get("/api/v1/feeds")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "SLUGLINE_API_TOKEN" in answer.json()["detail"]
        for wrong in (bearer(TOKEN + "x"), basic("wrong"), basic(""), {"Authorization": "Basic %%%"}):
            assert site.get("/", headers=wrong).status_code == 401
        for right in (bearer(TOKEN), basic(TOKEN)):
            assert site.get("/", headers=right).status_code == 200
            assert site.get("/api/v1/feeds", headers=right).status_code == 200


def test_changes_need_the_bearer_token_since_browsers_send_basic_by_themselves(
    locked: Settings, ledger: Ledger
) -> None:
    with served(locked, ledger) as site:
        assert site.post("/api/v1/feeds", json=FEED, headers=basic(TOKEN)).status_code == 401
        assert site.post("/api/v1/feeds", json=FEED, headers=bearer(TOKEN)).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_changes_are_not_taken_from_pages_of_other_sites(
    settings: Settings, ledger: Ledger, headers: dict[str, str], status: int
) -> None:
    with served(settings, ledger) as site:
        assert site.post("/api/v1/feeds", json=FEED, headers=headers).status_code == status
        assert len(site.get("/api/v1/feeds", headers=headers).json()["feeds"]) == (status == 201)


def test_changes_are_taken_from_our_own_pages(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        own = str(site.base_url).rstrip("/")
        assert site.post("/api/v1/feeds", json=FEED, headers={"Origin": own}).status_code == 201


def test_a_form_of_another_site_changes_nothing_even_where_the_browser_says_nothing(
    settings: Settings, ledger: Ledger
) -> None:
    with served(settings, ledger) as site:
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            body = '{"url": "https://outlet.example/feed"}'
            assert site.post("/api/v1/feeds", content=body, headers={"content-type": kind}).status_code == 422
        assert site.get("/api/v1/feeds").json()["feeds"] == []


def test_names_of_other_machines_are_not_answered_on_loopback(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        for host in ("localhost", "localhost:8400", "wire.localhost", "127.0.0.1:8400", "[::1]:8400"):
            assert site.get("/", headers={"Host": host}).status_code == 200
        for host in ("rebound.example", "rebound.example:8400", "localhost.example", "127.0.0.1.example", "[", ""):
            answer = site.get("/", headers={"Host": host})
            assert answer.status_code == 400
        assert site.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_with_a_token_a_proxy_may_use_another_name(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        answer = site.get("/", headers={"Host": "news.example", **bearer(TOKEN)})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["localhost@evil.example", "evil.example#localhost", "localhost:port", "a/localhost"])
def test_odd_host_headers_are_not_local(host: str) -> None:
    assert not is_local(host)


def test_every_answer_carries_the_headers_that_keep_browsers_in_bounds(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        for path in ("/", "/nope", "/api/v1/feeds", "/healthz", "/static/slugline.css"):
            headers = site.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["cache-control"].startswith("private")
            assert "server" not in headers


def test_who_sends_wrong_tokens_waits_and_who_sends_none_does_not(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        for _ in range(MOST):
            assert site.get("/api/v1/feeds", headers=bearer("guess")).status_code == 401
            assert site.get("/").status_code == 401
        for headers in (bearer("guess"), bearer(TOKEN), basic(TOKEN)):
            answer = site.get("/api/v1/feeds", headers=headers)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= SECONDS
        assert site.get("/").status_code == 401
        assert site.get("/healthz").status_code == 200


def test_a_right_token_in_the_wrong_form_is_no_guess(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        for _ in range(MOST + 1):
            assert site.post("/api/v1/feeds", json=FEED, headers=basic(TOKEN)).status_code == 401


def test_wrong_ones_count_for_a_minute_and_for_one_address() -> None:
    found = Attempts()
    for second in range(MOST):
        assert not found.wait("192.0.2.1", second)
        found.wrong("192.0.2.1", second)
    assert found.wait("192.0.2.1", MOST) == SECONDS - MOST
    assert found.wait("::ffff:192.0.2.1", MOST) > 0
    assert not found.wait("192.0.2.2", MOST)
    assert not found.wait("192.0.2.1", SECONDS)
    found.wrong("192.0.2.1", SECONDS)
    assert not found.wait("192.0.2.1", SECONDS)


def test_all_addresses_of_a_network_are_one_and_not_all_are_remembered() -> None:
    found = Attempts()
    for number in range(MOST):
        found.wrong(f"2001:db8::{number:x}", 0)
    assert found.wait("2001:db8::ffff", 1)
    assert not found.wait("2001:db8:0:1::1", 1)
    for number in range(ADDRESSES):
        found.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 2)
    assert len(found) == ADDRESSES
    assert not found.wait("2001:db8::1", 2)
