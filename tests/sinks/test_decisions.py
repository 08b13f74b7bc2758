"""When a delivery is tried again, when a sink is left in peace, who is told of what, and how a webhook is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from pipeline.alerts import delivery, signing
from pipeline.errors import InputError
from pipeline.records import Attempt, Delivery, Event, Sink

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILED = Attempt(error="answered 500", status=500)


def event(type_: str, **data: object) -> Event:
    return Event(id="e", type=type_, subject="s", sequence=1, time=NOON, data=data, position=1)


def sink(kind: str = "webhook", *types: str, **more: object) -> Sink:
    return Sink(id=1, name="desk", kind=kind, url="https://x.example", types=types, **more)  # type: ignore[arg-type]


def test_a_receiver_that_fails_all_day_is_asked_some_thirty_times_and_then_given_up() -> None:
    now, attempts = NOON, 0
    while True:
        attempts += 1
        found = delivery.verdict(FAILED, attempts, NOON, now, 0.5)
        if found.state != "waiting":
            break
        assert now < found.due <= NOON + delivery.GIVE_UP
        now = found.due
    assert (found.state, now) == ("dead", NOON + timedelta(days=1))
    assert 25 <= attempts <= 60


def test_a_wish_for_a_pause_is_followed_as_far_as_the_day_goes() -> None:
    asked = Attempt(error="answered 429", status=429, after=7200)
    assert delivery.verdict(asked, 1, NOON, NOON, 0).due == NOON + timedelta(hours=2)
    late = NOON + timedelta(hours=23)
    assert delivery.verdict(asked, 1, NOON, late, 0).due == NOON + timedelta(days=1)


def test_the_breaker_opens_at_the_fifth_failure_and_probes_ever_more_rarely() -> None:
    assert delivery.rest(4, None, NOON, 1.0) is None
    pauses = [delivery.rest(count, None, NOON, 1.0) for count in (5, 6, 7, 50)]
    assert [(one - NOON).total_seconds() for one in pauses if one] == [30, 60, 120, 600]
    assert delivery.at_once(sink(failures=4), 8) == 8
    assert delivery.at_once(sink(failures=5), 8) == 1
    assert delivery.rests(sink(rest_until=NOON), NOON - timedelta(seconds=1))
    assert not delivery.rests(sink(rest_until=NOON + timedelta(days=2)), NOON)  # the clock was set back


def test_kinds_have_their_own_choice_of_types_and_patterns_widen_it() -> None:
    assert delivery.wanted(sink(), event("storyline.grew"))
    assert not delivery.wanted(sink("apprise"), event("storyline.grew"))
    assert delivery.wanted(sink("apprise"), event("feed.failing"))
    assert delivery.wanted(sink("webhook", "storyline.*"), event("storyline.grew"))
    assert not delivery.wanted(sink("webhook", "storyline."), event("feed.failing"))
    assert delivery.unknown_types(["storyline.", "nothing"], ["storyline.grew"]) == ["nothing"]


def test_an_alert_goes_to_the_sinks_of_its_rule_and_a_recovery_to_those_who_were_told() -> None:
    assert delivery.wanted(sink(), event("alert.matched", sinks=[]))
    assert delivery.wanted(sink(), event("alert.matched", sinks=["desk"]))
    assert not delivery.wanted(sink(), event("alert.matched", sinks=["other"]))
    assert delivery.wanted(sink("apprise"), event("feed.recovered", after="failing"))
    told = sink("apprise", "feed.failing", "feed.recovered")
    assert delivery.wanted(told, event("feed.recovered", after="failing"))
    assert not delivery.wanted(told, event("feed.recovered", after="silent"))


def test_both_secrets_of_a_rotation_verify_and_the_old_one_ends() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    moment = datetime.now(UTC)
    held = signing.rotated([(old, None)], new, moment)
    body = '{"word": "città"}'.encode()
    headers = signing.headers("an-id", moment, body, signing.valid(held, moment))
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"word": "città"}
    later = signing.headers("an-id", moment, body, signing.valid(held, moment + timedelta(hours=25)))
    Webhook(new).verify(body, later)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, later)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!", "plain"])
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(InputError, match="24 to 64 bytes"):
        signing.check_secret(secret)


def test_what_is_refused_while_others_are_taken_is_not_held_against_the_sink() -> None:
    def one(attempts: int) -> Delivery:
        return Delivery(id=1, event=event("storyline.grew"), attempts=attempts, since=NOON, due=NOON)

    since, before = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
    full = delivery.BREAKER
    for last, attempts, failures, refused, counted in (
        (None, 0, 3, 1, 4),
        (None, 0, full - 1, 1, full - 1),  # one subject alone opens no breaker
        (None, 0, full + 2, 1, full + 2),  # nor closes it
        (None, 0, full - 1, 2, full),
        (since, 3, 0, 5, 0),  # others were taken while this one waited
        (since, 0, 0, 5, 1),
        (before, 3, 0, 5, 1),
    ):
        asked = sink(failures=failures, last_success=last)
        assert delivery.failures(asked, [one(attempts)], refused) == counted
