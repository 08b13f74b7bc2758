"""A desk (`changing`) with an alerter that watches it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import update

from pipeline.ledger import Ledger, events, lives, rules
from pipeline.ledger.schema import articles as article_table
from pipeline.records import Event
from pipeline.settings import Settings
from tests.storylines.wire import about
from tests.workers.changing import Desk
from tests.workers.wire import VERSION, at, embedded
from workers.alerter import Alerter


def embed(sentences: Sequence[str]) -> np.ndarray:
    """As the made-up model of the tests: a sentence is its words as topics."""
    return np.stack([about(*sentence.split()) for sentence in sentences])


class Watch(Desk):
    """Each call of `rings` lets the alerter look at everything that happened, and gives what rang since the last."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.ledger = ledger
        self._known = 0
        self.anew()

    def anew(self) -> None:
        """The alerter is gone without a word, and another one takes over."""
        self.seconds += 30
        self.alerter = Alerter(Settings(leader_seconds=10), self.ledger, VERSION, embed)

    def rule(self, text: str, name: str = "", **options: Any) -> int:
        self.seconds += 1
        with self.ledger.write() as tx:
            made = rules.add(tx, name or f"rule of {text}", text, options, self.now)
        self.seconds += 1
        return made

    @property
    def now(self) -> datetime:
        return at(self.seconds)

    def rings(self) -> list[Event]:
        for _ in range(50):
            with self.ledger.write() as tx:
                events.number(tx, 1000)
            if not self.alerter.step(self.now):
                break
        with self.ledger.write() as tx:
            events.number(tx, 1000)
        with self.ledger.read() as tx:
            found = events.after(tx, self._known, 1000, types=["alert.matched"])
            self._known = events.last_position(tx)
        return found

    def levels(self) -> list[tuple[str, str]]:
        """The same in short: rule and level."""
        return [(one.data["rule"]["name"], one.data["level"]) for one in self.rings()]

    def backfilled(self, *topics: str, **fields: Any) -> int:
        """An article of a feed's first poll, filed."""
        self.number += 1
        made = embedded(self.ledger, self.number, *topics, **fields)
        with self.ledger.write() as tx:
            tx.execute(update(article_table).where(article_table.c.id == made).values(backfill=True))
        assert self.step() == 1
        return made

    def turns(self, storyline: int, state: str, *, backfill: bool = False) -> None:
        """A change of state, as the clusterer writes it."""
        self.seconds += 1
        with self.ledger.write() as tx:
            (row,) = lives.taken_up(tx, [storyline])
            lives.turn(tx, row, state, None, {}, self.now, backfill=backfill)
