"""The pages for people: rendered here, readable without JavaScript, asking no other host for anything."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection

from pipeline.ledger import articles, changes, storylines
from workers import digest
from workers.web import corrections, queries, show, spark
from workers.web.context import MAX_ID, Context, Here
from workers.web.door import Session
from workers.web.why import Why, read

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
SIDE_BY_SIDE = 6  # outlets whose latest reports stand beside each other
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


@router.api_route("/storylines", methods=["GET", "HEAD"])
def all_storylines() -> Response:
    """The list is the front page."""
    return RedirectResponse("/", 307)


@router.api_route("/storylines/{reference}", methods=["GET", "HEAD"])
def storyline(
    request: Request,
    here: Here,
    reference: str,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    command: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    edit: bool = False,
) -> Response:
    """One storyline with its coverage; with `edit` the forms that correct it, with `command` what came of that one."""
    known = reference.isascii() and reference.isdecimal() and int(reference[:20]) <= MAX_ID
    now = here.clock()
    with here.ledger.read() as tx:
        found = storylines.one(tx, int(reference)) if known else None
        row = queries.storyline_row(tx, found.id) if found else None
        if found is None or row is None:
            raise HTTPException(404, "There is no such storyline.")
        if str(found.id) != reference:
            return RedirectResponse(f"/storylines/{found.id}" + (f"?command={command}" if command else ""), 301)
        page = queries.coverage_page(tx, found.id, limit=COVERED, cursor=cursor)
        told = digest.of(tx, found, here.told) if cursor is None else None
        asked = corrections.told(tx, command, found.id, now) if command else None
        history = changes.history(tx, found.id, corrections.HISTORY)
        strip = health(tx, here, now)
    days = _by_day(page.rows, found.id, now)
    values: dict[str, Any] = {
        "story": row,
        "chart": spark.charts([row["pace"]], now)[0],
        "digest": told,
        "here": {item.row["id"] for _, items in days for item in items},
        "days": days,
        "beside": _beside(page.rows) if cursor is None else [],
        "next_cursor": page.next_cursor,
        "first": cursor is None,
        "edit": edit,
        "asked": asked,
        "history": history,
        "health": strip,
    }
    return render(request, "storyline.html", now, **values)


def _beside(rows: Sequence[queries.Row]) -> list[queries.Row]:
    """The latest original of each outlet that says how it begins, to be read side by side; none where there is one."""
    found: dict[str, queries.Row] = {}
    for row in rows:
        if row["kind"] == "original" and row["lead"] and row["outlet"]:
            found.setdefault(row["outlet"], row)
    return list(found.values())[:SIDE_BY_SIDE] if len(found) > 1 else []


def _by_day(rows: Sequence[queries.Row], storyline_id: int, now: datetime) -> list[tuple[str, list[Covered]]]:
    present = {row["id"] for row in rows}
    covered = [Covered(row, read(row["why"], storyline_id), row["original_id"] in present) for row in rows]
    return [
        (heading, list(items))
        for heading, items in groupby(covered, key=lambda item: show.day_heading(item.row["at"], now))
    ]


def health(tx: Connection, here: Context, now: datetime) -> Health:
    """The figures of the strip. Where counting takes long they are kept for a few seconds."""
    found: Health = here.strip.get(lambda: _health(tx, now))
    return found


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
        "shortened",
    )
    made.filters.update({name: getattr(show, name) for name in names})
    made.globals.update(static=_static, sections=SECTIONS)
    return made


_templates = _environment()
