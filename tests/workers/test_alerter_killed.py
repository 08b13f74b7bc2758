"""An alerter that is killed again and again rings exactly once all the same."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from sqlalchemy import func, select

from pipeline.ledger import Ledger, alerts, cursors, events
from pipeline.ledger.schema import events as event_table
from pipeline.ledger.schema import roles
from tests.workers.alerting import running
from tests.workers.changing import in_sequence
from tests.workers.watching import Watch
from workers.alerter import ROLE

STORYLINES, RULES, LIVES, PATIENCE = 14, 30, 4, 60.0
LEADER_SECONDS = 1.1


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_each_rule_rings_once_for_each_storyline_however_often_the_alerter_is_killed(
    ledger: Ledger, ledger_url: str
) -> None:
    watch = Watch(ledger)
    for number in range(RULES):
        watch.rule("town*", f"rule {number}", limit=1000)
    for number in range(STORYLINES):
        watch.file(f"thing{number}", f"town{number}", source="A")
    homes = set(watch.where())
    chance = random.Random(3)

    def rung() -> int:
        with ledger.read() as tx:
            return int(tx.execute(select(func.count()).where(event_table.c.type == "alert.matched")).scalar_one())

    def token() -> int:
        with ledger.read() as tx:
            return int(tx.execute(select(roles.c.token).where(roles.c.name == ROLE)).scalar() or 0)

    def publish(count: int) -> None:
        with ledger.write() as tx:
            events.number(tx, count)

    for life in range(LIVES):
        publish(3)
        known, rings = token(), rung()
        with running(ledger_url, LEADER_SECONDS) as process:
            if life % 2:  # just after it rang
                until(lambda rings=rings: rung() > rings, "it rings")
            else:  # somewhere on the way there
                until(lambda known=known: token() > known, "it takes its role")
                time.sleep(chance.random() / 20)
            process.kill()
    assert rung() < RULES * len(homes)
    for start in (None, 0):  # what is left; then all of it again
        publish(10_000)
        with ledger.write() as tx:
            if start is not None:
                cursors.move(tx, cursors.RULES, start)
            last = events.last_position(tx)
        with running(ledger_url, LEADER_SECONDS):
            until(lambda last=last: read_to(ledger) >= last, "it reads the log to its end")

    publish(10_000)
    with ledger.read() as tx:
        told = [one for one in events.after(tx, 0, 10_000) if one.type == "alert.matched"]
        rows = sum(len(alerts.of(tx, f"storyline/{storyline}")) for storyline in homes)
    pairs = Counter((one.data["rule"]["id"], one.data["storyline"]["id"]) for one in told)
    assert set(pairs.values()) == {1}
    assert len(pairs) == rows == RULES * len(homes)
    assert in_sequence(told)


def read_to(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return cursors.position(tx, cursors.RULES) or 0
