"""What is done to a machine, one function each. A fault is over when its function returns."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.chaos.machine import Machine
from tests.chaos.press import Press

KILL_TRIES = 30


@dataclass(frozen=True)
class Fault:
    """`act` returns the moment (monotonic) from which recovery counts."""

    name: str
    act: Callable[[Machine, Press, float], float]
    on: str = ""  # only with this database

    def possible(self, machine: Machine) -> bool:
        return self.on in {"", "postgresql" if machine.postgres else "sqlite"}


def _kill(role: str, machine: Machine, press: Press, _seconds: float) -> float:
    """Work-horses and parsers are there only while there is work for them, so some is given until one is caught."""
    for _ in range(KILL_TRIES):
        if machine.kill(role):
            return time.monotonic()
        press.publish(4)
    raise AssertionError(f"no {role} to kill: {machine.errors()[-2000:]}")


def _flush(machine: Machine, _press: Press, _seconds: float) -> float:
    with contextlib.closing(machine.redis()) as client:
        client.flushall()
    return time.monotonic()


def _no_memory(machine: Machine, _press: Press, seconds: float) -> float:
    with contextlib.closing(machine.redis()) as client:
        client.config_set("maxmemory", "1")
        time.sleep(seconds)
        client.config_set("maxmemory", "0")
    return time.monotonic()


def _halt(role: str, machine: Machine, _press: Press, seconds: float) -> float:
    with machine.halted(role):
        time.sleep(seconds)
    return time.monotonic()


def _lock(machine: Machine, _press: Press, seconds: float) -> float:
    with machine.ledger_locked():
        time.sleep(seconds)
    return time.monotonic()


def _full(machine: Machine, _press: Press, seconds: float) -> float:
    with machine.ledger_full():
        time.sleep(seconds)
    return time.monotonic()


def _down(_machine: Machine, press: Press, seconds: float) -> float:
    press.down = True
    try:
        time.sleep(seconds)
    finally:
        press.down = False
    return time.monotonic()


def _clock(offset: str, machine: Machine, _press: Press, seconds: float) -> float:
    with machine.clock_at(offset):
        time.sleep(seconds)
    return time.monotonic()


def _end_all(machine: Machine, _press: Press, _seconds: float) -> float:
    machine.run.process.kill()
    machine.run.wait(10)
    machine.run.end()  # there is nothing to be ended any more, only what its output went to
    machine.start()
    return time.monotonic()


def _database(how: signal.Signals, machine: Machine, _press: Press, seconds: float) -> float:
    server = machine.database_server
    assert server is not None
    server.end(how)
    time.sleep(seconds)
    server.start()
    return time.monotonic()


def _disconnect(machine: Machine, _press: Press, _seconds: float) -> float:
    assert machine.postgres is not None
    machine.postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chaos' AND pid <> pg_backend_pid()"
    )
    return time.monotonic()


FAULTS = (
    Fault("kill -9 of a fetch worker", partial(_kill, "worker fetch")),
    Fault("kill -9 of a fetch work-horse", partial(_kill, "horse")),
    Fault("kill -9 of a parser", partial(_kill, "parser")),
    Fault("kill -9 of the parsers' sandbox", partial(_kill, "sandbox")),
    Fault("kill -9 of the backfill worker", partial(_kill, "backfill")),
    Fault("kill -9 of the embed worker", partial(_kill, "worker embed")),
    Fault("kill -9 of the poller", partial(_kill, "poller")),
    Fault("kill -9 of the clusterer", partial(_kill, "clusterer")),
    Fault("kill -9 of the relay", partial(_kill, "relay")),
    Fault("kill -9 of the alerter", partial(_kill, "alerter")),
    Fault("kill -9 of the deliverer", partial(_kill, "deliverer")),
    Fault("kill -9 of the janitor", partial(_kill, "janitor")),
    Fault("kill -9 of Valkey", partial(_kill, "valkey")),
    Fault("kill -9 of all (`slugline up`), and a new start", _end_all),
    Fault("FLUSHALL", _flush),
    Fault("Valkey out of memory", _no_memory),
    Fault("Valkey stopped", partial(_halt, "valkey")),
    Fault("the clusterer stopped for longer than its role lasts", partial(_halt, "clusterer")),
    Fault("ledger locked by another", _lock),
    Fault("disk full: no write succeeds", _full, on="sqlite"),
    Fault("half of the sites down", _down),
    *(Fault(f"clock {offset} s", partial(_clock, offset)) for offset in ("+900", "-900")),
    Fault("PostgreSQL restarted", partial(_database, signal.SIGINT), on="postgresql"),
    Fault("kill -9 of PostgreSQL", partial(_database, signal.SIGQUIT), on="postgresql"),
    Fault("all connections to PostgreSQL cut", _disconnect, on="postgresql"),
)
