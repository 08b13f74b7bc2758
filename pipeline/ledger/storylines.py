"""Storylines in the ledger. Only the clusterer calls what writes here, inside a transaction under its guard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, func, literal_column, select, update

from pipeline import urls
from pipeline.errors import LeaseLostError
from pipeline.ledger import events, pace, revisions, sealed, words
from pipeline.ledger.schema import articles, memberships, storylines
from pipeline.records import Article, ArticleState, Storyline, Vector

EMPTY = "empty"  # the state of a storyline whose articles have all been forgotten; nobody is shown it in a list
SHOWN = storylines.c.state != literal_column(f"'{EMPTY}'")  # not a parameter: partial indexes are chosen by it
PACED = ("developing", "surging")
PACE_LOOK = timedelta(minutes=1)  # how long a storyline that grows all the time may wait for a look at its pace
BURST = 6  # articles within some three hours that may be a surge: fewer are none (`storylines.life`)
BURST_HOURS = 4  # clock hours that hold the last three
BURST_LOOK = timedelta(seconds=5)  # what may be a surge is looked at so soon
FIRST_LOOK = timedelta(hours=24)  # a new storyline is quiet no earlier (`storylines.life`)
OUTLETS_KEPT = 200  # outlet names kept with a storyline; far more than anyone reads, and bounds the row


@dataclass(frozen=True, slots=True)
class Filed:
    """An article as it was filed, whatever it has become since: what a rebuild replays, in order of `position`."""

    article: Article
    storyline: int
    copy_of: int | None
    position: int
    moment: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article was filed that comes again as a new version; `changed` is what that changed in substance."""

    storyline: int
    copy_of: int | None
    changed: tuple[str, ...]


def pack(vector: Vector) -> bytes:
    """A vector as the ledger keeps it: float16, little-endian. The loss in cosine is below 1e-3."""
    return vector.astype("<f2").tobytes()


def unpack(stored: bytes | None) -> Vector | None:
    """The stored vector as float32, length 1; None stays None."""
    if stored is None:
        return None
    vector = np.frombuffer(stored, dtype="<f2").astype(np.float32)
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def embedded(tx: Connection, version: str, limit: int) -> list[Article]:
    """Articles that wait to be filed, or to be told again in a new version (`places`), in the order they came.

    Chosen by state, never by a cursor over ids: in PostgreSQL a smaller id may become visible after a larger one.
    """
    chosen = (
        revisions.current(version).where(articles.c.state == ArticleState.EMBEDDED).order_by(articles.c.id).limit(limit)
    )
    return [article_of(row) for row in tx.execute(chosen).mappings()]


def places(tx: Connection, ids: Sequence[int]) -> dict[int, Place]:
    """Where those of these articles belong that were filed before."""
    chosen = (
        select(articles.c.id, articles.c.original_id, articles.c.previous, memberships.c.storyline_id)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(articles.c.id.in_(ids))
    )
    return {
        row.id: Place(row.storyline_id, row.original_id, tuple((row.previous or {}).get("changed", ())))
        for row in tx.execute(chosen)
    }


def remembered(tx: Connection, version: str, since: datetime) -> Iterator[Filed]:
    """What was filed after `since`, in the order in which it was filed and in the versions by which it was."""
    filed = memberships.c.filed >= since
    # Reading begins there: to look through all that was ever filed, or to sort texts, would take its time.
    order = (memberships.c.filed, memberships.c.position)
    first = select(memberships.c.position).where(filed).order_by(*order).limit(1).scalar_subquery()
    return _as_filed(tx, version, filed, memberships.c.position >= first)


def filed_after(tx: Connection, version: str, position: int) -> Iterator[Filed]:
    """The same of what comes after a place in that order."""
    return _as_filed(tx, version, memberships.c.position > position)


def _as_filed(tx: Connection, version: str, *wanted: ColumnElement[bool]) -> Iterator[Filed]:
    columns = (memberships.c.storyline_id, memberships.c.position, memberships.c.filed.label("filed_at"))
    chosen = revisions.as_filed(version).add_columns(*columns).where(*wanted).order_by(memberships.c.position)
    for row in tx.execute(chosen.execution_options(yield_per=500)).mappings():
        yield Filed(article_of(row), row["storyline_id"], row["original_id"], row["position"], row["filed_at"])


def last_position(tx: Connection) -> int:
    return int(tx.execute(select(func.coalesce(func.max(memberships.c.position), 0))).scalar_one())


def open_one(
    tx: Connection, now: datetime, *, title: str = "", text: str = "", lang: str | None = None, declared: bool = False
) -> int:
    """Make an empty storyline. A declared one is announced at once; the others with their first article."""
    values = {
        "title": title,
        "text": text,
        "lang": lang,
        "declared": declared,
        "state": "emerging",
        "state_since": now,
        "headline": title,
        "opened": now,
        "updated": now,
        "sequence": 1 if declared else 0,
    }
    made = int(tx.execute(storylines.insert().returning(storylines.c.id), values).scalar_one())
    words.follow(tx, made, {}, values)
    if declared:
        data = {"storyline": summary({**values, "id": made, "articles": 0, "originals": 0, "outlets": []})}
        events.append(tx, "storyline.opened", f"storyline/{made}", 1, now, data)
    return made


def file_article(
    tx: Connection,
    article: Article,
    storyline_id: int,
    *,
    copy_of: int | None,
    position: int,
    why: Mapping[str, Any],
    headline: str,
    lead: str,
    now: datetime,
) -> None:
    """Record where an article belongs, with its event. Raises LeaseLostError when it is not waiting to be filed."""
    state = ArticleState.FILED if copy_of is None else ArticleState.DUPLICATE
    moved = tx.execute(
        update(articles)
        .where(articles.c.id == article.id, articles.c.state == ArticleState.EMBEDDED)
        .values(state=state, filed=now, original_id=copy_of)
        .returning(articles.c.generation)
    ).scalar_one_or_none()
    if moved is None:
        raise LeaseLostError(f"article {article.id} is not waiting to be filed any more")
    tx.execute(
        memberships.insert(),
        {
            "article_id": article.id,
            "generation": moved,
            "storyline_id": storyline_id,
            "kind": "original" if copy_of is None else "duplicate",
            "position": position,
            "why": dict(why),
            **_runner_up(why),
            "filed": now,
        },
    )
    _grow(tx, article, storyline_id, copy_of=copy_of, headline=headline, lead=lead, now=now)


def _runner_up(why: Mapping[str, Any]) -> dict[str, Any]:
    """The storyline that came second, in columns of its own, so that it can find those articles too."""
    second, score, needed = (why.get(name) for name in ("runner_up", "runner_up_score", "threshold"))
    share = score / needed if score is not None and needed else None
    return {"runner_up": second, "runner_up_share": share}


def tell_again(tx: Connection, article: Article, place: Place, *, headline: str, lead: str, now: datetime) -> None:
    """Record that a filed article has a new version, with its event. It stays where it is, and nothing is counted.

    The version by which it was filed stays with its membership: that is what filing remembers, and what a rebuild
    reads. Raises LeaseLostError when it does not wait.
    """
    state = ArticleState.FILED if place.copy_of is None else ArticleState.DUPLICATE
    waiting = (articles.c.id == article.id, articles.c.state == ArticleState.EMBEDDED)
    moved = tx.execute(
        update(articles).where(*waiting).values(state=state, previous=None).returning(articles.c.generation)
    ).scalar_one_or_none()
    if moved is None:
        raise LeaseLostError(f"article {article.id} is not waiting to be told again any more")
    row = tx.execute(select(storylines).where(storylines.c.id == place.storyline)).mappings().one()
    values = {**_told(row, article, headline, lead), "updated": now, "sequence": row["sequence"] + 1}
    tx.execute(update(storylines).where(storylines.c.id == place.storyline).values(**values))
    words.follow(tx, place.storyline, row, values)
    data = _data({**row, **values}, article, place.copy_of)
    data["article"] |= {"version": moved, "changed": list(place.changed)}
    events.append(tx, "article.updated", f"storyline/{place.storyline}", values["sequence"], now, data)


def park(tx: Connection, article_id: int, reason: str, error: str, now: datetime) -> None:
    """Give up an article that cannot be filed: it goes to the dead letters with its reason, and blocks nothing.

    One that was filed before stays where it is.
    """
    filed = select(memberships.c.kind).where(memberships.c.article_id == article_id)
    kind = tx.execute(filed).scalar()
    ends = {None: ArticleState.DEAD, "original": ArticleState.FILED, "duplicate": ArticleState.DUPLICATE}
    values = {"state": ends[kind], "reason": reason, "error": error, "due": now, "previous": None}
    waiting = (articles.c.id == article_id, articles.c.state == ArticleState.EMBEDDED)
    tx.execute(update(articles).where(*waiting).values(**values))


def _grow(
    tx: Connection, article: Article, storyline_id: int, *, copy_of: int | None, headline: str, lead: str, now: datetime
) -> None:
    row = tx.execute(select(storylines).where(storylines.c.id == storyline_id)).mappings().one()
    when = article.published or article.seen
    outlets = list(row["outlets"])
    if article.outlet and article.outlet not in outlets and len(outlets) < OUTLETS_KEPT:
        outlets.append(article.outlet)
    paced = pace.grown(row, when, now, original=copy_of is None)
    values = {
        "articles": row["articles"] + 1,
        "originals": row["originals"] + (copy_of is None),
        "outlets": outlets,
        **_told(row, article, headline, lead),
        "state_due": _look(row, outlets, paced["pace"], now),
        "first_article": min(when, row["first_article"] or when),
        "last_article": max(when, row["last_article"] or when),
        **paced,
        "updated": now,
        "sequence": row["sequence"] + 1,
    }
    tx.execute(update(storylines).where(storylines.c.id == storyline_id).values(**values))
    words.follow(tx, storyline_id, row, values)
    type_ = "storyline.opened" if values["sequence"] == 1 else "storyline.grew"
    data = _data({**row, **values}, article, copy_of)
    events.append(tx, type_, f"storyline/{storyline_id}", values["sequence"], now, data)


def _look(row: RowMapping, outlets: Sequence[str], paced: Sequence[int], now: datetime) -> datetime | None:
    """When the life of a storyline that grew is looked at: at once where the article may have changed its state, within
    seconds where so many were written lately that it may surge, within a minute where only its pace may have."""
    if not row["articles"] and row["state"] in ("emerging", EMPTY):
        return now + FIRST_LOOK
    if row["state"] == "emerging" and len(outlets) < 2:
        return row["state_due"] or now
    burst = row["state"] == "developing" and sum(pace.recent(paced, now, bars=1, hours=BURST_HOURS)) >= BURST
    soon = now if row["state"] not in PACED else now + (BURST_LOOK if burst else PACE_LOOK)
    return min(soon, row["state_due"] or soon)


def _told(row: RowMapping, article: Article, headline: str, lead: str) -> dict[str, str]:
    """What a storyline is told by; a declared or renamed one keeps its name."""
    told = headline or row["headline"] or article.title
    return {"headline": headline_of(row, told), "lead": lead or row["lead"]}


def headline_of(row: Mapping[Any, Any], told: str) -> str:
    """What a storyline is called: as a person named it, else as it was declared, else what it is `told` by."""
    name: str = row["headline"] if row["renamed"] else row["title"] if row["declared"] else told
    return name


def summary(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What every event says of its storyline."""
    names = ("id", "headline", "state", "declared", "articles", "originals")
    return {**{name: row[name] for name in names}, "outlets": len(row["outlets"])}


def _data(storyline: Mapping[str, Any], article: Article, copy_of: int | None) -> dict[str, Any]:
    """What an event says of a storyline and of the article that caused it."""
    return {
        "storyline": summary(storyline),
        "article": {
            "id": article.id,
            "url": urls.without_credentials(article.url),  # events go to other systems
            "title": article.title,
            "outlet": article.outlet,
            "published": article.published.isoformat() if article.published else None,
            "copy_of": copy_of,
        },
        "backfill": article.backfill,
    }


def count(tx: Connection) -> int:
    return int(tx.execute(select(func.count()).where(storylines.c.merged_into.is_(None), SHOWN)).scalar_one())


def listing(tx: Connection, *, limit: int, offset: int = 0, lang: str | None = None) -> list[Storyline]:
    """Storylines, the one that changed last first."""
    chosen = select(storylines).where(storylines.c.merged_into.is_(None), SHOWN)
    if lang:
        chosen = chosen.where(storylines.c.lang == lang)
    chosen = chosen.order_by(storylines.c.updated.desc(), storylines.c.id.desc()).limit(limit).offset(offset)
    return [_storyline(row) for row in tx.execute(chosen).mappings()]


def one(tx: Connection, storyline_id: int) -> Storyline | None:
    """The storyline with this id; an id that was merged away leads to where it went."""
    for _ in range(64):  # merges of merges; a circle cannot be written, this bounds it all the same
        row = tx.execute(select(storylines).where(storylines.c.id == storyline_id)).mappings().first()
        if row is None or row["merged_into"] is None:
            return _storyline(row) if row else None
        storyline_id = row["merged_into"]
    return None


def coverage(tx: Connection, storyline_id: int, limit: int) -> list[dict[str, Any]]:
    """The articles filed under a storyline, the newest first, each with the reason why it is there."""
    chosen = (
        select(
            articles.c.id,
            articles.c.url,
            articles.c.title,
            articles.c.lead,
            articles.c.outlet,
            articles.c.lang,
            articles.c.published,
            articles.c.seen,
            articles.c.external_id,
            articles.c.original_id,
            memberships.c.kind,
            memberships.c.why,
            memberships.c.filed,
        )
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(func.coalesce(articles.c.published, articles.c.seen).desc(), articles.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in tx.execute(chosen).mappings()]


def declared(tx: Connection) -> list[RowMapping]:
    """Declared storylines with their texts and vectors."""
    chosen = select(storylines).where(storylines.c.declared, storylines.c.merged_into.is_(None))
    return list(tx.execute(chosen.order_by(storylines.c.id)).mappings())


def without_vector(tx: Connection, version: str) -> list[RowMapping]:
    """Declared storylines that have no vector of this version yet."""
    return [row for row in declared(tx) if row["vector_version"] != version]


def put_vector(tx: Connection, storyline_id: int, version: str, vector: bytes) -> None:
    values = {"vector": vector, "vector_version": version}
    tx.execute(update(storylines).where(storylines.c.id == storyline_id).values(**values))


def titles(tx: Connection) -> Sequence[str]:
    """Titles of declared storylines, so that none is declared twice."""
    return list(tx.execute(select(storylines.c.title).where(storylines.c.declared)).scalars())


def article_of(row: Mapping[Any, Any]) -> Article:
    """An article as filing takes it, of a row of `revisions.current` or `revisions.as_filed`."""
    return Article(
        id=row["id"],
        title=row["told"],
        text=row["text"],
        seen=row["seen"],
        url=row["url"],
        outlet=row["outlet"],
        lang=row["lang"],
        published=row["published"],
        backfill=row["backfill"],
        vector=unpack(row["vector"]),
        signature=row["signature"],
        features=sealed.unseal(
            row["features"], title=row["told"], text=row["text"], outlet=row["outlet"], url=row["url"]
        ),
        generation=row["generation"],
    )


def _storyline(row: RowMapping) -> Storyline:
    return Storyline(
        id=row["id"],
        title=row["title"],
        state=row["state"],
        declared=row["declared"],
        text=row["text"],
        headline=row["headline"],
        lead=row["lead"],
        merged_into=row["merged_into"],
        articles=row["articles"],
        originals=row["originals"],
        outlets=tuple(row["outlets"]),
        opened=row["opened"],
        first_article=row["first_article"],
        last_article=row["last_article"],
        updated=row["updated"],
    )
