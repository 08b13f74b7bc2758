"""What is read of a storyline and of those beside it to tell an analyst of it. Every question has a bound: it costs the
same for a storyline of thousands of articles, and among hundreds of thousands of storylines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select

from pipeline import urls
from pipeline.ledger.schema import articles, changes, memberships, storylines, texts
from pipeline.ledger.storylines import SHOWN
from pipeline.records import Article

_TEXT_CHARS = 300  # of a lead or declared text: who and what stand at its front
_ABSORBED = 50  # storylines merged into one whose relatives are its own
_HOPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Another storyline: its headline, and its lead or the text that it was declared with."""

    id: int
    headline: str
    text: str
    lang: str | None
    articles: int
    last_article: datetime | None


@dataclass(frozen=True, slots=True)
class Met:
    """How often a storyline was the runner-up, and how near it came at best (1: as near as was needed)."""

    times: int
    nearest: float


def coverage(tx: Connection, storyline_id: int, most: int) -> tuple[list[Article], list[Article]]:
    """Originals and reprints of a storyline, of the `most` that were filed last. Their texts are empty (`openings`)."""
    columns = ("id", "title", "seen", "url", "outlet", "lang", "published", "backfill")
    chosen = (
        select(
            *(articles.c[name] for name in columns),
            memberships.c.kind,
        )
        .join(memberships, memberships.c.article_id == articles.c.id)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    found: tuple[list[Article], list[Article]] = ([], [])
    rows: Iterable[Any] = tx.execute(chosen)
    for id_, title, seen, url, outlet, lang, published, backfill, kind in rows:
        article = Article(
            id=id_,
            title=title,
            text="",
            seen=seen,
            url=urls.without_credentials(url) if "@" in url else url,
            outlet=outlet,
            lang=lang,
            published=published,
            backfill=backfill,
        )
        found[kind != "original"].append(article)
    return found


def openings(tx: Connection, ids: Sequence[int], chars: int) -> dict[int, str]:
    """The first `chars` characters of these articles' texts, in the latest version that is there."""
    chosen = (
        select(texts.c.article_id, func.substr(texts.c.text, 1, chars))
        .where(texts.c.article_id.in_(ids))
        .order_by(texts.c.article_id, texts.c.generation)
    )
    return {article: opening for article, opening in tx.execute(chosen)}  # noqa: C416 - rows are no pairs to the types


def runners_up(tx: Connection, storyline_id: int, most: int) -> dict[int, Met]:
    """The storylines that came second for articles of this one, among the `most` latest that had a second."""
    chosen = (
        select(memberships.c.runner_up, memberships.c.runner_up_share)
        .where(memberships.c.storyline_id == storyline_id)
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    return _met((other, share) for other, share in tx.execute(chosen) if other is not None)


def came_second(tx: Connection, storyline_id: int, most: int) -> dict[int, Met]:
    """The storylines for whose articles this one, or one that was merged into it, came second, among the `most` latest
    such articles."""
    absorbed = (
        select(changes.c.storyline_id)
        .where(changes.c.other_id == storyline_id, changes.c.kind == "merge", changes.c.undone.is_(None))
        .limit(_ABSORBED)
    )
    ids = [storyline_id, *tx.execute(absorbed).scalars()]
    chosen = (
        select(memberships.c.storyline_id, memberships.c.runner_up_share)
        .where(memberships.c.runner_up.in_(ids), memberships.c.runner_up.is_not(None))
        .order_by(memberships.c.position.desc())
        .limit(most)
    )
    return _met((other, share) for other, share in tx.execute(chosen))


def beside(tx: Connection, ids: Iterable[int]) -> dict[int, Beside]:
    """These storylines by the ids asked for; the id of a merged one leads to what it has become."""
    found: dict[int, Any] = {}
    asked = list(ids)
    wanted = set(asked)
    for _ in range(_HOPS):
        if not wanted:
            break
        found |= {row.id: row for row in tx.execute(_BESIDE.where(storylines.c.id.in_(sorted(wanted))))}
        wanted = {row.merged_into for row in found.values() if row.merged_into is not None} - found.keys() - wanted
    made: dict[int, Beside] = {}
    for one in asked:
        row, hops = found.get(one), 0
        while row is not None and row.merged_into is not None and hops < _HOPS:
            row, hops = found.get(row.merged_into), hops + 1
        if row is not None and row.merged_into is None:
            made[one] = _beside(row)
    return made


def lately(tx: Connection, most: int) -> list[Beside]:
    """The storylines that changed last."""
    chosen = _BESIDE.where(storylines.c.merged_into.is_(None), SHOWN).order_by(storylines.c.updated.desc()).limit(most)
    return [_beside(row) for row in tx.execute(chosen)]


_BESIDE = select(
    storylines.c.id,
    storylines.c.title,
    storylines.c.headline,
    case(
        (storylines.c.text != "", func.substr(storylines.c.text, 1, _TEXT_CHARS)),
        else_=func.substr(storylines.c.lead, 1, _TEXT_CHARS),
    ).label("text"),
    storylines.c.lang,
    storylines.c.articles,
    storylines.c.last_article,
    storylines.c.merged_into,
)


def _met(pairs: Iterable[tuple[int, float | None]]) -> dict[int, Met]:
    found: dict[int, Met] = {}
    for other, share in pairs:
        known = found.get(other, Met(0, 0.0))
        found[other] = Met(known.times + 1, max(known.nearest, share or 0.0))
    return found


def _beside(row: Any) -> Beside:
    return Beside(
        id=row.id,
        headline=row.headline or row.title,
        text=row.text,
        lang=row.lang,
        articles=row.articles,
        last_article=row.last_article,
    )
