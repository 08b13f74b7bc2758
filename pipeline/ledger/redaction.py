"""Events that carry words of an article that was forgotten: the words are taken out, ids and positions stay.

The log keeps its numbering without gaps. The stream in Redis cannot change an entry, so the relay deletes it there:
what a consumer sees is an id that is missing, and later an `article.removed` that lists the positions which now read
differently. A stream that is filled again from the log gets the events as they read now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, case, cast, null, select, true, update

from pipeline.ledger.alert_schema import alerts
from pipeline.ledger.schema import events

_AT_ONCE = 400  # parameters in one statement; old SQLite builds allow 999


def redact_article(tx: Connection, article_id: int, titles: Collection[str], storylines: Collection[int]) -> list[int]:
    """Take an article out of the events that tell of it, and headlines that are (part of) one of its `titles` out of
    those of its `storylines`, the present one and those before. Returns the positions of the published ones."""
    number = cast(events.c.data["article"]["id"].as_string(), Text)
    told = tx.execute(select(events).where(number == str(article_id))).mappings().all()
    subjects = {row["subject"] for row in told} | {f"storyline/{storyline}" for storyline in storylines}
    rows = {row["seq"]: row for row in told}
    for subject in sorted(subjects):
        rows |= {row["seq"]: row for row in tx.execute(select(events).where(events.c.subject == subject)).mappings()}
    words = [title for title in titles if title]
    rows |= _of_rules(tx, storylines)
    _let_go_of_words(tx, storylines, lambda headline: any(headline in title for title in words))
    changed = {}
    for seq, row in rows.items():
        data = _without(row["data"], article_id, lambda headline: any(headline in title for title in words))
        if data != row["data"]:
            changed[seq] = data
    return _rewrite(tx, rows, changed)


def redact_headlines(tx: Connection, storyline: int, titles: Collection[str], since: datetime) -> list[int]:
    """Take headlines that are no part of one of these titles out of a storyline's events from `since` on: the clusterer
    may have told it by an article just while that was being forgotten. Returns positions as above."""
    chosen = select(events).where(events.c.subject == f"storyline/{storyline}", events.c.time >= since)
    rows = {row["seq"]: row for row in tx.execute(chosen).mappings()}
    rows |= {seq: row for seq, row in _of_rules(tx, [storyline]).items() if row["time"] >= since}
    _let_go_of_words(tx, [storyline], lambda headline: not any(headline in title for title in titles))
    changed = {}
    for seq, row in rows.items():
        data = _without(row["data"], None, lambda headline: not any(headline in title for title in titles))
        if data != row["data"]:
            changed[seq] = data
    return _rewrite(tx, rows, changed)


def to_withdraw(tx: Connection, last: int, limit: int) -> list[int]:
    """Positions up to `last` under which the stream may hold an event as it was before."""
    chosen = select(events.c.position).where(events.c.withdraw.is_not(None), events.c.position <= last)
    return [int(position) for position in tx.execute(chosen.order_by(events.c.position).limit(limit)).scalars()]


def withdrawn(tx: Connection, positions: Iterable[int]) -> None:
    """The stream has them no more."""
    tx.execute(update(events).where(events.c.position.in_(list(positions))).values(withdraw=None))


def _of_rules(tx: Connection, storylines: Collection[int]) -> dict[int, RowMapping]:
    """The alerts that name one of these storylines, alone or in a digest."""
    rows = tx.execute(select(events).where(events.c.type == "alert.matched")).mappings()
    return {row["seq"]: row for row in rows if set(storylines) & _named(row["data"])}


def _named(data: Mapping[str, Any]) -> set[int]:
    told = [data, *data.get("matches", ())]
    return {int(one["storyline"]["id"]) for one in told if one.get("storyline")}


def _let_go_of_words(tx: Connection, storylines: Collection[int], is_its: Any) -> None:
    """Take headlines out of what waits to be told in a digest."""
    chosen = select(alerts).where(alerts.c.storyline_id.in_(list(storylines)), alerts.c.held_until.is_not(None))
    for row in tx.execute(chosen).mappings().all():
        held = _bare(row["held"], is_its) if row["held"] else None
        tx.execute(update(alerts).where(alerts.c.id == row["id"]).values(held=held))


def _bare(told: Mapping[str, Any], is_its: Any) -> dict[str, Any]:
    """The same without a headline that is to go."""
    storyline = told.get("storyline")
    if isinstance(storyline, Mapping) and storyline.get("headline") and is_its(storyline["headline"]):
        return {**told, "storyline": {**storyline, "headline": ""}}
    return dict(told)


def _without(data: Mapping[str, Any], article_id: int | None, is_its: Any) -> dict[str, Any]:
    told = _bare(data, is_its)
    article = told.get("article")
    if article_id is not None and isinstance(article, Mapping) and article.get("id") == article_id:
        told["article"] = {**article, "url": "", "title": "", "forgotten": True}
    if "matches" in told:
        told["matches"] = [_bare(one, is_its) for one in told["matches"]]
    return told


def _rewrite(tx: Connection, rows: Mapping[int, RowMapping], changed: Mapping[int, dict[str, Any]]) -> list[int]:
    for seq, data in changed.items():
        # Asked of the row as it is now: the relay may have numbered it meanwhile.
        published = case((events.c.position.is_not(None), true()), else_=null())
        tx.execute(update(events).where(events.c.seq == seq).values(data=data, withdraw=published))
    seqs = sorted(changed)
    found: list[int] = []
    for start in range(0, len(seqs), _AT_ONCE):
        part = select(events.c.position).where(events.c.seq.in_(seqs[start : start + _AT_ONCE]))
        found += [int(one) for one in tx.execute(part.where(events.c.position.is_not(None))).scalars()]
    return sorted(found)
