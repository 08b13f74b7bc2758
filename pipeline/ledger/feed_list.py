"""The list of feeds as people keep it: many added at once, some of them chosen, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, cast, func, or_, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import hosts
from pipeline.ledger.articles import chunks
from pipeline.ledger.engine import FEEDS, one_at_a_time
from pipeline.ledger.feeds import listed
from pipeline.ledger.schema import feeds, subscriptions
from pipeline.records import Feed, FeedState


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed to be added. `title` may be empty: then the feed's own is taken at its first poll."""

    url: str
    title: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which feeds are asked for; everything that is given must hold. `trouble`: the last poll failed, or it is gone.
    `silent`: against its own rhythm. `host`: those whose politeness is counted together with that host's, or below
    it. `text`: stands in the title or the URL, in upper or lower case."""

    state: FeedState | None = None
    trouble: bool = False
    silent: bool = False
    tag: str = ""
    host: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """Ids by URL: of the feeds that were added, and of those that were there already."""

    new: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)


def add_many(tx: Connection, wanted: Iterable[NewFeed], now: datetime) -> Added:
    """Record feeds, due at once. A URL that is there already stays as it is; of two with one URL the first counts.

    The URLs are http or https; raises InputError as `urls.host_key` does.
    """
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    one_at_a_time(tx, FEEDS)  # two transactions that add the same feeds in another order would wait for each other
    rows = [_row(one, now) for one in _unique(wanted).values()]
    hosts.ensure(tx, {row["host_key"] for row in rows}, now)
    made = insert(feeds).on_conflict_do_nothing().returning(feeds.c.id, feeds.c.url)
    new = {row.url: row.id for row in tx.execute(made, rows)} if rows else {}
    return Added(new, _ids(tx, [row["url"] for row in rows if row["url"] not in new]))


def chosen(tx: Connection, choice: Choice, *, after: int = 0, limit: int | None = None) -> list[Feed]:
    """The feeds of a choice, by id, from the first one behind the id `after`."""
    found = select(feeds).where(feeds.c.id > after, *_conditions(tx, choice)).order_by(feeds.c.id).limit(limit)
    return listed(tx, found)


def count(tx: Connection, choice: Choice) -> int:
    """How many feeds a choice has."""
    counted: Select[Any] = select(func.count()).select_from(feeds).where(*_conditions(tx, choice))
    return int(tx.execute(counted).scalar_one())


def standings(tx: Connection) -> dict[str, int]:
    """How many feeds there are in `all`, and how many of them are in `trouble`, `silent`, `paused` and `gone`."""
    failed, gone = feeds.c.failures > 0, feeds.c.state == FeedState.GONE
    which = {"trouble": or_(failed, gone), "silent": feeds.c.silent_since.is_not(None)}
    which |= {"paused": feeds.c.state == FeedState.PAUSED, "gone": gone}
    counts = (func.count().filter(condition).label(name) for name, condition in which.items())
    return dict(tx.execute(select(func.count().label("all"), *counts).select_from(feeds)).mappings().one())


def change(tx: Connection, feed_id: int, *, title: str | None = None, tags: Iterable[str] | None = None) -> None:
    """Give a feed another title or other tags; None leaves them."""
    values: dict[str, Any] = {} if title is None else {"title": title}
    if tags is not None:
        values["tags"] = list(dict.fromkeys(tags))
    if values:
        tx.execute(update(feeds).where(feeds.c.id == feed_id).values(values))


def make_due(tx: Connection, feed_id: int, now: datetime) -> bool:
    """Have one feed polled now. False when it is not active."""
    due = update(feeds).where(feeds.c.id == feed_id, feeds.c.state == FeedState.ACTIVE)
    return tx.execute(due.values(due=now, due_reason="asked for")).rowcount == 1


def hubs(tx: Connection, feed_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What is known of the WebSub subscriptions of these feeds, by feed; their secrets are not among it."""
    names = ("feed_id", "hub", "state", "requested", "verified", "expires", "pushed", "pushes", "failures", "error")
    columns = [subscriptions.c[name] for name in names]
    found: dict[int, dict[str, Any]] = {}
    for part in chunks(sorted(feed_ids)):
        for row in tx.execute(select(*columns).where(subscriptions.c.feed_id.in_(part))).mappings():
            found[row["feed_id"]] = dict(row)
    return found


def _unique(wanted: Iterable[NewFeed]) -> dict[str, NewFeed]:
    found: dict[str, NewFeed] = {}
    for one in wanted:
        found.setdefault(one.url, one)
    return found


def _row(one: NewFeed, now: datetime) -> dict[str, Any]:
    return {
        "url": one.url,
        "host_key": urls.host_key(one.url),
        "title": one.title,
        "tags": list(dict.fromkeys(one.tags)),
        "due": now,
        "due_reason": "new",
        "created": now,
    }


def _ids(tx: Connection, wanted: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(wanted):
        found |= {row.url: row.id for row in tx.execute(select(feeds.c.id, feeds.c.url).where(feeds.c.url.in_(part)))}
    return found


def _conditions(tx: Connection, choice: Choice) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if choice.state is not None:
        conditions.append(feeds.c.state == choice.state)
    if choice.trouble:
        conditions.append(or_(feeds.c.failures > 0, feeds.c.state == FeedState.GONE))
    if choice.silent:
        conditions.append(feeds.c.silent_since.is_not(None))
    if choice.tag:
        conditions.append(_has_tag(tx, choice.tag))
    if choice.host:
        below = feeds.c.host_key.endswith(f".{choice.host}", autoescape=True)
        conditions.append(or_(feeds.c.host_key.in_(_host_keys(choice.host)), below))
    if choice.text:
        conditions.append(or_(*(feeds.c[name].icontains(choice.text, autoescape=True) for name in ("title", "url"))))
    return conditions


def _host_keys(host: str) -> set[str]:
    try:
        return {host, urls.host_key(f"https://{host}/")}
    except InputError:  # no feed is of that host
        return {host}


def _has_tag(tx: Connection, tag: str) -> ColumnElement[bool]:
    if tx.dialect.name == "postgresql":
        return cast(feeds.c.tags, postgresql.JSONB).contains([tag])
    each = func.json_each(feeds.c.tags).table_valued("value")
    return select(1).select_from(each).where(type_coerce(each.c.value, String) == tag).exists()
