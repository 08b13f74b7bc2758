"""Articles that must not be kept: their text is erased, and every name under which they were known stays refused.

The row of the article remains, without anything that was written in it or about it, so that its id leads nowhere else.
What is kept to know it again are 128-bit hashes: of URLs (`urls.key`), of the feeds' own names for it, and of the id
under which it was imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import changes, commands, redaction
from pipeline.ledger.engine import INTAKE, Ledger, one_at_a_time
from pipeline.ledger.schema import answers, articles, forgotten, memberships, sightings, texts, vectors
from pipeline.records import ArticleState

REASON = "forgotten"
"""Under which it is counted among the rejected."""
COMMAND = "forget"
"""What the clusterer is asked, with the article's id: to take it out of its storyline."""
_PART = 400  # parameters in one statement; old SQLite builds allow 999
_SCRUB_MS = 5_000  # how long readers are waited for when the log is emptied


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of one article: the storyline that it was filed under, if any, which the clusterer has been asked to
    tell without it; how many reprints of it there are; how many published events named it."""

    article: int
    storyline: int | None
    reprints: tuple[int, ...]
    events: int


def entry_name(feed_id: int | None, entry_key: str) -> str:
    """The key under which a feed's own name for an entry is remembered: mostly a permalink, which is not kept."""
    return _hash("entry", str(feed_id), entry_key)


def import_name(external_id: str) -> str:
    """The key under which the id of an imported article is remembered."""
    return _hash("import", external_id)


def known(tx: Connection, keys: Iterable[str]) -> set[str]:
    """Those of these keys that were forgotten."""
    found: set[str] = set()
    for part in _parts(sorted(set(keys))):
        found.update(tx.execute(select(forgotten.c.url_key).where(forgotten.c.url_key.in_(part))).scalars())
    return found


def entries(tx: Connection, feed_id: int | None, url_keys: Mapping[str, str]) -> set[str]:
    """Those of a feed's entries (the key of the URL by entry key) that must not come back."""
    names = {entry_name(feed_id, entry_key): entry_key for entry_key in url_keys}
    gone = known(tx, [*names, *url_keys.values()])
    return {entry for name, entry in names.items() if name in gone or url_keys[entry] in gone} if gone else set()


def refuse(tx: Connection, url: str) -> None:
    """Raise InputError when this URL was forgotten."""
    row = tx.execute(select(forgotten).where(forgotten.c.url_key == urls.key(url))).mappings().first()
    if row is not None:
        why = f" ({row['reason']})" if row["reason"] else ""
        raise InputError(
            f"{urls.mask(url)} was forgotten on {row['forgotten']:%Y-%m-%d}{why}; "
            f"`slugline forget --undo {urls.mask(url)}` lets it in again"
        )


def find(tx: Connection, url: str) -> list[int]:
    """The articles known under a URL: as their own, of a sighting, or as the one that their page calls canonical.

    Raises InputError when only the last is true, and of several: a site whose pages all name one address. Until the
    transaction ends no more are recorded.
    """
    one_at_a_time(tx, INTAKE)
    key = urls.key(url)
    own = select(articles.c.id).where(articles.c.url_key == key)
    seen = select(sightings.c.article_id).where(sightings.c.url_key == key)
    found = sorted(set(tx.execute(own.union(seen)).scalars()))
    if found:
        return found
    named = list(
        tx.execute(select(articles.c.id).where(articles.c.canonical_key == key).order_by(articles.c.id)).scalars()
    )
    if len(named) > 1:
        shown = ", ".join(map(str, named[:10])) + (", …" if len(named) > 10 else "")
        raise InputError(
            f"{len(named)} articles name {urls.mask(url)} as their canonical URL; say which by its id: {shown}"
        )
    return named


def bar(tx: Connection, url: str, now: datetime, reason: str = "") -> bool:
    """Keep a URL away of which nothing is known. False when it was forgotten before."""
    one_at_a_time(tx, INTAKE)
    return _remember(tx, [urls.key(url)], None, now, reason) > 0


def erase_alias(tx: Connection, article_id: int, key: str, now: datetime) -> Erased | None:
    """Erase an article that turned out to be one that was forgotten, as whose `key` it is known: its names are more
    names of that one."""
    row = tx.execute(select(forgotten.c.article_id, forgotten.c.reason).where(forgotten.c.url_key == key)).one()
    if row.article_id is None:
        tx.execute(update(forgotten).where(forgotten.c.url_key == key).values(article_id=article_id))
    return erase(tx, article_id, now, row.reason, owner=row.article_id)


def erase(
    tx: Connection, article_id: int, now: datetime, reason: str = "", *, owner: int | None = None
) -> Erased | None:
    """Erase an article wherever the ledger has it, remember its names (as those of the article `owner`, if that is
    another one), and ask the clusterer to do its part.

    Whoever works on it at the moment has lost it. None when there is no such article, or when it is forgotten already.
    """
    one_at_a_time(tx, INTAKE)  # no feed brings another sighting meanwhile
    chosen = select(articles).where(articles.c.id == article_id).with_for_update()
    row = tx.execute(chosen).mappings().first()
    if row is None or (row["state"], row["reason"]) == (ArticleState.REJECTED, REASON):
        return None
    seen = tx.execute(select(sightings).where(sightings.c.article_id == article_id)).mappings().all()
    written = select(texts.c.title).where(texts.c.article_id == article_id)
    titles = {row["title"], *(one["title"] for one in seen), *tx.execute(written).scalars()}
    _remember(tx, _names(tx, row, seen), owner or article_id, now, reason)
    for table in (texts, vectors, sightings, answers):
        tx.execute(delete(table).where(table.c.article_id == article_id))
    tx.execute(update(articles).where(articles.c.id == article_id).values(**_tombstone(row, now)))
    filed = select(memberships.c.storyline_id).where(memberships.c.article_id == article_id)
    storyline = tx.execute(filed).scalar()
    been_in = changes.whereabouts(tx, article_id, {storyline}) if storyline is not None else set()
    positions = redaction.redact_article(tx, article_id, titles, been_in)
    if storyline is not None:
        commands.put(tx, COMMAND, {"article": article_id, "redacted": positions}, now)
    reprints = tx.execute(select(articles.c.id).where(articles.c.original_id == article_id).order_by(articles.c.id))
    return Erased(article_id, storyline, tuple(reprints.scalars()), len(positions))


def undo(tx: Connection, keys: Iterable[str], article_id: int | None = None) -> int:
    """Let what was forgotten under one of these keys, or as this article, come in again under all its names.

    Returns how many names are free now. The text does not come back by itself: it has to be fetched again.
    """
    one_at_a_time(tx, INTAKE)
    rows = tx.execute(select(forgotten).where(forgotten.c.url_key.in_(list(keys)))).mappings().all()
    owners = {row["article_id"] for row in rows} | {article_id}
    freed = 0
    for owner in owners - {None}:
        freed += tx.execute(delete(forgotten).where(forgotten.c.article_id == owner)).rowcount
    alone = [row["url_key"] for row in rows if row["article_id"] is None]
    return freed + tx.execute(delete(forgotten).where(forgotten.c.url_key.in_(alone))).rowcount


def count(tx: Connection) -> tuple[int, int]:
    """How many names are kept away, and how many articles they belonged to."""
    counted = select(func.count(), func.count(forgotten.c.article_id.distinct()))
    names, owners = tx.execute(counted).one()
    return int(names), int(owners)


def listing(tx: Connection, limit: int) -> list[dict[str, Any]]:
    """What was forgotten, the latest first: article (if it was one), names, when and why."""
    grouped = (
        select(
            forgotten.c.article_id.label("article"),
            func.count().label("names"),
            forgotten.c.forgotten,
            forgotten.c.reason,
        )
        .group_by(forgotten.c.article_id, forgotten.c.forgotten, forgotten.c.reason)
        .order_by(forgotten.c.forgotten.desc(), forgotten.c.article_id.desc())
        .limit(limit)
    )
    return [dict(row) for row in tx.execute(grouped).mappings()]


def scrub(ledger: Ledger) -> bool:
    """Take what was erased out of the files too, as far as that can be done from here.

    SQLite overwrites what is deleted (`secure_delete`), but its write-ahead log holds the pages of before until it is
    emptied. False when somebody was reading it all the time. PostgreSQL does the like in its own time (`VACUUM`).
    """
    if not ledger.is_sqlite:
        return True
    connection = ledger.engine.raw_connection()
    try:
        cursor = connection.cursor()
        (before,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_SCRUB_MS}")
        (busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={before}")
        cursor.close()
    finally:
        connection.close()
    return not busy


def _names(tx: Connection, row: RowMapping, seen: Sequence[RowMapping]) -> list[str]:
    """The keys of every name of an article. A canonical URL only when no other article claims it: there are sites whose
    pages all name the same one, and all of them would be kept away."""
    names = {row["url_key"]} if urls.is_http(row["url"]) else set()
    for one in seen:
        names |= {one["url_key"], entry_name(one["feed_id"], one["entry_key"])}
    if row["external_id"] is not None:
        names.add(import_name(row["external_id"]))
    if row["canonical_key"] is not None:
        others = articles.c.canonical_key == row["canonical_key"], articles.c.id != row["id"]
        if tx.execute(select(articles.c.id).where(*others).limit(1)).first() is None:
            names.add(row["canonical_key"])
    return sorted(names)


def _remember(tx: Connection, keys: Iterable[str], article_id: int | None, now: datetime, reason: str) -> int:
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    made = 0
    for key in keys:
        row = {"url_key": key, "forgotten": now, "article_id": article_id, "reason": reason}
        fresh = insert(forgotten).values(row).on_conflict_do_nothing().returning(forgotten.c.url_key)
        made += tx.execute(fresh).first() is not None
    return made


def _tombstone(row: RowMapping, now: datetime) -> dict[str, Any]:
    """What stays of an article: that it was, when, in which language and of which outlet. Its URL has words of its
    headline, mostly, so only the host stays of it; its key is free, should it ever be let in again."""
    parts = urlsplit(row["url"]) if urls.is_http(row["url"]) else None
    return {
        "url_key": f"{REASON}:{row['id']}",
        "url": f"{parts.scheme}://{parts.hostname}/" if parts else f"{REASON}:{row['id']}",
        "external_id": None,
        "state": ArticleState.REJECTED,
        "reason": REASON,
        "error": "its text was erased on request",
        "due": now,
        **dict.fromkeys(("job_id", "lease_owner", "lease_until"), None),
        **dict.fromkeys(("canonical_url", "canonical_key", "image_url", "original_id"), None),
        **dict.fromkeys(("previous", "etag", "last_modified"), None),
        **dict.fromkeys(("title", "lead"), ""),
        "authors": [],
        "sources": {},
    }


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _PART] for start in range(0, len(keys), _PART))
