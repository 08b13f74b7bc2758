"""The ops page: whether the wire is healthy, or what is wrong and since when; and the letters that were given up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from pipeline import history
from pipeline.errors import LedgerError, RedisError
from pipeline.history import Sample
from pipeline.ledger import articles, dead, deliveries, feed_list, roles, sinks, troubles
from pipeline.ledger.feed_list import Choice
from pipeline.pressure import Hold
from pipeline.records import ArticleState, Feed
from pipeline.urls import mask
from workers.web import crew, feedrows, forms, opsview, pages, show
from workers.web.context import MAX_ID, Context, Here
from workers.web.crew import Hand
from workers.web.forms import Sent
from workers.web.guard import BODY_BYTES
from workers.web.verdict import Trouble, Verdict, verdict
from workers.web.verdict import troubles as wrongs

FEEDS, LETTERS, HOSTS = 8, 8, 6  # that are listed on the page
ALL_LETTERS = 200  # on the page of their own
HOLDERS = ("clusterer", "relay", "alerter", "deliverer")

router = APIRouter(include_in_schema=False, max_body_size=BODY_BYTES)
Text = Annotated[str, Query(max_length=300, pattern="^[^\\x00]*$")]


@dataclass(frozen=True, slots=True)
class Letter:
    """An article that was given up."""

    id: int
    title: str
    url: str
    link: str
    host: str
    reason: str
    error: str
    attempts: int
    since: datetime
    answer: str


@dataclass(frozen=True, slots=True)
class Dead:
    """What was given up: how much, by reason and by host, and some of it, the latest first."""

    count: int
    reasons: Sequence[tuple[str, int]]
    hosts: Sequence[tuple[str, int]]
    letters: Sequence[Letter]


@dataclass(frozen=True, slots=True)
class Ops:
    """All that the page shows. `crew` is None when Redis does not answer. `deliveries` are the sinks that are in
    trouble."""

    verdict: Verdict
    stages: Sequence[opsview.Stage]
    journeys: Sequence[opsview.Journey]
    chart: opsview.Chart | None
    crew: Sequence[Hand] | None
    held: Sequence[Hold]
    feeds: Sequence[feedrows.FeedRow]
    failing: int
    silent: int
    active: int
    dead: Dead
    deliveries: Sequence[Trouble] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """What the ledger says beside its figures."""

    feeds: Sequence[Feed]
    counts: dict[str, int]
    stalled: datetime | None
    holders: dict[str, str]
    dead: Dead
    deliveries: Sequence[Trouble] = ()


NOTHING = _Read((), {}, None, {}, Dead(0, (), (), ()))


@router.api_route("/ops", methods=["GET", "HEAD"])
def ops(request: Request, here: Here, done: Text = "", part: bool = False) -> Response:
    """The page; with `part` only what changes, for the script that renews it in place."""
    now = here.clock()
    said = f"{show.counted(int(done), 'article is', 'articles are')} queued again." if done.isdecimal() else ""
    template = "opsnow.html" if part else "ops.html"
    return pages.render(request, template, now, ops=_gathered(here, now), said=said)


def _gathered(here: Context, now: datetime) -> Ops:
    measured = here.measure(now)
    read = NOTHING
    with suppress(LedgerError, SQLAlchemyError), here.ledger.read() as tx:  # the verdict says so
        read = _of_ledger(tx, now)
    hands, samples = _of_redis(here, read.holders, now)
    current: Sample | None = None
    if measured.redis is not None and measured.ledger is not None:
        current = history.sample(measured.redis.counted, 0, now.timestamp())
    known = measured.ledger
    return Ops(
        verdict=verdict(wrongs(measured, hands, read.stalled, here.settings, now)),
        stages=opsview.stages(measured, samples, current, here.settings.backlog_seconds),
        journeys=opsview.journeys(samples, current),
        chart=opsview.chart(samples, current),
        crew=hands,
        held=measured.redis.held if measured.redis else (),
        feeds=[feedrows.row(feed, now) for feed in read.feeds],
        failing=read.counts.get("trouble", 0),
        silent=read.counts.get("silent", 0),
        active=known.feeds.get("active", 0) if known else 0,
        dead=read.dead,
        deliveries=read.deliveries,
    )


def _of_ledger(tx: Connection, now: datetime) -> _Read:
    told = troubles.standing(tx, troubles.PIPELINE).get(troubles.STALLED)
    failing = feed_list.chosen(tx, Choice(trouble=True), limit=FEEDS)
    silent = feed_list.chosen(tx, Choice(silent=True), limit=FEEDS - len(failing)) if len(failing) < FEEDS else []
    held = {name: roles.holder(tx, name, now) or "" for name in HOLDERS}
    known = {feed.id: feed for feed in (*failing, *silent)}
    stalled = datetime.fromisoformat(told) if told else None
    return _Read(list(known.values()), feed_list.standings(tx), stalled, held, _dead(tx, LETTERS), _deliveries(tx))


def _deliveries(tx: Connection) -> list[Trouble]:
    """Sinks that do not take what they are told, in words."""
    since = dict(deliveries.oldest_waiting(tx))
    found: list[Trouble] = []
    for one in sinks.every(tx):
        dead_ones = deliveries.count(tx, one.id, "dead")
        if one.state == "disabled":
            found.append(Trouble("bad", f"{one.name} is told nothing any more: {one.reason}", one.last_success))
        elif one.state == "active" and (one.failures or dead_ones):
            given_up = f"; {show.counted(dead_ones, 'delivery was', 'deliveries were')} given up" if dead_ones else ""
            why = one.last_error if one.failures else "it answers again"
            way_out = f"see “slugline sinks show {one.name}”"
            found.append(Trouble("warn", f"{one.name}: {why}{given_up}", since.get(one.id), way_out))
    return found


def _of_redis(here: Context, holders: dict[str, str], now: datetime) -> tuple[list[Hand] | None, list[Sample]]:
    if here.redis is None:
        return None, []
    try:
        return crew.hands(here.redis, holders, now), history.recent(here.redis)
    except RedisError:
        return None, []


def _dead(tx: Connection, limit: int, *, reason: str | None = None, host: str | None = None) -> Dead:
    counted = articles.reasons(tx, ArticleState.DEAD)
    rows = dead.listed(tx, limit, reason=reason, host=host) if counted else []
    answers = dead.answered(tx, [row["id"] for row in rows])
    letters = [
        Letter(
            id=row["id"],
            title=row["title"] or mask(row["url"]),
            url=mask(row["url"]),
            link=show.link(row["url"]),
            host=row["host_key"],
            reason=row["reason"] or "",
            error=show.first_upper(mask(row["error"] or "")),
            attempts=row["attempts"],
            since=row["since"],
            answer=answers[row["id"]].words() if row["id"] in answers else "",
        )
        for row in rows
    ]
    hosts = opsview.reasons(dead.hosts(tx)) if counted else []
    return Dead(sum(counted.values()), opsview.reasons(counted), hosts, letters)


@router.api_route("/ops/dead", methods=["GET", "HEAD"])
def dead_letters(
    request: Request, here: Here, reason: Text = "", host: Text = "", done: Text = "", dropped: Text = ""
) -> Response:
    """What was given up, all or that of a reason or host, with the beginning of what was answered."""
    with here.ledger.read() as tx:
        found = _dead(tx, ALL_LETTERS, reason=reason or None, host=host or None)
    said = ""
    if done.isdecimal():
        said = f"{show.counted(int(done), 'article is', 'articles are')} queued again."
    elif dropped.isdecimal():
        said = f"{show.counted(int(dropped), 'article was', 'articles were')} let go of."
    return pages.render(
        request, "dead.html", here.clock(), dead=found, reason=reason, host=host, said=said, most=ALL_LETTERS
    )


@router.post("/ops/dead/{action}")
async def act(request: Request, here: Here, action: Literal["retry", "drop"]) -> Response:
    """Take up again, or let go of, what was given up: an article, or those of a reason or a host, or all."""
    content = await forms.body(request.receive, BODY_BYTES)
    sent = forms.read(content or b"", request.headers.get("content-type", ""))
    return await run_in_threadpool(_act, here, action, sent)


def _act(here: Context, action: str, sent: Sent) -> Response:
    given, reason, host = sent.get("id"), sent.get("reason") or None, sent.get("host") or None
    if given and not (given.isascii() and given.isdecimal() and int(given[:20]) <= MAX_ID):
        raise HTTPException(422, "This is no number of an article.")
    if not given and reason is None and host is None and sent.get("all") != "yes":
        raise HTTPException(422, "Nothing was named: an article, a reason or a host.")
    which = dead.Which(ids=[int(given)] if given else None, reason=reason, host=host)
    with here.ledger.write() as tx:
        number = (dead.retry if action == "retry" else dead.drop)(tx, here.clock(), which)
    if sent.get("back") == "ops":
        return RedirectResponse(f"/ops?done={number}#dead", 303)
    asked = {
        "reason": sent.get("of_reason"),
        "host": sent.get("of_host"),
        "done" if action == "retry" else "dropped": number,
    }
    return RedirectResponse(
        f"/ops/dead?{urlencode({name: value for name, value in asked.items() if value != ''})}", 303
    )
