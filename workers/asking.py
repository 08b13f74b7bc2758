"""Asking the clusterer for a change of a storyline, and hearing within a few seconds what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.ledger import Ledger, commands, roles
from workers.process import now as utc_now

PATIENCE = 10.0  # seconds: a clusterer at work looks at commands between batches
LOOK_EVERY = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a command: its state (`pending`, `applied`, `refused`), its result, why it was refused, and
    whether a clusterer was at work."""

    command: int
    state: str
    result: Mapping[str, Any] | None
    error: str | None
    heard: bool


def ask(
    ledger: Ledger,
    kind: str,
    payload: Mapping[str, Any],
    *,
    patience: float = PATIENCE,
    now: Callable[[], datetime] = utc_now,
) -> Answer:
    """Put a command; while a clusterer is at work, wait up to `patience` seconds for it to be applied or refused."""
    with ledger.write() as tx:
        command = commands.put(tx, kind, payload, now())
    until = time.monotonic() + patience
    while True:
        with ledger.read() as tx:
            state, result, error = commands.outcome(tx, command)
            heard = roles.holder(tx, "clusterer", now()) is not None
        if state != "pending" or not heard or time.monotonic() >= until:
            return Answer(command, state, result, error, heard)
        time.sleep(LOOK_EVERY)
