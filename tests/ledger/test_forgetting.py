"""What was forgotten: nothing of it stays in the ledger, and it does not come back under any of its names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline import urls
from pipeline.errors import InputError, LeaseLostError
from pipeline.ledger import Ledger, articles, commands, dead, forgotten, work
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import metadata, sightings, texts, vectors
from pipeline.records import ArticleState
from tests.ledger.making import START, VERSION, at, claimed, count, embedded, entry, feed, fetched, page, queued, row

URL = "https://paper.example/2026/quokka-scandal"
WORD = "quokka"


def erase(ledger: Ledger, article_id: int, **options: Any) -> forgotten.Erased:
    with ledger.write() as tx:
        erased = forgotten.erase(tx, article_id, at(100), **options)
    assert erased is not None
    return erased


def dump(ledger: Ledger) -> str:
    """Everything that stands in the ledger."""
    with ledger.read() as tx:
        return "\n".join(str(row) for table in metadata.sorted_tables for row in tx.execute(select(table)))


def bring(ledger: Ledger, *found: Any, feed_id: int | None = None) -> tuple[int, int]:
    """Record entries; returns how many articles and sightings they made."""
    with ledger.write() as tx:
        recorded = articles.record_entries(tx, found, at(200), feed_id=feed_id)
    return recorded.articles, recorded.sightings


def read_from_two_feeds(ledger: Ledger) -> int:
    """An article with everything that an article can have; each of its parts holds the word."""
    told = {
        "title": "The quokka scandal",
        "summary": "A quokka.",
        "content": "<p>Quokka!</p>",
        "authors": ("Q. Quokka",),
    }
    with ledger.write() as tx:
        one, two = feed(tx), feed(tx, "https://other.example/feed")
        articles.record_entries(tx, [entry(URL, key=f"guid:{URL}", **told)], START, feed_id=one)
        articles.record_entries(tx, [entry(f"{URL}?utm_source=x", key="guid:quokka-7", **told)], START, feed_id=two)
        (article_id,) = tx.execute(select(article_table.c.id)).scalars()
    (claim,) = claimed(ledger, article_id)
    found = page(
        "The quokka scandal",
        text="All about the quokka.",
        lead="All about the quokka.",
        authors=("Q. Quokka",),
        canonical_url="https://paper.example/scandals/quokka",
        image_url="https://paper.example/quokka.jpg",
        sources={"title": "quokka"},
        outlet="Paper",
    )
    with ledger.write() as tx:
        assert work.finish_fetch(tx, claim, found, b"quokka", at(1)) == "fetched"
    (claim,) = claimed(ledger, article_id, state=ArticleState.FETCHED, seconds=2)
    with ledger.write() as tx:
        work.finish_embed(tx, claim, VERSION, b"quokka", at(3))
    return article_id


def test_nothing_of_it_stays_in_any_table(ledger: Ledger) -> None:
    article_id = read_from_two_feeds(ledger)
    assert WORD in dump(ledger).lower()
    erase(ledger, article_id)
    assert WORD not in dump(ledger).lower()
    assert b"quokka" not in dump(ledger).encode()
    assert (count(ledger, texts), count(ledger, vectors), count(ledger, sightings)) == (0, 0, 0)


def test_a_row_stays_that_says_no_more_than_that_it_was(ledger: Ledger) -> None:
    article_id = read_from_two_feeds(ledger)
    erase(ledger, article_id, reason="a court said so")
    left = row(ledger, article_id)
    assert (left["state"], left["reason"], left["outlet"]) == (ArticleState.REJECTED, "forgotten", "Paper")
    assert left["url"] == "https://paper.example/"
    with ledger.read() as tx:
        assert articles.reasons(tx, ArticleState.REJECTED) == {"forgotten": 1}
        (told,) = forgotten.listing(tx, 10)
    assert (told["article"], told["reason"], told["forgotten"]) == (article_id, "a court said so", at(100))


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://PAPER.example/2026/quokka-scandal#top",
        f"{URL}?utm_source=feed&FBCLID=1",
        "https://user:pw@paper.example:443/2026/%71uokka-scandal",
        "https://paper.example/scandals/quokka",
    ],
)
def test_no_spelling_of_any_of_its_urls_comes_back(ledger: Ledger, url: str) -> None:
    erase(ledger, read_from_two_feeds(ledger))
    for feed_id in (1, 2, None):
        assert bring(ledger, entry(url, key="guid:new"), feed_id=feed_id) == (0, 0)
    with (
        pytest.raises(InputError, match=r"was forgotten on 2026-11-20; `slugline forget --undo http"),
        ledger.write() as tx,
    ):
        articles.record_url(tx, url, at(200))
    with ledger.write() as tx:
        given = {"id": "x1", "url": url, "title": "The quokka scandal", "text": "All about the quokka."}
        assert articles.import_text(tx, given, at(200), None) is None
    assert WORD not in dump(ledger).lower()


def test_an_entry_does_not_come_back_under_another_url(ledger: Ledger) -> None:
    erase(ledger, read_from_two_feeds(ledger))
    moved = entry("https://paper.example/2026/quokka-scandal-updated", key=f"guid:{URL}")
    assert bring(ledger, moved, feed_id=1) == (0, 0)
    assert bring(ledger, moved, feed_id=2) == (1, 0), "another feed may mean something else by that name"


def test_others_of_the_same_document_are_taken_in(ledger: Ledger) -> None:
    erase(ledger, read_from_two_feeds(ledger))
    found = [entry(URL, key=f"guid:{URL}"), entry("https://paper.example/else", key="guid:else")]
    assert bring(ledger, *found, feed_id=1) == (1, 0)


def test_a_page_that_turns_out_to_be_it_is_forgotten_as_well(ledger: Ledger) -> None:
    first = read_from_two_feeds(ledger)
    erase(ledger, first)
    (other,) = queued(ledger, "https://m.paper.example/quokka")
    (claim,) = claimed(ledger, other, seconds=150)
    found = page("The quokka scandal", text="All about the quokka.", canonical_url=URL)
    with ledger.write() as tx:
        assert work.finish_fetch(tx, claim, found, None, at(151)) == "rejected"
    assert WORD not in dump(ledger).lower()
    assert bring(ledger, entry("https://m.paper.example/quokka", key="k")) == (0, 0)
    with ledger.write() as tx:
        assert forgotten.count(tx)[1] == 1, "its names are more names of the first one"
        forgotten.undo(tx, [], first)
    assert bring(ledger, entry("https://m.paper.example/quokka", key="k")) == (1, 0)


def test_a_canonical_url_that_all_pages_of_a_site_name_keeps_none_of_the_others_away(ledger: Ledger) -> None:
    everywhere = "https://paper.example/news"
    first = fetched(ledger, URL, page("One", canonical_url=everywhere))
    fetched(ledger, "https://paper.example/b", page("Two", canonical_url=everywhere))
    erase(ledger, first)
    fetched(ledger, "https://paper.example/c", page("Three", canonical_url=everywhere))
    with ledger.write() as tx, pytest.raises(InputError, match=r"2 articles name .* as their canonical URL.*: 2, 3"):
        forgotten.find(tx, everywhere)


def test_it_is_found_under_each_of_its_urls(ledger: Ledger) -> None:
    article_id = read_from_two_feeds(ledger)
    with ledger.write() as tx:
        for url in (URL, f"{URL}?utm_medium=y", "https://paper.example/scandals/quokka"):
            assert forgotten.find(tx, url) == [article_id]
        assert forgotten.find(tx, "https://paper.example/else") == []


def test_who_works_on_it_comes_too_late(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (claim,) = claimed(ledger, article_id)
    erase(ledger, article_id)
    for ending in (
        lambda tx: work.finish_fetch(tx, claim, page("The quokka scandal"), None, at(101)),
        lambda tx: work.reject(tx, claim, "too-short", "quokka", at(101)),
        lambda tx: work.fail(tx, claim, ArticleState.QUEUED, "timeout", "quokka", at(101), 60.0),
        lambda tx: work.give_back(tx, claim, ArticleState.QUEUED, at(101)),
    ):
        with pytest.raises(LeaseLostError), ledger.write() as tx:
            ending(tx)
    assert WORD not in dump(ledger).lower()
    assert row(ledger, article_id)["state"] == ArticleState.REJECTED


def test_an_embedding_that_comes_too_late_changes_nothing(ledger: Ledger) -> None:
    article_id = fetched(ledger, URL)
    (claim,) = claimed(ledger, article_id, state=ArticleState.FETCHED, seconds=2)
    erase(ledger, article_id)
    with pytest.raises(LeaseLostError), ledger.write() as tx:
        work.finish_embed(tx, claim, VERSION, b"x", at(101))
    assert count(ledger, vectors) == 0


def test_a_dead_one_is_not_tried_again(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (claim,) = claimed(ledger, article_id)
    with ledger.write() as tx:
        work.fail(tx, claim, ArticleState.QUEUED, "timeout", f"{URL} did not answer", at(1), None)
    erase(ledger, article_id)
    assert WORD not in dump(ledger).lower()
    with ledger.write() as tx:
        assert dead.retry(tx, at(300)) == 0


def test_forgetting_twice_does_nothing_more(ledger: Ledger) -> None:
    article_id = embedded(ledger, URL)
    erase(ledger, article_id)
    with ledger.write() as tx:
        assert forgotten.erase(tx, article_id, at(300)) is None
        assert forgotten.erase(tx, 999, at(300)) is None
        assert commands.pending(tx, 10) == [], "it was in no storyline: the clusterer has nothing to do"


def test_a_url_of_which_nothing_is_known_is_kept_away(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert forgotten.bar(tx, URL, START, "by mistake?")
        assert not forgotten.bar(tx, f"{URL}?utm_source=x", at(1))
    assert bring(ledger, entry(URL)) == (0, 0)
    with pytest.raises(InputError, match=r"forgotten on 2026-11-20 \(by mistake\?\)"), ledger.write() as tx:
        articles.record_url(tx, URL, at(1))
    assert WORD not in dump(ledger).lower()


def test_undone_it_may_come_in_again_as_a_new_article(ledger: Ledger) -> None:
    article_id = read_from_two_feeds(ledger)
    erase(ledger, article_id)
    with ledger.write() as tx:
        assert forgotten.count(tx) == (4, 1)
        assert forgotten.undo(tx, [urls.key("https://paper.example/scandals/quokka")]) == 4
        assert forgotten.undo(tx, [urls.key(URL)]) == 0
        assert forgotten.count(tx) == (0, 0)
    assert bring(ledger, entry(URL, key=f"guid:{URL}"), feed_id=1) == (1, 0)
    with ledger.read() as tx:
        again = tx.execute(select(article_table).where(article_table.c.id != article_id)).mappings().one()
    assert (again["url"], again["state"]) == (URL, ArticleState.QUEUED)
    assert row(ledger, article_id)["reason"] == "forgotten"


def test_an_imported_text_is_known_by_its_id(ledger: Ledger) -> None:
    given = {"id": "quokka-1", "title": "The quokka scandal", "text": "All about the quokka.", "source": "Paper"}
    with ledger.write() as tx:
        article_id = articles.import_text(tx, given, START, None)
    assert article_id is not None
    erase(ledger, article_id)
    assert WORD not in dump(ledger).lower()
    with ledger.write() as tx:
        assert articles.import_text(tx, given, at(200), None) is None
        assert articles.import_text(tx, given | {"id": "quokka-2"}, at(200), None) is not None


def test_what_is_forgotten_is_gone_from_the_files(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """Among hundreds of others, so that pages have been split, moved and given free; and after edits, so that there
    were older versions of it."""
    long = "The quokka of the minister. " + "Bananas and umbrellas. " * 600
    with sqlite_ledger.write() as tx:
        source = feed(tx)
    for number in range(300):
        given = [entry(f"https://paper.example/{number}", title=f"Story {number}", content=f"Words {number} " * 50)]
        if number == 150:
            given.append(entry(URL, key=f"guid:{URL}", title="The quokka scandal", content=long, summary="Quokka."))
        bring(sqlite_ledger, *given, feed_id=source)
    with sqlite_ledger.write() as tx:
        (article_id,) = forgotten.find(tx, URL)
    (claim,) = claimed(sqlite_ledger, article_id)
    with sqlite_ledger.write() as tx:
        work.finish_fetch(tx, claim, page("The quokka scandal", text=long, lead=long[:500]), None, at(1))
    bring(
        sqlite_ledger, entry(URL, key=f"guid:{URL}", title="A quokka scandal, edited", content=long * 2), feed_id=source
    )
    other_reader = sqlite_ledger.engine.connect()  # the usual state of affairs: other connections are open
    assert in_files(tmp_path, b"uokka")
    erase(sqlite_ledger, article_id)
    assert forgotten.scrub(sqlite_ledger)
    assert in_files(tmp_path, b"Words 149"), "the others are there"
    assert not in_files(tmp_path, b"uokka")
    assert not in_files(tmp_path, b"Bananas and umbrellas")
    other_reader.close()


def test_a_reader_that_holds_up_the_scrubbing_is_told_of(
    sqlite_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgotten, "_SCRUB_MS", 50)
    article_id = fetched(sqlite_ledger, URL, page("The quokka scandal"))
    with sqlite_ledger.read() as tx:
        articles.counts(tx)
        erase(sqlite_ledger, article_id)
        assert not forgotten.scrub(sqlite_ledger)
    assert forgotten.scrub(sqlite_ledger)
    assert not in_files(tmp_path, b"quokka")


def in_files(folder: Path, words: bytes) -> bool:
    return any(words in file.read_bytes() for file in folder.glob("ledger.db*"))
