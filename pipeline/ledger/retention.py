"""What the ledger lets go of by age: texts and vectors, versions of them that newer ones have replaced, what feeds said
of articles that they show no more, lines of templates that no article has any more, how the pages of articles answered
that were given up, and commands that were done. Articles, storylines and what became of them stay.

In small steps: what is to go is looked for without a lock, and only what was found is deleted, in a short transaction.
Whoever calls this goes round and round.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, text, union

from pipeline.ledger.apart import parts
from pipeline.ledger.engine import Ledger
from pipeline.ledger.schema import answers, articles, commands, host_lines, memberships, sightings, texts, vectors
from pipeline.records import FINAL_STATES

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


def aged(tx: Connection, table: Table, after: int, before: datetime, rows: int) -> tuple[list[int], int | None]:
    """Of the next `rows` rows of `texts` or `vectors` with an article above `after`: the articles that came to an end
    and whose row was made before that time; and the article to go on after, None when it is time to begin anew, since
    nothing further on is old. Articles are numbered as they come, so that the old ones lie in front."""
    following = select(table.c.article_id, table.c.created).where(table.c.article_id > after)
    looked = tx.execute(following.order_by(table.c.article_id).limit(rows)).all()
    old = {row.article_id for row in looked if row.created < before}
    if not old:
        return [], None
    ended = select(articles.c.id).where(articles.c.id.in_(old), articles.c.state.in_(FINAL_STATES))
    return sorted(tx.execute(ended).scalars()), int(looked[-1].article_id)


def retire_aged(tx: Connection, table: Table, ids: Sequence[int], before: datetime) -> int:
    """Delete what `aged` found of these articles, unless somebody works on one again. Returns how many rows went."""
    ended = select(articles.c.id).where(articles.c.id.in_(ids), articles.c.state.in_(FINAL_STATES))
    gone = delete(table).where(table.c.article_id.in_(ended), table.c.created < before)
    return tx.execute(gone).rowcount


def unseen(tx: Connection, after: int, before: datetime, rows: int) -> tuple[list[int], int | None]:
    """Of the next `rows` sightings with an id above `after`, those that no feed has shown since that time, of articles
    that came to an end; and the id to go on after, None at the end."""
    following = select(sightings.c.id, sightings.c.article_id, sightings.c.last_seen).where(sightings.c.id > after)
    looked = tx.execute(following.order_by(sightings.c.id).limit(rows)).all()
    if not looked:
        return [], None
    old = {row.id: row.article_id for row in looked if row.last_seen < before}
    chosen = select(articles.c.id).where(articles.c.id.in_(set(old.values())), articles.c.state.in_(FINAL_STATES))
    ended = set(tx.execute(chosen).scalars()) if old else set()
    return [one for one, article in old.items() if article in ended], int(looked[-1].id)


def retire_unseen(tx: Connection, ids: Sequence[int], before: datetime) -> int:
    """Delete these sightings, unless they were seen again. Returns how many went. Their articles stay known by their
    own URL."""
    return tx.execute(delete(sightings).where(sightings.c.id.in_(ids), sightings.c.last_seen < before)).rowcount


Line = tuple[str, str]
"""A line of a host: their keys."""


def unprinted(tx: Connection, after: Line, before: datetime, rows: int) -> tuple[list[Line], Line | None]:
    """Of the next `rows` lines of hosts behind `after`, those that no article has had since that time; and the one to
    go on behind, None at the end."""
    host, line, seen = host_lines.c.host_key, host_lines.c.line, host_lines.c.seen
    behind = or_(host > after[0], and_(host == after[0], line > after[1]))
    # `host >= ...` for SQLite, which finds the place in the index by it.
    chosen = select(host, line, seen).where(host >= after[0], behind).order_by(host, line).limit(rows)
    looked = tx.execute(chosen).all()
    old = [(row.host_key, row.line) for row in looked if row.seen < before]
    return old, (looked[-1].host_key, looked[-1].line) if looked else None


def retire_lines(tx: Connection, lines: Sequence[Line], before: datetime) -> int:
    """Delete these lines, unless an article had one again. Returns how many went."""
    gone = 0
    for host, theirs in groupby(sorted(lines), key=itemgetter(0)):  # in the order in which they are counted
        for keys in parts([line for _, line in theirs]):
            mine = (host_lines.c.host_key == host, host_lines.c.line.in_(keys), host_lines.c.seen < before)
            gone += tx.execute(delete(host_lines).where(*mine)).rowcount
    return gone


def answered(tx: Connection, after: int, before: datetime, rows: int) -> tuple[list[int], int | None]:
    """Of the next `rows` answers of articles with an id above `after`, those received before that time; and the id to
    go on after, None at the end."""
    following = select(answers.c.article_id, answers.c.received).where(answers.c.article_id > after)
    looked = tx.execute(following.order_by(answers.c.article_id).limit(rows)).all()
    return [row.article_id for row in looked if row.received < before], looked[-1].article_id if looked else None


def retire_answers(tx: Connection, ids: Sequence[int], before: datetime) -> int:
    """Delete how the pages of these articles answered, unless they did again. The articles stay as they are, with the
    reason. Returns how many went."""
    return tx.execute(delete(answers).where(answers.c.article_id.in_(ids), answers.c.received < before)).rowcount


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
