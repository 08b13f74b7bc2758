"""How often a line was seen in the articles of a host: what a template prints around all of them is counted here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import host_lines

MAX_RARE, MAX_OFTEN = 2000, 200
"""Lines kept of one host, the latest seen first: those seen too rarely to be known (of its last few hundred articles),
and those that are."""
TRIM_EVERY = 16  # articles, on average; how far the limits may be overrun in between does not matter
TRIM_MOST = 400  # lines at once: parameters in one statement, of which old SQLite builds allow 999


def often(tx: Connection, host_keys: Iterable[str], least: int) -> dict[str, frozenset[str]]:
    """The keys of the lines seen in `least` articles or more, for each host that has any."""
    found: dict[str, set[str]] = {}
    chosen = select(host_lines.c.host_key, host_lines.c.line).where(
        host_lines.c.host_key.in_(sorted(set(host_keys))), host_lines.c.articles >= least
    )
    for host_key, line in tx.execute(chosen):
        found.setdefault(host_key, set()).add(line)
    return {host_key: frozenset(lines) for host_key, lines in found.items()}


def count(
    tx: Connection, host_key: str, article_id: int, lines: Sequence[str], body: str, now: datetime, least: int
) -> None:
    """Count the lines of one article. To be called once for each text, in the transaction that records it.

    `body` tells texts apart: a line whose last article had the same body is not counted again, for that is a reprint.
    """
    if lines:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        # In the order of their keys: two transactions of one host would else wait for each other.
        rows = [
            {"host_key": host_key, "line": line, "articles": 1, "body": body, "seen": now}
            for line in sorted(set(lines))
        ]
        new = insert(host_lines).values(rows)
        more = host_lines.c.articles + case((host_lines.c.body == new.excluded.body, 0), else_=1)
        keys = [host_lines.c.host_key, host_lines.c.line]
        changed = {"articles": more, "body": new.excluded.body, "seen": new.excluded.seen}
        tx.execute(new.on_conflict_do_update(index_elements=keys, set_=changed))
    # Not by the bare id: a host whose articles come in step with those of fifteen others would never get its turn.
    if crc32(f"{host_key} {article_id}".encode()) % TRIM_EVERY == 0:
        _trim(tx, host_key, host_lines.c.articles < least, MAX_RARE)
        _trim(tx, host_key, host_lines.c.articles >= least, MAX_OFTEN)


def _trim(tx: Connection, host_key: str, which: ColumnElement[bool], most: int) -> None:
    mine = host_lines.c.host_key == host_key
    old = (
        select(host_lines.c.line)
        .where(mine, which)
        .order_by(host_lines.c.seen.desc(), host_lines.c.line)
        .offset(most)
        .limit(TRIM_MOST)
        .with_for_update(skip_locked=True)
    )
    if gone := tx.execute(old).scalars().all():
        tx.execute(delete(host_lines).where(mine, host_lines.c.line.in_(gone)))
