"""What `slugline up` shows: one quiet view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.ledger import Ledger, articles, feeds, storylines
from pipeline.records import Storyline
from workers import logs
from workers.children import Child
from workers.process import now

log = logs.get("supervisor")
PLAIN_SECONDS = 5.0
NEWEST = 12  # storylines shown
ORDER = ("queued", "fetched", "embedded", "filed", "duplicate", "rejected", "dead")


class View:
    """The live view when standard output is a terminal and no JSON was asked for; else log lines."""

    def __init__(self, as_json: bool) -> None:
        self._console = Console(stderr=as_json)
        self.live = sys.stdout.isatty() and not as_json
        self._live = Live(console=self._console, refresh_per_second=4, transient=True) if self.live else None
        self._notes: list[str] = []
        self._last = ""
        self._next_look = 0.0

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """One line that stays."""
        if self._live:
            self._notes = [*self._notes, sentence][-3:]
        else:
            log.info(sentence)

    def ring(self, line: str) -> None:
        """One line that people are to notice, as it is; above the live view, it stays on the screen."""
        self._console.print(Text(line, style="bold"), soft_wrap=True)

    def update(self, ledger: Ledger, children: list[Child]) -> None:
        """Show how things stand; on plain output, every few seconds, a line when the counts changed."""
        if not self._live and time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + PLAIN_SECONDS
        with ledger.read() as tx:
            counted = articles.counts(tx)
            known = feeds.every(tx)
            newest = storylines.listing(tx, limit=NEWEST)
            total = storylines.count(tx)
        states = "  ".join(f"{name} {counted[name]}" for name in ORDER if counted[name] or name in ORDER[:4])
        troubled = sum(bool(feed.error) for feed in known)
        feeds_line = f"feeds {len(known)}" + (f" ({troubled} in trouble)" if troubled else "")
        if self._live:
            self._live.update(self._picture(f"{feeds_line}  {states}  storylines {total}", newest, children))
        elif states != self._last:
            self._last = states
            log.info("standing", feeds=len(known), **{name: count for name, count in counted.items() if count})

    def summary(self, found: dict[str, Any]) -> None:
        """The end of `--until-idle`, in words."""
        ended = found["articles"]
        self._console.print(
            f"[bold]{found['entries']}[/] entries of [bold]{found['feeds']}[/] feeds: {ended['filed']} articles filed, "
            f"{ended['duplicate']} reprints, {ended['rejected']} rejected, {ended['dead']} dead; "
            f"[bold]{found['storylines']}[/] storylines, {found['events']} events, {found['seconds']} s"
        )

    def _picture(self, line: str, newest: list[Storyline], children: list[Child]) -> Group:
        table = Table(box=None, expand=True, pad_edge=False, show_edge=False)
        table.add_column("storyline", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("articles", justify="right")
        table.add_column("outlets", justify="right")
        table.add_column("updated", justify="right")
        moment = now()
        for one in newest:
            age = (moment - one.updated).total_seconds() if one.updated else 0.0
            table.add_row(one.headline or one.title, str(one.articles), str(len(one.outlets)), _ago(age))
        down = [child.name for child in children if not child.running]
        health = Text("starting again: " + ", ".join(down), style="yellow") if down else Text("all running", "green")
        notes = [Text(note, style="dim") for note in self._notes]
        return Group(Text("Slugline", style="bold"), *notes, Text(line), health, Text(""), table)


def _ago(seconds: float) -> str:
    """An age in the largest unit that fits."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
