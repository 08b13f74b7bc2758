"""An article that is forgotten after it was moved about: its words are gone from all of its stations."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger
from pipeline.ledger.schema import metadata
from tests.workers.changing import ALONE, Desk
from tests.workers.wire import VERSION, at, embedded
from workers.clusterer import Clusterer, changes
from workers.forgetting import forget

WORD = "quokka"


def everything(ledger: Ledger) -> str:
    with ledger.read() as tx:
        rows = [str(row) for table in metadata.sorted_tables for row in tx.execute(select(table))]
    return "\n".join(rows).lower()


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """Articles 1 to 3 in storylines of their own; the first one has the word in title and text, and so its events."""
    return filled(Desk(ledger))


def filled(made: Desk) -> Desk:
    made.file("flood", "Orsel", title="Quokka flood in Orsel", text="Quokka. The flood in Orsel rose.")
    made.file("trial", "Marven")
    made.file("merger", "Hexby")
    assert made.where() == [1, 2, 3]
    return made


def forgotten(desk: Desk) -> str:
    """What the ledger holds once article 1 is gone and the clusterer did its part."""
    assert WORD in everything(desk.ledger)
    forget(desk.ledger, "1", at(desk.seconds))
    desk.step()
    desk.step()
    return everything(desk.ledger)


def test_from_every_storyline_that_it_passed_through(desk: Desk) -> None:
    desk.ask("move", articles=[1], to=2)
    for storyline in (2, 3):
        desk.ask("rename", storyline=storyline, title="For now")
        desk.ask("undo", change=desk.history(storyline)[0].id)
    desk.ask("split", storyline=2, articles=[1])
    desk.ask("move", articles=[1], to=3)
    worded = {one.subject for one in desk.told() if WORD in str(one.data).lower()}
    assert {"storyline/1", "storyline/4"} <= worded
    assert WORD not in forgotten(desk)


def test_from_the_storyline_that_was_merged_away(desk: Desk) -> None:
    desk.ask("merge", storyline=1, into=2)
    assert WORD not in forgotten(desk)


def test_from_one_whose_merge_was_undone(desk: Desk) -> None:
    done = desk.ask("merge", storyline=1, into=2)["change"]
    desk.ask("undo", change=done)
    assert WORD in desk.told(1)[-1].data["storyline"]["headline"].lower()
    assert WORD not in forgotten(desk)
    assert desk.row(1)["state"] == "empty"


def test_from_one_that_it_made_the_headline_of_when_it_joined(desk: Desk) -> None:
    desk.ask("merge", storyline=2, into=1)
    desk.ask("move", articles=[1], to=3)
    desk.ask("merge", storyline=1, into=3)
    assert WORD not in forgotten(desk)
    assert {desk.one(storyline).id for storyline in (1, 2, 3)} == {3}
    assert desk.one(3).articles == 2


class Overtaken(Clusterer):
    """One that, once it is `near`, has article 1 forgotten just before it files, and merges storyline 1 right after."""

    near = False

    def _file(self, moment: datetime) -> int:
        if self.near:
            forget(self._ledger, "1", moment)
        return super()._file(moment)

    def _reconsider(self, moment: datetime, *, idle: bool) -> None:
        if self.near:
            with self._ledger.write() as tx:
                self._guard(tx)
                changes.merge(tx, self._memory, loser=1, winner=2, why={}, moment=moment)


def test_from_one_that_was_told_by_it_meanwhile_and_merged_away(ledger: Ledger) -> None:
    desk = Desk(ledger)
    desk.clusterer = overtaken = Overtaken(ledger, VERSION, options=ALONE, leader_seconds=5)
    filled(desk)
    overtaken.near = True
    embedded(desk.ledger, 77, "flood", "Orsel")
    desk.step()
    assert WORD in str([one.data for one in desk.told(1)]).lower()  # filing knew no better
    overtaken.near = False
    for _ in range(3):
        desk.step()
    assert WORD not in everything(desk.ledger)
    assert desk.one(1).id == 2


def test_a_name_that_was_given_to_its_storyline_stays_in_the_events(desk: Desk) -> None:
    desk.ask("rename", storyline=1, title="Orsel under water")
    forgotten(desk)
    (named,) = [one for one in desk.told(1) if one.type == "storyline.renamed"]
    assert named.data["storyline"]["headline"] == "Orsel under water"
