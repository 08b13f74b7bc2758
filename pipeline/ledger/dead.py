"""Dead letters: articles that were given up, to be looked at, tried again or let go of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, func, insert, literal, select, update

from pipeline.ledger.columns import UtcDateTime
from pipeline.ledger.intake import chunks
from pipeline.ledger.schema import answers, articles, texts
from pipeline.records import ArticleState

DROPPED = "dropped"
"""Why an article is rejected that a person let go of when it was dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which of the dead: those that fit all that is given, without anything all of them. `host` is a registrable
    domain."""

    ids: Sequence[int] | None = None
    reason: str | None = None
    host: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """One for each statement that is needed to reach them all."""
        held = [articles.c.state == ArticleState.DEAD]
        if self.reason is not None:
            held.append(articles.c.reason == self.reason)
        if self.host is not None:
            held.append(articles.c.host_key == self.host)
        if self.ids is None:
            return [and_(*held)]
        return [and_(*held, articles.c.id.in_(part)) for part in chunks(self.ids)]


ALL = Which()
HEAD_BYTES = 2_000
"""Kept of a page's answer: enough to see a challenge, a login or an error page by its title and first words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered at the last attempt: the URL after redirects, the HTTP status, and how the body began, at most
    `HEAD_BYTES` of it."""

    url: str
    status: int
    content_type: str | None
    head: bytes

    def words(self) -> str:
        """The beginning for people to read, whatever it is made of."""
        text = self.head.decode("utf-8", "replace")
        return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def keep_answer(tx: Connection, article_id: int, answer: Answer, now: datetime) -> None:
    """Keep what was answered for an article that is given up."""
    tx.execute(delete(answers).where(answers.c.article_id == article_id))
    row = {"url": answer.url, "status": answer.status, "content_type": answer.content_type}
    tx.execute(insert(answers).values(article_id=article_id, head=answer.head[:HEAD_BYTES], received=now, **row))


def answered(tx: Connection, ids: Sequence[int]) -> dict[int, Answer]:
    """What was answered for those of these articles of which that is kept."""
    found: dict[int, Answer] = {}
    for part in chunks(ids):
        for row in tx.execute(select(answers).where(answers.c.article_id.in_(part))):
            given = Answer(url=row.url, status=row.status, content_type=row.content_type, head=row.head)
            found[row.article_id] = given
    return found


def listed(
    tx: Connection, limit: int, *, reason: str | None = None, host: str | None = None
) -> list[Mapping[str, Any]]:
    """What, where, why, how often, since when; the latest first."""
    names = ("id", "url", "host_key", "feed_id", "title", "reason", "error", "attempts", "seen")
    (chosen,) = Which(reason=reason, host=host).conditions()
    found = (
        select(*(articles.c[name] for name in names), articles.c.due.label("since"))
        .where(chosen)
        .order_by(articles.c.due.desc(), articles.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in tx.execute(found).mappings()]


def hosts(tx: Connection) -> dict[str, int]:
    """How many there are of each registrable domain, most first."""
    count = func.count().label("dead")
    found = select(articles.c.host_key, count).where(articles.c.state == ArticleState.DEAD).group_by("host_key")
    return {row.host_key: row.dead for row in tx.execute(found.order_by(count.desc(), articles.c.host_key))}


Act = Callable[[Connection, datetime, Which], int]


def retry(tx: Connection, now: datetime, which: Which = ALL) -> int:
    """Open a new generation for them. Returns how many.

    Those whose text is known begin with it: an imported text cannot be fetched again.
    """
    return sum(_renew(tx, now, chosen) for chosen in which.conditions())


def drop(tx: Connection, now: datetime, which: Which = ALL) -> int:
    """Let go of them: rejected as `dropped` in a new generation, they are neither listed as dead nor tried again, and
    their feed does not bring them back. Returns how many."""
    dropped: dict[str, Any] = {
        "state": ArticleState.REJECTED,
        "reason": DROPPED,
        "generation": articles.c.generation + 1,
        "due": now,
    }
    gone = 0
    for one in which.conditions():
        _let_go_of_answers(tx, one)
        gone += tx.execute(update(articles).where(one).values(**dropped)).rowcount
    return gone


def _let_go_of_answers(tx: Connection, dead: ColumnElement[bool]) -> None:
    tx.execute(delete(answers).where(answers.c.article_id.in_(select(articles.c.id).where(dead))))


def _renew(tx: Connection, now: datetime, dead: ColumnElement[bool]) -> int:
    _let_go_of_answers(tx, dead)
    current = and_(texts.c.article_id == articles.c.id, texts.c.generation == articles.c.generation)
    kept = ("title", "text", "signature", "features")
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
        "deaths": 0,
        "reason": None,
        "error": None,
        "due": now,
        "job_id": None,
        "lease_owner": None,
        "lease_until": None,
    }
    return tx.execute(update(articles).where(dead).values(**renewed)).rowcount
