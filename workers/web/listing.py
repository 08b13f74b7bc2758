"""The page of storylines: in an order, narrowed down, or found by words and meaning together. Links and plain forms do
it all; a script of ours only keeps it up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from pipeline.ledger import words
from workers.meaning import Hit, tried
from workers.web import queries, spark
from workers.web.context import Here
from workers.web.finding import NEAREST, found
from workers.web.pages import health, render

LISTED = 30  # storylines on a page: what a person scans before changing the question
OUTLETS_OFFERED = 40
STATES = ("surging", "developing", "emerging", "quiet", "closed")
PERIODS: Mapping[str, str] = {
    "1": "the last hour",
    "6": "the last 6 hours",
    "24": "the last 24 hours",
    "72": "the last 3 days",
    "168": "the last 7 days",
    "720": "the last 30 days",
}
ORDERS = (("momentum", "Momentum"), ("updated", "Latest"), ("size", "Largest"))
Text = Annotated[str, Query(max_length=200)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address of the page asks for; what a form leaves empty asks for nothing."""

    q: str = ""
    sort: str = "momentum"
    lang: str = ""
    outlet: str = ""
    state: str = ""
    period: str = ""
    name: str = ""

    def filters(self, now: datetime) -> queries.Filters:
        return queries.Filters(
            lang=self.lang or None,
            state=self.state if self.state in STATES else None,
            outlet=self.outlet,
            name=self.name,
            since=now - timedelta(hours=int(self.period)) if self.period else None,
            muted=self.state == "muted",
        )

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return sum(bool(one) for one in (self.lang, self.outlet, self.state, self.period, self.name))

    def address(self, **changes: str) -> str:
        """The address of this page with some of it changed; without a cursor it begins at the front."""
        values = {name: value for name, value in {**asdict(self), **changes}.items() if value}
        if values.get("sort") == "momentum":
            del values["sort"]
        return "/?" + urlencode(values) if values else "/"


def _asked(
    q: Text = "",
    sort: Literal["momentum", "updated", "size"] = "momentum",
    lang: Annotated[str, Query(pattern="^[A-Za-z0-9-]{0,35}$")] = "",
    outlet: Text = "",
    state: Literal["", "surging", "developing", "emerging", "quiet", "closed", "muted"] = "",
    period: Literal["", "1", "6", "24", "72", "168", "720"] = "",
    name: Text = "",
) -> Asked:
    return Asked(
        q=q.strip(), sort=sort, lang=lang, outlet=outlet.strip(), state=state, period=period, name=name.strip()
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A storyline in the list: its row, the names in its headline and lead, the chart of its pace, and how it was
    found."""

    row: queries.Row
    names: Sequence[str]
    pace: spark.Chart
    hit: Hit | None


@router.api_route("/", methods=["GET", "HEAD"])
def index(
    request: Request,
    here: Here,
    asked: Annotated[Asked, Depends(_asked)],
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """The storylines, page by page, or those that a question finds."""
    now = here.clock()
    filters = asked.filters(now)
    near, trouble = tried(here.meaning, asked.q, NEAREST) if asked.q else ([], "")
    with here.ledger.read() as tx:
        if asked.q:
            rows, hits = found(tx, asked.q, near, filters)
            page = queries.Page(rows, None)
        else:
            page = queries.storyline_page(tx, limit=LISTED, sort=asked.sort, cursor=cursor, filters=filters)
            hits = {}
        total = here.total.get(lambda: queries.storyline_count(tx))
        outlets, langs = words.offered(tx, OUTLETS_OFFERED)
        healthy = health(tx, here, now)
    values: dict[str, Any] = {
        "asked": asked,
        "stories": _listed(page.rows, hits, now),
        "next_cursor": page.next_cursor,
        "first": cursor is None,
        "total": total,
        "offered": {"outlets": outlets, "langs": langs, "states": (*STATES, "muted"), "periods": PERIODS},
        "orders": ORDERS,
        "trouble": trouble,
        "health": healthy,
    }
    return render(request, "index.html", now, **values)


def _listed(rows: Sequence[queries.Row], hits: Mapping[int, Hit], now: datetime) -> list[Listed]:
    charts = spark.charts([row["pace"] for row in rows], now)
    return [Listed(row, spark.names(row), chart, hits.get(row["id"])) for row, chart in zip(rows, charts, strict=True)]
