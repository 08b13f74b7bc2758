"""What the clusterer and its people write is as declared."""

from __future__ import annotations

import pytest

from pipeline.ledger import Ledger
from tests.alerts.schemas import check
from tests.workers.changing import Desk, in_sequence


@pytest.fixture
def desk(sqlite_ledger: Ledger) -> Desk:
    return Desk(sqlite_ledger)


def test_all_that_happens_to_storylines_is_as_declared(desk: Desk) -> None:
    first = [desk.dispatch("fire", "mill", f"Outlet {n}") for n in range(2)]
    first += [desk.file("fire", "mill", source="Outlet 3")]
    second = [desk.file("strike", "port", source=f"Outlet {n}") for n in range(2)]
    mill, port = desk.where(first[0])[0], desk.where(second[0])[0]
    desk.ask("declare", title="The call", text="About a call.")
    desk.ask("rename", storyline=mill, title="The mill")
    desk.ask("lock", storyline=mill)
    desk.ask("unlock", storyline=mill)
    desk.ask("mute", storyline=mill)
    desk.ask("unmute", storyline=mill)
    merged = desk.ask("merge", storyline=port, into=mill)
    desk.ask("undo", change=merged["change"])
    parted = desk.ask("split", storyline=port, articles=[second[1]])
    desk.ask("move", articles=[second[1]], to=port)
    assert parted["other"]
    desk.seconds = 10 * 86_400
    desk.step()
    told = desk.told()
    assert in_sequence(told)
    names = "opened grew emerging developing quiet merged split moved renamed locked unlocked muted unmuted"
    assert check(told) == {f"storyline.{name}" for name in names.split()}
