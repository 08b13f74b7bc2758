"""What the ledger lets go of by age: versions of articles that newer ones have replaced, and commands that were done.

In small steps, each a short transaction, since others want to write as well: whoever calls them goes round and round.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select, text

from pipeline.ledger.engine import Ledger
from pipeline.ledger.schema import articles, commands, memberships, texts, vectors

_SPARE_PAGES, _SPARE_SHARE = (
    2_000,
    0.05,
)  # left in the file for what comes next: giving back and taking again costs twice
_PAGES = 500  # given back at once: 2 MB


def retire_versions(tx: Connection, after: int, before: datetime, rows: int) -> tuple[int, int | None]:
    """Delete texts and vectors, made before that time, of versions older than the one that was filed; of the next
    `rows` articles with an id above `after`.

    Returns how many went, and the id to go on after; None at the end. What stands now, what filing remembers and what
    is being looked into are of the version that was filed, or newer.
    """
    following = select(articles.c.id).where(articles.c.id > after).order_by(articles.c.id).limit(rows).subquery()
    last = tx.execute(select(func.max(following.c.id))).scalar()
    if last is None:
        return 0, None
    gone = 0
    for table in (texts, vectors):
        newer = exists().where(
            memberships.c.article_id == table.c.article_id, memberships.c.generation > table.c.generation
        )
        old = delete(table).where(
            table.c.article_id > after, table.c.article_id <= last, newer, table.c.created < before
        )
        gone += tx.execute(old).rowcount
    return gone, int(last)


def retire_commands(tx: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` commands that were applied or refused before that time; what they changed, and how to undo
    it, is kept. Returns how many."""
    old = select(commands.c.id).where(commands.c.state != "pending", commands.c.applied < before)
    return int(tx.execute(delete(commands).where(commands.c.id.in_(old.order_by(commands.c.id).limit(limit)))).rowcount)


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
