"""The pages for people: rendered here, readable without JavaScript, asking no other host for anything."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection

from pipeline.ledger import articles, storylines
from workers import digest
from workers.web import queries, show
from workers.web.context import MAX_ID, Here
from workers.web.door import Session
from workers.web.why import Why, read

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
LISTED = 30  # storylines on a page: what a person scans before changing the question
COVERED = 50  # articles on a storyline's page
SECTIONS = (("/", "Storylines"), ("/ops", "Ops"), ("/feeds", "Feeds"))  # address and label, as in the masthead
STAGES = (
    ("queued", "Queued", "waiting to be fetched"),
    ("fetched", "Fetched", "text extracted, waiting for a vector"),
    ("embedded", "Embedded", "waiting to be filed"),
    ("filed", "Filed", "part of a storyline"),
    ("duplicate", "Reprints", "filed with the article they repeat"),
    ("rejected", "Rejected", "no article, with a reason"),
    ("dead", "Dead", "given up after several attempts, with a reason"),
)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """One figure of the strip at the top. `waiting` is the age of the oldest, or empty."""

    state: str
    label: str
    meaning: str
    count: int
    waiting: str


@dataclass(frozen=True, slots=True)
class Health:
    stages: Sequence[Stage]
    feeds: int
    failing: int


@dataclass(frozen=True, slots=True)
class Covered:
    """An article on a storyline's page."""

    row: queries.Row
    why: Why
    here: bool
    """Whether the article of which it is a reprint stands on the same page."""


@router.api_route("/", methods=["GET", "HEAD"])
def index(
    request: Request,
    here: Here,
    sort: Literal["updated", "size"] = "updated",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """The storylines, page by page."""
    now = here.clock()
    with here.ledger.read() as tx:
        page = queries.storyline_page(tx, limit=LISTED, sort=sort, cursor=cursor)
        total = storylines.count(tx)
        health = _health(tx, now)
    values: dict[str, Any] = {"page": page, "total": total, "sort": sort, "first": cursor is None, "health": health}
    return render(request, "index.html", now, **values)


@router.api_route("/storylines", methods=["GET", "HEAD"])
def all_storylines() -> Response:
    """The list is the front page."""
    return RedirectResponse("/", 307)


@router.api_route("/storylines/{reference}", methods=["GET", "HEAD"])
def storyline(
    request: Request, here: Here, reference: str, cursor: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """One storyline with its coverage."""
    known = reference.isascii() and reference.isdecimal() and int(reference[:20]) <= MAX_ID
    now = here.clock()
    with here.ledger.read() as tx:
        found = storylines.one(tx, int(reference)) if known else None
        row = queries.storyline_row(tx, found.id) if found else None
        if found is None or row is None:
            raise HTTPException(404, "There is no such storyline.")
        if str(found.id) != reference:
            return RedirectResponse(f"/storylines/{found.id}", 301)
        page = queries.coverage_page(tx, found.id, limit=COVERED, cursor=cursor)
        told = digest.of(tx, found) if cursor is None else None
        health = _health(tx, now)
    days = _by_day(page.rows, found.id, now)
    values: dict[str, Any] = {
        "story": row,
        "digest": told,
        "here": {item.row["id"] for _, items in days for item in items},
        "days": days,
        "next_cursor": page.next_cursor,
        "first": cursor is None,
        "health": health,
    }
    return render(request, "storyline.html", now, **values)


def _by_day(rows: Sequence[queries.Row], storyline_id: int, now: datetime) -> list[tuple[str, list[Covered]]]:
    present = {row["id"] for row in rows}
    covered = [Covered(row, read(row["why"], storyline_id), row["original_id"] in present) for row in rows]
    return [
        (heading, list(items))
        for heading, items in groupby(covered, key=lambda item: show.day_heading(item.row["at"], now))
    ]


def _health(tx: Connection, now: datetime) -> Health:
    counts, oldest = articles.counts(tx), articles.oldest(tx)
    stages = []
    for state, label, meaning in STAGES:
        since = oldest.get(state)
        # What is due later (a retry) does not wait yet.
        waiting = show.span((now - since).total_seconds()) if since and since < now else ""
        stages.append(Stage(state, label, meaning, counts[state], waiting))
    watched, failing = queries.feed_health(tx)
    return Health(stages, watched, failing)


def render(request: Request, template: str, now: datetime, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template; everything in it is escaped. `csrf` is what its forms carry: empty where there is no session."""
    session: Session | None = getattr(request.state, "session", None)
    values["csrf"] = session.csrf if session else ""
    page = _templates.get_template(template).render(now=now, path=request.scope["path"], **values)
    return HTMLResponse(page, status)


@cache
def _static(name: str) -> str:
    """The path of a static file, with a digest of its content, so that browsers may keep it and see a new one."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = (
        "exact",
        "ago",
        "day",
        "first_upper",
        "short_day",
        "span",
        "clock_time",
        "number",
        "decimal",
        "counted",
        "outlets",
        "link",
        "host",
        "language",
    )
    made.filters.update({name: getattr(show, name) for name in names})
    made.globals.update(static=_static, sections=SECTIONS)
    return made


_templates = _environment()
