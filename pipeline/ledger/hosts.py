"""Politeness towards hosts: when a registrable domain may be asked again, and what its robots.txt says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import hosts


def ensure(tx: Connection, keys: Iterable[str], now: datetime) -> None:
    """Make a row for each host that has none; it may be asked at once."""
    rows = [{"host_key": key, "next_handout": now, "next_request": now} for key in sorted(set(keys))]
    if rows:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        tx.execute(insert(hosts).on_conflict_do_nothing(), rows)


def reserve_handout(tx: Connection, keys: Iterable[str], until: datetime) -> None:
    """Keep dispatch from handing out anything of these hosts before `until`."""
    chosen = hosts.c.host_key.in_(sorted(set(keys)))
    # Rows are locked in the order of their keys, as everywhere: else two transactions may wait for each other.
    tx.execute(select(hosts.c.host_key).where(chosen).order_by(hosts.c.host_key).with_for_update()).all()
    tx.execute(update(hosts).where(chosen).values(next_handout=until))


def reserve_request(tx: Connection, key: str, now: datetime, spacing: float, patience: float) -> float | None:
    """Book the next request to a host.

    Returns the seconds to wait before making it (0 or more), or None when the host's next free moment is further
    away than `patience` seconds: then nothing is booked and the work belongs back in the ledger.
    """
    booked = tx.execute(select(hosts.c.next_request).where(hosts.c.host_key == key).with_for_update()).scalar()
    if booked is None:
        ensure(tx, [key], now)
    start = max(now, booked or now)
    wait: float = (start - now).total_seconds()
    if wait > patience:
        return None
    following = start + timedelta(seconds=spacing)
    tx.execute(update(hosts).where(hosts.c.host_key == key).values(next_request=following))
    return wait


def book(tx: Connection, starts: Mapping[str, datetime], now: datetime, spacing: float) -> None:
    """Book hosts for a request each, at the moment given for each: nothing else is handed out or requested within
    `spacing` seconds after it."""
    ensure(tx, starts, now)
    keys = sorted(starts)  # locked in the order of their keys, as everywhere
    times = select(hosts.c.host_key, hosts.c.next_handout, hosts.c.next_request).where(hosts.c.host_key.in_(keys))
    booked = {
        row.host_key: (row.next_handout, row.next_request)
        for row in tx.execute(times.order_by(hosts.c.host_key).with_for_update())
    }
    rows = []
    for key in keys:
        following = starts[key] + timedelta(seconds=spacing)
        handout, request = booked[key]
        rows.append({"key": key, "handout": max(handout, following), "request": max(request, following)})
    moved = update(hosts).where(hosts.c.host_key == bindparam("key"))
    tx.execute(moved.values(next_handout=bindparam("handout"), next_request=bindparam("request")), rows)


def hold_off(tx: Connection, key: str, until: datetime) -> None:
    """The host asked to be left alone (Retry-After): nothing is handed out or requested before `until`."""
    condition = hosts.c.host_key == key
    tx.execute(update(hosts).where(condition, hosts.c.next_handout < until).values(next_handout=until))
    tx.execute(update(hosts).where(condition, hosts.c.next_request < until).values(next_request=until))


def robots(tx: Connection, key: str, now: datetime) -> str | None:
    """The robots.txt kept for a host, or None when there is none that is still fresh."""
    row = tx.execute(select(hosts.c.robots, hosts.c.robots_until).where(hosts.c.host_key == key)).one_or_none()
    if row is None or row.robots_until is None or row.robots_until <= now:
        return None
    return str(row.robots or "")


def keep_robots(tx: Connection, key: str, robots_txt: str, until: datetime) -> None:
    tx.execute(update(hosts).where(hosts.c.host_key == key).values(robots=robots_txt, robots_until=until))


def free_at(tx: Connection, key: str) -> datetime | None:
    """When the next request to a host may be made, as booked so far or as the host asked for; None: not known yet."""
    found: datetime | None = tx.execute(select(hosts.c.next_request).where(hosts.c.host_key == key)).scalar()
    return found
