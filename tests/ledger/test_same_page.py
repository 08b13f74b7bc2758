"""Another URL of a page that is known is a sighting, not an article; but not everything that claims so is one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger, articles, work
from pipeline.ledger.schema import sightings
from tests.ledger.making import START, claimed, count, entry, feed, fetched, page, queued

ONE = "https://paper.example/one"
OTHER = "https://paper.example/amp/one"


def read(ledger: Ledger, url: str, title: str = "Mill closes", canonical: str | None = None) -> str:
    (article_id,) = queued(ledger, url)
    (mine,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        return work.finish_fetch(tx, mine, page(title, canonical_url=canonical), None, START)


def test_a_page_whose_canonical_is_a_known_article_becomes_its_sighting(ledger: Ledger) -> None:
    first = fetched(ledger, ONE)
    assert read(ledger, OTHER, canonical=ONE) == "sighting"
    assert count(ledger) == 1
    with ledger.read() as tx:
        assert set(tx.execute(select(sightings.c.article_id)).scalars()) == {first}


def test_the_canonical_may_differ_in_what_does_not_matter(ledger: Ledger) -> None:
    fetched(ledger, ONE, page(canonical_url=ONE + "?utm_source=home"))
    assert read(ledger, OTHER, canonical="http://PAPER.example/one#top") == "sighting"


def test_two_pages_that_name_the_same_third_one(ledger: Ledger) -> None:
    assert read(ledger, ONE, canonical="https://paper.example/real") == "fetched"
    assert read(ledger, OTHER, canonical="https://paper.example/real") == "sighting"


def test_a_known_sighting_makes_no_article_again(ledger: Ledger) -> None:
    first = fetched(ledger, ONE)
    read(ledger, OTHER, canonical=ONE)
    with ledger.write() as tx:
        assert articles.record_url(tx, OTHER, START) == (first, False)
        recorded = articles.record_entries(tx, [entry(OTHER, key="k")], START, feed_id=feed(tx))
    assert (recorded.articles, recorded.sightings) == (0, 1)


def test_a_site_whose_every_page_names_the_front_page_keeps_its_articles(ledger: Ledger) -> None:
    assert read(ledger, ONE, "Mill closes", canonical="https://paper.example/") == "fetched"
    assert read(ledger, OTHER, "Harbour opens", canonical="https://paper.example/") == "fetched"


def test_a_page_is_no_sighting_of_one_that_was_rejected(ledger: Ledger) -> None:
    (rejected,) = queued(ledger, ONE)
    (mine,) = claimed(ledger, rejected)
    with ledger.write() as tx:
        work.reject(tx, mine, "login", "a login page", START)
    assert read(ledger, OTHER, canonical=ONE) == "fetched"


@pytest.mark.parametrize("canonical", [ONE, None, "javascript:void(0)"])
def test_a_page_is_no_sighting_of_itself(ledger: Ledger, canonical: str | None) -> None:
    assert read(ledger, ONE, canonical=canonical) == "fetched"


def test_a_canonical_longer_than_an_index_takes(ledger: Ledger) -> None:
    long = "https://paper.example/" + "/".join(f"part-{number}" for number in range(800))
    assert read(ledger, ONE, canonical=long) == "fetched"
    assert read(ledger, OTHER, canonical=long) == "sighting"
