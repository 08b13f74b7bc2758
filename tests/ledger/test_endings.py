"""Every way an attempt can end, and what it leaves."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger, articles, dead, storylines, work
from pipeline.ledger.schema import vectors
from pipeline.records import ArticleState
from tests.ledger.making import START, VERSION, at, claimed, direction, fetched, page, queued, row, state

URL = "https://paper.example/one"
QUEUED, FETCHED = ArticleState.QUEUED, ArticleState.FETCHED


def test_a_page_that_was_read(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    found = page(
        "Mill closes",
        lead="The mill closed.",
        outlet="Paper",
        authors=("Ada Crane",),
        lang="en",
        published=at(-60),
        sources={"title": "og"},
    )
    with ledger.write() as tx:
        assert work.finish_fetch(tx, mine, found, b"\x01\x02", at(5)) == "fetched"
    article = row(ledger, article_id)
    assert (article["state"], article["attempts"], article["due"], article["fetched"]) == ("fetched", 0, at(5), at(5))
    assert (article["title"], article["lead"], article["outlet"]) == ("Mill closes", "The mill closed.", "Paper")
    assert (article["authors"], article["sources"], article["published"]) == (["Ada Crane"], {"title": "og"}, at(-60))
    assert (article["job_id"], article["lease_owner"], article["lease_until"]) == (None, None, None)
    assert article["text"] == "The mill closed on Friday."


def test_what_went_wrong_on_the_way_is_forgotten_when_it_ends_well(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (first,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.fail(tx, first, QUEUED, "timeout", "no answer", START, 30.0)
    (second,) = claimed(ledger, article_id, seconds=30)
    assert second.attempts == 2
    with ledger.write() as tx:
        work.finish_fetch(tx, second, page(), None, at(31))
    article = row(ledger, article_id)
    assert (article["reason"], article["error"], article["attempts"]) == (None, None, 0)


def test_a_vector_is_kept_under_its_version_as_half_floats(ledger: Ledger) -> None:
    article_id = fetched(ledger, URL)
    (mine,) = claimed(ledger, article_id, state=FETCHED)
    vector = direction(1, 384)
    with ledger.write() as tx:
        assert work.texts_of(tx, [mine]) == {article_id: ("Mill closes", "The mill closed on Friday.")}
        work.finish_embed(tx, mine, VERSION, storylines.pack(vector), at(2))
    assert state(ledger, article_id) == "embedded"
    with ledger.read() as tx:
        version, stored = tx.execute(select(vectors.c.version, vectors.c.vector)).one()
    assert (version, len(stored)) == (VERSION, 2 * 384)
    back = storylines.unpack(stored)
    assert back is not None
    assert float(back @ vector) == pytest.approx(1.0, abs=1e-3)


def test_a_failure_is_due_again_later(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.fail(tx, mine, QUEUED, "timeout", "no answer within 20 s", at(20), 30.0)
    article = row(ledger, article_id)
    assert (article["state"], article["attempts"], article["due"]) == ("queued", 1, at(50))
    assert (article["reason"], article["error"]) == ("timeout", "no answer within 20 s")
    with ledger.write() as tx:
        assert work.due_for_fetch(tx, at(49), 10) == []
        assert work.due_for_fetch(tx, at(50), 10) == [(article_id, "paper.example")]


def test_a_failure_for_good_goes_to_the_dead_letters(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.fail(tx, mine, QUEUED, "timeout", "no answer within 20 s", at(20), None)
    with ledger.read() as tx:
        (letter,) = dead.listed(tx, 10)
        assert articles.reasons(tx, ArticleState.DEAD) == {"timeout": 1}
    assert letter["id"] == article_id
    assert (letter["reason"], letter["attempts"], letter["since"]) == ("timeout", 1, at(20))


def test_a_rejection_keeps_its_reason(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.reject(tx, mine, "login", "a login page", START)
    with ledger.read() as tx:
        assert articles.counts(tx)["rejected"] == 1
        assert articles.unfinished(tx) == 0
        assert articles.reasons(tx, ArticleState.REJECTED) == {"login": 1}


def test_counts_name_every_state(ledger: Ledger) -> None:
    queued(ledger, URL, "https://paper.example/two")
    with ledger.read() as tx:
        counts = articles.counts(tx)
        assert articles.unfinished(tx) == 2
    assert counts == dict.fromkeys(map(str, ArticleState), 0) | {"queued": 2}


def test_the_age_of_what_waits_longest(ledger: Ledger) -> None:
    queued(ledger, URL)
    fetched(ledger, "https://paper.example/two")
    with ledger.read() as tx:
        assert articles.oldest(tx) == {"queued": START, "fetched": at(1)}
