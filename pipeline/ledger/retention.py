"""What the ledger lets go of by age: versions of articles that newer ones have replaced, and commands that were done.

In small steps: what is to go is looked for without a lock, and only what was found is deleted, in a short transaction.
Whoever calls this goes round and round.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, select, text, union

from pipeline.ledger.engine import Ledger
from pipeline.ledger.schema import commands, memberships, texts, vectors

_SPARE_PAGES, _SPARE_SHARE = 2_000, 0.05  # left in the file for what comes next: to take again costs as well
_PAGES = 500  # given back at once: 2 MB
_VERSIONED = (texts, vectors)


def replaced(tx: Connection, after: int, before: datetime, rows: int) -> tuple[list[int], int | None]:
    """Of the next `rows` filed articles with an id above `after`, those that have texts or vectors, made before that
    time, of versions older than the one that was filed; and the id to go on after, None at the end."""
    article = memberships.c.article_id
    following = select(article).where(article > after).order_by(article).limit(rows).subquery()
    last = tx.execute(select(func.max(following.c.article_id))).scalar()
    if last is None:
        return [], None
    # Few articles have a second version: texts and vectors of the others are not even looked at.
    again = and_(article > after, article <= last, memberships.c.generation > 1)
    found = union(
        *(
            select(article).join(table, table.c.article_id == article).where(again, _old(table, before))
            for table in _VERSIONED
        )
    )
    return sorted(tx.execute(found).scalars()), int(last)


def retire_versions(tx: Connection, ids: Sequence[int], before: datetime) -> int:
    """Delete what `replaced` found of these articles, a few thousand at most. Returns how many texts and vectors went.

    What stands now, what filing remembers and what is being looked into are of the version that was filed, or newer.
    """
    gone = 0
    for table in _VERSIONED:
        newer = exists().where(memberships.c.article_id == table.c.article_id, _old(table, before))
        gone += tx.execute(delete(table).where(table.c.article_id.in_(ids), newer)).rowcount
    return gone


def _old(table: Table, before: datetime) -> ColumnElement[bool]:
    return and_(table.c.generation < memberships.c.generation, table.c.created < before)


def done(tx: Connection, before: datetime, limit: int) -> list[int]:
    """Commands that were applied or refused before that time."""
    old = select(commands.c.id).where(commands.c.state != "pending", commands.c.applied < before)
    return list(tx.execute(old.order_by(commands.c.id).limit(limit)).scalars())


def retire_commands(tx: Connection, ids: Sequence[int]) -> int:
    """Delete these commands; what they changed, and how to undo it, is kept. Returns how many."""
    return tx.execute(delete(commands).where(commands.c.id.in_(ids))).rowcount


def give_back(ledger: Ledger) -> int:
    """Return a little of the file's free room to the disk, where there is much of it. Returns pages; on PostgreSQL,
    which looks after that itself, none. Raises LedgerError when the ledger cannot be used."""
    if not ledger.is_sqlite:
        return 0
    with ledger.read() as tx:
        free, every = _pages(tx)
    pages = min(_PAGES, free - max(_SPARE_PAGES, int(every * _SPARE_SHARE)))
    if pages <= 0:
        return 0
    with ledger.bare() as connection:
        # A script, since the driver runs a statement without columns up to its first step only, which is one page.
        connection.executescript(f"PRAGMA query_only=OFF; PRAGMA incremental_vacuum({pages});")
    with ledger.read() as tx:
        return free - _pages(tx)[0]


def _pages(tx: Connection) -> tuple[int, int]:
    """Of the file: free ones, and all."""
    free, every = (tx.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("freelist_count", "page_count"))
    return int(free), int(every)
