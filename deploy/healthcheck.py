"""Is the service in this container doing its work? Exit code 0: yes; 1: no, and one line says why.

    slugline-healthcheck web|poller|fetch|backfill|embed|clusterer|relay|alerter|deliverer|janitor

- web answers `/healthz`;
- fetch, backfill and embed are known to Redis as workers of this host and have been heard of lately;
- clusterer, relay, alerter and deliverer: somebody holds the role (a stand-by is healthy while the active one lives);
- all of them reach the database and Redis.

It looks from outside at what the service leaves behind, and loads little: it runs every minute in every container.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

WORKER_SILENCE = timedelta(minutes=5)  # a busy worker speaks up at each job, and a job may last three minutes
ROLE_SILENCE = timedelta(minutes=1)  # a role is renewed every few seconds; a change of hands takes ten
ROLES = ("clusterer", "relay", "alerter", "deliverer")
TRADES = {"fetch": "fetch", "backfill": "fetch-backfill", "embed": "embed"}  # and their queues
SERVICES = ("web", "poller", *TRADES, *ROLES, "janitor")


class UnhealthyError(Exception):
    """The service cannot do its work; the text says why."""


def check_web() -> None:
    url = os.environ.get("SLUGLINE_HEALTH_URL", "http://127.0.0.1:8400/healthz")
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the operator's own address
            return
    except (OSError, urllib.error.URLError) as error:
        raise UnhealthyError(f"{url}: {error}") from error


def check_redis(queue: str | None, now: datetime) -> None:
    """Redis answers, and a worker of `queue` on this host was heard of lately."""
    import redis

    client = redis.Redis.from_url(
        os.environ["SLUGLINE_REDIS_URL"], socket_timeout=5, socket_connect_timeout=5, decode_responses=True
    )
    try:
        client.ping()
        if queue is None:
            return
        here = socket.gethostname()
        for key in client.smembers(f"rq:workers:{queue}"):
            hostname, beat = client.hmget(key, "hostname", "last_heartbeat")
            if hostname == here and beat and now - datetime.fromisoformat(str(beat)) < WORKER_SILENCE:
                return
        raise UnhealthyError(f"no live {queue} worker of {here} in Redis")
    except redis.RedisError as error:
        raise UnhealthyError(f"Redis: {error}") from error
    finally:
        client.close()


def check_database(role: str | None, now: datetime) -> None:
    """The database answers, and (for `role`) somebody holds that role."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(os.environ["SLUGLINE_DATABASE_URL"])
    try:
        with engine.connect() as connection:
            if role is None:
                connection.execute(text("SELECT 1"))
                return
            until = connection.execute(text("SELECT until FROM roles WHERE name = :name"), {"name": role}).scalar()
    except SQLAlchemyError as error:
        raise UnhealthyError(f"database: {str(error).splitlines()[0]}") from error
    finally:
        engine.dispose()
    if isinstance(until, str):  # SQLite keeps times as text, in UTC and without a zone
        until = datetime.fromisoformat(until)
    if until is None or now - (until if until.tzinfo else until.replace(tzinfo=UTC)) > ROLE_SILENCE:
        raise UnhealthyError(f"nobody has been the {role} since {until or 'the beginning'}")


def check(service: str, now: datetime) -> None:
    """Raises UnhealthyError when `service` is not doing its work."""
    if service == "web":
        check_web()
        return
    check_redis(TRADES.get(service), now)
    check_database(service if service in ROLES else None, now)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in SERVICES:
        print(f"usage: slugline-healthcheck {'|'.join(SERVICES)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        check(sys.argv[1], datetime.now(UTC))
    except KeyError as error:
        print(f"unhealthy: {error.args[0]} is not set", file=sys.stderr)  # noqa: T201
        return 1
    except UnhealthyError as error:
        print(f"unhealthy: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
