"""The alerter: a storyline rings once for a rule, and once more when it surges, whatever becomes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.ledger import Ledger, alerts, cursors, events, rules, troubles
from pipeline.settings import Settings
from tests.alerts.schemas import check
from tests.workers.watching import Watch, embed
from tests.workers.wire import VERSION, at
from workers.alerter import ROLE, Alerter


@pytest.fixture
def watch(ledger: Ledger) -> Watch:
    return Watch(ledger)


def test_a_storyline_rings_once_for_each_rule_that_matches_however_many_outlets_carry_it(watch: Watch) -> None:
    watch.rule("mill AND fire", "mill", sinks=["desk"])
    watch.rule("fire outlets>=3", "big fire")
    watch.rule("strike", "strike")
    first = watch.file("fire", "mill", source="A")
    assert watch.levels() == [("mill", "first")]
    for outlet in "BCDE":  # one or two more at once would be a surge
        watch.file("fire", "mill", source=outlet)
    assert watch.levels() == [("big fire", "first")]
    assert len(set(watch.where())) == 1
    told = watch.told()
    assert "alert.matched" in check(told)
    alert = next(one for one in told if one.type == "alert.matched")
    assert alert.subject == "rule/1"
    assert alert.data["rule"] == {"id": 1, "name": "mill"}
    assert alert.data["sinks"] == ["desk"]
    assert alert.data["cause"] == "storyline.opened"
    assert alert.data["article"]["id"] == first
    assert alert.data["storyline"]["id"] == watch.where(first)[0]
    assert [why["condition"] for why in alert.data["why"]] == ["mill", "fire"]


def test_it_rings_once_more_when_the_storyline_surges_and_not_again(watch: Watch) -> None:
    watch.rule("mill", "mill")
    watch.rule("mill state:emerging", "new")
    watch.rule("mill", "calm", escalate=False)
    (storyline,) = watch.where(watch.file("fire", "mill", source="A"))
    assert watch.levels() == [("mill", "first"), ("new", "first"), ("calm", "first")]
    watch.turns(storyline, "surging")
    assert watch.levels() == [("mill", "surge"), ("new", "surge")]
    watch.file("fire", "mill", source="B")
    watch.turns(storyline, "developing")
    watch.turns(storyline, "surging")
    assert watch.levels() == []


def test_what_matches_first_while_it_surges_rings_once(watch: Watch) -> None:
    (storyline,) = watch.where(watch.file("fire", "mill", source="A"))
    watch.turns(storyline, "surging")
    watch.rule("mill", "mill")
    watch.rule("state:surging", "surges")
    assert watch.levels() == []  # nothing new since
    watch.file("fire", "mill", source="B")
    assert watch.levels() == [("mill", "first"), ("surges", "first")]
    watch.turns(storyline, "surging")
    assert watch.levels() == []


def test_a_rule_on_a_state_rings_when_that_comes_and_others_do_not_ring_for_it(watch: Watch) -> None:
    (storyline,) = watch.where(watch.file("fire", "mill", source="A"))
    watch.rule("mill", "mill")
    watch.rule("mill state:quiet", "over")
    watch.turns(storyline, "quiet")
    assert watch.levels() == [("over", "first")]


def test_rules_by_meaning_and_by_name_and_in_other_languages(watch: Watch) -> None:
    for number in range(30):
        watch.file(f"topic{number}", f"town{number}", source="A")
    watch.rule('meaning:"fire mill"', "meaning")
    watch.rule('meaning:"fire mill">=400', "too near")
    watch.rule("name:Mill lang:en", "name")
    watch.file("fire", "mill", source="B", title="Fire at the Mill")
    assert watch.levels() == [("meaning", "first"), ("name", "first")]
    with watch.ledger.read() as tx:
        stored = rules.find(tx, "meaning")
    assert stored is not None
    assert stored.vector_version == VERSION


def test_troubles_ring_each_time_and_only_rules_that_ask_for_them(watch: Watch) -> None:
    watch.rule("feed:failing reuters", "feed")
    watch.rule("reuters", "word")
    watch.rule("pipeline:stalled OR feed:recovered", "desk")
    feed = {"feed": {"id": 3, "url": "https://reuters.example/feed", "title": "World"}}
    failing = {**feed, "state": "active", "failures": 3, "error": "It hung; wait.", "last_success": None}
    for turn in range(2):
        with watch.ledger.write() as tx:
            troubles.begin(tx, "feed/3", "failing", "feed.failing", failing, at(100 + turn))
        assert watch.levels() == [("feed", "first")]
        with watch.ledger.write() as tx:
            troubles.end(tx, "feed/3", "failing", "feed.recovered", {**feed, "after": "failing"}, at(101 + turn))
        assert watch.levels() == [("desk", "first")]
    assert "alert.matched" in check(watch.told())


def test_a_removed_rule_rings_no_more_and_a_paused_one_not_for_what_happened_meanwhile(watch: Watch) -> None:
    gone, paused = watch.rule("mill", "gone"), watch.rule("mill", "paused")
    with watch.ledger.write() as tx:
        rules.remove(tx, gone)
        rules.change(tx, paused, {"paused": True}, watch.now)
    watch.file("fire", "mill", source="A")
    with watch.ledger.write() as tx:
        rules.change(tx, paused, {"paused": False}, watch.now)
    assert watch.levels() == []
    watch.file("fire", "mill", source="B")
    assert watch.levels() == [("paused", "first")]


def test_a_rule_changed_between_matching_and_writing_does_not_ring_for_its_old_text(watch: Watch) -> None:
    number = watch.rule("mill", "mill")
    watch.rings()
    watch.file("fire", "mill", source="A")
    write = watch.alerter._write

    def late(*args: object) -> None:
        with watch.ledger.write() as tx:
            rules.change(tx, number, {"text": "strike"}, watch.now)
        write(*args)  # type: ignore[arg-type]

    watch.alerter._write = late  # type: ignore[method-assign]
    assert watch.levels() == []


def test_only_one_is_active_and_one_that_was_overtaken_writes_nothing(watch: Watch) -> None:
    watch.rule("mill", "mill")
    first, second = watch.alerter, Alerter(Settings(leader_seconds=10), watch.ledger, VERSION, embed)
    assert first.step(watch.now) == 0
    watch.file("fire", "mill", source="A")
    with watch.ledger.write() as tx:
        events.number(tx, 100)
    assert second.step(at(watch.seconds - 5)) == 0  # stands by
    later = at(watch.seconds + 20)
    first._look_at = later + timedelta(seconds=5)  # it slept, and does not know that its role ran out
    assert second.step(later) == 1
    assert first.step(later) == 0
    assert len([one for one in watch.told() if one.type == "alert.matched"]) == 1


def test_the_cursor_is_written_with_what_rang_and_otherwise_now_and_then(watch: Watch) -> None:
    watch.rule("mill", "mill")
    watch.rings()
    watch.file("fire", "mill", source="A")
    watch.rings()
    with watch.ledger.read() as tx:
        saved = cursors.position(tx, cursors.RULES)
        assert saved is not None
        assert saved >= 1
        assert [one.rule for one in alerts.of(tx, "storyline/1").values()] == [1]


def test_nobody_is_the_alerter_after_it_ended(watch: Watch) -> None:
    from pipeline.ledger import roles
    from workers.process import Stop, now

    watch.rule("mill", "mill")
    stop = Stop()
    stop.set()
    alerter = Alerter(Settings(leader_seconds=10), watch.ledger, VERSION, embed)
    assert alerter.step(now()) == 0
    with watch.ledger.read() as tx:
        assert roles.holder(tx, ROLE, now()) is not None
    alerter.run(stop)
    with watch.ledger.read() as tx:
        assert roles.holder(tx, ROLE, now()) is None
