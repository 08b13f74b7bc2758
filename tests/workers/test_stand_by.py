"""A second clusterer, in a process of its own, takes over when the first one falls silent, undisturbed by it."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.ledger import Ledger
from pipeline.ledger.schema import roles as role_table
from pipeline.settings import Settings
from tests.workers.clustering import running, until
from tests.workers.wire import embedded, filed, states
from workers.clusterer.loop import STAND_BY_SECONDS
from workers.process import now

WITHIN = 15.0  # seconds
REBUILDING = 8.0  # of them, seconds that are left for knowing again what was filed


def role(ledger: Ledger) -> tuple[int, datetime]:
    """The fencing token of whoever is the clusterer, and until when it is."""
    with ledger.read() as tx:
        chosen = select(role_table.c.token, role_table.c.until).where(role_table.c.name == "clusterer")
        row = tx.execute(chosen).one()
    return row.token, row.until


def token(ledger: Ledger) -> int:
    return role(ledger)[0]


@pytest.mark.parametrize("gone", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "paused"])
def test_it_files_within_seconds_what_the_other_one_left(ledger: Ledger, ledger_url: str, gone: signal.Signals) -> None:
    shipped = Settings().leader_seconds
    with running(ledger_url, shipped) as first:
        embedded(ledger, 1, "flood", "Orsel")
        until(lambda: states(ledger) == {"filed": 1})
        before = token(ledger)
        with running(ledger_url, shipped):
            first.send_signal(gone)
            # The promise, as it can be read whatever the machine is busy with: the role ends by itself, soon.
            assert role(ledger)[1] <= now() + timedelta(seconds=WITHIN - REBUILDING - STAND_BY_SECONDS)
            embedded(ledger, 2, "flood", "Orsel")
            until(lambda: states(ledger) == {"filed": 2})
            assert token(ledger) == before + 1
            if gone == signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)
                for number in range(3, 13):
                    embedded(ledger, number, "flood", "Orsel")
                    until(lambda: "embedded" not in states(ledger))
                assert first.poll() is None, "it stands by"
            assert token(ledger) == before + 1, "the other one does not come back between"
    assert len({storyline for storyline, _ in filed(ledger).values()}) == 1, "it knows what the other one filed"
