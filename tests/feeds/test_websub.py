"""WebSub: what is asked of a hub and when, what is confirmed to it, and what is believed of what it sends."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.feeds import websub
from pipeline.records import Subscription

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOPIC = "https://courier.example/feeds/all.xml"
BODY = "<rss>Zürich</rss>".encode()


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def held(**fields: Any) -> Subscription:
    given: dict[str, Any] = {
        "token": "t" * 43,
        "feed_id": 1,
        "hub": "https://hub.example/",
        "topic": TOPIC,
        "base": "https://news.example",
        "secret": "s3cret",
        "state": "pending",
        "due": NOON,
    }
    return Subscription(**given | fields)


def active(**fields: Any) -> Subscription:
    given = {"state": "active", "requested": hours(-10), "verified": hours(-10), "expires": hours(230)}
    return held(**given | fields)


def asked_back(**fields: str) -> dict[str, str]:
    given = {"mode": "subscribe", "topic": TOPIC, "challenge": "c h <&> 1", "lease_seconds": "864000"}
    return {f"hub.{name}": value for name, value in (given | fields).items()}


# ---- asking ----


def test_a_request_has_what_the_recommendation_asks_for() -> None:
    assert websub.form(held(base="https://news.example/slugline"), "subscribe") == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://news.example/slugline/websub/" + "t" * 43,
        "hub.lease_seconds": "864000",
        "hub.secret": "s3cret",
    }
    assert set(websub.form(held(), "unsubscribe")) == {"hub.mode", "hub.topic", "hub.callback"}


@pytest.mark.parametrize(
    ("hub", "told"),
    [
        ("https://hub.example/", True),
        ("HTTPS://hub.example/", True),
        ("http://127.0.0.1:8080/hub", True),
        ("http://[::1]/hub", True),
        ("http://hub.localhost/", True),
        ("http://hub.example/", False),
        ("http://192.168.1.1/", False),
        ("http://127.0.0.1.example/", False),
        ("http://localhost.example/", False),
    ],
)
def test_the_secret_goes_only_where_nobody_listens(hub: str, told: bool) -> None:
    assert ("hub.secret" in websub.form(held(hub=hub), "subscribe")) is told


def test_a_new_subscription_is_asked_for_and_the_hub_given_its_time() -> None:
    step = websub.next_step(held(), NOON, 0.0)
    assert step.act == "subscribe"
    assert step.values["requested"] == NOON
    assert step.values["due"] == hours(1)
    assert (step.values["failures"], step.values["state"]) == (0, "pending")


def test_a_hub_that_did_not_come_back_has_failed() -> None:
    waiting = held(requested=hours(-1))
    step = websub.next_step(waiting, NOON, 0.0)
    assert step.values["failures"] == 1
    assert "SLUGLINE_PUBLIC_URL" in step.values["error"]
    later = websub.next_step(replace(waiting, failures=9), NOON, 0.0)
    assert later.values["due"] == hours(24)


def test_a_renewal_leaves_it_active() -> None:
    step = websub.next_step(active(), NOON, 0.0)
    assert step.act == "subscribe"
    assert "state" not in step.values
    assert websub.next_step(active(expires=hours(-1)), NOON, 0.0).values["state"] == "pending"


def test_what_is_wanted_no_more_is_ended_where_there_is_something_to_end() -> None:
    agreed = active(feed_id=None, state="leaving", requested=None)
    step = websub.next_step(agreed, NOON, 0.0)
    assert (step.act, step.values["requested"]) == ("unsubscribe", NOON)
    assert websub.next_step(held(feed_id=None, state="leaving"), NOON, 0.0).act == "forget", "the hub knows nothing"
    assert websub.next_step(replace(agreed, failures=3), NOON, 0.0).act == "forget"
    assert websub.next_step(replace(agreed, expires=NOON), NOON, 0.0).act == "forget"


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 600), (1, 600), (2, 1200), (3, 2400), (8, 76_800), (9, 86_400), (5000, 86_400)]
)
def test_failures_are_waited_out_longer_and_longer(failures: int, seconds: float) -> None:
    assert websub.retry_wait(failures, 0.0) == seconds
    assert websub.retry_wait(failures, 1.0) == pytest.approx(seconds * 1.1)


def test_a_failure_is_noted_with_the_hubs_own_wish() -> None:
    noted = websub.after_failure(held(failures=1), "is down", NOON, jitter=0.0, after=7200.0)
    assert noted == {
        "failures": 2,
        "error": "is down",
        "requested": None,
        "due": hours(2),
        "state": "failed",
    }
    assert "state" not in websub.after_failure(active(), "is down", NOON, jitter=0.0)
    assert websub.after_failure(held(), "no", NOON, jitter=0.0, lasting=True)["due"] == hours(24)


# ---- being asked back ----


def test_what_was_asked_for_is_confirmed_with_the_hubs_lease() -> None:
    found = websub.verdict(held(requested=hours(-0.5)), asked_back(lease_seconds="432000"), NOON, 0.0)
    assert found.answer == "c h <&> 1"
    assert found.values["state"] == "active"
    assert found.values["expires"] == hours(120)
    assert found.values["due"] == hours(96), "renewed at 80 %"
    assert not found.forget


@pytest.mark.parametrize(
    ("lease", "days"), [("", 10), ("0", 10), ("-5", 10), ("ten", 10), ("²", 10), ("9" * 11, 366), ("9" * 5000, 10)]
)
def test_a_lease_that_makes_no_sense_is_taken_as_we_asked(lease: str, days: int) -> None:
    found = websub.verdict(held(requested=NOON), asked_back(lease_seconds=lease), NOON, 0.0)
    assert found.values["expires"] == NOON + timedelta(days=days)


def test_renewals_come_early_enough_and_neither_in_a_rush_nor_never() -> None:
    assert websub.renew_wait(864_000, 0.0) == 691_200
    assert websub.renew_wait(864_000, 1.0) == pytest.approx(648_000)
    assert websub.renew_wait(60, 0.0) == 300
    assert websub.renew_wait(31_536_000, 0.0) == 30 * 86_400


@pytest.mark.parametrize(
    ("subscription", "query"),
    [
        (None, asked_back()),
        (held(), asked_back()),
        (held(requested=hours(-2)), asked_back()),
        (active(), asked_back()),
        (held(requested=NOON), asked_back(topic=TOPIC + "/")),
        (held(requested=NOON), asked_back(topic=TOPIC.upper())),
        (held(requested=NOON), asked_back(mode="unsubscribe")),
        (held(requested=NOON), asked_back(mode="")),
        (held(requested=NOON), asked_back(challenge="")),
        (held(requested=NOON), asked_back(challenge="x" * 5000)),
        (held(requested=NOON), {}),
        (active(feed_id=None, state="leaving", requested=NOON), asked_back()),
        (active(feed_id=None, state="leaving", requested=None), asked_back(mode="unsubscribe")),
    ],
)
def test_what_was_not_asked_for_is_not_confirmed(subscription: Subscription | None, query: dict[str, str]) -> None:
    assert websub.verdict(subscription, query, NOON, 0.0) == websub.Verdict()


def test_an_answer_that_got_lost_is_given_again() -> None:
    again = replace(active(), requested=hours(-0.1), verified=hours(-0.05))
    assert websub.verdict(again, asked_back(), NOON, 0.0).answer == "c h <&> 1"


def test_an_end_that_was_asked_for_is_confirmed() -> None:
    leaving = active(feed_id=None, state="leaving", requested=NOON)
    found = websub.verdict(leaving, asked_back(mode="unsubscribe"), NOON, 0.0)
    assert found == websub.Verdict("c h <&> 1", forget=True)


def test_a_denial_is_taken_at_any_time_and_told_in_one_line() -> None:
    query = {"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "not\n\x1b[31m here " + "x" * 500}
    found = websub.verdict(active(), query, NOON, 0.0)
    assert found.answer == ""
    assert found.values["error"].startswith("the hub denied it: not [31m here x")
    assert len(found.values["error"]) < 250
    assert found.values["due"] == hours(7 * 24)
    assert not websub.is_active(replace(active(), **found.values), NOON)
    assert websub.verdict(active(), query | {"hub.topic": "other"}, NOON, 0.0).answer is None


# ---- being pushed to ----


def sign(algorithm: str, body: bytes = BODY, secret: str = "s3cret") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, getattr(hashlib, algorithm.lower())).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_a_right_signature_is_news(algorithm: str) -> None:
    assert websub.received(active(), BODY, sign(algorithm)) == "push"
    assert websub.received(active(), BODY, sign(algorithm).upper()) == "push"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        sign("sha256", secret="other"),
        sign("sha256", body=BODY + b" "),
        sign("sha256")[:-1],
        sign("sha256") + "0",
        sign("sha256").replace("sha256", "sha512"),
        sign("sha256").replace("sha256", "md5"),
        sign("sha256").removeprefix("sha256="),
        "md5=" + hmac.new(b"s3cret", BODY, hashlib.md5).hexdigest(),
        "sha256=",
        "sha256=" + "é" * 64,
        "sha1=" + sign("sha256").partition("=")[2][:40],
    ],
)
def test_a_wrong_signature_is_not(signature: str) -> None:
    assert websub.received(active(), BODY, signature) == "ignored"


def test_a_signed_push_without_content_is_a_ping() -> None:
    assert websub.received(active(), b" \n", sign("sha256", body=b" \n")) == "ping"


def test_without_a_shared_secret_it_is_a_ping_at_most() -> None:
    plain = active(hub="http://hub.example/")
    assert websub.received(plain, BODY, "") == "ping"
    assert websub.received(plain, BODY, sign("sha256")) == "ping"
    assert websub.received(replace(plain, verified=None), BODY, "") == "ignored"


def test_before_it_was_agreed_on_nothing_is_taken_and_afterwards_the_hub_is_told() -> None:
    assert websub.received(held(requested=NOON), BODY, sign("sha256")) == "ignored"
    assert websub.received(None, BODY, sign("sha256")) == "gone"
    assert websub.received(active(feed_id=None), BODY, sign("sha256")) == "gone"


# ---- what it means for polling ----


def test_a_hub_is_relied_on_once_it_has_pushed() -> None:
    longest = 21_600.0
    assert websub.backup(None, NOON, longest) == (0.0, "")
    assert websub.backup(active(), NOON, longest) == (0.0, "")
    least, why = websub.backup(active(pushed=hours(-1)), NOON, longest)
    assert (least, why) == (longest, "hub.example pushes it, this is only the backup")
    assert websub.backup(active(pushed=hours(-1), expires=NOON), NOON, longest)[0] == 0.0
    assert websub.backup(active(pushed=hours(-1), state="denied"), NOON, longest)[0] == 0.0
    assert websub.backup(active(pushed=hours(-1), missed=2), NOON, longest) == (0.0, "its hub missed 2 updates")


@pytest.mark.parametrize(
    ("subscription", "new", "last_polled", "missed"),
    [
        (active(pushed=hours(-1)), 3, hours(-6), 1),
        (active(pushed=hours(-1), missed=3), 3, hours(-6), 3),
        (active(pushed=hours(-1)), 0, hours(-6), 0),
        (active(), 3, hours(-6), 1),
        (active(verified=hours(-5)), 3, hours(-6), 0),
        (active(), 3, None, 0),
        (active(state="denied"), 3, hours(-6), 0),
        (active(hub="http://hub.example/", pushed=hours(-1)), 3, hours(-6), 0),
        (active(hub="http://hub.example/", pushed=hours(-7)), 3, hours(-6), 1),
    ],
)
def test_what_a_poll_finds_that_no_push_brought_was_missed(
    subscription: Subscription, new: int, last_polled: datetime | None, missed: int
) -> None:
    assert websub.missed_after_poll(subscription, new=new, last_polled=last_polled, now=NOON) == missed


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        (held(), "hub.example will be asked to push"),
        (held(requested=NOON), "hub.example was asked to push and has not agreed yet"),
        (active(feed_id=None), "hub.example is being asked to push no more"),
        (active(), "pushed by hub.example; no push yet; lease ends in 10 days"),
        (
            active(pushed=hours(-2), pushes=12, refused=1, missed=2, error="is down"),
            "pushed by hub.example; 12 pushes, the last 2 h ago; polled as usual, since 2 updates came without a push; "
            "1 push ignored for want of a right signature; not renewed: is down; lease ends in 10 days",
        ),
        (
            held(state="failed", error="is down", due=hours(0.5)),
            "not pushed by hub.example: is down; asked again in 30 min",
        ),
    ],
)
def test_it_is_told_how_it_stands(subscription: Subscription, said: str) -> None:
    assert websub.describe(subscription, NOON) == said


def test_a_hubs_login_is_not_told() -> None:
    assert "word" not in websub.describe(active(hub="https://me:word@hub.example/"), NOON)
