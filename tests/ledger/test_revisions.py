"""An edited article is looked at again: every way that can end, and the version of before is never lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.errors import LeaseLostError
from pipeline.ledger import Ledger, articles, dead, events, storylines, work
from pipeline.ledger.schema import articles as article_rows
from pipeline.ledger.schema import memberships, sightings, texts, vectors
from pipeline.ledger.storylines import Place
from pipeline.ledger.told import originals
from pipeline.ledger.work import Claim
from pipeline.records import ArticleState, Entry, Storyline
from tests.ledger.making import VERSION, at, claimed, count, direction, embedded, entry, feed, page, queued, row, state
from tests.ledger.making import waiting as waiting_articles

URL = "https://paper.example/one"
OLD, NEW = page("Mill closes", outlet="Paper", lang="en", published=at(-60)), page("Mill burns", text="It burns.")
QUEUED, FETCHED = ArticleState.QUEUED, ArticleState.FETCHED
EDITED = 3600.0  # when the feed shows an edit


def show(ledger: Ledger, feed_id: int, seconds: float, summary: str) -> int:
    shown: Entry = entry(URL, key="guid:1", title="Mill closes", summary=summary)
    with ledger.write() as tx:
        return articles.record_entries(tx, [shown], at(seconds), feed_id=feed_id).edited


@pytest.fixture
def paper(ledger: Ledger) -> int:
    """A feed that shows an article which has been filed."""
    with ledger.write() as tx:
        made = feed(tx)
    show(ledger, made, 0, "It closes.")
    (mine,) = claimed(ledger, 1)
    with ledger.write() as tx:
        work.finish_fetch(tx, mine, OLD, b"old", at(1), validators=('"v1"', "Fri, 20 Nov 2026 11:00:00 GMT"))
    (mine,) = claimed(ledger, 1, state=FETCHED)
    with ledger.write() as tx:
        work.finish_embed(tx, mine, VERSION, storylines.pack(direction(1)), at(2))
        storyline = storylines.open_one(tx, at(3))
        (article,) = storylines.embedded(tx, VERSION, 5)
        told: dict[str, Any] = {"headline": "Mill closes", "lead": "It closes.", "now": at(3)}
        storylines.file_article(tx, article, storyline, copy_of=None, position=1, why={}, **told)
    return made


@pytest.fixture
def mine(ledger: Ledger, paper: int) -> Claim:
    """The claim of the worker that looks into an edit of it."""
    assert show(ledger, paper, EDITED, "It burns.") == 1
    (made,) = claimed(ledger, 1, seconds=EDITED)
    return made


def storyline(ledger: Ledger) -> Storyline:
    with ledger.read() as tx:
        found = storylines.one(tx, 1)
    assert found is not None
    return found


def published(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.write() as tx:
        events.number(tx, 100)
        return [(one.type, one.sequence) for one in events.after(tx, 0, 100)]


def vectors_of(ledger: Ledger) -> dict[int, bytes]:
    with ledger.read() as tx:
        return {row.generation: row.vector for row in tx.execute(select(vectors.c.generation, vectors.c.vector))}


# ---- how it begins ----


def test_an_edit_opens_a_generation_that_knows_what_stands(ledger: Ledger, mine: Claim) -> None:
    article = row(ledger, 1)
    assert (article["state"], article["generation"], article["revisions"]) == ("queued", 2, 1)
    assert article["revised"] == at(EDITED)
    assert article["text"] == OLD.text, "what is read meanwhile is the version of before"
    assert mine.revision is not None
    assert (mine.revision.generation, mine.revision.state, mine.revision.filed) == (1, "filed", True)
    assert (mine.revision.etag, mine.revision.last_modified) == ('"v1"', "Fri, 20 Nov 2026 11:00:00 GMT")


def test_meanwhile_it_stays_in_its_storyline_and_in_what_a_rebuild_reads(ledger: Ledger, mine: Claim) -> None:
    with ledger.read() as tx:
        (filed,) = storylines.remembered(tx, VERSION, at(-60))
        assert [one["id"] for one in storylines.coverage(tx, 1, 5)] == [1]
        assert [one.title for one in originals(tx, 1, 20, 1000)] == ["Mill closes"]
    assert (filed.article.title, filed.article.text) == ("Mill closes", OLD.text)
    assert filed.article.vector is not None


def test_a_new_article_has_nothing_that_stands(ledger: Ledger) -> None:
    (article_id,) = queued(ledger, URL)
    (mine,) = claimed(ledger, article_id)
    assert mine.revision is None


# ---- nothing new ----


def test_the_same_page_leaves_everything_as_it_was(ledger: Ledger, mine: Claim) -> None:
    with ledger.write() as tx:
        assert work.unchanged(tx, mine, at(EDITED + 1), ('"v2"', None)) == "unchanged"
    article = row(ledger, 1)
    assert (article["state"], article["generation"], article["futile"]) == ("filed", 1, 1)
    assert (article["etag"], article["previous"], article["filed"]) == ('"v2"', None, at(3))
    assert article["last_modified"] == "Fri, 20 Nov 2026 11:00:00 GMT"
    assert count(ledger, texts) == 1
    assert published(ledger) == [("storyline.opened", 1)]


def test_details_make_a_version_of_the_text_with_the_vector_of_before(ledger: Ledger, mine: Claim) -> None:
    with ledger.write() as tx:
        assert work.finish_fetch(tx, mine, page("Mill closes", text="It  closes."), None, at(EDITED)) == "touched"
    article = row(ledger, 1)
    assert (article["state"], article["generation"], article["futile"]) == ("filed", 2, 1)
    assert (article["text"], article["previous"]) == ("It  closes.", None)
    found = vectors_of(ledger)
    assert found[1] == found[2]
    assert published(ledger) == [("storyline.opened", 1)]
    with ledger.write() as tx:
        assert work.due_for_embed(tx, at(EDITED + 9), 9) == []


@pytest.mark.parametrize("how", ["rejected", "failed", "worker died"])
def test_a_page_that_cannot_be_had_any_more_costs_nothing(ledger: Ledger, mine: Claim, how: str) -> None:
    with ledger.write() as tx:
        if how == "rejected":
            assert work.reject(tx, mine, "paywall", "a paywall", at(EDITED + 1)) == "kept"
        elif how == "failed":
            assert work.fail(tx, mine, QUEUED, "timeout", "no answer", at(EDITED + 1), None) == "kept"
        else:
            (lost,) = work.stale(tx, at(EDITED + 99), 9)
            assert work.take_back(tx, lost, at(EDITED + 99), 1) is False
    article = row(ledger, 1)
    assert (article["state"], article["generation"], article["text"]) == ("filed", 1, OLD.text)
    assert article["reason"] in ("paywall", "timeout", "worker-died")
    assert article["error"]
    assert (article["job_id"], article["previous"], article["futile"]) == (None, None, 1)
    with ledger.read() as tx:
        assert articles.counts(tx)["dead"] == articles.counts(tx)["rejected"] == 0
    assert storyline(ledger).articles == 1


def test_a_failure_is_tried_again_first(ledger: Ledger, mine: Claim) -> None:
    with ledger.write() as tx:
        assert work.fail(tx, mine, QUEUED, "timeout", "no answer", at(EDITED), 30.0) == "retry"
    (again,) = claimed(ledger, 1, seconds=EDITED + 31)
    assert (again.attempts, again.generation) == (2, 2)
    assert again.revision == mine.revision


def test_the_number_of_a_look_that_came_to_nothing_is_used_again(ledger: Ledger, paper: int, mine: Claim) -> None:
    with ledger.write() as tx:
        work.unchanged(tx, mine, at(EDITED + 1))
    show(ledger, paper, 3 * EDITED, "It burns down.")
    (again,) = claimed(ledger, 1, seconds=3 * EDITED)
    assert again.generation == 2
    with ledger.write() as tx, pytest.raises(LeaseLostError):
        work.finish_fetch(tx, mine, NEW, None, at(3 * EDITED), changed=["text"])
    with ledger.write() as tx:
        assert work.finish_fetch(tx, again, NEW, None, at(3 * EDITED), changed=["text"]) == "revised"


# ---- something new ----


def revise(ledger: Ledger, mine: Claim) -> None:
    with ledger.write() as tx:
        assert work.finish_fetch(tx, mine, NEW, b"new", at(EDITED + 1), changed=["title", "text"]) == "revised"
    (embedding,) = claimed(ledger, 1, state=FETCHED, seconds=EDITED + 2)
    with ledger.write() as tx:
        work.finish_embed(tx, embedding, VERSION, storylines.pack(direction(2)), at(EDITED + 3))


def tell(ledger: Ledger) -> None:
    (article,) = waiting_articles(ledger)
    with ledger.write() as tx:
        place = storylines.places(tx, [article.id])[article.id]
        assert place == Place(1, None, ("text", "title"))
        storylines.tell_again(tx, article, place, headline="Mill burns", lead="It burns.", now=at(EDITED + 4))


def test_what_changed_in_substance_is_told_once_more_and_counted_once(ledger: Ledger, mine: Claim) -> None:
    revise(ledger, mine)
    tell(ledger)
    article = row(ledger, 1)
    assert (article["state"], article["generation"], article["futile"]) == ("filed", 2, 0)
    assert (article["title"], article["text"], article["filed"]) == ("Mill burns", "It burns.", at(3))
    assert (article["outlet"], article["lang"], article["published"]) == ("Paper", "en", at(-60))
    found = storyline(ledger)
    assert (found.headline, found.lead) == ("Mill burns", "It burns.")
    assert (found.articles, found.originals, found.outlets) == (1, 1, ("Paper",))
    assert (found.first_article, found.last_article) == (at(-60), at(-60))
    assert published(ledger) == [("storyline.opened", 1), ("article.updated", 2)]
    with ledger.read() as tx:
        (_, told) = events.after(tx, 0, 9)
    assert told.subject == "storyline/1"
    assert (told.data["article"]["version"], told.data["article"]["changed"]) == (2, ["text", "title"])
    assert (told.data["article"]["title"], told.data["storyline"]["articles"]) == ("Mill burns", 1)
    assert count(ledger, memberships) == 1


def test_a_rebuild_reads_the_version_that_was_filed(ledger: Ledger, mine: Claim) -> None:
    with ledger.read() as tx:
        before = list(storylines.remembered(tx, VERSION, at(-60)))
        (told_then,) = originals(tx, 1, 20, 1000)
    revise(ledger, mine)
    tell(ledger)
    with ledger.read() as tx:
        (after,) = storylines.remembered(tx, VERSION, at(-60))
        (newest,) = originals(tx, 1, 20, 1000)
    (then,) = before
    assert (after.article.title, after.article.text, after.position) == (then.article.title, then.article.text, 1)
    assert after.article.vector is not None
    assert then.article.vector is not None
    assert after.article.vector.tolist() == then.article.vector.tolist()
    assert (told_then.title, told_then.text) == (then.article.title, then.article.text)
    assert (newest.title, newest.text) == ("Mill burns", "It burns."), "what is told is the newer one"


def test_a_model_that_came_later_has_the_current_vector_for_it(ledger: Ledger, mine: Claim) -> None:
    revise(ledger, mine)
    tell(ledger)
    with ledger.write() as tx:
        later = {"article_id": 1, "generation": 2, "version": "later", "vector": storylines.pack(direction(3))}
        tx.execute(vectors.insert(), later | {"created": at(EDITED + 9)})
    with ledger.read() as tx:
        (filed,) = storylines.remembered(tx, "later", at(-60))
    assert filed.article.vector is not None
    assert float(filed.article.vector @ direction(3)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("how", ["failed", "worker died"])
def test_a_version_that_cannot_be_embedded_is_told_with_the_vector_of_before(
    ledger: Ledger, mine: Claim, how: str
) -> None:
    with ledger.write() as tx:
        work.finish_fetch(tx, mine, NEW, b"new", at(EDITED + 1), changed=["title", "text"])
    (embedding,) = claimed(ledger, 1, state=FETCHED, seconds=EDITED + 2)
    with ledger.write() as tx:
        if how == "failed":
            assert work.fail(tx, embedding, FETCHED, "embedding-failed", "NaN", at(EDITED + 3), None) == "kept"
        else:
            (lost,) = work.stale(tx, at(EDITED + 99), 9)
            assert work.take_back(tx, lost, at(EDITED + 99), 1) is False
    tell(ledger)
    assert (state(ledger, 1), row(ledger, 1)["text"]) == ("filed", "It burns.")
    found = vectors_of(ledger)
    assert found[1] == found[2]


def test_a_version_that_cannot_be_told_leaves_the_article_where_it_is(ledger: Ledger, mine: Claim) -> None:
    revise(ledger, mine)
    with ledger.write() as tx:
        storylines.park(tx, 1, "unfilable", "broken", at(EDITED + 4))
    assert (state(ledger, 1), row(ledger, 1)["previous"]) == ("filed", None)
    assert storyline(ledger).articles == 1


def test_it_is_told_once(ledger: Ledger, mine: Claim) -> None:
    revise(ledger, mine)
    (article,) = waiting_articles(ledger)
    tell(ledger)
    with ledger.write() as tx, pytest.raises(LeaseLostError, match="article 1 "):
        storylines.tell_again(tx, article, Place(1, None, ()), headline="", lead="", now=at(EDITED + 5))
    assert len(published(ledger)) == 2


# ---- what it must not become ----


def test_an_edited_article_is_no_sighting_of_a_twin(ledger: Ledger, mine: Claim) -> None:
    """Its new title and canonical URL are those of another article that was read meanwhile."""
    other = embedded(ledger, "https://paper.example/two", page("Mill burns"))
    edited = page("Mill burns", text="It burns.", canonical_url="https://paper.example/two")
    with ledger.write() as tx:
        assert work.finish_fetch(tx, mine, edited, None, at(EDITED), changed=["title", "text"]) == "revised"
    assert [state(ledger, one) for one in (1, other)] == ["fetched", "embedded"]
    with ledger.read() as tx:
        assert set(tx.execute(select(sightings.c.article_id)).scalars()) == {1, other}


def test_another_address_of_a_page_that_is_looked_at_again_is_its_sighting(ledger: Ledger, mine: Claim) -> None:
    (amp,) = queued(ledger, "https://paper.example/amp/one")
    (reading,) = claimed(ledger, amp)
    with ledger.write() as tx:
        assert work.finish_fetch(tx, reading, page("Mill closes", canonical_url=URL), None, at(9)) == "sighting"
    assert count(ledger) == 1


def test_a_reprint_that_is_edited_stays_a_reprint(ledger: Ledger, paper: int) -> None:
    second = embedded(ledger, "https://bee.example/2", page("Mill closes"))
    (article,) = waiting_articles(ledger)
    told: dict[str, Any] = {"headline": "Mill closes", "lead": "It closes.", "now": at(9)}
    with ledger.write() as tx:
        storylines.file_article(tx, article, 1, copy_of=1, position=2, why={}, **told)
        place = storylines.places(tx, [second])[second]
        tx.execute(update(article_rows).where(article_rows.c.id == second).values(state="embedded"))
        storylines.tell_again(tx, article, place, headline="", lead="", now=at(10))
    assert (state(ledger, second), row(ledger, second)["original_id"]) == ("duplicate", 1)
    assert (storyline(ledger).articles, storyline(ledger).originals) == (2, 1)


# ---- rejected before ----


@pytest.fixture
def teaser(ledger: Ledger) -> Claim:
    """The claim on an article that was a stub when it was read first, and has been edited."""
    with ledger.write() as tx:
        made = feed(tx)
    show(ledger, made, 0, "Soon.")
    (first,) = claimed(ledger, 1)
    with ledger.write() as tx:
        work.reject(tx, first, "too-short", "only 80 characters", at(1))
    assert show(ledger, made, EDITED, "Now.") == 1
    (again,) = claimed(ledger, 1, seconds=EDITED)
    return again


def test_a_stub_that_has_become_an_article_goes_on_like_a_new_one(ledger: Ledger, teaser: Claim) -> None:
    with ledger.write() as tx:
        assert work.finish_fetch(tx, teaser, NEW, None, at(EDITED)) == "fetched"
    article = row(ledger, 1)
    assert (article["state"], article["previous"], article["futile"]) == ("fetched", None, 0)


def test_a_stub_that_still_is_one_says_why(ledger: Ledger, teaser: Claim) -> None:
    with ledger.write() as tx:
        assert work.reject(tx, teaser, "paywall", "a paywall", at(EDITED)) == "rejected"
    article = row(ledger, 1)
    assert (article["state"], article["reason"], article["futile"]) == ("rejected", "paywall", 1)
    assert article["previous"] is None


def test_a_stub_whose_page_fails_is_what_it_was(ledger: Ledger, teaser: Claim) -> None:
    with ledger.write() as tx:
        assert work.fail(tx, teaser, QUEUED, "timeout", "no answer", at(EDITED), None) == "kept"
    article = row(ledger, 1)
    assert (article["state"], article["reason"], article["error"]) == ("rejected", "too-short", "only 80 characters")
    with ledger.write() as tx:
        assert dead.retry(tx, at(EDITED + 1)) == 0
