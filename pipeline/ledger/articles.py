"""Articles in the ledger: how they get in, and what can be asked about them. What workers do to them is in `work`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, literal, select, union_all, update

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import hosts
from pipeline.ledger.engine import INTAKE, one_at_a_time
from pipeline.ledger.schema import UtcDateTime, articles, feeds, sightings, texts
from pipeline.records import FINAL_STATES, ArticleState, Entry

UNFINISHED = [state for state in ArticleState if state not in FINAL_STATES]

T = TypeVar("T")
CHUNK = 400  # parameters in one statement; old SQLite builds allow 999
FRESH, BACKFILL = 0, 1  # priorities: what is new goes before what a feed's first poll brought


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a feed's entries: `articles` were new, `sightings` are known articles seen here first."""

    articles: int
    sightings: int
    known: int


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


def record_entries(
    tx: Connection, entries: Sequence[Entry], now: datetime, *, feed_id: int | None = None, backfill: bool = False
) -> Recorded:
    """Turn a feed's entries into articles and sightings; entries known from this feed only move their `last_seen`.

    An entry whose URL is known under another entry or feed is one more sighting of that article. New articles are
    inserted oldest first, so that ids follow the order of publication as far as the feed tells it. A feed that was
    removed while it was polled brings nothing.
    """
    one_at_a_time(tx, INTAKE)  # two feeds that bring the same new URL at once make one article of it
    if feed_id is not None and not _holds_feed(tx, feed_id):
        return Recorded(articles=0, sightings=0, known=0)
    known = _known_entries(tx, feed_id, [entry.key for entry in entries])
    fresh = {entry.key: entry for entry in entries if entry.key not in known}
    for part in chunks(known.values()):
        tx.execute(update(sightings).where(sightings.c.id.in_(part)).values(last_seen=now))
    ordered = list(reversed(fresh.values()))  # feeds name the newest first; undated entries keep that order
    ordered.sort(key=lambda entry: entry.published or now)
    keys = {entry.key: urls.key(entry.url) for entry in ordered}
    owners = _articles_by_url(tx, keys.values())
    made = 0
    hosts.ensure(tx, {urls.host_key(entry.url) for entry in ordered}, now)
    for entry in ordered:
        url_key = keys[entry.key]
        if url_key not in owners:
            owners[url_key] = _insert(tx, entry, url_key, now, feed_id=feed_id, backfill=backfill)
            made += 1
        tx.execute(sightings.insert(), _sighting(entry, url_key, owners[url_key], now, feed_id))
    return Recorded(articles=made, sightings=len(ordered) - made, known=len(known))


def record_url(tx: Connection, url: str, now: datetime) -> tuple[int, bool]:
    """Record one article by hand. Returns its id and whether it is new; raises InputError on a URL that is none."""
    url_key = urls.key(url)
    one_at_a_time(tx, INTAKE)
    known = _articles_by_url(tx, [url_key])
    if known:
        return known[url_key], False
    hosts.ensure(tx, [urls.host_key(url)], now)
    entry = Entry(key=url_key, url=url)
    article_id = _insert(tx, entry, url_key, now)
    tx.execute(sightings.insert(), _sighting(entry, url_key, article_id, now, None))
    return article_id, True


def import_text(tx: Connection, row: Mapping[str, Any], now: datetime, signature: bytes | None) -> int | None:
    """Take an article whose text is already known: `id, url, source, lang, published, title, text`.

    It starts as fetched. Returns its id here, or None when the external id or URL is known already.
    """
    external = str(row["id"])
    url = row.get("url") or f"import:{external}"
    url_key = urls.key(url) if urls.is_http(url) else url
    one_at_a_time(tx, INTAKE)
    if tx.execute(select(articles.c.id).where(articles.c.external_id == external)).first():
        return None
    if _articles_by_url(tx, [url_key]):
        return None
    if urls.is_http(url):
        hosts.ensure(tx, [urls.host_key(url)], now)
    values = {
        "url_key": url_key,
        "url": url,
        "host_key": urls.host_key(url) if urls.is_http(url) else "import",
        "external_id": external,
        "state": ArticleState.FETCHED,
        "due": now,
        "title": row["title"],
        "outlet": row.get("source") or "",
        "lang": row.get("lang"),
        "published": row.get("published"),
        "seen": now,
        "fetched": now,
    }
    article_id = int(tx.execute(articles.insert().returning(articles.c.id), values).scalar_one())
    tx.execute(
        texts.insert(),
        {
            "article_id": article_id,
            "generation": 1,
            "title": row["title"],
            "text": row["text"],
            "signature": signature,
            "created": now,
        },
    )
    return article_id


def counts(tx: Connection) -> dict[str, int]:
    """How many articles stand in each state."""
    found = dict.fromkeys(ArticleState, 0)
    for state, count in tx.execute(select(articles.c.state, func.count()).group_by(articles.c.state)):
        found[ArticleState(state)] = count
    return {str(state): count for state, count in found.items()}


def unfinished(tx: Connection) -> int:
    """How many articles are in no final state."""
    return int(tx.execute(select(func.count()).where(articles.c.state.in_(UNFINISHED))).scalar_one())


def oldest(tx: Connection) -> dict[str, datetime]:
    """Since when the longest-waiting article of each unfinished state has waited in that state."""
    entered = {
        ArticleState.QUEUED: articles.c.due,
        ArticleState.FETCHED: articles.c.fetched,
        ArticleState.EMBEDDED: articles.c.embedded,
    }
    found = {}
    for state, column in entered.items():
        since = tx.execute(select(func.min(column)).where(articles.c.state == state)).scalar()
        if since is not None:
            found[str(state)] = since if isinstance(since, datetime) else datetime.fromisoformat(since)
    return {state: since.replace(tzinfo=since.tzinfo or UTC) for state, since in found.items()}


def reasons(tx: Connection, state: ArticleState) -> dict[str, int]:
    """How many articles ended in `state` for which reason."""
    grouped = select(articles.c.reason, func.count()).where(articles.c.state == state).group_by(articles.c.reason)
    return {str(reason): count for reason, count in tx.execute(grouped)}


def entries_seen(tx: Connection) -> int:
    """How many feed entries have been recorded, several sightings of one article counted each."""
    return int(tx.execute(select(func.count()).select_from(sightings)).scalar_one())


def dead(tx: Connection, limit: int, *, article_id: int | None = None) -> list[Mapping[str, Any]]:
    """Articles that were given up: what, where, why, how often, since when; the latest first."""
    chosen = (
        select(
            articles.c.id,
            articles.c.url,
            articles.c.title,
            articles.c.reason,
            articles.c.error,
            articles.c.attempts,
            articles.c.seen,
            articles.c.due.label("since"),
        )
        .where(articles.c.state == ArticleState.DEAD)
        .order_by(articles.c.due.desc(), articles.c.id.desc())
        .limit(limit)
    )
    if article_id is not None:
        chosen = chosen.where(articles.c.id == article_id)
    return [dict(row) for row in tx.execute(chosen).mappings()]


def retry_dead(tx: Connection, now: datetime, ids: Sequence[int] | None = None) -> int:
    """Open a new generation for dead articles (all, or those named). Returns how many.

    Those whose text is known begin with it: an imported text cannot be fetched again.
    """
    if ids is not None:
        return sum(_renew(tx, now, articles.c.id.in_(part)) for part in chunks(ids))
    return _renew(tx, now, literal(True))


def _renew(tx: Connection, now: datetime, among: ColumnElement[bool]) -> int:
    dead = and_(articles.c.state == ArticleState.DEAD, among)
    current = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation)
    kept = ("title", "text", "signature")
    copies = select(
        articles.c.id, articles.c.generation + 1, *(texts.c[name] for name in kept), literal(now, UtcDateTime)
    )
    chosen = copies.join(texts, current).where(dead)
    tx.execute(insert(texts).from_select(["article_id", "generation", *kept, "created"], chosen))
    following = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation + 1)
    renewed: dict[str, Any] = {
        "state": case((exists().where(following), ArticleState.FETCHED), else_=ArticleState.QUEUED),
        "generation": articles.c.generation + 1,
        "attempts": 0,
        "reason": None,
        "error": None,
        "due": now,
        "job_id": None,
        "lease_owner": None,
        "lease_until": None,
    }
    return tx.execute(update(articles).where(dead).values(**renewed)).rowcount


def one(tx: Connection, article_id: int) -> dict[str, Any] | None:
    """All that the ledger's row of an article says, with the current text, or None."""
    row = tx.execute(select(articles).where(articles.c.id == article_id)).mappings().first()
    if row is None:
        return None
    current = (texts.c.article_id == article_id) & (texts.c.generation == row["generation"])
    return {**row, "text": tx.execute(select(texts.c.text).where(current)).scalar() or ""}


def _holds_feed(tx: Connection, feed_id: int) -> bool:
    """Whether the feed is there, and keep it until the transaction ends."""
    chosen = select(feeds.c.id).where(feeds.c.id == feed_id).with_for_update(read=True, key_share=True)
    return tx.execute(chosen).first() is not None


def _known_entries(tx: Connection, feed_id: int | None, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(keys):
        rows = select(sightings.c.entry_key, sightings.c.id).where(
            sightings.c.feed_id == feed_id, sightings.c.entry_key.in_(part)
        )
        found.update((key, sighting) for key, sighting in tx.execute(rows))
    return found


def _articles_by_url(tx: Connection, url_keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(set(url_keys))):
        both = union_all(
            select(sightings.c.url_key, sightings.c.article_id).where(sightings.c.url_key.in_(part)),
            select(articles.c.url_key, articles.c.id).where(articles.c.url_key.in_(part)),
        )
        found.update((key, article) for key, article in tx.execute(both))
    return found


def _insert(
    tx: Connection,
    entry: Entry,
    url_key: str,
    now: datetime,
    *,
    feed_id: int | None = None,
    backfill: bool = False,
) -> int:
    if not urls.is_http(entry.url):
        raise InputError(f"{entry.url} is no http or https URL")
    values = {
        "url_key": url_key,
        "url": entry.url,
        "host_key": urls.host_key(entry.url),
        "feed_id": feed_id,
        "state": ArticleState.QUEUED,
        "priority": BACKFILL if backfill else FRESH,
        "due": now,
        "backfill": backfill,
        "title": entry.title,
        "lang": entry.lang,
        "published": entry.published,
        "seen": now,
    }
    return int(tx.execute(articles.insert().returning(articles.c.id), values).scalar_one())


def _sighting(entry: Entry, url_key: str, article_id: int, now: datetime, feed_id: int | None) -> dict[str, Any]:
    return {
        "article_id": article_id,
        "feed_id": feed_id,
        "entry_key": entry.key,
        "url_key": url_key,
        "url": entry.url,
        "title": entry.title,
        "published": entry.published,
        "summary": entry.summary,
        "content": entry.content,
        "authors": list(entry.authors),
        "lang": entry.lang,
        "first_seen": now,
        "last_seen": now,
    }
