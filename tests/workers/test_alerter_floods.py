"""No floods: what is no news rings nobody, what changed hands does not ring again, and many rings become a digest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger, alerts, events, rules
from pipeline.ledger.schema import memberships
from tests.alerts.schemas import check
from tests.workers.watching import Watch
from tests.workers.wire import at

HOUR, DAY = 3_600.0, 86_400.0
PORT = ("strike", "port")  # another storyline than that of the fire in the mill
EITHER = "mill OR port"


@pytest.fixture
def watch(sqlite_ledger: Ledger) -> Watch:
    return Watch(sqlite_ledger)


def two_that_rang(watch: Watch) -> tuple[int, int]:
    watch.rule(EITHER, "fire")
    mill, port = watch.where(watch.file("fire", "mill", source="A"), watch.file(*PORT, source="A"))
    assert mill != port
    assert watch.levels() == [("fire", "first")] * 2
    return mill, port


def test_a_first_poll_rings_nobody_and_the_first_fresh_article_does(watch: Watch) -> None:
    watch.rule("mill", "mill")
    for outlet in "ABC":
        watch.backfilled("fire", "mill", source=outlet)
    assert watch.levels() == []
    watch.file("fire", "mill", source="D")
    assert watch.levels() == [("mill", "first")]


def test_what_was_written_long_before_it_was_seen_rings_nobody(watch: Watch) -> None:
    watch.rule("mill", "mill")
    old = at(0) - timedelta(hours=60)
    watch.number += 1
    from tests.workers.wire import embedded

    embedded(watch.ledger, watch.number, "fire", "mill", published=old)
    watch.step()
    assert watch.told()[0].data["article"]["published"] == old.isoformat()
    assert watch.levels() == []


def test_what_was_muted_rings_nobody_until_it_is_heard_of_again(watch: Watch) -> None:
    (storyline,) = watch.where(watch.file("fire", "mill", source="A"))
    watch.ask("mute", storyline=storyline)
    watch.rule("mill", "mill")
    watch.file("fire", "mill", source="B")
    assert watch.levels() == []
    watch.ask("unmute", storyline=storyline)
    watch.file("fire", "mill", source="C")
    assert watch.levels() == [("mill", "first")]


def test_a_turn_behind_which_nothing_fresh_stands_rings_nobody(watch: Watch) -> None:
    (storyline,) = watch.where(watch.backfilled("fire", "mill", source="A"))
    watch.rule("state:surging", "surges")
    watch.turns(storyline, "surging", backfill=True)
    assert watch.levels() == []


def test_a_restart_rings_nobody(watch: Watch) -> None:
    two_that_rang(watch)
    for _ in range(3):
        watch.anew()
        watch.restart()
        assert watch.levels() == []
    watch.file("fire", "mill", source="B")
    assert watch.levels() == []


def test_a_log_that_is_read_again_from_its_beginning_rings_nobody(watch: Watch) -> None:
    from pipeline.ledger import cursors

    mill, _ = two_that_rang(watch)
    watch.turns(mill, "surging")
    assert watch.levels() == [("fire", "surge")]
    with watch.ledger.write() as tx:
        cursors.move(tx, cursors.RULES, 0)
    watch.anew()
    assert watch.levels() == []


def test_a_new_rule_does_not_ring_for_the_past(watch: Watch) -> None:
    watch.file("fire", "mill", source="A")
    watch.rule("mill", "mill")
    assert watch.levels() == []
    number = watch.rule("strike", "other")
    watch.file("fire", "mill", source="B")
    with watch.ledger.write() as tx:
        rules.change(tx, number, {"text": "mill"}, watch.now)
    assert watch.levels() == [("mill", "first")]  # the other one is about mills only since then


def test_storylines_that_are_merged_and_taken_apart_do_not_ring_again(watch: Watch) -> None:
    mill, port = two_that_rang(watch)
    watch.turns(port, "surging")
    assert watch.levels() == [("fire", "surge")]
    merged = watch.ask("merge", storyline=port, into=mill)
    watch.file("fire", "mill", source="B")
    watch.turns(mill, "surging")  # of what the other one was, that was told
    assert watch.levels() == []
    with watch.ledger.read() as tx:
        (one,) = alerts.of(tx, f"storyline/{mill}").values()
        assert alerts.of(tx, f"storyline/{port}") == {}
    assert one.count == 3
    watch.ask("undo", change=merged["change"])
    watch.file(*PORT, source="B")
    assert watch.where()[-1] == port
    assert watch.levels() == []


def test_a_winner_that_did_not_ring_takes_over_that_the_loser_did(watch: Watch) -> None:
    watch.rule("port", "port")
    mill, port = watch.where(watch.file("fire", "mill", source="A"), watch.file(*PORT, source="A"))
    assert watch.levels() == [("port", "first")]
    watch.ask("merge", storyline=port, into=mill)
    watch.file(*PORT, source="B")
    assert watch.where()[-1] == mill
    assert watch.levels() == []


def test_a_merge_that_was_not_read_yet_is_foreseen(watch: Watch) -> None:
    """The article's event comes before the merge's, and by the time it is read the storyline is part of another one."""
    mill, port = two_that_rang(watch)
    watch.rule("port", "ships")
    watch.file(*PORT, source="B")
    watch.ask("merge", storyline=port, into=mill)
    watch.file("fire", "mill", source="C")
    assert watch.levels() == [("ships", "first")]
    watch.file("fire", "mill", source="D")
    assert watch.levels() == []


def test_a_split_off_does_not_ring_for_a_rule_that_rang_for_its_parent(watch: Watch) -> None:
    watch.rule("fire", "fire")
    articles = [watch.file("fire", "mill", source=outlet) for outlet in "ABC"]
    assert watch.levels() == [("fire", "first")]
    parted = watch.ask("split", storyline=watch.where(articles[0])[0], articles=[articles[2]])
    assert watch.levels() == []
    watch.ask("move", articles=[articles[1]], to=parted["other"])
    assert watch.levels() == []
    watch.rule("mill", "mill")
    watch.file("fire", "mill", source="D")
    assert watch.levels() == [("mill", "first")]


def test_a_storm_of_merges_and_splits_rings_nobody(watch: Watch) -> None:
    watch.rule("town*", "fire", limit=100)
    made = [watch.file(f"thing{n}", f"town{n}", source="A") for n in range(6)]
    homes = watch.where(*made)
    rung = watch.levels()
    assert len(rung) == len(set(homes)) > 3
    changes = [
        watch.ask("merge", storyline=home, into=homes[0])["change"] for home in sorted(set(homes[1:]) - {homes[0]})
    ]
    for change in reversed(changes):
        watch.ask("undo", change=change)
    assert watch.levels() == []


def test_a_model_change_rings_nobody(watch: Watch) -> None:
    from pipeline.settings import Settings
    from tests.workers.watching import embed
    from workers.alerter import Alerter

    watch.rule('meaning:"fire mill"', "meaning")
    for number in range(20):
        watch.file(f"topic{number}", f"town{number}", source="A")
    watch.file("fire", "mill", source="A")
    assert watch.levels() == [("meaning", "first")]
    watch.seconds += 30
    watch.alerter = Alerter(Settings(leader_seconds=10), watch.ledger, "another/model", embed)
    watch.file("fire", "mill", source="B")
    assert watch.levels() == []
    with watch.ledger.read() as tx:
        stored = rules.find(tx, "meaning")
        assert stored is not None
        assert stored.vector_version == "another/model"


def test_more_rings_than_a_rule_may_in_an_hour_become_one_digest_when_the_hour_ends(watch: Watch) -> None:
    watch.rule("town*", "fire", limit=2, sinks=["desk"])
    towns = []
    for number in range(6):
        towns += watch.where(watch.file(f"thing{number}", f"town{number}", source="A"))
    assert len(set(towns)) == 6
    assert watch.levels() == [("fire", "first")] * 2
    began = watch.seconds
    watch.seconds = began + HOUR - 120
    watch.turns(towns[3], "surging")
    assert watch.levels() == []
    watch.seconds = began + HOUR + 1
    (digest,) = watch.rings()
    assert digest.data["level"] == "digest"
    assert digest.data["held"] == "too many"
    assert digest.data["sinks"] == ["desk"]
    assert digest.data["count"] == 4
    assert [one["storyline"]["id"] for one in digest.data["matches"]] == towns[2:]
    assert [one["level"] for one in digest.data["matches"]] == ["first", "surge", "first", "first"]
    watch.seconds += 10
    assert watch.levels() == []
    watch.file("theft", "town77", source="B")
    assert watch.levels() == [("fire", "first")]
    assert "alert.matched" in check(watch.told())


def test_quiet_hours_are_told_as_a_digest_at_their_end(watch: Watch) -> None:
    watch.rule(EITHER, "fire", quiet={"hours": "12:00-14:00", "zone": "UTC"})  # it is noon
    watch.file("fire", "mill", source="A")
    assert watch.levels() == []
    watch.seconds = 2 * HOUR - 5
    assert watch.levels() == []
    watch.seconds = 2 * HOUR
    (digest,) = watch.rings()
    assert (digest.data["level"], digest.data["held"], digest.data["count"]) == ("digest", "quiet hours", 1)
    watch.file(*PORT, source="A")
    assert watch.levels() == [("fire", "first")]


def test_a_limit_that_ends_in_quiet_hours_waits_for_their_end(watch: Watch) -> None:
    watch.rule(EITHER, "fire", limit=1, quiet={"hours": "12:30-14:00", "zone": "UTC"})
    watch.file("fire", "mill", source="A")
    watch.file(*PORT, source="A")
    assert watch.levels() == [("fire", "first")]
    watch.seconds = 1.5 * HOUR
    assert watch.levels() == []
    watch.seconds = 2 * HOUR + 1
    assert watch.levels() == [("fire", "digest")]


def test_a_cool_down_holds_back_but_a_surge(watch: Watch) -> None:
    watch.rule(EITHER, "fire", cooldown=600)
    mill, _ = watch.where(watch.file("fire", "mill", source="A"), watch.file(*PORT, source="A"))
    watch.turns(mill, "surging")
    assert watch.levels() == [("fire", "first"), ("fire", "surge")]
    watch.seconds += 700
    assert watch.levels() == [("fire", "digest")]


def test_what_a_paused_rule_held_back_is_let_go(watch: Watch) -> None:
    number = watch.rule("fire", "fire", quiet={"hours": "12:00-14:00", "zone": "UTC"})
    watch.file("fire", "mill", source="A")
    assert watch.levels() == []
    with watch.ledger.write() as tx:
        rules.change(tx, number, {"paused": True}, watch.now)
        rules.change(tx, number, {"paused": False}, watch.now)
    watch.seconds = 3 * HOUR
    assert watch.levels() == []


def test_alerts_of_closed_storylines_are_forgotten_in_time(watch: Watch) -> None:
    mill, port = two_that_rang(watch)
    watch.turns(mill, "closed")
    watch.seconds += 40 * DAY
    watch.rings()
    with watch.ledger.read() as tx:
        assert alerts.of(tx, f"storyline/{mill}") == {}
        assert len(alerts.of(tx, f"storyline/{port}")) == 1
        assert tx.execute(select(memberships)).first() is not None


def test_a_forgotten_article_leaves_no_words_in_alerts_nor_in_what_is_held_back(watch: Watch) -> None:
    from pipeline.ledger import redaction

    watch.rule("mill", "now")
    watch.rule("mill", "later", quiet={"hours": "12:00-14:00", "zone": "UTC"})
    article = watch.file("fire", "mill", source="A", title="Fire at the Mill")
    (storyline,) = watch.where(article)
    assert watch.levels() == [("now", "first")]
    with watch.ledger.write() as tx:
        redaction.redact_article(tx, article, ["Fire at the Mill"], [storyline])
    (alert,) = [one for one in watch.told() if one.type == "alert.matched"]
    assert alert.data["article"]["title"] == alert.data["storyline"]["headline"] == ""
    watch.seconds = 2 * HOUR
    (digest,) = watch.rings()
    assert digest.data["matches"][0]["storyline"]["headline"] == ""
    with watch.ledger.write() as tx:
        told = {"matches": [{"storyline": {"id": storyline, "headline": "Fire"}}]}
        events.append(tx, "alert.matched", "rule/9", 1, watch.now, told)
        redaction.redact_article(tx, article, ["Fire at the Mill"], [storyline])
    assert watch.told()[-1].data["matches"][0]["storyline"]["headline"] == ""
