"""Counting in long-running processes: what they tally goes to Redis every few seconds, beside their work.

In a thread of its own, since Redis may be away: a clusterer, which needs no Redis, must not wait for it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline import metrics
from pipeline.records import Article
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs

log = logs.get("counting")
SEND_SECONDS = 2.0
REDIS_SECONDS = 2.0  # what Redis may take to connect or to answer; the process ends no later than that


@contextlib.contextmanager
def counting(settings: Settings) -> Iterator[Tally]:
    """A tally that is sent every `SEND_SECONDS` while the block runs, and once more at its end."""
    tally, done = Tally(), threading.Event()
    try:
        client = redis.Redis.from_url(
            settings.valkey_url,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:  # others tell what is wrong with the URL
        log.warning("nothing is counted", error=str(error))
        yield tally
        return

    def send() -> None:
        well = True
        while not done.wait(SEND_SECONDS):
            if (sent := tally.send(client)) != well:
                log.info("counts go to Redis again" if sent else "counts are kept until Redis answers")
            well = sent

    thread = threading.Thread(target=send, name="counting", daemon=True)
    thread.start()
    try:
        yield tally
    finally:
        done.set()
        thread.join(2 * REDIS_SECONDS)
        tally.send(client)
        client.close()


def filed(tally: Tally, article: Article, kind: str, moment: datetime, seconds: float) -> None:
    """Count one article as filed at that moment, which took the clusterer so many seconds; `kind` is `original`,
    `duplicate` or `updated`. How long it took since it came counts for what is new and fresh only."""
    tally.count(metrics.FILED, kind=kind)
    tally.observe(metrics.STAGE_SECONDS, seconds, stage="file")
    if kind == "updated" or article.backfill:
        return
    tally.observe(metrics.JOURNEY_SECONDS, (moment - article.seen).total_seconds(), since="seen")
    if article.published is not None and article.published <= moment:
        tally.observe(metrics.JOURNEY_SECONDS, (moment - article.published).total_seconds(), since="published")
