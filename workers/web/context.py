"""What a request needs of the process that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import redis
from fastapi import Depends, Request

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from workers.web.door import Door
from workers.web.measure import Measure

ONE, MANY = "one", "many"  # the two forms of a body that may be a list; no part of a field's name
MAX_ID = 2**63 - 1  # what a BIGINT holds; a larger number in a URL would be an error of the database, not a 404


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` gives the present time, aware and in UTC; `redis` is None where none is configured, `door` where no token
    is set; `measure` gives the figures of the pipeline as they are, or were a few seconds ago."""

    settings: Settings
    ledger: Ledger
    redis: redis.Redis | None
    clock: Callable[[], datetime]
    measure: Measure
    door: Door | None = None


async def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


Here = Annotated[Context, Depends(_context)]
