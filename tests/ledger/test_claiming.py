"""One worker at a time: who claims first has the article, until done or until the lease runs out."""

from __future__ import annotations

import pytest

from pipeline.errors import LeaseLostError
from pipeline.ledger import Ledger, work
from pipeline.ledger.work import Claim
from pipeline.records import ArticleState
from tests.ledger.making import LEASE, START, at, claimed, page, queued, row, state

URL = "https://paper.example/one"
QUEUED, FETCHED = ArticleState.QUEUED, ArticleState.FETCHED


def handed_out(ledger: Ledger, *ids: int, job: str = "job") -> None:
    with ledger.write() as tx:
        work.hand_out(tx, ids, job, at(20))


def claim(ledger: Ledger, ids: list[int], owner: str, job: str = "job", seconds: float = 0) -> list[Claim]:
    with ledger.write() as tx:
        return work.claim(tx, ids, QUEUED, job, owner, at(seconds), LEASE)


def test_a_claim_says_what_to_do_and_counts_the_attempt(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    handed_out(ledger, *ids)
    (made,) = claim(ledger, ids, "first")
    assert made == Claim(
        id=ids[0], generation=1, url=URL, host_key="paper.example", attempts=1, job_id="job", owner="first"
    )
    article = row(ledger, ids[0])
    assert (article["attempts"], article["lease_owner"], article["lease_until"]) == (1, "first", at(LEASE))


def test_the_second_worker_gets_nothing(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    handed_out(ledger, *ids)
    claim(ledger, ids, "first")
    assert claim(ledger, ids, "second") == []
    assert row(ledger, ids[0])["attempts"] == 1


def test_an_article_is_in_one_job_only(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    handed_out(ledger, *ids, job="job-1")
    handed_out(ledger, *ids, job="job-2")
    assert claim(ledger, ids, "first", job="job-2") == []
    assert len(claim(ledger, ids, "first", job="job-1")) == 1


def test_what_was_not_handed_out_cannot_be_claimed(ledger: Ledger) -> None:
    assert claim(ledger, queued(ledger, URL), "first") == []


def test_a_lease_that_ran_out_can_be_claimed_again_and_the_first_owner_is_too_late(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    handed_out(ledger, *ids)
    (late,) = claim(ledger, ids, "first")
    (current,) = claim(ledger, ids, "second", seconds=LEASE + 1)
    assert current.attempts == 2
    with pytest.raises(LeaseLostError, match=f"article {ids[0]} "), ledger.write() as tx:
        work.finish_fetch(tx, late, page(), None, at(LEASE + 2))
    assert (state(ledger, ids[0]), row(ledger, ids[0])["text"]) == ("queued", "")
    with ledger.write() as tx:
        assert work.finish_fetch(tx, current, page(), None, at(LEASE + 2)) == "fetched"


def test_renewing_keeps_the_lease(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    handed_out(ledger, *ids)
    claim(ledger, ids, "first")
    with ledger.write() as tx:
        work.renew(tx, "job", "first", at(LEASE - 1), LEASE)
        work.renew(tx, "job", "somebody", at(LEASE + 1000), LEASE)
    assert claim(ledger, ids, "second", seconds=LEASE + 1) == []
    assert row(ledger, ids[0])["lease_until"] == at(2 * LEASE - 1)


def test_giving_back_does_not_count(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    (mine,) = claimed(ledger, *ids)
    with ledger.write() as tx:
        work.give_back(tx, mine, QUEUED, at(3))
    article = row(ledger, ids[0])
    assert (article["state"], article["attempts"], article["due"]) == ("queued", 0, at(3))
    assert (article["job_id"], article["lease_owner"], article["lease_until"]) == (None, None, None)


def test_claims_come_in_the_order_of_their_hosts(ledger: Ledger) -> None:
    """The order in which hosts are booked: the same for all workers, or two could wait for each other."""
    ids = queued(ledger, "https://zebra.example/1", "https://ant.example/2", "https://mole.example/3")
    assert [one.host_key for one in claimed(ledger, *ids)] == ["ant.example", "mole.example", "zebra.example"]


@pytest.mark.parametrize("ending", ["finish_fetch", "finish_embed", "reject", "fail", "give_back"])
def test_whose_lease_is_lost_changes_nothing(ledger: Ledger, ending: str) -> None:
    ids = queued(ledger, URL)
    (late,) = claimed(ledger, *ids)
    with ledger.write() as tx:
        work.take_back(tx, work.stale(tx, at(LEASE + 1), 10)[0], at(LEASE + 1), 5)
    before = row(ledger, ids[0])
    endings = {
        "finish_fetch": lambda tx: work.finish_fetch(tx, late, page(), None, START),
        "finish_embed": lambda tx: work.finish_embed(tx, late, "v", b"", START),
        "reject": lambda tx: work.reject(tx, late, "login", "a login page", START),
        "fail": lambda tx: work.fail(tx, late, QUEUED, "timeout", "no answer", START, None),
        "give_back": lambda tx: work.give_back(tx, late, QUEUED, START),
    }
    with pytest.raises(LeaseLostError, match="in other hands"), ledger.write() as tx:
        endings[ending](tx)
    assert row(ledger, ids[0]) == before


def test_an_ending_counts_once(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    (mine,) = claimed(ledger, *ids)
    with ledger.write() as tx:
        work.finish_fetch(tx, mine, page(), None, START)
    with pytest.raises(LeaseLostError), ledger.write() as tx:
        work.finish_fetch(tx, mine, page("Other title"), None, START)
    assert row(ledger, ids[0])["title"] == "Mill closes"


def test_the_job_of_another_state_gets_nothing(ledger: Ledger) -> None:
    ids = queued(ledger, URL)
    assert claimed(ledger, *ids, state=FETCHED) == []
    assert row(ledger, ids[0])["attempts"] == 0
