"""What a request needs of the process that answers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import redis
from fastapi import Depends, Request

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from workers.digest import Memory
from workers.meaning import Meaning
from workers.web.door import Door
from workers.web.measure import Measure

ONE, MANY = "one", "many"  # the two forms of a body that may be a list; no part of a field's name
MAX_ID = 2**63 - 1  # what a BIGINT holds; a larger number in a URL would be an error of the database, not a 404


@dataclass(slots=True)
class Kept:
    """Something that is found out anew each time, unless that takes long: then it is kept for a few seconds."""

    long: float = 0.02  # seconds
    seconds: float = 5.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _value: Any = None
    _until: float = 0.0

    def get(self, find: Callable[[], Any]) -> Any:
        with self._lock:
            began = time.monotonic()
            if began < self._until:
                return self._value
            self._value = find()
            ended = time.monotonic()
            self._until = ended + self.seconds if ended - began > self.long else 0.0
            return self._value


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` gives the present time, aware and in UTC; `redis` is None where none is configured, `door` where no token
    is set; `measure` gives the figures of the pipeline as they are, or were a few seconds ago;
    `meaning` finds storylines, and `told` keeps what was told of them."""

    settings: Settings
    ledger: Ledger
    redis: redis.Redis | None
    clock: Callable[[], datetime]
    measure: Measure
    meaning: Meaning
    door: Door | None = None
    strip: Kept = field(default_factory=Kept)
    total: Kept = field(default_factory=Kept)
    told: Memory = field(default_factory=Memory)


async def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


Here = Annotated[Context, Depends(_context)]
