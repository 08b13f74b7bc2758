"""A clusterer that is killed at any moment: the next one goes on from the snapshot as if there had been none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger, articles, feeds, open_ledger, snapshots, storylines, work
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.records import ArticleState, Entry, Extraction
from tests.storylines.wire import about
from tests.workers.clustering import clusterer, running, until
from tests.workers.wire import NOON, VERSION, ask, at, embed, embedded, filed, outcome, states

PLACES = ["Orsel", "Marven", "Hexby", "Stellin", "Ostwick", "Cordela"]
EVENTS = ["flood", "trial", "merger", "derby"]
TOGETHER = 30  # articles in one go
BLOG = "https://paper.example/blog"


def bring(ledger: Ledger, first: int) -> None:
    """Coverage of 24 stories, some of it reprinted word for word."""
    for number in range(first, first + TOGETHER):
        place, what = PLACES[number % 6], EVENTS[(number // 6) % 4]
        text = " ".join(f"{place}{what}{n * number % 17}" for n in range(40))
        if number % 9 == 0:
            text = f"A long dispatch on the {what} in {place}. " + " ".join(f"{place}word{n}" for n in range(60))
        title = f"The {what} in {place}: {number % 5}"
        embedded(ledger, number, what, place, title=title, text=text, hours=number / 10)


def show(ledger: Ledger, seconds: float, title: str) -> None:
    """An article as its feed shows it, and as it is read and embedded then: for the first time, or edited."""
    entry = Entry(key="blog", url=BLOG, title=title, summary=title)
    page = Extraction(title=title, text=f"{title}. The old mill of Tarn is what everybody talks about.", outlet="Paper")
    with ledger.write() as tx:
        known = feeds.every(tx)
        feed = known[0].id if known else feeds.add(tx, "https://paper.example/feed", NOON)
        articles.record_entries(tx, [entry], at(seconds), feed_id=feed)
        ((article, _),) = work.due_for_fetch(tx, at(seconds), 5)
        work.hand_out(tx, [article], "fetch", at(seconds))
        (mine,) = work.claim(tx, [article], ArticleState.QUEUED, "fetch", "test", at(seconds), 60)
        changed = ("title", "text") if mine.revision else ()
        work.finish_fetch(tx, mine, page, None, at(seconds), changed=changed)
        embed(tx, article, about("mill", "Tarn"))


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    """What the ledger says of its storylines."""
    names = ("id", "headline", "lead", "articles", "originals", "outlets", "merged_into")
    with ledger.read() as tx:
        chosen = select(*(storyline_table.c[name] for name in names)).order_by(storyline_table.c.id)
        return [tuple(row) for row in tx.execute(chosen)]


Act = Callable[[Ledger], int | None]


def declare(ledger: Ledger) -> int:
    return ask(ledger, "declare", title="The flood in Orsel", text="Water stands in Orsel after the flood.")


def vector(ledger: Ledger) -> None:
    with ledger.write() as tx:
        storylines.put_vector(tx, 1, VERSION, storylines.pack(about("flood", "Orsel")))


def of(ledger: Ledger, nth: int) -> list[int]:
    """The articles of the nth storyline in order of size."""
    homes: dict[int, list[int]] = {}
    for article, (storyline, _) in filed(ledger).items():
        homes.setdefault(storyline, []).append(article)
    return sorted(homes.values(), key=lambda one: (-len(one), one))[nth]


def home(ledger: Ledger, nth: int) -> int:
    return filed(ledger)[of(ledger, nth)[0]][0]


ACTS: list[Act] = [
    declare,
    vector,
    lambda ledger: bring(ledger, 1),
    lambda ledger: ask(ledger, "merge", storyline=home(ledger, 3), into=home(ledger, 1)),
    lambda ledger: bring(ledger, 101),
    lambda ledger: show(ledger, 100, "Mill of Tarn closes"),
    lambda ledger: ask(ledger, "split", storyline=home(ledger, 0), articles=of(ledger, 0)[:2]),
    lambda ledger: ask(ledger, "rename", storyline=home(ledger, 2), title="What people call it"),
    lambda ledger: bring(ledger, 201),
    lambda ledger: show(ledger, 90_000, "Mill of Tarn burns down"),
    lambda ledger: ask(ledger, "undo", change=1),
    lambda ledger: ask(ledger, "move", articles=of(ledger, 1)[:1], to=home(ledger, 4)),
    lambda ledger: bring(ledger, 301),
]


def done(ledger: Ledger, command: int | None) -> bool:
    """Whether nothing waits for the clusterer."""
    if "embedded" in states(ledger):
        return False
    if command is None:
        return True
    state, _, error = outcome(ledger, command)
    assert error is None, error
    return state == "applied"


def at_work_on(ledger: Ledger, command: int | None, *, midway: bool) -> None:
    """Wait until a clusterer has done what waits, or some of it."""
    waiting = states(ledger).get("embedded", 0)
    until(lambda: done(ledger, command) or (midway and states(ledger).get("embedded", 0) < waiting))


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(f"sqlite:///{tmp_path / 'steady.db'}", upgrade=True)
    yield made
    made.close()


def test_killed_again_and_again_it_decides_as_the_one_that_ran_on(
    ledger: Ledger, ledger_url: str, steady: Ledger
) -> None:
    at_work, seconds = clusterer(steady, 10), 0
    replayed = []
    for number, act in enumerate(ACTS):
        command = act(steady)
        while at_work.step(at(seconds)) or not done(steady, command):
            seconds += 1
        command = act(ledger)
        # Killed somewhere in the middle of its work, where there is enough of it, and again when all is done.
        for midway in (True, False) if states(ledger).get("embedded", 0) > 1 else (False,):
            with running(ledger_url, 0.2):
                at_work_on(ledger, command, midway=midway)
        with ledger.read() as tx:
            header = snapshots.header(tx)
            assert header is not None
            replayed.append(storylines.last_position(tx) - header.position)
        assert filed(ledger) == filed(steady), f"storylines and reasons, figure by figure, after act {number}"
        assert told(ledger) == told(steady)
    assert max(replayed) < 30, "what came after the snapshot is all that is read again"
    assert any(replayed)
    kinds = {why["copy_of"] is not None for _, why in filed(ledger).values() if "copy_of" in why}
    assert kinds == {True, False}
    assert len(filed(ledger)) == 4 * TOGETHER + 1
    assert "Mill of Tarn burns down" in str(told(ledger))
