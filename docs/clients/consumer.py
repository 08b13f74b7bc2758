"""A consumer of Slugline's events, to start from: `python consumer.py redis://localhost:6379/0 mine.db`.

It needs redis-py and nothing of Slugline. It reads the stream `slugline:events` as a member of a consumer group and
keeps what it makes of it in an SQLite database. What it shows:

- **Nothing is lost.** An event is acknowledged after it was dealt with. What a consumer had in hand when it died is
  taken over (XAUTOCLAIM) by the next one that looks, itself after a restart or another of the group.
- **Nothing is done twice.** Events come at least once. The id of an event is kept in the transaction that does what it
  asks for, so a repetition is recognised: after a crash, and after Redis was emptied and the log published again.
- **Nothing grows.** A bounded number of events is in hand, ids are kept for as long as Slugline keeps events, and what
  fails again and again is set aside (table `parked`) instead of being tried for ever.
- **What is lost is noticed.** A group that was away for longer than events are kept is told which positions it missed
  (`missed`): read the storylines anew (`GET /api/v1/storylines`) instead of trusting what you have.

Events of one storyline come in the order of `sequence`. That order can be lost where several consumers share a group
and where an event is tried again: if you keep state, keep the sequence with it, and leave what is older alone. Below,
`act` does that. What cannot go into the same transaction, such as a mail, should carry the id of the event so that the
other side can tell a repetition.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis

STREAM = "slugline:events"
GROUP = "example"  # one for each thing to be done: every group gets every event
BATCH = 100  # events in hand at once
BLOCK_MS = 2_000  # how long to wait for news before looking at what others left behind
IDLE_MS = 60_000  # in hand for longer than this: its consumer is dead; must be more than `act` ever takes
ATTEMPTS = 5  # then an event is set aside
KEPT_SECONDS = 31 * 86_400  # a little longer than SLUGLINE_EVENT_RETENTION_DAYS

SCHEMA = """
CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS done_at ON done (at);
CREATE TABLE IF NOT EXISTS parked (id TEXT PRIMARY KEY, event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS storylines (subject TEXT PRIMARY KEY, sequence INTEGER, headline TEXT, articles INTEGER);
"""
Event = dict[str, Any]
Act = Callable[[sqlite3.Connection, Event], None]


def act(db: sqlite3.Connection, event: Event) -> None:
    """What is to be done about an event, in `db`. Replace it by your own; an exception has the event tried again."""
    storyline = event["data"].get("storyline")
    if storyline is None or event["data"].get("backfill"):
        return
    row = (event["subject"], event["data"]["sequence"], storyline["headline"], storyline["articles"])
    db.execute(
        "INSERT INTO storylines VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET sequence = excluded.sequence,"
        " headline = excluded.headline, articles = excluded.articles WHERE excluded.sequence > storylines.sequence",
        row,
    )


def once(db: sqlite3.Connection, event: Event, act: Act) -> bool:
    """Deal with an event unless that was done, in one transaction. Returns whether it was dealt with now."""
    with db:  # commits, or takes everything back
        new = db.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (event["id"], time.time())).rowcount
        if new:
            act(db, event)
    return bool(new)


class Consumer:
    """One member of the group. `step` deals with what there is and returns how many events that were."""

    def __init__(self, client: redis.Redis, db: sqlite3.Connection, act: Act = act, idle_ms: int = IDLE_MS) -> None:
        self.client, self.db, self.act, self.idle_ms = client, db, act, idle_ms
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.db.executescript(SCHEMA)
        self.missed: range | None = None  # positions that were dropped before this group came to them
        self._looked = False

    def step(self, block_ms: int = BLOCK_MS) -> int:
        try:
            if not self._looked:
                self._look_for_gap()
            left: Any = self.client.xautoclaim(STREAM, GROUP, self.name, self.idle_ms, count=BATCH)
            mine = left[1]  # what was deleted from the stream meanwhile is in left[2], and needs no answer
            if not mine:
                answer: Any = self.client.xreadgroup(GROUP, self.name, {STREAM: ">"}, count=BATCH, block=block_ms)
                mine = answer[0][1] if answer else []
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._join()  # for the first time, or after Redis was emptied: from the beginning of what is kept
            return 0
        for entry, fields in mine:
            self._deal_with(entry, fields)
        with self.db:
            self.db.execute("DELETE FROM done WHERE at < ?", (time.time() - KEPT_SECONDS,))
        return len(mine)

    def _look_for_gap(self) -> None:
        """Whether the stream begins behind what the group would read next; once, since who follows it keeps up."""
        groups: Any = self.client.xinfo_groups(STREAM) if self.client.exists(STREAM) else []
        read = next((_position(one["last-delivered-id"]) for one in groups if one["name"] == GROUP.encode()), 0)
        first: Any = self.client.xrange(STREAM, count=1)
        if read and first and _position(first[0][0]) > read + 1:
            self.missed = range(read + 1, _position(first[0][0]))
            print(f"events {read + 1} to {self.missed[-1]} are kept no more: this group missed them", file=sys.stderr)
        self._looked = True

    def _join(self) -> None:
        try:
            self.client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another one was quicker
                raise

    def _deal_with(self, entry: bytes, fields: Mapping[bytes, bytes]) -> None:
        event: Event = {name.decode(): value.decode() for name, value in fields.items()}
        event |= {"position": _position(entry), "data": json.loads(event["data"])}
        try:
            once(self.db, event, self.act)
        except Exception as error:
            print(f"{event['type']} {event['id']}: {error}", file=sys.stderr)
            if self._attempts(entry) < ATTEMPTS:
                return  # not acknowledged: XAUTOCLAIM gives it again once it has been idle
            with self.db:
                self.db.execute("INSERT OR REPLACE INTO parked VALUES (?, ?)", (event["id"], json.dumps(event)))
        self.client.xack(STREAM, GROUP, entry)

    def _attempts(self, entry: bytes) -> int:
        found: Any = self.client.xpending_range(STREAM, GROUP, min=entry, max=entry, count=1)
        return int(found[0]["times_delivered"]) if found else 0


def _position(entry: bytes) -> int:
    return int(entry.split(b"-")[0])


def main(url: str, path: str) -> None:
    consumer = Consumer(redis.Redis.from_url(url), sqlite3.connect(path))
    while True:
        try:
            consumer.step()
        except redis.ConnectionError as error:  # Redis is away; what was in hand stays in hand
            print(f"waiting for Redis: {error}", file=sys.stderr)
            time.sleep(2)


if __name__ == "__main__":
    main(*sys.argv[1:3])
