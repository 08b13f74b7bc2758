"""A ledger with a few storylines, a clusterer at work on it, and people who ask it for changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from pipeline.ledger import Ledger, changes, events, storylines
from pipeline.ledger.schema import memberships
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.records import Event, Storyline
from pipeline.storylines.options import FilingOptions
from tests.workers.wire import VERSION, ask, at, embedded, outcome
from workers.clusterer import Clusterer
from workers.clusterer.memory import Memory


def text(what: str, place: str) -> str:
    """Long enough to be recognised when it is printed again."""
    return f"A long dispatch on the {what} in {place}. " + " ".join(f"{place}word{n}" for n in range(60))


ALONE = FilingOptions(second_thoughts=False)  # what is tested here is what people ask for


@dataclass
class Desk:
    """Each call of `step` is ten seconds later; `file` and `ask` return once the clusterer did its part."""

    ledger: Ledger
    clusterer: Clusterer = field(init=False)
    seconds: float = 0.0
    number: int = 0

    def __post_init__(self) -> None:
        self.clusterer = Clusterer(self.ledger, VERSION, options=ALONE, leader_seconds=5)

    def step(self) -> int:
        self.seconds += 10
        return self.clusterer.step(at(self.seconds))

    def restart(self) -> None:
        """The process is gone without a word, and another one takes over."""
        self.clusterer = Clusterer(self.ledger, VERSION, options=ALONE, leader_seconds=5)

    def file(self, *topics: str, **fields: Any) -> int:
        """An article filed; returns its id."""
        self.number += 1
        made = embedded(self.ledger, self.number, *topics, **fields)
        assert self.step() == 1
        return made

    def dispatch(self, what: str, place: str, outlet: str) -> int:
        """A text that is always the same, so that the second one is a reprint of the first."""
        return self.file(what, place, title=f"The {what} of {place}", text=text(what, place), source=outlet)

    def ask(self, kind: str, **payload: Any) -> dict[str, Any]:
        """What came of a command that was applied."""
        command = ask(self.ledger, kind, **payload)
        self.step()
        state, result, error = outcome(self.ledger, command)
        assert state == "applied", error
        return dict(result)

    def refused(self, kind: str, **payload: Any) -> str:
        """Why a command was refused; the ledger is as it was, but for the command."""
        before = self.told()
        command = ask(self.ledger, kind, **payload)
        self.step()
        state, _, error = outcome(self.ledger, command)
        assert state == "refused"
        assert self.told() == before
        return str(error)

    @property
    def memory(self) -> Memory:
        return self.clusterer._memory

    def where(self, *articles: int) -> list[int]:
        """The storylines of these articles; of all of them, in the order of filing, when none is named."""
        rows = self.memberships()
        return [rows[article]["storyline_id"] for article in articles or rows]

    def memberships(self) -> dict[int, dict[str, Any]]:
        with self.ledger.read() as tx:
            rows = tx.execute(select(memberships).order_by(memberships.c.position)).mappings()
            return {row["article_id"]: dict(row) for row in rows}

    def row(self, storyline: int) -> dict[str, Any]:
        """The row under exactly this id."""
        with self.ledger.read() as tx:
            chosen = select(storyline_table).where(storyline_table.c.id == storyline)
            return dict(tx.execute(chosen).mappings().one())

    def one(self, storyline: int) -> Storyline:
        with self.ledger.read() as tx:
            found = storylines.one(tx, storyline)
        assert found is not None
        return found

    def history(self, storyline: int) -> list[changes.Change]:
        with self.ledger.read() as tx:
            return changes.history(tx, storyline, 100)

    def told(self, storyline: int | None = None) -> list[Event]:
        """The events, of one storyline or of all."""
        with self.ledger.write() as tx:
            events.number(tx, 1000)
            found = events.after(tx, 0, 1000)
        return [one for one in found if storyline is None or one.subject == f"storyline/{storyline}"]

    def decides(self, *topics: str, **fields: Any) -> int | None:
        """Where an article on these topics would be filed, without filing it."""
        self.number += 1
        made = embedded(self.ledger, self.number, *topics, **fields)
        with self.ledger.read() as tx:
            article = next(one for one in storylines.embedded(tx, VERSION, 100) if one.id == made)
        return self.memory.filing.decide(article).storyline


def in_sequence(told: list[Event]) -> bool:
    """Whether the events of each subject are numbered from 1 without gaps."""
    last: dict[str, int] = {}
    for one in told:
        if one.sequence != last.get(one.subject, 0) + 1:
            return False
        last[one.subject] = one.sequence
    return True
