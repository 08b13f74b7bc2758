"""A wire that is published while everything under it is broken, one thing after another, in an order from a seed."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import servers
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.machine import Machine
from tests.chaos.press import Press, printing
from tests.chaos.receivers import Receivers, receiving
from tests.chaos.verify import Reader, leaks, problems

AHEAD = 120  # articles published and not yet filed: there is always work under way
START_SECONDS = 120.0
RECOVERY_SECONDS = 180.0  # a machine that is busy with other work takes 90 to start everything anew
QUIET_SECONDS = 120.0
TOLD_SECONDS = 30.0
SINKS_SECONDS = 120.0
LEFT_JOBS_SECONDS = 30.0  # until the janitor has looked twice for orphans


@dataclass
class Report:
    """What came of a run."""

    seed: int
    database: str
    articles: int = 0
    events: int = 0
    fetched_again: int = 0
    told_again: dict[str, int] = field(default_factory=dict)  # webhook: events that came more often than once
    seconds: float = 0.0
    recovered: dict[str, list[float]] = field(default_factory=dict)  # fault: seconds until the next article was filed
    problems: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"seed {self.seed}, {self.database}: {self.articles} articles, {self.events} events, {self.seconds:.0f} s"
        yield f"pages fetched more than once: {self.fetched_again}"
        yield "events told more than once: " + ", ".join(f"{times} ({name})" for name, times in self.told_again.items())
        yield "| fault | times | next article filed after, s (median, most) |"
        yield "|---|---|---|"
        for name, times in self.recovered.items():
            yield f"| {name} | {len(times)} | {sorted(times)[len(times) // 2]:.1f}, {max(times):.1f} |"
        yield from self.problems or ["nothing lost, nothing doubled, nothing out of order"]


def run(
    seed: int,
    least: int,
    seconds: float,
    *,
    rounds: int = 1,
    only: Sequence[str] = ("",),
    postgresql: bool = False,
    ahead: int = AHEAD,
) -> Report:
    """Publish at least `least` articles while each fault (those with one of `only` in their names) is met `rounds`
    times; those that last do so for `seconds`. There are always `ahead` articles under way. After the first fault from
    which the wire does not recover no more are tried."""
    report = Report(seed, "postgresql" if postgresql else "sqlite")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slugline-chaos-")))
        stores = stack.enter_context(database()) if postgresql else None
        press = stack.enter_context(printing(seed))
        webhooks = stack.enter_context(receiving())
        machine = Machine(folder, press, stores)
        stack.callback(machine.close)
        press.publish(ahead)
        machine.start()
        reader = Reader(machine)
        reader.start()
        stack.callback(reader.end)
        _wait(lambda: machine.filed() > 0, START_SECONDS, machine, press, ahead)
        webhooks.attach(machine)
        faults = [one for one in FAULTS * rounds if any(words in one.name for words in only) and one.possible(machine)]
        random.Random(seed).shuffle(faults)
        for number, fault in enumerate(faults):
            webhooks.mended = number * 2 >= len(faults)
            if not report.problems:
                _meet(fault, machine, press, report, seconds, ahead)
        while len(press.published) < least:
            _go_on(press, machine, ahead)
            time.sleep(0.1)
        finish(machine, press, reader)
        _tell_webhooks(machine, webhooks)
        report.problems += [*problems(machine, press, reader), *webhooks.problems(machine)]
        if report.problems:
            report.problems += [machine.errors()[-6000:]]
        report.articles, report.events = len(press.published), len(reader.read)
        report.told_again = webhooks.repeated()
        report.fetched_again = sum(count > 1 for count in press.asked.values())
        code = machine.stop()
        left = machine.run.left_behind()
        if code or left:
            report.problems.append(f"`slugline up` ended with {code} and left {left}")
    report.seconds = time.monotonic() - began
    return report


@contextlib.contextmanager
def database() -> Iterator[tuple[servers.Postgres, servers.Server]]:
    """A PostgreSQL that loses nothing that it acknowledged when it is killed."""
    with tempfile.TemporaryDirectory(prefix="slugline-pg-", ignore_cleanup_errors=True) as folder:
        made = servers.postgres(Path(folder), fsync="off")
        assert made is not None
        with servers.running(made[1]):
            made[0].execute("CREATE DATABASE chaos TEMPLATE template0")
            yield made


def finish(machine: Machine, press: Press, reader: Reader) -> None:
    """Wait until all is quiet and told, as far as it will be, and let the reader end."""
    _wait(lambda: _quiet(machine, press), QUIET_SECONDS, machine, None)
    _wait(lambda: not leaks(machine), LEFT_JOBS_SECONDS, machine, None)
    _wait(lambda: _told(machine, reader), TOLD_SECONDS, machine, None)
    reader.whole = _told(machine, reader)
    reader.end()


def _tell_webhooks(machine: Machine, webhooks: Receivers) -> None:
    webhooks.resume(machine)
    _wait(lambda: webhooks.told(machine), SINKS_SECONDS, machine, None)


def _meet(fault: Fault, machine: Machine, press: Press, report: Report, seconds: float, ahead: int) -> None:
    _go_on(press, machine, ahead)
    print(f"{time.strftime('%H:%M:%S')} {fault.name}, {machine.filed()} of {len(press.published)} filed", flush=True)  # noqa: T201
    over = fault.act(machine, press, seconds)
    press.publish(10)  # there is something new to be filed afterwards
    waited = machine.next_filing(over, RECOVERY_SECONDS)
    if waited is None:
        report.problems.append(f"nothing was filed for {RECOVERY_SECONDS:.0f} s after: {fault.name}")
        return
    report.recovered.setdefault(fault.name, []).append(waited)
    if damage := machine.damage():
        report.problems.append(f"the file of the ledger is damaged after: {fault.name}: {damage}")


def _go_on(press: Press, machine: Machine, ahead: int) -> None:
    press.publish(max(0, machine.filed() + ahead - len(press.published)))


def _quiet(machine: Machine, press: Press) -> bool:
    """Whether everything that was published has come to an end."""
    counted = machine.counts()
    ended = sum(counted[state] for state in ("filed", "duplicate", "rejected", "dead"))
    return ended >= len(press.published) and ended == sum(counted.values())


def _told(machine: Machine, reader: Reader) -> bool:
    from pipeline.ledger import events

    with machine.ledger.read() as tx:
        return not events.waiting(tx) and len(reader.read) >= events.last_position(tx)


def _wait(done: object, seconds: float, machine: Machine, press: Press | None, ahead: int = AHEAD) -> None:
    deadline = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        if press is not None:
            _go_on(press, machine, ahead)
        if time.monotonic() > deadline:
            print(f"waited {seconds:.0f} s in vain: {machine.counts()}", flush=True)  # noqa: T201
            return
        time.sleep(0.2)
