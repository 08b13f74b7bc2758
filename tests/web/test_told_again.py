"""What is told of a storyline is kept only while all that it follows from is the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, text, update

from pipeline.ledger import Ledger, storylines
from pipeline.ledger.schema import articles, memberships, texts
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.settings import Settings
from pipeline.storylines import tell
from tests.web.newsroom import NOW, Newsroom, served
from tests.web.test_digest import two_storylines
from workers import digest

CHANGES: dict[str, Any] = {
    "a title": update(articles).values(title="Another title for all"),
    "an outlet": update(articles).where(articles.c.id == 2).values(outlet="The Quiet Gazette"),
    "an address": update(articles).values(url="https://moved.example/" + articles.c.external_id),
    "a language": update(articles).where(articles.c.id == 3).values(lang="fr"),
    "a date": update(articles).where(articles.c.id == 4).values(published=NOW - timedelta(days=30)),
    "no date": update(articles).values(published=None),
    "a text": update(texts).values(text="On Monday Rosa Vey of the union spoke in Halmouth about the port."),
    "a text that was let go": delete(texts),
    "an article that left": delete(memberships).where(memberships.c.article_id == 3),
    "one that became a reprint": update(memberships).where(memberships.c.position == 3).values(kind="duplicate"),
    "the headline": update(storyline_table).values(headline="US President Donald Trump spoke by phone"),
    "a relative's headline": update(storyline_table).where(storyline_table.c.id == 1).values(headline="Oil"),
    "a relative that is gone": update(memberships).values(runner_up=None, runner_up_share=None),
}  # fmt: skip


def told(tx: Connection, storyline: int, memory: digest.Memory | None = None) -> tell.Digest:
    found = storylines.one(tx, storyline)
    assert found is not None
    return digest.of(tx, found, memory)


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_is_told_at_once(ledger: Ledger, newsroom: Newsroom, name: str) -> None:
    call, _ = two_storylines(newsroom)
    memory = digest.Memory()
    with ledger.read() as tx:
        before = told(tx, call, memory)
        assert before == told(tx, call, memory) == told(tx, call)
    with ledger.write() as tx:
        tx.execute(text("PRAGMA defer_foreign_keys = on"))
        tx.execute(CHANGES[name])
    with ledger.read() as tx:
        assert told(tx, call, memory) == told(tx, call)
        assert told(tx, call) != before


def test_what_is_the_same_is_not_made_anew(ledger: Ledger, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    call, letter = two_storylines(newsroom)
    made: list[str] = []
    real = tell.itself
    monkeypatch.setattr(tell, "itself", lambda *given, **more: made.append("") or real(*given, **more))
    now = [0.0]
    memory = digest.Memory(most=1, clock=lambda: now[0])
    with ledger.read() as tx:
        first = told(tx, call, memory)
        assert told(tx, call, memory) == first
        assert len(made) == 1
        now[0] = digest.KEPT_SECONDS
        told(tx, call, memory)
        assert len(made) == 2, "names are weighed anew now and then"
        told(tx, letter, memory)
        assert len(memory) == 1, "there is a bound"
        told(tx, call, memory)
    assert len(made) == 4


def test_what_was_told_and_is_too_old_is_let_go_of(ledger: Ledger, newsroom: Newsroom) -> None:
    call, letter = two_storylines(newsroom)
    now = [0.0]
    memory = digest.Memory(clock=lambda: now[0])
    with ledger.read() as tx:
        told(tx, call, memory)
        now[0] = digest.KEPT_SECONDS + 1
        told(tx, letter, memory)
    assert len(memory) == 1


def test_page_and_api_keep_it_together(
    settings: Settings, ledger: Ledger, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, _ = two_storylines(newsroom)
    made: list[str] = []
    real = tell.itself
    monkeypatch.setattr(tell, "itself", lambda *given, **more: made.append("") or real(*given, **more))
    with served(settings, ledger) as site:
        before = site.get(f"/api/v1/storylines/{call}").json()["digest"]
        assert site.get(f"/storylines/{call}").status_code == 200
        assert len(made) == 1
        newsroom.file(call, title="Maduro says that he spoke to Trump", source="Late Post")
        after = site.get(f"/api/v1/storylines/{call}").json()["digest"]
    assert (before["read"], after["read"], len(made)) == (4, 5, 2)


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """The queries have tests of their own on both databases."""
    return sqlite_ledger
