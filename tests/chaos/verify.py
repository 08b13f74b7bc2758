"""What must hold when the wire is quiet again, read from the ledger, from Redis and from the outlets' own log."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import redis
from sqlalchemy import func, select

from pipeline import queues, urls
from pipeline.ledger.schema import articles, events, memberships, storylines, vectors
from pipeline.queues import EVENTS
from tests.chaos.machine import Machine
from tests.chaos.press import Press

JOB = "rq:job:"
LISTS = "queues workers workers: queue: clean_registries: suspended finished: failed: wip:".split()
KEPT_KEYS = (EVENTS, "slugline:tallies", "slugline:progress", *(f"rq:{name}" for name in LISTS))
"""What may lie in Redis without a time to live: RQ's lists of its queues and workers, the stream, and the counters."""


class Reader(threading.Thread):
    """Alerting: reads the stream from its beginning, goes on from where it was, whatever happens to Redis."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(name="reader", daemon=True)
        self._machine = machine
        self._over = threading.Event()
        self.read: list[tuple[int, str, str, int]] = []  # position, id, subject, sequence
        self.whole = False  # whether it had read all that there was at one moment of its end

    def run(self) -> None:
        while not self._over.is_set():
            with contextlib.closing(self._machine.redis()) as client, contextlib.suppress(redis.RedisError, OSError):
                while not self._over.is_set():
                    last = f"{self.read[-1][0]}-0" if self.read else "0-0"
                    answer: Any = client.xread({EVENTS: last}, count=500, block=200)
                    for _, entries in answer or []:
                        self.read += [_entry(key, fields) for key, fields in entries]
            time.sleep(0.1)

    def end(self) -> None:
        self._over.set()
        self.join(10)


def _entry(key: bytes, fields: Mapping[bytes, bytes]) -> tuple[int, str, str, int]:
    sequence = json.loads(fields[b"data"])["sequence"]
    return int(key.split(b"-")[0]), fields[b"id"].decode(), fields[b"subject"].decode(), sequence


def problems(machine: Machine, press: Press, reader: Reader) -> list[str]:
    """What does not hold, in sentences; none is expected."""
    damage = [f"the file of the ledger is damaged: {machine.damage()}"] if machine.damage() else []
    return [*damage, *_articles(machine, press), *_storylines(machine), *_events(machine, reader), *leaks(machine)]


def _articles(machine: Machine, press: Press) -> list[str]:
    with machine.ledger.read() as tx:
        rows = tx.execute(select(articles.c.url_key, articles.c.state, articles.c.reason)).all()
        twice = tx.execute(
            select(vectors.c.article_id).group_by(vectors.c.article_id).having(func.count() > 1)
        ).scalars()
        found = [f"article {one} has two vectors" for one in twice]
    published = Counter(urls.key(url) for url in press.published)
    known = Counter(row.url_key for row in rows)
    if published - known:
        found.append(f"{(published - known).total()} of {published.total()} articles are lost")
    if known - published:
        found.append(f"{(known - published).total()} articles more than were published")
    ended = Counter((row.state, row.reason) for row in rows)
    found += [f"{n} articles {s} ({r})" for (s, r), n in ended.items() if s not in {"filed", "duplicate"}]
    return found


def _storylines(machine: Machine) -> list[str]:
    with machine.ledger.read() as tx:
        ended = set(tx.execute(select(articles.c.id).where(articles.c.state.in_(("filed", "duplicate")))).scalars())
        filed = dict(map(tuple, tx.execute(select(memberships.c.article_id, memberships.c.storyline_id))))
        counted = dict(map(tuple, tx.execute(select(storylines.c.id, storylines.c.articles))))
    found = [f"article {one} was filed under no storyline" for one in ended - set(filed)]
    found += [f"article {one} is under a storyline and was not filed" for one in set(filed) - ended]
    sizes = Counter(filed.values())
    found += [
        f"storyline {one} counts {told} articles and has {sizes[one]}"
        for one, told in counted.items()
        if told != sizes[one]
    ]
    return found


def _events(machine: Machine, reader: Reader) -> list[str]:
    with machine.ledger.read() as tx:
        columns = [events.c[name] for name in "position seq id subject sequence type data".split()]
        rows = tx.execute(select(*columns)).all()
    # Storylines live on: some events may have happened just now, and have no position yet.
    rows = sorted(rows, key=lambda row: (row.position is None, row.position or row.seq))
    numbered = [row for row in rows if row.position is not None]
    found = []
    if [row.position for row in numbered] != list(range(1, len(numbered) + 1)):
        found.append("the events' positions have gaps")
    sequences: dict[str, list[int]] = defaultdict(list)
    told: Counter[int] = Counter()
    for row in rows:
        sequences[row.subject].append(row.sequence)
        if row.type in {"storyline.opened", "storyline.grew"} and "article" in row.data:
            told[row.data["article"]["id"]] += 1
    found += [
        f"the events of {subject} are out of order"
        for subject, numbers in sequences.items()
        if numbers != list(range(1, len(numbers) + 1))
    ]
    with machine.ledger.read() as tx:
        filed = set(tx.execute(select(memberships.c.article_id)).scalars())
    found += [f"article {one} was told of {told[one]} times" for one in filed | set(told) if told[one] != 1]
    here = [(row.position, row.id, row.subject, row.sequence) for row in numbered[: len(reader.read)]]
    with contextlib.closing(machine.redis()) as client:
        stream: Any = client.xrange(EVENTS, count=len(here))
    if [_entry(key, fields) for key, fields in stream] != here:
        found.append("the stream in Redis is not the ledger's log")
    if not reader.whole:
        found.append(f"a reader of the stream got {len(reader.read)} events, the ledger has {len(rows)}")
    if reader.read != here:
        found.append("a reader of the stream got other events than the ledger has")
    return found


def leaks(machine: Machine) -> list[str]:
    """Keys in Redis that would stay there for ever. The job of a worker that was killed is none while it is on RQ's
    list of those under way: RQ gives it an end when the job's own time is over."""
    with contextlib.closing(machine.redis()) as client:
        keys: Any = [key.decode() for key in client.scan_iter(count=1000)]
        endless = [key for key in keys if client.ttl(key) == -1 and not key.startswith(KEPT_KEYS)]
        known = queues.alive(client, [key.removeprefix(JOB) for key in endless if key.startswith(JOB)])
    return [f"the key {key} would stay in Redis for ever" for key in endless if key.removeprefix(JOB) not in known]
