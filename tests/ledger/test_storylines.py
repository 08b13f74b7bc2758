"""Filing: membership, counts and event in one go; what a rebuild reads back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import update

from pipeline.errors import LeaseLostError
from pipeline.ledger import Ledger, coverage, events, schema, storylines
from pipeline.records import Article, Event, Storyline
from tests.ledger.making import START, VERSION, at, direction, embedded, page, row, waiting


def opened(ledger: Ledger, **fields: object) -> int:
    with ledger.write() as tx:
        return storylines.open_one(tx, START, **fields)  # type: ignore[arg-type]


def file(
    ledger: Ledger, article: Article, storyline: int, *, position: int, copy_of: int | None = None, seconds: float = 10
) -> None:
    with ledger.write() as tx:
        storylines.file_article(
            tx,
            article,
            storyline,
            copy_of=copy_of,
            position=position,
            why={"score": 0.7},
            headline=article.title,
            lead="A lead.",
            now=at(seconds),
        )


def two(ledger: Ledger) -> list[Article]:
    embedded(ledger, "https://ant.example/1", page("First", outlet="Ant", published=at(-100)))
    embedded(ledger, "https://bee.example/2", page("Second", outlet="Bee"))
    return waiting(ledger)


def told(ledger: Ledger) -> list[Event]:
    with ledger.write() as tx:
        events.number(tx, 100)
        return events.after(tx, 0, 100)


def shown(ledger: Ledger, storyline: int) -> Storyline:
    with ledger.read() as tx:
        found = storylines.one(tx, storyline)
    assert found is not None
    return found


def test_articles_wait_with_text_and_vector_in_the_order_they_came(ledger: Ledger) -> None:
    first, second = two(ledger)
    assert (first.title, second.title) == ("First", "Second")
    assert (first.published, second.published, first.outlet) == (at(-100), None, "Ant")
    assert first.text == "The mill closed on Friday."
    assert first.vector is not None
    assert first.vector.dtype == np.float32
    assert float(first.vector @ direction(first.id)) == pytest.approx(1.0, abs=1e-3)
    with ledger.read() as tx:
        assert [article.id for article in storylines.embedded(tx, VERSION, 1)] == [first.id]


def test_a_vector_of_another_version_is_not_given(ledger: Ledger) -> None:
    two(ledger)
    with ledger.read() as tx:
        assert [article.vector for article in storylines.embedded(tx, "another/form", 10)] == [None, None]


def test_filing_moves_the_article_and_counts(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    file(ledger, second, storyline, position=2, seconds=20)
    article = row(ledger, first.id)
    assert (article["state"], article["filed"], article["original_id"]) == ("filed", at(10), None)
    found = shown(ledger, storyline)
    assert (found.articles, found.originals, found.outlets) == (2, 2, ("Ant", "Bee"))
    assert (found.headline, found.lead, found.state) == ("Second", "A lead.", "emerging")
    assert (found.first_article, found.last_article, found.updated) == (at(-100), START, at(20))
    assert waiting(ledger) == []


def test_a_reprint_counts_as_article_not_as_original(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    file(ledger, second, storyline, position=2, copy_of=first.id)
    reprint = row(ledger, second.id)
    assert (reprint["state"], reprint["original_id"]) == ("duplicate", first.id)
    found = shown(ledger, storyline)
    assert (found.articles, found.originals) == (2, 1)


def test_events_say_opened_once_and_then_grew(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    assert told(ledger) == []  # an empty storyline is no news
    file(ledger, first, storyline, position=1)
    file(ledger, second, storyline, position=2, copy_of=first.id)
    start, growth = told(ledger)
    assert (start.type, start.subject, start.sequence) == ("storyline.opened", f"storyline/{storyline}", 1)
    assert (growth.type, growth.sequence) == ("storyline.grew", 2)
    assert start.data["article"] == {
        "id": first.id,
        "url": "https://ant.example/1",
        "title": "First",
        "outlet": "Ant",
        "published": at(-100).isoformat(),
        "copy_of": None,
    }
    assert growth.data["article"]["copy_of"] == first.id
    assert growth.data["storyline"]["articles"] == 2
    assert growth.data["storyline"]["originals"] == 1


def test_an_article_is_filed_once(ledger: Ledger) -> None:
    first, _ = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    with pytest.raises(LeaseLostError, match=f"article {first.id} "):
        file(ledger, first, storyline, position=2)
    assert shown(ledger, storyline).articles == 1
    assert len(told(ledger)) == 1


def test_a_declared_storyline_is_announced_at_once_and_keeps_its_title(ledger: Ledger) -> None:
    first, _ = two(ledger)
    storyline = opened(ledger, title="The mill", text="All about it.", lang="en", declared=True)
    file(ledger, first, storyline, position=1)
    start, growth = told(ledger)
    assert [start.type, growth.type] == ["storyline.opened", "storyline.grew"]
    assert start.data["storyline"]["declared"] is True
    assert [start.sequence, growth.sequence] == [1, 2]
    assert shown(ledger, storyline).headline == "The mill"


def test_a_declared_storyline_waits_for_its_vector(ledger: Ledger) -> None:
    opened(ledger)
    storyline = opened(ledger, title="The mill", text="All about it.", declared=True)
    with ledger.read() as tx:
        assert [one["id"] for one in storylines.without_vector(tx, VERSION)] == [storyline]
        assert storylines.titles(tx) == ["The mill"]
    with ledger.write() as tx:
        storylines.put_vector(tx, storyline, VERSION, storylines.pack(direction(1)))
        assert storylines.without_vector(tx, VERSION) == []
        assert [one["id"] for one in storylines.without_vector(tx, "another/form")] == [storyline]
        assert [one["id"] for one in storylines.declared(tx)] == [storyline]


def test_coverage_comes_newest_first_with_its_reason(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    file(ledger, second, storyline, position=2)
    with ledger.read() as tx:
        coverage = storylines.coverage(tx, storyline, 10)
        assert [len(storylines.coverage(tx, storyline, 1)), storylines.coverage(tx, 99, 1)] == [1, []]
    assert [article["id"] for article in coverage] == [second.id, first.id]  # the second is undated: when it was seen
    assert coverage[0]["why"] == {"score": 0.7}


def test_an_old_id_leads_to_where_it_was_merged(ledger: Ledger) -> None:
    one, two_, three = opened(ledger), opened(ledger), opened(ledger)
    with ledger.write() as tx:
        for old, new in ((one, two_), (two_, three)):
            tx.execute(update(schema.storylines).where(schema.storylines.c.id == old).values(merged_into=new))
    assert shown(ledger, one).id == three
    with ledger.read() as tx:
        assert storylines.one(tx, 99) is None
        assert storylines.count(tx) == 1
        assert [found.id for found in storylines.listing(tx, limit=10)] == [three]


def test_the_list_begins_with_what_changed_last(ledger: Ledger) -> None:
    first, _ = two(ledger)
    storyline, other = opened(ledger), opened(ledger, lang="de")
    file(ledger, first, storyline, position=1)
    with ledger.read() as tx:
        assert [found.id for found in storylines.listing(tx, limit=10)] == [storyline, other]
        assert [found.id for found in storylines.listing(tx, limit=1, offset=1)] == [other]
        assert [found.id for found in storylines.listing(tx, limit=10, lang="de")] == [other]


def test_a_rebuild_reads_in_the_order_of_filing(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, second, storyline, position=1, seconds=10)
    file(ledger, first, storyline, position=2, copy_of=second.id, seconds=20)
    with ledger.read() as tx:
        found = list(storylines.remembered(tx, VERSION, START))
        recent = list(storylines.remembered(tx, VERSION, at(15)))
        assert storylines.last_position(tx) == 2
    assert [one.article.id for one in found] == [second.id, first.id]
    assert [(one.copy_of, one.position) for one in found] == [(None, 1), (second.id, 2)]
    assert {one.storyline for one in found} == {storyline}
    assert [one.article.id for one in recent] == [first.id]
    assert found[0].article.text == second.text


def test_nothing_is_remembered_of_nothing(ledger: Ledger) -> None:
    with ledger.read() as tx:
        assert list(storylines.remembered(tx, VERSION, START)) == []
        assert storylines.last_position(tx) == 0


def test_assignments_go_by_external_id_or_url(ledger: Ledger) -> None:
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    with ledger.write() as tx:
        tx.execute(update(schema.articles).where(schema.articles.c.id == second.id).values(external_id="ext-2"))
    file(ledger, replace(second), storyline, position=2)
    with ledger.read() as tx:
        assert coverage.assignments(tx) == {"https://ant.example/1": storyline, "ext-2": storyline}


def test_outlets_are_kept_up_to_a_bound(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storylines, "OUTLETS_KEPT", 1)
    first, second = two(ledger)
    storyline = opened(ledger)
    file(ledger, first, storyline, position=1)
    file(ledger, second, storyline, position=2)
    assert shown(ledger, storyline).outlets == ("Ant",)


def test_packing_a_zero_vector_divides_by_nothing() -> None:
    back = storylines.unpack(storylines.pack(np.zeros(4, dtype=np.float32)))
    assert back is not None
    assert back.tolist() == [0, 0, 0, 0]
    assert storylines.unpack(None) is None
