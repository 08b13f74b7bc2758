"""Which articles make up a storyline: carried from one to another, counted anew, and told with an event.

Only the clusterer calls what writes here, inside a transaction under its guard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, case, func, null, select, update

from pipeline.ledger import events, pace, revisions, words
from pipeline.ledger.apart import parts
from pipeline.ledger.schema import articles, memberships, storylines, texts
from pipeline.ledger.storylines import EMPTY, OUTLETS_KEPT, article_of, headline_of, summary
from pipeline.records import Article

NOTHING = {"articles": 0, "originals": 0, "outlets": [], "first_article": None, "last_article": None, **pace.NOTHING}


@dataclass(frozen=True, slots=True)
class Member:
    """An article in a storyline; `original` is that of which it is a reprint, None for an original."""

    article: int
    storyline: int
    original: int | None


def row(tx: Connection, storyline_id: int) -> RowMapping | None:
    """A storyline under exactly this id, merged away or not."""
    return tx.execute(select(storylines).where(storylines.c.id == storyline_id)).mappings().first()


def members(tx: Connection, storyline_id: int) -> list[Member]:
    """The articles of a storyline in the order in which they were filed."""
    chosen = _members().where(memberships.c.storyline_id == storyline_id)
    return [Member(*found) for found in tx.execute(chosen.order_by(memberships.c.position))]


def places(tx: Connection, ids: Sequence[int]) -> dict[int, Member]:
    """Where those of these articles are that are in a storyline."""
    found: dict[int, Member] = {}
    for part in parts(ids):
        for each in tx.execute(_members().where(memberships.c.article_id.in_(part))):
            found[each[0]] = Member(*each)
    return found


def _members() -> Any:
    return select(memberships.c.article_id, memberships.c.storyline_id, articles.c.original_id).join(
        articles, articles.c.id == memberships.c.article_id
    )


def carry(tx: Connection, ids: Sequence[int], to: int) -> None:
    """Put articles into another storyline. The first one that each was filed under stays known; one that comes back
    to it is as if it had never left."""
    first = func.coalesce(memberships.c.filed_under, memberships.c.storyline_id)
    values = {"storyline_id": to, "filed_under": case((first == to, null()), else_=first)}
    for part in parts(ids):
        tx.execute(update(memberships).where(memberships.c.article_id.in_(part)).values(**values))


def originals(tx: Connection, version: str, storyline_id: int, since: datetime) -> list[Article]:
    """A storyline's originals that were filed after `since`, in the order and versions in which they were filed, with
    their vectors of that model and preparation: what filing remembers of it."""
    chosen = (
        revisions.as_filed(version)
        .where(memberships.c.storyline_id == storyline_id, memberships.c.kind == "original")
        .where(memberships.c.filed >= since)
        .order_by(memberships.c.position)
    )
    return [article_of(found) for found in tx.execute(chosen).mappings()]


def reprinted(tx: Connection, storyline_id: int, since: datetime) -> list[tuple[datetime | None, datetime]]:
    """When the reprints of a storyline that were filed after `since` were published and first seen."""
    chosen = (
        select(articles.c.published, articles.c.seen)
        .join(memberships, memberships.c.article_id == articles.c.id)
        .join(texts, and_(texts.c.article_id == articles.c.id, texts.c.generation == memberships.c.generation))
        .where(memberships.c.storyline_id == storyline_id, memberships.c.kind != "original")
        .where(memberships.c.filed >= since)
        .order_by(memberships.c.position)
    )
    return [(published, seen) for published, seen in tx.execute(chosen)]


def brought(tx: Connection, storyline_id: int) -> set[int]:
    """Those of a storyline's articles that were filed elsewhere and that people have stay where they are."""
    there = (memberships.c.storyline_id == storyline_id, memberships.c.pinned, memberships.c.filed_under.is_not(None))
    return set(tx.execute(select(memberships.c.article_id).where(*there)).scalars())


def latest(tx: Connection, most: int) -> list[int]:
    """The storylines of the articles that were filed last, in the order of filing."""
    chosen = select(memberships.c.storyline_id).order_by(memberships.c.position.desc()).limit(most)
    return list(tx.execute(chosen).scalars())[::-1]


def assignments(tx: Connection, *, first: bool = False) -> dict[str, int]:
    """Storyline of every filed article (the one it was filed under `first`, or where it is), by external id where it
    has one and by URL otherwise."""
    where = (
        func.coalesce(memberships.c.filed_under, memberships.c.storyline_id) if first else memberships.c.storyline_id
    )
    rows = select(articles.c.external_id, articles.c.url, where).join(
        memberships, memberships.c.article_id == articles.c.id
    )
    return {external or url: storyline for external, url, storyline in tx.execute(rows)}


def size(tx: Connection, storyline_id: int, since: datetime | None = None) -> int:
    """How many originals a storyline has, or how many of them were filed after `since`."""
    chosen = select(func.count()).where(memberships.c.storyline_id == storyline_id, memberships.c.kind == "original")
    if since is not None:
        chosen = chosen.where(memberships.c.filed > since)
    return int(tx.execute(chosen).scalar_one())


def sample(tx: Connection, version: str, storyline_id: int, since: datetime, most: int) -> list[Article]:
    """At most so many of a storyline's `originals`, evenly spread, the first and the last among them."""
    chosen = (
        select(memberships.c.article_id)
        .where(memberships.c.storyline_id == storyline_id, memberships.c.kind == "original")
        .where(memberships.c.filed >= since)
        .order_by(memberships.c.position)
    )
    ids = list(tx.execute(chosen).scalars())
    if len(ids) > most:
        ids = [ids[place * (len(ids) - 1) // max(1, most - 1)] for place in range(most)]
    found = [
        row
        for part in parts(ids)
        for row in tx.execute(revisions.as_filed(version).where(memberships.c.article_id.in_(part))).mappings()
    ]
    place = {article: n for n, article in enumerate(ids)}
    return [article_of(row) for row in sorted(found, key=lambda row: place[row["id"]])]


def counted(tx: Connection, storyline_id: int, moment: datetime) -> dict[str, Any]:
    """What a storyline's row says of its articles, found anew."""
    when = func.coalesce(articles.c.published, articles.c.seen)
    chosen = (
        select(articles.c.outlet, memberships.c.kind, when.label("when"))
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(memberships.c.position)
    )
    rows = tx.execute(chosen).all()
    times = [row.when for row in rows]
    return {
        "articles": len(rows),
        "originals": sum(row.kind == "original" for row in rows),
        "outlets": list(dict.fromkeys(row.outlet for row in rows if row.outlet))[:OUTLETS_KEPT],
        "first_article": min(times, default=None),
        "last_article": max(times, default=None),
        **pace.counted(((row.when, row.kind == "original") for row in rows), moment),
    }


def retell(
    tx: Connection,
    storyline_id: int,
    type_: str,
    said: Mapping[str, Any],
    moment: datetime,
    *,
    headline: str,
    lead: str,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Count a storyline anew, tell it by this headline and lead, and write the event that says what happened to it.

    `said` is what the event tells beside the storyline, `values` are further columns that change. Its life is looked
    at next; one without articles is empty, or as it was when it began if it was declared.
    """
    before = {**_one(tx, storyline_id), **(values or {})}
    now = counted(tx, storyline_id, moment)
    state = _state(before, now["articles"])
    after = {
        **(values or {}),
        **now,
        "headline": headline_of(before, headline),
        "lead": lead,
        "state": state,
        "state_due": moment if now["articles"] else None,
        "updated": moment,
    }
    if state != before["state"]:
        after["state_since"] = moment
    _write(tx, before, after, type_, said, moment)


def lead_on(
    tx: Connection, storyline_id: int, winner: int, type_: str, said: Mapping[str, Any], moment: datetime
) -> None:
    """Have a storyline's id lead to another one from now on. It keeps no words of its articles: nobody would look for
    them there when one of them is forgotten."""
    before = _one(tx, storyline_id)
    after = {
        **NOTHING,
        "merged_into": winner,
        "headline": headline_of({**before, "headline": before["headline"] if before["renamed"] else ""}, ""),
        "lead": "",
        "state_due": None,
        "updated": moment,
    }
    _write(tx, before, after, type_, said, moment)


def alter(
    tx: Connection, storyline_id: int, values: Mapping[str, Any], type_: str, said: Mapping[str, Any], moment: datetime
) -> None:
    """Change columns of a storyline, with the event."""
    _write(tx, _one(tx, storyline_id), {**values, "updated": moment}, type_, said, moment)


def _one(tx: Connection, storyline_id: int) -> RowMapping:
    return tx.execute(select(storylines).where(storylines.c.id == storyline_id)).mappings().one()


def _state(before: Mapping[str, Any], count: int) -> str:
    if not count:
        return "emerging" if before["declared"] else EMPTY
    return "emerging" if before["state"] == EMPTY else str(before["state"])


def _write(
    tx: Connection,
    before: Mapping[Any, Any],
    after: Mapping[str, Any],
    type_: str,
    said: Mapping[str, Any],
    moment: datetime,
) -> None:
    values = {**after, "sequence": before["sequence"] + 1}
    tx.execute(update(storylines).where(storylines.c.id == before["id"]).values(**values))
    words.follow(tx, before["id"], before, values)
    data = {"storyline": summary({**before, **values}), **said}
    events.append(tx, type_, f"storyline/{before['id']}", values["sequence"], moment, data)
