"""Alertmanager as a sink: an event is a POST of the alerts that it begins or ends, and what is not over is told again.

Alertmanager keeps nothing over its own restart, so troubles that stand are told again every few minutes, from the
ledger and not from the log: that also brings a new sink what began before it was added.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from pipeline.alerts import alertmanager, delivery
from pipeline.errors import FetchError, InputError
from pipeline.http import Client, classify
from pipeline.http.client import Response
from pipeline.ledger import Ledger, feeds, sinks, storylines, troubles
from pipeline.records import Attempt, Delivery, Event, Sink
from pipeline.settings import Settings
from workers import logs
from workers.process import is_time

log = logs.get("deliverer")
KIND = "alertmanager"
TROUBLE_SECONDS = 60.0  # until the next attempt to tell what stands
AT_ONCE = 500  # alerts of one request
TEST = "slugline.test"


async def send(http: Client, sink: Sink, events: Sequence[Event], settings: Settings, now: datetime) -> Attempt:
    """Tell an Alertmanager of events, in one request; of those that are no alerts it is told nothing."""
    minutes = int(sink.options.get("minutes") or alertmanager.MINUTES)
    alerts = [one for event in events for one in _alerts(event, now, minutes, settings.public_url)]
    if not alerts:
        return Attempt()
    token = next((secret for secret, until in sink.secrets if until is None), "")
    lines = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        answer = await http.deliver(alertmanager.endpoint(sink.url), json.dumps(alerts).encode(), lines)
    except FetchError as error:
        return Attempt(error=str(error))
    return _attempt(answer)


def _alerts(event: Event, now: datetime, minutes: int, public_url: str) -> list[alertmanager.ALERT]:
    if event.type != TEST:
        return alertmanager.alerts(event, now, minutes, public_url)
    return [
        {
            "labels": {"alertname": "SluglineTest", "severity": "info"},
            "annotations": {"summary": str(event.data.get("message", ""))},
            "startsAt": event.time.isoformat(),
            "endsAt": (now + timedelta(minutes=5)).isoformat(),
        }
    ]


def _attempt(answer: Response) -> Attempt:
    told = Attempt(
        status=answer.status,
        seconds=answer.seconds,
        answer=answer.body.decode("utf-8", "replace").replace("\0", ""),
    )
    if 200 <= answer.status < 300:
        return told
    words = f"it answered {answer.status}"
    if 300 <= answer.status < 400:
        words = f"it redirects ({answer.status}): give the sink Alertmanager's final address"
    if answer.status in (401, 403):
        words += ": it wants a login in the URL, or a bearer token"
    named = classify(answer)
    return replace(told, error=words, after=None if named is None else named.after)


def as_it_is_now(tx: Connection, sink: Sink, found: Sequence[Delivery]) -> list[Delivery]:
    """Deliveries to an Alertmanager with the ids that storylines have by now: after a merge that of the one that has
    the articles, so that what it rings for is one alert. Those to other kinds as they are."""
    if sink.kind != KIND:
        return list(found)
    return [replace(one, event=replace(one.event, data=_now(tx, one.event.data))) for one in found]


def _now(tx: Connection, data: Any) -> dict[str, Any]:
    told = dict(data)
    if told.get("matches"):
        told["matches"] = [_now(tx, one) for one in told["matches"]]
    if named := told.get("storyline"):
        stands = storylines.one(tx, int(named["id"]))
        if stands is not None and stands.id != named["id"]:
            told["storyline"] = {**named, "id": stands.id}
    return told


def standing(tx: Connection, moment: datetime) -> list[Event]:
    """The troubles that were told and are not over, as events like those that told of them."""
    found: list[Event] = []
    for subject, told in troubles.every(tx):
        feed = feeds.find(tx, subject.removeprefix("feed/")) if subject.startswith("feed/") else None
        for trouble, since in told.items():
            if subject == troubles.PIPELINE:
                found.append(_event(f"pipeline.{trouble}", subject, since, {"since": since}))
            elif feed is not None:
                own = {"failures": feed.failures, "error": feed.error, "state": feed.state.value}
                if trouble == troubles.SILENT:
                    newest = (feed.silent_since or feed.last_new or moment).isoformat()
                    own = {"since": newest, "entries_per_day": feed.entries_per_day}
                found.append(_event(f"feed.{trouble}", subject, since, {**troubles.of_feed(feed), **own}))
    return found


def _event(type_: str, subject: str, since: str, data: dict[str, Any]) -> Event:
    return Event(
        id=f"{type_}/{subject}",
        type=type_,
        subject=subject,
        sequence=0,
        time=datetime.fromisoformat(since),
        data=data,
        position=None,
    )


class Again:
    """Tells each Alertmanager again what is not over, every five minutes and when the deliverer starts."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._due: dict[int, datetime] = {}
        self._seen: set[int] = set()  # Alertmanagers: of others the ledger is not asked

    def due(self, sink: Sink, moment: datetime) -> bool:
        """Whether it is time to tell this sink what stands; always false for what is no Alertmanager."""
        if sink.kind == KIND:
            self._seen.add(sink.id)
        if sink.kind != KIND or delivery.rests(sink, moment):
            return False
        at = self._due.get(sink.id)
        return at is None or is_time(moment, at, alertmanager.AGAIN.total_seconds())

    async def tell(self, http: Client, sink_id: int, moment: datetime) -> None:
        """Tell what stands, where that is due. What is not taken is tried again in a minute, and is no failure."""
        if sink_id not in self._seen:
            return
        sink, standing_now = await asyncio.to_thread(self._read, sink_id, moment)
        if sink is None:
            return
        self._due[sink.id] = moment + alertmanager.AGAIN
        events = [one for one in standing_now if delivery.wanted(sink, one)]
        for start in range(0, len(events), AT_ONCE):
            attempt = await send(http, sink, events[start : start + AT_ONCE], self._settings, moment)
            if attempt.error:
                self._due[sink.id] = moment + timedelta(seconds=TROUBLE_SECONDS)
                log.warning("what stands was not told again", sink=sink.name, error=attempt.error)
                return

    def _read(self, sink_id: int, moment: datetime) -> tuple[Sink | None, list[Event]]:
        with self._ledger.read() as tx:
            sink = sinks.one(tx, sink_id)
            due = sink is not None and sink.state == "active" and self.due(sink, moment)
            return (sink, standing(tx, moment)) if due else (None, [])


def check_options(options: Mapping[str, Any], covers: Sequence[str]) -> dict[str, Any]:
    """The options of such a sink, complete. Raises InputError for a time that is none, for what is no option of it, and
    for types that are no alerts; `covers` are those that its patterns stand for."""
    minutes = options.get("minutes", alertmanager.MINUTES)
    if strange := options.keys() - {"minutes"}:
        raise InputError(f"an Alertmanager has no {min(strange)}; that is for other kinds of sinks")
    if not 1 <= minutes <= alertmanager.MOST_MINUTES:
        raise InputError(f"alerts end after 1 to {alertmanager.MOST_MINUTES} minutes; {minutes} is out of that")
    if unsaid := [one for one in covers if one not in alertmanager.TYPES]:
        raise InputError(f"{unsaid[0]} is no alert that begins and ends; there are: {', '.join(alertmanager.TYPES)}")
    return {"minutes": minutes}


def check_token(token: str) -> None:
    """Raises InputError for what cannot be a bearer token in a header."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("a bearer token has no blanks and no letters beyond ASCII")
