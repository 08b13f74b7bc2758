"""`status --watch`: the ops page in a terminal. What it shows is what the page shows; here it only gets its lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

import redis
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline import queues
from pipeline.errors import RedisError
from pipeline.ledger import Ledger
from pipeline.settings import Settings
from workers.cli.common import console, plain, print_json
from workers.process import now
from workers.web import opsnow, show
from workers.web.crew import Hand
from workers.web.measure import Measure
from workers.web.opsnow import Ops
from workers.web.verdict import Trouble

NUMBERS = {"waiting", "oldest", "in a minute", "out a minute"}
STYLES = {"good": "bold green", "warn": "bold yellow", "bad": "bold red"}


def watch(settings: Settings, ledger: Ledger, interval: float, as_json: bool) -> None:
    """Show how the wire is, every `interval` seconds, until Ctrl-C: renewed in place on a terminal, one block or one
    line of JSON after another elsewhere. A ledger or Redis that goes away is part of what is shown."""
    look = _Look(settings, ledger)
    try:
        if as_json or not console.is_terminal:
            while True:
                moment, found = look()
                if as_json:
                    print_json({"at": moment, **asdict(found)})
                else:
                    console.print(screen(found, moment), "")
                time.sleep(interval)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                moment, found = look()
                live.update(screen(found, moment), refresh=True)
                time.sleep(interval)
    except KeyboardInterrupt:
        return


class _Look:
    """Each call looks anew; a Redis that was away is tried again."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._client: redis.Redis | None = None
        self._measure = Measure(ledger, None)

    def __call__(self) -> tuple[datetime, Ops]:
        if self._client is None:
            try:
                self._client = queues.connect(self._settings.valkey_url)
                self._measure = Measure(self._ledger, self._client)
            except RedisError:
                pass  # said by the verdict
        moment = now()
        return moment, opsnow.gathered(self._ledger, self._client, self._measure, self._settings, moment)


def screen(ops: Ops, moment: datetime) -> RenderableType:
    """All of it, the verdict first."""
    return Group(*_parts(ops, moment))


def _parts(ops: Ops, moment: datetime) -> Iterator[RenderableType]:
    yield from _verdict(ops, moment)
    yield _stages(ops)
    yield from _path(ops)
    yield _head("At work")
    if ops.crew is None:
        yield "  Redis does not say who is at work"
    yield _crew(ops.crew or (), moment)
    yield _head("Limits that hold back")
    for hold in ops.held:
        slowed = ", ".join(f"{stage} by {100 * much:.0f} %" for stage, much in hold.stages.items() if much)
        yield _line(f"{hold.says} ({slowed}) {_since(hold.since, moment)}")
    if not ops.held:
        yield "  none"
    yield _head(f"Feeds in trouble: {ops.failing:,}, silent: {ops.silent:,}, active: {ops.active:,}")
    for feed in ops.feeds:
        yield _line(f"{feed.word.lower()}: {feed.id} {feed.name}: {feed.why}")
    if ops.deliveries:
        yield _head(f"Deliveries in trouble: {len(ops.deliveries)}")
        for one in ops.deliveries:
            yield _line(_trouble(one, moment))
    yield _head(f"Dead letters: {ops.dead.count:,}")
    if ops.dead.count:
        counted = ", ".join(f"{reason} {number:,}" for reason, number in ops.dead.reasons)
        yield _line(f"{counted} (`slugline dead list`)")


def _verdict(ops: Ops, moment: datetime) -> Iterator[Text]:
    clock = f"{moment.astimezone():%H:%M:%S}  "
    if not ops.verdict.troubles:
        yield Text(f"{clock}All is well", STYLES["good"])
    for place, one in enumerate(ops.verdict.troubles):
        lead = clock if not place else " " * len(clock)
        yield Text(lead + _trouble(one, moment), STYLES[one.level])


def _trouble(one: Trouble, moment: datetime) -> str:
    since = f", {_since(one.since, moment)}" if one.since else ""
    return plain(f"{one.says}{since}{'; ' + one.way_out if one.way_out else ''}")


def _stages(ops: Ops) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("stage", "waiting", "", "oldest", "in a minute", "out a minute", "", "failed in the last hour"):
        table.add_column(
            name, justify="right" if name in {"waiting", "oldest", "in a minute", "out a minute"} else "left"
        )
    for one in ops.stages:
        why = ", ".join(f"{reason} {number:,}" for reason, number in one.failures)
        failed = f"{one.failed:,} ({why})" if one.failed else ""
        cells = (one.label, f"{one.depth:,}", one.unit, one.oldest or "–", one.rate_in or "–", one.rate_out or "–")
        table.add_row(*cells, one.clears, Text(plain(failed)), style="yellow" if one.late else "")
    return table


def _path(ops: Ops) -> Iterator[Text]:
    for one in ops.journeys:
        if one.count:
            within = ", ".join(f"{words} within {seconds}" for words, seconds in one.within)
            yield _line(f"{one.label}: {within} ({show.counted(one.count, 'article')} in the last hour)")


def _crew(crew: Sequence[Hand], moment: datetime) -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    for hand in crew:
        if hand.seen is None:
            does = "never seen"
        elif hand.silent:
            does = f"no sign of life {_since(hand.seen, moment)}"
        else:
            does = hand.does + (f", {_since(hand.since, moment)}" if hand.since else "")
        table.add_row(hand.role, Text(plain(does)), Text(plain(hand.place)), style="red" if hand.silent else "")
    return table


def _since(when: datetime, moment: datetime) -> str:
    return f"since {show.clock_time(when, moment)} ({show.span((moment - when).total_seconds())})"


def _head(words: str) -> Text:
    return Text(f"\n{words}", "bold")


def _line(words: str) -> Text:
    return Text(f"  {plain(words)}", no_wrap=True, overflow="ellipsis")
