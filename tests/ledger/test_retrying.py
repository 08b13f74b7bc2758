"""A dead article can be tried again: a new generation, that begins as far on as what is known allows."""

from __future__ import annotations

from pipeline.ledger import Ledger, articles, dead, storylines, work
from pipeline.records import ArticleState
from tests.ledger.making import START, VERSION, at, claimed, embedded, fetched, page, queued, row, state, waiting

QUEUED, FETCHED = ArticleState.QUEUED, ArticleState.FETCHED


def die(ledger: Ledger, article_id: int, before: ArticleState = QUEUED) -> None:
    (mine,) = claimed(ledger, article_id, state=before, seconds=10)
    with ledger.write() as tx:
        work.fail(tx, mine, before, "timeout", "no answer", at(10), None)


def retry(ledger: Ledger, *ids: int) -> int:
    with ledger.write() as tx:
        return dead.retry(tx, at(60), dead.Which(ids=list(ids) or None))


def test_it_opens_a_new_generation(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, "https://paper.example/one")
    die(ledger, article_id)
    assert retry(ledger) == 1
    article = row(ledger, article_id)
    assert (article["state"], article["generation"], article["attempts"]) == ("queued", 2, 0)
    assert (article["reason"], article["error"], article["due"]) == (None, None, at(60))
    (mine,) = claimed(ledger, article_id, seconds=60)
    with ledger.write() as tx:
        work.finish_fetch(tx, mine, page(), None, at(61))
    assert row(ledger, article_id)["text"] == "The mill closed on Friday."


def test_only_those_named(ledger: Ledger) -> None:
    first, second = queued(ledger, "https://paper.example/one", "https://paper.example/two")
    die(ledger, first)
    die(ledger, second)
    assert retry(ledger, second, 999) == 1
    assert (state(ledger, first), state(ledger, second)) == ("dead", "queued")


def test_only_dead_ones(ledger: Ledger) -> None:
    (alive,) = queued(ledger, "https://paper.example/one")
    assert retry(ledger, alive) == 0
    assert row(ledger, alive)["generation"] == 1


def test_one_that_died_with_its_text_begins_with_the_text(ledger: Ledger) -> None:
    article_id = fetched(ledger, "https://paper.example/one")
    die(ledger, article_id, FETCHED)
    assert retry(ledger) == 1
    article = row(ledger, article_id)
    assert (article["state"], article["generation"], article["text"]) == ("fetched", 2, "The mill closed on Friday.")


def test_an_imported_text_is_never_left_waiting_for_a_page(ledger: Ledger) -> None:
    given = {"id": "a-1", "title": "Title", "text": "Text.", "url": None}
    with ledger.write() as tx:
        made = articles.import_text(tx, given, START, b"signature")
    assert made is not None
    die(ledger, made, FETCHED)
    retry(ledger)
    with ledger.write() as tx:
        assert work.due_for_embed(tx, at(60), 10) == [made]
    (mine,) = claimed(ledger, made, state=FETCHED, seconds=60)
    with ledger.write() as tx:
        assert work.texts_of(tx, [mine]) == {made: ("Title", "Text.")}


def test_one_that_could_not_be_filed_is_embedded_and_filed_again(ledger: Ledger) -> None:
    article_id = embedded(ledger, "https://paper.example/one")
    with ledger.write() as tx:
        storylines.park(tx, article_id, "unfilable", "broken", at(5))
    assert waiting(ledger) == []
    retry(ledger)
    (mine,) = claimed(ledger, article_id, state=FETCHED, seconds=60)
    with ledger.write() as tx:
        work.finish_embed(tx, mine, VERSION, b"\x00\x3c" * 8, at(61))
    assert [article.id for article in waiting(ledger)] == [article_id]


def fail(ledger: Ledger, url: str, reason: str) -> int:
    (article_id,) = queued(ledger, url)
    (mine,) = claimed(ledger, article_id, seconds=10)
    with ledger.write() as tx:
        work.fail(tx, mine, QUEUED, reason, "no answer", at(10), None)
    return article_id


def test_those_of_a_reason_or_a_host_are_tried_again_or_dropped(ledger: Ledger) -> None:
    slow = fail(ledger, "https://paper.example/one", "timeout")
    broken = fail(ledger, "https://paper.example/two", "http-500")
    other = fail(ledger, "https://journal.example/one", "timeout")
    with ledger.write() as tx:
        assert dead.hosts(tx) == {"paper.example": 2, "journal.example": 1}
        assert [one["id"] for one in dead.listed(tx, 9, reason="timeout", host="paper.example")] == [slow]
        assert dead.retry(tx, at(60), dead.Which(reason="timeout", host="journal.example")) == 1
        assert dead.drop(tx, at(60), dead.Which(ids=[slow, other], host="paper.example")) == 1
    assert [state(ledger, one) for one in (slow, broken, other)] == ["rejected", "dead", "queued"]


def test_what_was_dropped_does_not_come_back(ledger: Ledger) -> None:
    article_id = fail(ledger, "https://paper.example/one", "timeout")
    with ledger.write() as tx:
        assert dead.drop(tx, at(60)) == 1
        assert dead.drop(tx, at(61)) == dead.retry(tx, at(61)) == 0
        assert articles.record_url(tx, "https://paper.example/one?utm_source=feed", at(70)) == (article_id, False)
    article = row(ledger, article_id)
    assert (article["state"], article["reason"], article["generation"]) == ("rejected", "dropped", 2)
    assert waiting(ledger) == []
