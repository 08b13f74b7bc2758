"""Whole lives of storylines on the real ledger, in simulated time: the clusterer is told what time it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.ledger import Ledger, events, lives, storylines
from pipeline.ledger.schema import articles
from pipeline.records import Event
from pipeline.storylines import life
from tests.workers.wire import NOON, VERSION, ask, embedded, outcome
from workers.clusterer import Clusterer


@dataclass
class Wire:
    """Articles come in at an hour after noon; the clusterer steps at that time. What a story does in between is played
    by stepping once an hour."""

    ledger: Ledger
    number: int = 0
    hour: float = 0.0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clusterer = Clusterer(self.ledger, VERSION)

    def step(self, hour: float) -> None:
        self.hour = hour
        self.clusterer.step(NOON + timedelta(hours=hour))

    def until(self, hour: float, every: float = 1.0) -> None:
        while self.hour + every <= hour:
            self.step(self.hour + every)
        self.step(hour)

    def article(self, hour: float, outlet: str, *topics: str, backfill: bool = False, **fields: Any) -> int:
        """An article first seen at that hour (and written then, unless said otherwise), filed at once."""
        self.number += 1
        made = embedded(self.ledger, self.number, *(topics or ("flood", "Orsel")), source=outlet, hours=hour, **fields)
        if backfill:
            with self.ledger.write() as tx:
                tx.execute(update(articles).where(articles.c.id == made).values(backfill=True))
        self.step(hour)
        return made

    def lived(self, storyline: int = 1) -> list[tuple[str, float]]:
        """The changes of state, with the hour of each."""
        turns = [one for one in self.events() if one.subject == f"storyline/{storyline}" and "before" in one.data]
        return [(one.type.split(".")[1], round((one.time - NOON).total_seconds() / 3600, 2)) for one in turns]

    def events(self) -> list[Event]:
        with self.ledger.write() as tx:
            events.number(tx, 10_000)
            return events.after(tx, 0, 10_000)

    def state(self, storyline: int = 1) -> str:
        with self.ledger.read() as tx:
            found = storylines.one(tx, storyline)
        assert found is not None
        return found.state


@pytest.fixture
def wire(ledger: Ledger) -> Wire:
    return Wire(ledger)


def test_a_whole_life(wire: Wire) -> None:
    wire.article(0, "Ant")
    assert wire.state() == "emerging"
    wire.article(1, "Bee")
    for n in range(2, 9):
        wire.article(n, ("Ant", "Bee", "Cat")[n % 3])
    assert wire.state() == "developing"
    for n in range(14):
        wire.article(10 + n / 20, f"Outlet {n % 7}")
    assert wire.state() == "surging"
    wire.until(50)
    assert wire.state() == "quiet"
    wire.article(50, "Dog", title="The flood Orsel: report 3")
    assert wire.state() == "developing"
    wire.until(50 + 24 * 33, every=12)
    assert wire.state() == "closed"
    names = [name for name, _ in wire.lived()]
    assert names == ["developing", "surging", "developing", "quiet", "developing", "quiet", "closed"]
    hours = dict(wire.lived()[:4])
    assert hours["quiet"] == pytest.approx(34.65, abs=1), "a day after its last article"
    closed = wire.lived()[-1][1]
    assert closed == pytest.approx(50 + 24 * 32, abs=12), "when nobody can join any more"
    told = [one for one in wire.events() if one.subject == "storyline/1"]
    assert [one.sequence for one in told] == list(range(1, len(told) + 1))
    surge = next(one for one in told if one.type == "storyline.surging")
    assert surge.data["why"]["outlets"] >= 3
    assert surge.data["storyline"]["state"] == "surging"
    assert surge.data["before"] == "developing"
    assert surge.data["backfill"] is False


def test_a_life_goes_on_where_it_was_after_a_restart(wire: Wire) -> None:
    for n in range(4):
        wire.article(n, ("Ant", "Bee")[n % 2])
    for n in range(14):
        wire.article(10 + n / 20, f"Outlet {n % 7}")
        wire.clusterer = Clusterer(wire.ledger, VERSION, leader_seconds=1)  # the one before died
        wire.step(10 + n / 20 + 0.01)
    assert [name for name, _ in wire.lived()] == ["developing", "surging"]
    wire.until(40)
    assert wire.state() == "quiet"


def test_the_backfill_of_a_feed_raises_no_surge(wire: Wire) -> None:
    for n in range(40):
        wire.article(1 + n / 60, f"Outlet {n % 7}", backfill=True)
    assert [name for name, _ in wire.lived()] == ["developing"], "outlets corroborate it all the same"
    assert wire.events()[-1].data["backfill"] is True
    wire.until(24.9)
    assert wire.state() == "developing"
    wire.until(27)
    assert wire.state() == "quiet"


def test_one_outlet_alone_raises_no_surge(wire: Wire) -> None:
    wire.article(0, "Bee")
    for n in range(60):
        wire.article(1 + n / 60, "Ant")
    wire.until(3, every=0.25)
    assert [name for name, _ in wire.lived()] == ["developing"]


def test_reprints_corroborate_nothing(wire: Wire) -> None:
    text = "A long dispatch on the flood in Orsel. " + " ".join(f"Orselword{n}" for n in range(60))
    for n in range(12):
        wire.article(n / 20, f"Outlet {n}", title="The flood of Orsel", text=text)
    assert (wire.state(), wire.lived()) == ("emerging", [])


def test_late_articles_do_not_wake_a_quiet_storyline(wire: Wire) -> None:
    wire.article(0, "Ant")
    wire.article(1, "Bee")
    wire.until(60)
    assert wire.state() == "quiet"
    late = wire.article(61, "Cat", published=NOON + timedelta(hours=2))
    assert wire.state() == "quiet"
    wire.article(62, "Dog", published=None, backfill=True)
    assert wire.state() == "quiet"
    wire.article(63, "Elk")
    assert wire.state() == "developing"
    assert late


def test_a_late_or_undated_article_does_not_reopen_a_closed_storyline(wire: Wire) -> None:
    wire.article(0, "Ant")
    wire.article(1, "Bee")
    wire.until(24 * 33, every=24)
    assert wire.state() == "closed"
    for number, published in enumerate((NOON + timedelta(hours=2), None), start=1):
        late = wire.article(24 * 33 + number, "Cat", published=published)
        with wire.ledger.write() as tx:  # filing forgot the storyline: as if it had come to it all the same
            tx.exec_driver_sql(f"UPDATE memberships SET storyline_id = 1 WHERE article_id = {late}")
            lives.put_off(tx, 1, NOON)
        wire.step(24 * 33 + number + 0.1)
        assert wire.state() == "closed"


def test_a_declared_storyline_stays(wire: Wire) -> None:
    command = ask(wire.ledger, "declare", title="The flood in Orsel", text="About the flood Orsel.")
    wire.step(0)
    declared = outcome(wire.ledger, command)[1]["storyline"]
    wire.until(24 * 60, every=24)
    assert (wire.state(declared), wire.lived(declared)) == ("emerging", []), "it waits for its first article"
    made = wire.article(24 * 60, "Ant", title="The flood in Orsel", text="About the flood in Orsel.")
    with wire.ledger.write() as tx:
        tx.exec_driver_sql(f"UPDATE memberships SET storyline_id = {declared} WHERE article_id = {made}")
        lives.put_off(tx, declared, NOON)
    wire.until(24 * 120, every=24)
    assert wire.lived(declared)[-1][0] == "quiet"
    with wire.ledger.read() as tx:
        assert declared not in lives.due(tx, NOON + timedelta(days=1000), 10)


def test_a_bounded_number_is_looked_at_in_a_step(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.clusterer.lives.AT_ONCE", 2)
    places = ("Orsel", "Marven", "Hexby", "Stellin", "Ostwick")
    for place, what in zip(places, ("flood", "trial", "merger", "derby", "strike"), strict=True):
        wire.article(0, "Ant", what, place)
    quiet = []
    for second in range(4):
        wire.step(30 + second / 3600)
        quiet.append(sum(wire.state(storyline) == "quiet" for storyline in range(1, 6)))
    assert quiet == [2, 4, 5, 5]


def test_that_it_went_quiet_does_not_bring_it_to_the_top_of_the_list(wire: Wire) -> None:
    wire.article(0, "Ant")
    wire.article(20, "Ant", "trial", "Marven")
    wire.until(30)
    assert (wire.state(1), wire.state(2)) == ("quiet", "emerging")
    with wire.ledger.read() as tx:
        assert [one.id for one in storylines.listing(tx, limit=9)] == [2, 1]


def test_people_move_a_fresh_article_into_a_closed_storyline_and_reopen_it(wire: Wire) -> None:
    wire.article(0, "Ant")
    wire.until(24 * 33, every=24)
    assert wire.state() == "closed"
    made = wire.article(24 * 33, "Bee", "trial", "Marven")
    ask(wire.ledger, "move", articles=[made], to=1)
    wire.step(24 * 33 + 1)
    assert wire.state() == "developing"


def test_what_was_due_long_ago_is_no_news(wire: Wire) -> None:
    """The clusterer was away, or the release before knew nothing of lives."""
    wire.article(0, "Ant")
    wire.step(100)
    (turn,) = [one for one in wire.events() if one.type == "storyline.quiet"]
    assert turn.data["backfill"] is True


def test_what_is_due_now_is_news_and_so_is_what_came_while_it_was_away(wire: Wire) -> None:
    wire.article(0, "Ant")
    wire.article(0, "Ant", "trial", "Marven")
    wire.until(30)
    quiet = [one.data["backfill"] for one in wire.events() if one.type == "storyline.quiet"]
    assert quiet == [False, False]
    wire.article(100, "Bee")
    developing = [one for one in wire.events() if one.type == "storyline.developing"]
    assert [one.data["backfill"] for one in developing] == [False]


def test_fewer_are_looked_at_while_there_is_something_to_file(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.clusterer.lives.BUSY", 1)
    places = ("Orsel", "Marven", "Hexby")
    for place, what in zip(places, ("flood", "trial", "merger"), strict=True):
        wire.article(0, "Ant", what, place)
    wire.article(30, "Ant", "derby", "Stellin")
    assert sum(wire.state(storyline) == "quiet" for storyline in (1, 2, 3)) == 1
    wire.step(30.1)
    assert sum(wire.state(storyline) == "quiet" for storyline in (1, 2, 3)) == 3


def test_a_wave_is_looked_at_within_seconds(wire: Wire) -> None:
    second = 1 / 3600
    for n in range(5):
        wire.article(n * second, f"Outlet {n}")
    with wire.ledger.read() as tx:
        assert lives.due(tx, NOON + timedelta(seconds=59), 10) == [], "a few articles are no wave"
    for n in range(5, 10):
        wire.article(n * second, f"Outlet {n}")
    assert wire.state() == "developing", "not looked at with every article"
    wire.step(10 * second)
    assert wire.state() == "surging"


def test_fewer_articles_than_a_wave_has_never_surge() -> None:
    assert life.tail(storylines.BURST - 1, life.LEAST_RATE) > 10**-life.BEGIN
