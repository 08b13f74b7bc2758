"""What lies too long comes back: hand-outs that Redis lost, and articles whose worker died."""

from __future__ import annotations

from pipeline.ledger import Ledger, work
from pipeline.ledger.work import Stale
from pipeline.records import ArticleState
from tests.ledger.making import LEASE, START, at, claimed, queued, row, state

URL = "https://paper.example/one"


def test_only_what_ran_out_is_stale(ledger: Ledger) -> None:
    first, second, _ = queued(ledger, URL, "https://paper.example/two", "https://paper.example/three")
    with ledger.write() as tx:
        work.hand_out(tx, [first], "lost", at(20))
    (mine,) = claimed(ledger, second)
    with ledger.read() as tx:
        assert work.stale(tx, at(20), 10) == []
        assert work.stale(tx, at(21), 10) == [Stale(first, "lost", None, 0)]
        assert work.stale(tx, at(LEASE + 1), 10)[1] == Stale(second, mine.job_id, "worker-1", 0)
        assert len(work.stale(tx, at(LEASE + 1), 1)) == 1


def test_a_lost_hand_out_is_due_again_and_counts_nothing(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    with ledger.write() as tx:
        work.hand_out(tx, [article_id], "lost", at(20))
        assert work.take_back(tx, work.stale(tx, at(21), 1)[0], at(21), max_attempts=1) is False
        assert work.due_for_fetch(tx, at(21), 1) == [(article_id, "paper.example")]
    assert row(ledger, article_id)["attempts"] == 0


def test_a_dead_worker_cost_an_attempt(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    for attempt in (1, 2):
        moment = 100.0 * attempt
        claimed(ledger, article_id, seconds=moment)
        with ledger.write() as tx:
            (lost,) = work.stale(tx, at(moment + LEASE + 1), 10)
            died = work.take_back(tx, lost, at(moment + LEASE + 1), max_attempts=2)
        assert died is (attempt == 2)
    article = row(ledger, article_id)
    assert (article["state"], article["reason"], article["attempts"]) == ("dead", "worker-died", 2)
    assert "2 workers died" in article["error"]
    assert (article["job_id"], article["lease_owner"], article["lease_until"]) == (None, None, None)


def test_dead_workers_and_failed_attempts_are_not_added_up(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    for moment in (100.0, 200.0):
        (mine,) = claimed(ledger, article_id, seconds=moment)
        with ledger.write() as tx:
            work.fail(tx, mine, ArticleState.QUEUED, "server-error", "503", at(moment), retry_in=1)
    assert mine.attempts == 2
    claimed(ledger, article_id, seconds=300)
    with ledger.write() as tx:
        (lost,) = work.stale(tx, at(300 + LEASE + 1), 10)
        assert not work.take_back(tx, lost, at(300 + LEASE + 1), max_attempts=2)
    (again,) = claimed(ledger, article_id, seconds=500)
    assert (again.attempts, again.reason) == (3, "server-error"), "the death is no failure of the page"
    with ledger.write() as tx:
        (lost,) = work.stale(tx, at(500 + LEASE + 1), 10)
        assert (lost.deaths, work.take_back(tx, lost, at(500 + LEASE + 1), max_attempts=2)) == (1, True)
    article = row(ledger, article_id)
    assert (article["state"], article["reason"]) == ("dead", "worker-died")
    assert "2 workers died" in article["error"]


def test_what_was_claimed_or_renewed_in_between_is_left_alone(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        (lost,) = work.stale(tx, at(LEASE + 1), 10)
        work.renew(tx, mine.job_id, mine.owner, at(LEASE + 1), LEASE)
        work.take_back(tx, lost, at(LEASE + 2), max_attempts=1)
    assert state(ledger, article_id) == "queued"
    assert row(ledger, article_id)["lease_owner"] == "worker-1"


def test_waiting_jobs_are_extended_and_claimed_ones_are_not(ledger: Ledger) -> None:
    waiting, taken = queued(ledger, URL, "https://paper.example/two")
    with ledger.write() as tx:
        work.hand_out(tx, [waiting], "waiting", at(20))
    (mine,) = claimed(ledger, taken)
    with ledger.write() as tx:
        work.extend(tx, ["waiting", mine.job_id], at(1000))
    assert row(ledger, waiting)["lease_until"] == at(1000)
    assert row(ledger, taken)["lease_until"] == at(LEASE)
    assert row(ledger, waiting)["due"] == START
