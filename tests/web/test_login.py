"""People enter the token once, and are somebody until they log out: sessions, their forms, their end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from itsdangerous import URLSafeSerializer
from sqlalchemy import event, func, select

from pipeline.ledger import Ledger, connect, logouts
from pipeline.ledger.schema import logouts as logout_table
from pipeline.settings import Settings
from tests.web.newsroom import NOW, served
from workers.retiring import LOGOUTS_KEPT
from workers.web.attempts import MOST
from workers.web.door import COOKIE, LASTS, Door, ForgedError
from workers.web.login import local

TOKEN = "correct horse bättery"
FEED = {"url": "https://outlet.example/feed"}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """One table that both databases have alike; its statements are run on both below."""
    return sqlite_ledger


@pytest.fixture
def locked(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_token": TOKEN})


def enter(site: httpx.Client, token: str = TOKEN, **fields: str) -> httpx.Response:
    return site.post("/login", data={"token": token, **fields}, headers=BROWSER)


def csrf_of(site: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', site.get("/").text)
    assert found
    return found[1]


def test_a_person_is_led_to_the_login_and_back(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        refused = site.get("/?sort=size&x=%2F%3F", headers=BROWSER)
        assert refused.status_code == 401
        assert not refused.headers["www-authenticate"].startswith("Basic")
        (link,) = re.findall(r'href="(/login[^"]*)"', refused.text)
        form = site.get(link, headers=BROWSER)
        assert form.status_code == 200
        assert site.get("/static/slugline.css").status_code == 200
        (onward,) = re.findall(r'name="next" value="([^"]*)"', form.text)
        entered = enter(site, next=onward.replace("&amp;", "&"))
        assert (entered.status_code, entered.headers["location"]) == (303, "/?sort=size&x=%2F%3F")
        assert site.get(entered.headers["location"]).status_code == 200
        assert site.get("/api/v1/feeds").status_code == 200
        assert site.get("/login").headers["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        plain = enter(site).headers["set-cookie"]
        own = {"Origin": f"https://{site.base_url.netloc.decode()}"}
        secure = site.post("/login", data={"token": TOKEN}, headers=own).headers["set-cookie"]
    for cookie in (plain, secure):
        kept = f"Max-Age={int(LASTS.total_seconds())}"
        assert {"HttpOnly", "SameSite=lax", kept, "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
    assert ("Secure" in plain, "Secure" in secure) == (False, True)


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"),
        *("/\t/evil.example", "/\n/evil.example", " /x", "", "login", "/login?next=/", "/logout", "/" + "x" * 2_000),
    ],
)
def test_it_goes_on_to_nothing_but_a_page_of_its_own(locked: Settings, ledger: Ledger, address: str) -> None:
    assert local(address) == "/"
    with served(locked, ledger) as site:
        assert enter(site, next=address).headers["location"] == "/"
        assert site.get("/login", params={"next": address}).headers["location"] == "/"


def test_wrong_tokens_count_together_wherever_they_are_tried(locked: Settings, ledger: Ledger) -> None:
    other = Door("another token", ledger, lambda: NOW).begin()
    with served(locked, ledger) as site:
        tries: list[Callable[[], httpx.Response]] = [
            lambda: enter(site, "guess"),
            lambda: site.get("/api/v1/feeds", headers={"Authorization": "Bearer guess"}),
            lambda: site.get("/", headers={"Cookie": f"{COOKIE}={other}", **BROWSER}),
            lambda: enter(site, "guess"),
        ]
        for number in range(MOST):
            assert tries[number % 4]().status_code in (401, 403)
        answer = enter(site)
        assert (answer.status_code, COOKIE in site.cookies) == (429, False)
        assert int(answer.headers["retry-after"]) > 0
        assert site.get("/", headers={"Authorization": f"Bearer {TOKEN}".encode()}).status_code == 429
        assert site.get("/login").status_code == 200


def test_no_token_is_no_guess_and_too_much_is_not_read(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        for _ in range(MOST):
            assert enter(site, "").status_code == 403
        assert enter(site, TOKEN, more="x" * 10_000).status_code == 403
        assert site.post("/login", json={"token": TOKEN}).status_code == 403
        assert enter(site).status_code == 303


def test_a_session_alone_changes_nothing(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        enter(site)
        csrf = csrf_of(site)
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1] + "~"}, {"X-CSRF-Token": "ä".encode()}):
            assert site.post("/api/v1/feeds", json=FEED, headers=headers).status_code == 403
        assert site.post("/api/v1/feeds", json=FEED | {"csrf": csrf}).status_code == 403
        for data in ({}, {"csrf": csrf + "x"}):
            assert site.post("/logout", data=data).status_code == 403
        assert site.get("/api/v1/feeds").json()["feeds"] == []
        assert site.post("/api/v1/feeds", json=FEED, headers={"X-CSRF-Token": csrf}).status_code == 201
        foreign = {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "cross-site"}
        assert site.post("/api/v1/feeds", json=FEED, headers=foreign).status_code == 403


def test_the_token_of_one_session_is_none_for_another(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        enter(site)
        first = csrf_of(site)
        site.cookies.clear()
        enter(site)
        assert site.post("/logout", data={"csrf": first}).status_code == 403
        assert site.post("/logout", data={"csrf": csrf_of(site)}).status_code == 303


def test_logging_out_ends_the_session_wherever_its_cookie_was_kept(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        enter(site)
        kept = site.cookies[COOKIE]
        left = site.post("/logout", data={"csrf": csrf_of(site)}, headers=BROWSER)
        assert (left.status_code, left.headers["location"], COOKIE in site.cookies) == (303, "/login", False)
    with served(locked, ledger) as site:  # another process
        assert site.get("/", headers={"Cookie": f"{COOKIE}={kept}"}).status_code == 401


def test_programs_with_the_token_need_no_other(locked: Settings, ledger: Ledger) -> None:
    with served(locked, ledger) as site:
        enter(site)
        bearer = {"Authorization": f"Bearer {TOKEN}".encode()}
        assert site.post("/api/v1/feeds", json=FEED, headers=bearer).status_code == 201


def test_a_session_ends_by_age_and_with_its_token(ledger: Ledger) -> None:
    now = [NOW]
    door = Door(TOKEN, ledger, lambda: now[0])
    cookie = door.begin()
    assert door.session(cookie)
    now[0] = NOW + LASTS - timedelta(seconds=1)
    assert door.session(cookie)
    now[0] = NOW + LASTS
    assert door.session(cookie) is None
    now[0] = NOW - timedelta(hours=1)
    assert door.session(cookie) is None
    now[0] = NOW
    with pytest.raises(ForgedError):
        Door(TOKEN + "x", ledger, lambda: NOW).session(cookie)
    forged = URLSafeSerializer(TOKEN, salt="session").dumps(["x", int(NOW.timestamp())])
    for wrong in (str(forged), cookie[:-2], "x", "a.b", "ä", ""):
        with pytest.raises(ForgedError):
            door.session(wrong)


def test_where_no_token_is_set_nobody_logs_in(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        assert site.get("/login?next=/storylines").headers["location"] == "/storylines"
        assert enter(site, "anything").headers["location"] == "/"
        assert COOKIE not in site.cookies
        assert "csrf" not in site.get("/").text


def test_ended_sessions_are_forgotten_when_they_would_have_ended(ledger_url: str) -> None:
    ledger = connect(ledger_url)
    with ledger.write() as tx:
        logouts.add(tx, "old", NOW)
        logouts.add(tx, "old", NOW)
        logouts.add(tx, "new", NOW + LASTS)
        assert logouts.past(tx, NOW + LOGOUTS_KEPT)
        assert logouts.clear(tx, NOW + timedelta(seconds=1)) == 1
        assert not logouts.past(tx, NOW + timedelta(seconds=1))
        assert (logouts.holds(tx, "old"), logouts.holds(tx, "new")) == (False, True)
        assert tx.execute(select(func.count()).select_from(logout_table)).scalar() == 1
    ledger.close()


def test_whoever_cannot_be_looked_up_stays_outside(locked: Settings, tmp_path: Path, sqlite_url: str) -> None:
    ledger = connect(sqlite_url)
    with served(locked, ledger) as site:
        enter(site)
        with ledger.write() as tx:
            tx.exec_driver_sql("DROP TABLE logouts")
        answer = site.get("/", headers=BROWSER)
    ledger.close()
    assert answer.status_code == 503


def test_an_answer_to_a_bug_carries_the_headers_too(settings: Settings, ledger: Ledger) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    event.listen(ledger.engine, "before_cursor_execute", broken)
    with served(settings, ledger) as site:
        answer = site.get("/", headers=BROWSER)
    assert answer.status_code == 500
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
