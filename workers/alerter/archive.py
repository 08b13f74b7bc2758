"""A rule run over the log of the last days: what it would have rung for. Nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.alerts.rules import Match, Rule, compile_rule
from pipeline.ledger import Ledger, events
from pipeline.records import Event
from workers.alerter import rulebook
from workers.alerter.rulebook import Embed
from workers.alerter.sight import READS, TROUBLES, Known, Seen, Sight, background, look_up

READ = 200  # originals of a storyline that are read, to see it as it was at any time of those days
KEPT = 500  # storylines kept at once
BATCH = 500
MOST_EVENTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldRing:
    """A ring that would have been; `event` is what would have caused it."""

    event: Event
    level: str
    match: Match

    def view(self) -> dict[str, Any]:
        """As the API and the command line show it."""
        data = self.event.data
        return {
            "time": self.event.time,
            "level": self.level,
            "cause": self.event.type,
            "position": self.event.position,
            **{name: data[name] for name in ("storyline", "feed") if data.get(name)},
            "why": [{"condition": one.condition, "found": one.found} for one in self.match.why],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of it. `since` is from when on the log was read: later than asked for where it does not reach back so
    far, or where more than `most` events happened since."""

    since: datetime
    events: int
    storylines: int
    rings: tuple[WouldRing, ...]

    def view(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "events": self.events,
            "storylines": self.storylines,
            "matches": [one.view() for one in self.rings],
        }


def rehearse(
    ledger: Ledger, text: str, since: datetime, *, version: str, embed: Embed, most: int = MOST_EVENTS
) -> Rehearsal:
    """What a rule would have rung for since then, each storyline as it was at the time, by its articles of today.

    Raises RuleError when the rule cannot be read, ModelError when it asks for a meaning and the model is not there.
    """
    rule = compile_rule(text)
    vectors = dict(zip(rule.sentences, embed(rule.sentences), strict=True)) if rule.sentences else {}
    book = rulebook.of({0: rule}, vectors, lambda _word: 0.0)
    with ledger.read() as tx:
        sight = Sight(version, book.sentences, background(tx, version))
        run = _Run(tx, rule, sight, version if vectors else None)
        last = events.last_position(tx)
        start = max(first_since(tx, since), last - most + 1)
        begun: datetime | None = None
        for event in _behind(tx, start - 1):
            begun = begun or event.time
            run.take(event)
    return Rehearsal(
        since=max(since, begun) if begun else since,
        events=max(0, last - start + 1),
        storylines=len(run.looked_at),
        rings=tuple(run.rings),
    )


def first_since(tx: Connection, since: datetime) -> int:
    """The position of the first event from `since` on, or the one behind the last. Positions follow time closely
    enough for a search by halves; times have no index."""
    kept = events.after(tx, 0, 1)
    low, high = (kept[0].position or 1) if kept else 1, events.last_position(tx) + 1
    while low < high:
        middle = (low + high) // 2
        found = events.after(tx, middle - 1, 1)
        if found and found[0].time < since:
            low = (found[0].position or middle) + 1
        else:
            high = middle
    return low


def _behind(tx: Connection, position: int) -> Iterator[Event]:
    while found := events.after(tx, position, BATCH, types=READS):
        yield from found
        position = found[-1].position or position


class _Run:
    """The log, event by event: a storyline rings once, and once more when it surges, whatever it is part of by now."""

    def __init__(self, tx: Connection, rule: Rule, sight: Sight, version: str | None) -> None:
        self._tx, self._rule, self._sight, self._version = tx, rule, sight, version
        self._known: OrderedDict[int, Known | None] = OrderedDict()
        self._rung: dict[str, str] = {}  # subjects with the state in which they rang
        self._surged: set[str] = set()
        self.looked_at: set[int] = set()
        self.rings: list[WouldRing] = []

    def take(self, event: Event) -> None:
        seen = self._seen(event)
        if seen is None:
            return
        surging = "surging" in seen.view.states
        if seen.storyline is not None and seen.subject in self._rung:
            if surging and seen.subject not in self._surged:
                match = self._rule.match(seen.view, also=self._rung[seen.subject])
                if match is not None:
                    self._surged.add(seen.subject)
                    self.rings.append(WouldRing(event=event, level="surge", match=match))
            return
        match = self._rule.match(seen.view) if seen.coverage or self._rule.of_states else None
        if match is None:
            return
        self.rings.append(WouldRing(event=event, level="first", match=match))
        self._rung[seen.subject] = next(iter(seen.view.states), "")
        if surging:
            self._surged.add(seen.subject)

    def _seen(self, event: Event) -> Seen | None:
        if event.type in TROUBLES:
            return self._sight.of(self._tx, event, {}) if self._rule.troubles else None
        if not self._sight.may_ring(event):
            return None
        number = int(event.data["storyline"]["id"])
        self.looked_at.add(number)
        if number not in self._known:
            self._known[number] = look_up(self._tx, number, self._version, read=READ)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(number)
        known = self._known[number]
        if known is None or self._is_over(known, event):
            return None
        return self._sight.seen(event, known)

    def _is_over(self, known: Known, event: Event) -> bool:
        """Whether the storyline has rung as often as it can, or has nothing new to say."""
        subject = f"storyline/{known.storyline.id}"
        calm = event.data["storyline"]["state"] != "surging"
        return subject in self._rung and (calm or subject in self._surged)
