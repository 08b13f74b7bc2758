"""Work on articles: hand-out, claim, renewal, and every way an attempt can end.

A hand-out puts a job id on the article; the worker that runs the job claims it, which commits the attempt and makes
the job id the token of a lease. Every ending is a compare-and-set on state, job id and owner: what comes from a worker
whose lease was taken away changes nothing.

An article that was filed and then edited is worked on like any other, but it cannot get lost on the way: where there is
nothing new to be had, or nothing at all, the version of before stands (`revisions`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline import urls
from pipeline.errors import LeaseLostError
from pipeline.ledger import forgotten, revisions
from pipeline.ledger.engine import DISPATCH, one_at_a_time
from pipeline.ledger.revisions import Revision
from pipeline.ledger.schema import articles, hosts, memberships, sightings, texts, vectors
from pipeline.records import ArticleState, Extraction

SCAN = 1000  # due articles looked at in one go; hosts that are booked are filtered out before
MOST_SIGHTINGS = 20  # URLs of one article kept for each feed that brought it: links with a session id never end
HOST_ARTICLES = 2  # of one host in the hands of workers: more requests at once no small publisher welcomes
SCANS = 8  # goes in one hand-out: more than one only where few hosts have very long lines

Validators = tuple[str | None, str | None]  # ETag and Last-Modified, opaque, of the URL that served the page
NO_VALIDATORS: Validators = (None, None)
_AFRESH: Mapping[str, Any] = {"attempts": 0, "deaths": 0}
_CLEAR: Mapping[str, Any] = {**_AFRESH, "reason": None, "error": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An article that this worker may work on.

    `attempts` counts this one and those that failed, not those whose worker died; `reason` is why the one before
    failed. `revision` is what stands of it until now, when it was edited; `seen` is when a feed first showed it.
    """

    id: int
    generation: int
    url: str
    host_key: str
    attempts: int
    job_id: str
    owner: str
    reason: str | None = None
    revision: Revision | None = None
    seen: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Stale:
    """A hand-out or lease whose time ran out. `owner` is empty when no worker ever claimed it; `deaths` is how many
    workers it has cost before."""

    id: int
    job_id: str
    owner: str | None
    deaths: int


def due_for_fetch(tx: Connection, now: datetime, limit: int, priority: int | None = None) -> list[tuple[int, str]]:
    """Up to `limit` articles (id, host) that are due, at most one for each host, none of a host that is booked; with
    `priority` only those of this one.

    A host of which `HOST_ARTICLES` are being fetched gets no more. Until the transaction ends nobody else hands
    anything out.
    """
    one_at_a_time(tx, DISPATCH)
    fetched_now = articles.c.job_id.is_not(None), articles.c.lease_owner.is_not(None)
    held = select(articles.c.host_key).where(*fetched_now, articles.c.state == ArticleState.QUEUED)
    busy = [key for key, count in Counter(tx.execute(held).scalars()).items() if count >= HOST_ARTICLES]
    waiting = (
        select(articles.c.id, articles.c.host_key)
        .join(hosts, hosts.c.host_key == articles.c.host_key)
        .where(articles.c.state == ArticleState.QUEUED, articles.c.job_id.is_(None), articles.c.due <= now)
        .where(hosts.c.next_handout <= now)
        .order_by(articles.c.priority, articles.c.due, articles.c.id)
        .limit(SCAN)
    )
    if priority is not None:
        waiting = waiting.where(articles.c.priority == priority)
    chosen: dict[str, int] = {}
    for _ in range(SCANS):
        rows = tx.execute(waiting.where(articles.c.host_key.not_in([*busy, *chosen]))).all()
        for article_id, host_key in rows:
            if len(chosen) < limit:
                chosen.setdefault(host_key, article_id)
        if len(rows) < SCAN or len(chosen) >= limit:
            break
    return [(article_id, host_key) for host_key, article_id in chosen.items()]


def due_for_embed(tx: Connection, now: datetime, limit: int, priority: int | None = None) -> list[int]:
    """Up to `limit` fetched articles that nobody embeds yet, in the order they came; `priority` and the lock as in
    `due_for_fetch`."""
    one_at_a_time(tx, DISPATCH)
    waiting = (
        select(articles.c.id)
        .where(articles.c.state == ArticleState.FETCHED, articles.c.job_id.is_(None), articles.c.due <= now)
        .order_by(articles.c.priority, articles.c.due, articles.c.id)
        .limit(limit)
    )
    if priority is not None:
        waiting = waiting.where(articles.c.priority == priority)
    return list(tx.execute(waiting).scalars())


def hand_out(tx: Connection, ids: Sequence[int], job_id: str, until: datetime) -> None:
    """Mark articles as lying in Redis under `job_id` until a worker claims them, or until `until`."""
    values = {"job_id": job_id, "lease_owner": None, "lease_until": until}
    tx.execute(update(articles).where(articles.c.id.in_(ids), articles.c.job_id.is_(None)).values(**values))


def claim(
    tx: Connection, ids: Sequence[int], state: ArticleState, job_id: str, owner: str, now: datetime, lease: float
) -> list[Claim]:
    """Take the articles of a job that still wait for it; commits the attempt. Others are left out without a word:
    they are done, in other hands, or on their way to dispatch again. The order is that of the hosts, in which all
    workers book them: in orders of their own two of them could wait for each other."""
    open_ = (articles.c.id.in_(ids), articles.c.state == state, articles.c.job_id == job_id)
    free = or_(articles.c.lease_owner.is_(None), articles.c.lease_until < now)
    rows = tx.execute(
        select(articles)
        .where(*open_, free)
        .order_by(articles.c.host_key, articles.c.id)
        .with_for_update(skip_locked=True)
    ).mappings()
    taken = [
        Claim(
            id=row["id"],
            generation=row["generation"],
            url=row["url"],
            host_key=row["host_key"],
            attempts=row["attempts"] + 1 - row["deaths"],
            job_id=job_id,
            owner=owner,
            reason=row["reason"],
            revision=revisions.of(row),
            seen=row["seen"],
        )
        for row in rows
    ]
    if taken:
        tx.execute(
            update(articles)
            .where(articles.c.id.in_([one.id for one in taken]))
            .values(lease_owner=owner, lease_until=now + timedelta(seconds=lease), attempts=articles.c.attempts + 1)
        )
    return taken


def renew(tx: Connection, job_id: str, owner: str, now: datetime, lease: float) -> None:
    """Keep the lease on everything this job still holds."""
    held = (articles.c.job_id == job_id, articles.c.lease_owner == owner)
    tx.execute(update(articles).where(*held).values(lease_until=now + timedelta(seconds=lease)))


def finish_fetch(
    tx: Connection,
    done: Claim,
    page: Extraction,
    signature: bytes | None,
    now: datetime,
    *,
    features: bytes | None = None,
    validators: Validators = NO_VALIDATORS,
    changed: Collection[str] = (),
) -> str:
    """Record the text, with `signature` and `features` as in `records.Marks`. Returns `fetched`, or `sighting` when the
    page turned out to be that of a known article.

    `validators` are the page's ETag and Last-Modified, where they belong to the URL that was asked for. Of an article
    that was filed before, `changed` names what changed in substance (`title`, `text`): returns `revised` when it is to
    be embedded and told again, or `touched` when nothing did, which is kept with the vector of before and not told.
    Returns `rejected` for another address of a page that was forgotten: this one is as well, then.
    """
    canonical = page.canonical_url if page.canonical_url and urls.is_http(page.canonical_url) else done.url
    if forgotten.known(tx, [urls.key(canonical)]):
        return _forget(tx, done, urls.key(canonical), now)
    values: dict[str, Any] = {
        "canonical_url": canonical,
        "canonical_key": urls.key(canonical),
        "title": page.title,
        "lead": page.lead,
        "authors": list(page.authors),
        "modified": page.modified,
        "image_url": page.image_url,
        "sources": dict(page.sources),
        "fetched": now,
        "etag": validators[0],
        "last_modified": validators[1],
    }
    text = {"title": page.title, "signature": signature, "text": page.text, "features": features, "created": now}
    keys = {"article_id": done.id, "generation": done.generation}
    before = done.revision
    if before is not None and before.filed:
        # By outlet, language and date of publication it was filed; they stay, or a rebuild would file it otherwise.
        revised = bool(changed)
        after = ArticleState.FETCHED if revised else before.state
        told = before.stored | {"changed": sorted(changed)} if revised else None
        futile = 0 if revised else articles.c.futile + 1
        _end(tx, done, ArticleState.QUEUED, after, now, **values, **_CLEAR, previous=told, futile=futile)
        _put(tx, texts, keys, text)
        if not revised:
            revisions.copy_vectors(tx, done.id, before.generation, done.generation, now)
        return "revised" if revised else "touched"
    twin = _same_page(tx, done, canonical, page.title)
    if twin is not None:
        _become_sighting(tx, done, twin)
        return "sighting"
    values |= {"outlet": page.outlet, "lang": page.lang, "published": page.published, "previous": None, "futile": 0}
    _end(tx, done, ArticleState.QUEUED, ArticleState.FETCHED, now, **values)
    _put(tx, texts, keys, text)
    return "fetched"


def unchanged(tx: Connection, done: Claim, now: datetime, validators: Validators = NO_VALIDATORS) -> str:
    """The page of an edited article is what it was: the version of before stands. Returns `unchanged`."""
    if done.revision is None:
        raise LeaseLostError(f"article {done.id} has no version to go back to")
    fresh = {name: value for name, value in zip(("etag", "last_modified"), validators, strict=True) if value}
    _end(tx, done, ArticleState.QUEUED, done.revision.state, now, **done.revision.restored(), **fresh)
    return "unchanged"


def finish_embed(tx: Connection, done: Claim, version: str, vector: bytes, now: datetime) -> None:
    """Record a vector (float16 bytes) under its version."""
    _end(tx, done, ArticleState.FETCHED, ArticleState.EMBEDDED, now, embedded=now)
    keys = {"article_id": done.id, "generation": done.generation, "version": version}
    _put(tx, vectors, keys, {"vector": vector, "created": now})


def reject(tx: Connection, done: Claim, reason: str, error: str, now: datetime) -> str:
    """The page is no article. Returns `rejected`, or `kept` when an earlier version of it stands."""
    if done.revision is not None and done.revision.filed:
        return _keep(tx, done, done.revision, reason, error, now)
    values = {"previous": None, "futile": articles.c.futile + 1} if done.revision else {}
    _end(tx, done, ArticleState.QUEUED, ArticleState.REJECTED, now, reason=reason, error=error, **values)
    return "rejected"


def fail(
    tx: Connection, done: Claim, state: ArticleState, reason: str, error: str, now: datetime, retry_in: float | None
) -> str:
    """An attempt failed: due again in `retry_in` seconds, or given up when that is None.

    Returns `retry`, `dead`, or `kept`: of an edited article the page of which cannot be had any more the version of
    before stands, and a new version that cannot be embedded goes on with the vector of before.
    """
    if retry_in is not None:
        _end(tx, done, state, state, now + timedelta(seconds=retry_in), reason=reason, error=error)
        return "retry"
    if done.revision is None:
        _end(tx, done, state, ArticleState.DEAD, now, reason=reason, error=error)
        return "dead"
    if state is ArticleState.QUEUED:
        return _keep(tx, done, done.revision, reason, error, now)
    _end(tx, done, state, ArticleState.EMBEDDED, now, embedded=now, **_AFRESH, reason=reason, error=error)
    revisions.copy_vectors(tx, done.id, done.revision.generation, done.generation, now)
    return "kept"


def give_back(tx: Connection, done: Claim, state: ArticleState, due: datetime) -> None:
    """Not now (the host is booked, the worker is stopping): the attempt does not count."""
    _end(tx, done, state, state, due, attempts=articles.c.attempts - 1)


def stale(tx: Connection, now: datetime, limit: int) -> list[Stale]:
    """Hand-outs and leases whose time ran out."""
    rows = (
        select(articles.c.id, articles.c.job_id, articles.c.lease_owner, articles.c.deaths)
        .where(articles.c.lease_until < now, articles.c.job_id.is_not(None))
        .order_by(articles.c.lease_until)
        .limit(limit)
    )
    return [Stale(*row) for row in tx.execute(rows)]


def extend(tx: Connection, job_ids: Sequence[str], until: datetime) -> None:
    """These jobs still wait in Redis: look again at `until`."""
    waiting = (articles.c.job_id.in_(job_ids), articles.c.lease_owner.is_(None))
    tx.execute(update(articles).where(*waiting).values(lease_until=until))


def take_back(tx: Connection, lost: Stale, now: datetime, max_attempts: int) -> bool:
    """Return an article whose worker or job is gone. True when it was parked as dead: it took `max_attempts` workers
    with it. Attempts that failed for other reasons are counted apart: a worker may die without any fault of the page.

    An edited one is not parked: the version of before stands.
    """
    mine = and_(articles.c.id == lost.id, articles.c.job_id == lost.job_id, articles.c.lease_until < now)
    free: dict[str, Any] = {"job_id": None, "lease_owner": None, "lease_until": None, "due": now}
    deaths = lost.deaths + (lost.owner is not None)
    free["deaths"] = deaths
    dead = lost.owner is not None and deaths >= max_attempts
    if dead:
        error = f"{deaths} workers died or fell silent while working on it"
        row = tx.execute(select(articles).where(mine)).mappings().first()
        before = revisions.of(row) if row is not None else None
        if row is not None and before is not None:
            free |= _spared(tx, lost.id, row["generation"], ArticleState(row["state"]), before, now)
            free |= {"reason": free.get("reason") or "worker-died", "error": free.get("error") or error}
            dead = False
        else:
            free |= {"state": ArticleState.DEAD, "reason": "worker-died", "error": error}
    return tx.execute(update(articles).where(mine).values(**free)).rowcount == 1 and dead


def _spared(
    tx: Connection, article_id: int, generation: int, state: ArticleState, before: Revision, now: datetime
) -> dict[str, Any]:
    """How an edited article goes on that has taken its workers with it: from where nothing more is to be done."""
    if state is ArticleState.QUEUED:
        return {"state": before.state, **before.restored()}
    revisions.copy_vectors(tx, article_id, before.generation, generation, now)
    return {"state": ArticleState.EMBEDDED, "embedded": now, **_AFRESH}


def _keep(tx: Connection, done: Claim, before: Revision, reason: str, error: str, now: datetime) -> str:
    """Go back to the version of before, and note why there is no newer one."""
    _end(tx, done, ArticleState.QUEUED, before.state, now, **before.restored(reason=reason, error=error))
    return "kept"


def texts_of(tx: Connection, claims: Sequence[Claim]) -> dict[int, tuple[str, str]]:
    """Title and text of each claimed article."""
    rows = (
        select(texts.c.article_id, texts.c.title, texts.c.text)
        .join(articles, and_(articles.c.id == texts.c.article_id, articles.c.generation == texts.c.generation))
        .where(articles.c.id.in_([one.id for one in claims]))
    )
    return {article_id: (title, text) for article_id, title, text in tx.execute(rows)}


def _held(done: Claim, state: ArticleState) -> tuple[ColumnElement[bool], ...]:
    return (
        articles.c.id == done.id,
        articles.c.state == state,
        articles.c.job_id == done.job_id,
        articles.c.lease_owner == done.owner,
    )


def _end(tx: Connection, done: Claim, before: ArticleState, after: ArticleState, due: datetime, **values: Any) -> None:
    free: dict[str, Any] = {"job_id": None, "lease_owner": None, "lease_until": None}
    if after in (ArticleState.FETCHED, ArticleState.EMBEDDED) and after != before:
        free |= _CLEAR  # what went wrong on the way is history
    changed = tx.execute(update(articles).where(*_held(done, before)).values(state=after, due=due, **free | values))
    if changed.rowcount != 1:
        raise LeaseLostError(f"article {done.id} is in other hands by now; what was made of it is left out")


def _put(tx: Connection, table: Any, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**keys, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=dict(values)))


def _same_page(tx: Connection, done: Claim, canonical: str, title: str) -> int | None:
    """Another article with this canonical URL and title. The title guards against sites whose every page names the
    front page as canonical."""
    key = urls.key(canonical)
    same = or_(articles.c.url_key == key, articles.c.canonical_key == key)
    read = articles.c.state.not_in((ArticleState.QUEUED, ArticleState.REJECTED, ArticleState.DEAD))
    # One that was filed stays the article of its page while an edit of it is looked into.
    ready = or_(read, exists().where(memberships.c.article_id == articles.c.id))
    found = select(articles.c.id).where(same, ready, articles.c.id != done.id, articles.c.title == title).limit(1)
    return tx.execute(found).scalar()


def _forget(tx: Connection, done: Claim, canonical_key: str, now: datetime) -> str:
    if tx.execute(select(articles.c.id).where(*_held(done, ArticleState.QUEUED))).first() is None:
        raise LeaseLostError(f"article {done.id} is in other hands by now; what was made of it is left out")
    forgotten.erase_alias(tx, done.id, canonical_key, now)
    return "rejected"


def _become_sighting(tx: Connection, done: Claim, article_id: int) -> None:
    held = tx.execute(select(articles.c.id).where(*_held(done, ArticleState.QUEUED)).with_for_update()).first()
    if held is None:
        raise LeaseLostError(f"article {done.id} is in other hands by now; what was made of it is left out")
    moving = sightings.c.article_id == done.id
    moved = tx.execute(update(sightings).where(moving).values(article_id=article_id).returning(sightings.c.feed_id))
    for feed_id in set(moved.scalars()):
        mine = (sightings.c.article_id == article_id, sightings.c.feed_id == feed_id)
        newest = select(sightings.c.id).where(*mine).order_by(sightings.c.id.desc()).limit(MOST_SIGHTINGS)
        tx.execute(delete(sightings).where(*mine, sightings.c.id.not_in(newest)))
    tx.execute(delete(articles).where(articles.c.id == done.id))
