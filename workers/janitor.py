"""The janitor: hands out what is due, puts back what got stuck, has declared storylines embedded."""

from __future__ import annotations

import time

import redis

from pipeline.dispatch import dispatch, embed_declared, recover
from pipeline.embedding import version
from pipeline.errors import LedgerError, RedisError
from pipeline.ledger import Ledger
from pipeline.settings import Settings
from workers import logs
from workers.process import Stop, now

log = logs.get("janitor")
DISPATCH_SECONDS = 0.5
RECOVER_SECONDS = 5.0


def run(settings: Settings, ledger: Ledger, client: redis.Redis, stop: Stop) -> None:
    """Work until asked to stop. Redis or the ledger being away is waited out."""
    recover_at = 0.0
    while not stop.is_set():
        try:
            embed_declared(ledger, client, version(settings.model))
            if time.monotonic() >= recover_at:
                recover_at = time.monotonic() + RECOVER_SECONDS
                done = recover(ledger, client, settings, now())
                if done.returned or done.dead:
                    log.warning("put back", returned=done.returned, dead=done.dead)
            dispatch(ledger, client, settings, now())
        except (RedisError, LedgerError) as error:
            log.warning("waiting", error=str(error))
            stop.wait(RECOVER_SECONDS)
        stop.wait(DISPATCH_SECONDS)
