"""Feeds in a ledger, and pollers that run until something has come about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis
from sqlalchemy import func, or_, select

from pipeline.ledger import Ledger, feeds
from pipeline.ledger.schema import feeds as feed_table
from pipeline.records import Feed
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from workers.poller import Poller
from workers.process import Stop, now


def add(ledger: Ledger, *urls: str) -> list[int]:
    with ledger.write() as tx:
        made = [feeds.add(tx, url, now()) for url in urls]
    return [one for one in made if one is not None]


def one(ledger: Ledger, feed_id: int = 1) -> Feed:
    with ledger.read() as tx:
        found = feeds.find(tx, str(feed_id))
    assert found is not None
    return found


def due_now(ledger: Ledger) -> None:
    with ledger.write() as tx:
        feeds.make_due(tx, now())


def polled(ledger: Ledger) -> bool:
    """Whether no active feed is due or being polled."""
    with ledger.read() as tx:
        busy = or_(feed_table.c.due <= now(), feed_table.c.lease_until.is_not(None))
        return not tx.execute(select(func.count()).where(feed_table.c.state == "active", busy)).scalar_one()


async def until(condition: Callable[[], bool], *pollers: Poller, stop: Stop | None = None) -> None:
    """Run pollers until the condition holds, then stop them; fails after about a minute."""
    stop = stop or Stop()
    tasks = [asyncio.create_task(one.run(stop)) for one in pollers]
    try:
        for _ in range(6000):
            if condition() or any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("it did not come to that")
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def poll(settings: Settings, ledger: Ledger, sandbox: Sandbox, client: redis.Redis | None = None) -> None:
    """Poll everything that is due, once."""
    asyncio.run(until(lambda: polled(ledger), Poller(settings, ledger, client, sandbox)))
