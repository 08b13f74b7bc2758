"""How articles get into the ledger: from a feed's entries, by hand, or with their text.

Poll after poll brings mostly what is known: the statements of one document are a bounded number, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, select, union_all, update

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import edits, forgotten, hosts
from pipeline.ledger.engine import INTAKE, one_at_a_time
from pipeline.ledger.schema import articles, feeds, sightings
from pipeline.records import ArticleState, Entry

T = TypeVar("T")
CHUNK = 400  # parameters in one statement; old SQLite builds allow 999
PUSHED, FRESH, BACKFILL = -1, 0, 1
"""Priorities: what a hub pushed goes first, what is no news (a feed's first poll, what is old, edits) last."""
LATE = timedelta(hours=48)
"""An entry that is older by its own date when it is first seen is no news: it marks a backfill of one. Feeds misstate
their zone by up to 26 hours."""
MOST_SIGHTINGS = 10
"""Rows that one URL may have from one feed. Live blogs show a page as several entries; nobody asks for the eleventh."""
SUSPECT, SUSPECT_SHARE = 3, 0.5
"""New entries, and their share of the document, from which on it is looked whether they are old ones under new names.
Only then: a document of which half is new is rare in a feed that is polled often enough."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a feed's entries: `articles` were new, `sightings` are known articles seen here first, and `known`
    were known from this feed: of these `renamed` not by their key but by their URL, `moved` by neither but by title and
    date, and `edited` were edited, and their pages are asked for again. `ids` are those of the new articles."""

    articles: int
    sightings: int
    known: int
    renamed: int = 0
    moved: int = 0
    edited: int = 0
    ids: tuple[int, ...] = field(default=(), compare=False)


@dataclass(slots=True)
class _Match:
    """Entries of a document and the rows of this feed that are known of them."""

    known: list[tuple[Entry, RowMapping]] = field(default_factory=list)
    fresh: list[Entry] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)  # of the URLs of fresh entries, by entry key
    owners: dict[str, int] = field(default_factory=dict)  # articles by the key of their URL
    renamed: int = 0
    moved: int = 0
    full: int = 0

    def place(self, entry: Entry) -> tuple[str, int]:
        """The key of a fresh entry's URL, and its article."""
        key = self.keys[entry.key]
        return key, self.owners[key]


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


def record_entries(
    tx: Connection,
    entries: Sequence[Entry],
    now: datetime,
    *,
    feed_id: int | None = None,
    backfill: bool = False,
    pushed: bool = False,
) -> Recorded:
    """Turn a feed's entries, whose keys differ, into articles and sightings, and look again at what was edited.

    Entries known from this feed move their `last_seen`, whatever their date says. One whose key is new but whose URL
    (or title and date) this feed showed before under a key that is gone is that entry renamed: feeds exist whose guids
    or links are new at each fetch. One whose URL is known from elsewhere is one more sighting of that article; the rest
    are new articles, inserted oldest first, so that ids follow the order of publication as far as the feed tells it.

    `backfill` marks all new articles as no news; without it those are marked that are older than `LATE` by their own
    date, and undated ones when the feed was silent or away for longer than that. `pushed` gives the others precedence.
    Entries whose URL was forgotten are left out, and a feed that was removed while it was polled brings nothing.
    """
    entries = list({entry.key: _clamped(entry, now) for entry in entries}.values())
    digests = {entry.key: edits.digest(entry) for entry in entries}
    one_at_a_time(tx, INTAKE)  # two feeds that bring the same new URL at once make one article of it
    away = False
    if feed_id is not None:
        chosen = select(feeds.c.id, feeds.c.last_success).where(feeds.c.id == feed_id)
        feed = tx.execute(chosen.with_for_update(read=True, key_share=True)).one_or_none()
        if feed is None:
            return Recorded(articles=0, sightings=0, known=0)
        away = feed.last_success is not None and now - feed.last_success > LATE
    match = _match(tx, feed_id, entries)
    edited = _refresh(tx, match.known, digests, now)
    match.fresh.reverse()  # feeds name the newest first; undated entries keep that order
    match.fresh.sort(key=lambda entry: entry.published or now)
    late = {entry.key for entry in match.fresh if backfill or is_late(entry, now, away=away)}
    made = _make_articles(tx, match, now, feed_id, late, PUSHED if pushed else FRESH)
    seen = [_sighting(entry, *match.place(entry), now, feed_id, digests[entry.key]) for entry in match.fresh]
    if seen:
        tx.execute(sightings.insert(), seen)
    known = len(match.known) + match.full
    new = len(made)
    return Recorded(new, len(seen) - new, known, match.renamed, match.moved, edited, tuple(made))


def is_late(entry: Entry, now: datetime, *, away: bool = False) -> bool:
    """Whether an entry that is first seen now is no news: it is old, or it is undated and may be as old as the time for
    which its feed was not heard of (`away`)."""
    return away if entry.published is None else now - entry.published > LATE


def record_url(tx: Connection, url: str, now: datetime) -> tuple[int, bool]:
    """Record one article by hand. Returns its id and whether it is new; raises InputError on a URL that is none, or
    that was forgotten."""
    url_key = urls.key(url)
    one_at_a_time(tx, INTAKE)
    forgotten.refuse(tx, url)
    known = by_url(tx, [url_key])
    if known:
        return known[url_key], False
    hosts.ensure(tx, [urls.host_key(url)], now)
    entry = Entry(key=url_key, url=url)
    (article_id,) = insert(tx, [_article(entry, url_key, now, None, FRESH)]).values()
    tx.execute(sightings.insert(), _sighting(entry, url_key, article_id, now, None, None))
    return article_id, True


# ---- what is known ----

_ROW = (
    sightings.c.id,
    sightings.c.feed_id,
    sightings.c.entry_key,
    sightings.c.url_key,
    sightings.c.url,
    sightings.c.article_id,
    sightings.c.digest,
    sightings.c.changes,
    sightings.c.title,
    sightings.c.published,
)


def _match(tx: Connection, feed_id: int | None, entries: Sequence[Entry]) -> _Match:
    """Find each entry among the rows of its feed: by key, by URL, by title and date."""
    match, here = _Match(), {entry.key for entry in entries}
    rows: dict[str, RowMapping] = {}
    for part in chunks(here):
        chosen = select(*_ROW).where(sightings.c.feed_id == feed_id, sightings.c.entry_key.in_(part))
        rows |= {row["entry_key"]: row for row in tx.execute(chosen).mappings()}
    match.known = [(entry, rows[entry.key]) for entry in entries if entry.key in rows]
    unknown = [entry for entry in entries if entry.key not in rows]
    if not unknown:
        return match
    match.keys = {entry.key: urls.key(entry.url) for entry in unknown}
    of_feed: dict[str, list[RowMapping]] = {}
    for row in _rowsby_url(tx, match.keys.values()):
        match.owners[row["url_key"]] = row["article_id"]
        if row["feed_id"] == feed_id:
            of_feed.setdefault(row["url_key"], []).append(row)
    match.owners |= _articlesby_url(tx, match.keys.values())
    barred = forgotten.entries(tx, feed_id, match.keys)
    unknown = [entry for entry in unknown if entry.key not in barred]
    rooms = {key: MOST_SIGHTINGS - len(same) for key, same in of_feed.items()}
    for entry in unknown:
        key = match.keys[entry.key]
        same = of_feed.get(key, [])
        gone = [row for row in same if row["entry_key"] not in here]
        if gone:  # an entry under a new key: its row is taken over, so that churning guids make no rows
            same.remove(gone[-1])
            match.known.append((entry, gone[-1]))
            match.renamed += 1
        elif rooms.setdefault(key, MOST_SIGHTINGS) <= 0:
            match.full += 1
        else:
            rooms[key] -= 1
            match.fresh.append(entry)
    if feed_id is not None and len(match.fresh) >= max(SUSPECT, SUSPECT_SHARE * len(entries)):
        _match_titles(tx, feed_id, match, here)
    return match


def _match_titles(tx: Connection, feed_id: int, match: _Match, here: set[str]) -> None:
    """Find entries under new keys and new URLs among those that have left the document. Undated ones cannot be, nor
    those with a mere day: "Correction" may stand twice on one, and a double is better than an article that is lost."""
    dates = {entry.published for entry in match.fresh if entry.title and _has_time(entry.published)}
    taken = {row["id"] for _, row in match.known}  # by their URL, under a key that has left the document
    left: dict[tuple[str, datetime], RowMapping] = {}
    for part in chunks(sorted(date for date in dates if date is not None)):
        # By date, of which there is an index: a feed may have shown a million entries, and titles are too long for one.
        chosen = select(*_ROW).where(sightings.c.feed_id == feed_id, sightings.c.published.in_(part))
        # Sorted here: asked for the order of ids, SQLite would read the whole table in it.
        for row in sorted(tx.execute(chosen).mappings(), key=lambda row: int(row["id"])):
            if row["title"] and row["entry_key"] not in here and row["id"] not in taken:
                left[row["title"], row["published"]] = row
    fresh, match.fresh = match.fresh, []
    for entry in fresh:
        named = left.pop((entry.title, entry.published), None) if entry.published is not None else None
        owner = match.owners.get(match.keys[entry.key])
        if named is None or (owner is not None and owner != named["article_id"]):
            match.fresh.append(entry)
        else:
            match.known.append((entry, named))
            match.moved += 1


def _has_time(published: datetime | None) -> bool:
    return published is not None and (published.hour, published.minute, published.second) != (0, 0, 0)


def _rowsby_url(tx: Connection, url_keys: Iterable[str]) -> Iterator[RowMapping]:
    for part in chunks(sorted(set(url_keys))):
        chosen = select(*_ROW).where(sightings.c.url_key.in_(part)).order_by(sightings.c.id)
        yield from tx.execute(chosen).mappings()


def _articlesby_url(tx: Connection, url_keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(set(url_keys))):
        chosen = select(articles.c.url_key, articles.c.id).where(articles.c.url_key.in_(part))
        found.update((key, article) for key, article in tx.execute(chosen))
    return found


def by_url(tx: Connection, url_keys: Sequence[str]) -> dict[str, int]:
    both = union_all(
        select(sightings.c.url_key, sightings.c.article_id).where(sightings.c.url_key.in_(url_keys)),
        select(articles.c.url_key, articles.c.id).where(articles.c.url_key.in_(url_keys)),
    )
    return {str(key): int(article) for key, article in tx.execute(both)}


# ---- what is written ----


def _refresh(
    tx: Connection, known: Sequence[tuple[Entry, RowMapping]], digests: Mapping[str, str], now: datetime
) -> int:
    """Note that known entries were seen, under what key, with what content. Returns how many are looked into."""
    edited = {row["article_id"] for entry, row in known if edits.is_edit(row["digest"], digests[entry.key])}
    begun: set[int] = set()
    later: set[int] = set()
    for part in chunks(sorted(edited)):
        opened, postponed = edits.open_looks(tx, part, now, BACKFILL)
        begun |= opened
        later |= postponed
    same = [row["id"] for entry, row in known if _same(entry, row, digests[entry.key])]
    for part in chunks(same):
        tx.execute(update(sightings).where(sightings.c.id.in_(part)).values(last_seen=now))
    changed = [
        _changed(entry, row, digests[entry.key], now, later=row["article_id"] in later)
        for entry, row in known
        if not _same(entry, row, digests[entry.key])
    ]
    if changed:
        values: dict[str, Any] = {name.removeprefix("new_"): bindparam(name) for name in changed[0] if name != "of"}
        tx.execute(update(sightings).where(sightings.c.id == bindparam("of")).values(**values), changed)
    return len(begun)


def _same(entry: Entry, row: RowMapping, digest: str) -> bool:
    return bool(row["entry_key"] == entry.key and row["digest"] == digest)


def _changed(entry: Entry, row: RowMapping, digest: str, now: datetime, *, later: bool) -> dict[str, Any]:
    """A known entry's row as it becomes. An edit that is to be seen again later keeps the digest of before."""
    edit = edits.is_edit(row["digest"], digest)
    moved = row["entry_key"] != entry.key
    return {
        "of": row["id"],
        "new_entry_key": entry.key,
        "new_url": entry.url if moved else row["url"],
        "new_url_key": urls.key(entry.url) if moved else row["url_key"],
        "new_title": entry.title or row["title"],
        "new_published": row["published"] or entry.published,
        "new_summary": entry.summary,
        "new_content": entry.content,
        "new_updated": entry.updated,
        "new_digest": row["digest"] if edit and later else digest,
        "new_changes": row["changes"] + (edit and not later),
        "new_last_seen": now,
    }


def _clamped(entry: Entry, now: datetime) -> Entry:
    """A future date is that of the first sight; the parser's clock may be ahead of the ledger's."""
    ahead = entry.published is not None and entry.published > now
    return replace(entry, published=now) if ahead else entry


def _make_articles(
    tx: Connection, match: _Match, now: datetime, feed_id: int | None, late: Collection[str], priority: int
) -> Collection[int]:
    """Make articles of fresh entries whose URLs nobody knows; those with a key in `late` are no news, and the others
    get this priority. Returns their ids."""
    firsts: dict[str, Entry] = {}
    for entry in match.fresh:
        if match.keys[entry.key] not in match.owners:
            firsts.setdefault(match.keys[entry.key], entry)
    hosts.ensure(tx, {urls.host_key(entry.url) for entry in firsts.values()}, now)
    rows = [
        _article(entry, key, now, feed_id, BACKFILL if entry.key in late else priority) for key, entry in firsts.items()
    ]
    made = insert(tx, rows)
    match.owners |= made
    return made.values()


def insert(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert articles in this order; their ids by the key of their URL."""
    if not rows:
        return {}
    # SQLite numbers the rows of one statement as they stand in it; PostgreSQL does when it is asked for it.
    ordered = tx.dialect.name == "postgresql"
    made = articles.insert().returning(articles.c.url_key, articles.c.id, sort_by_parameter_order=ordered)
    return {str(key): int(article_id) for key, article_id in tx.execute(made, rows)}


def _article(entry: Entry, url_key: str, now: datetime, feed_id: int | None, priority: int) -> dict[str, Any]:
    if not urls.is_http(entry.url):
        raise InputError(f"{entry.url} is no http or https URL")
    return {
        "url_key": url_key,
        "url": entry.url,
        "host_key": urls.host_key(entry.url),
        "feed_id": feed_id,
        "state": ArticleState.QUEUED,
        "priority": priority,
        "due": now,
        "backfill": priority == BACKFILL,
        "title": entry.title,
        "lang": entry.lang,
        "published": entry.published,
        "seen": now,
    }


def _sighting(
    entry: Entry, url_key: str, article_id: int, now: datetime, feed_id: int | None, digest: str | None
) -> dict[str, Any]:
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
        "updated": entry.updated,
        "digest": digest,
    }
