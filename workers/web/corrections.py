"""People's corrections of a storyline from its page: plain forms, each of which becomes a command of the clusterer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from pipeline.errors import InputError
from pipeline.ledger import changes, commands, coverage, roles
from workers.asking import ask
from workers.web import forms
from workers.web.context import MAX_ID, Context, Here

BODY_BYTES = 100_000  # fifty ticked articles are some 1,000
PATIENCE = 2.0  # seconds that an answer waits for the clusterer; after that the page says that it is under way
HISTORY = 50  # changes that a page shows
TITLE_CHARS = 300
_NUMBER = re.compile(r"(\d{1,19})\D*$")
Fields = Mapping[str, Sequence[str]]
Kind = Literal["merge", "split", "move", "rename", "lock", "unlock", "mute", "unmute", "undo"]

router = APIRouter(include_in_schema=False)


@router.post("/storylines/{storyline_id}/{kind}")
async def correct(request: Request, here: Here, storyline_id: int, kind: Kind) -> Response:
    """Ask for a change, and lead back to the page, which says what came of it."""
    content = await forms.body(request.receive, BODY_BYTES)
    given = forms.lists(content) if content is not None and forms.is_form(request.headers) else {}
    return await run_in_threadpool(_asked, here, storyline_id, kind, given)


def _asked(here: Context, storyline_id: int, kind: Kind, given: Fields) -> Response:
    payload = {"storyline": storyline_id, **_payload(kind, given)}
    with here.ledger.read() as tx:
        if not 0 < storyline_id <= MAX_ID or coverage.row(tx, storyline_id) is None:
            raise HTTPException(404, "There is no such storyline.")
        if kind == "undo":
            _own(tx, storyline_id, payload["change"])
    answer = ask(here.ledger, kind, payload, patience=PATIENCE, now=here.clock)
    home = storyline_id
    if kind == "merge" and answer.state == "applied" and answer.result:
        home = answer.result["other"]
    return RedirectResponse(f"/storylines/{home}?command={answer.command}", 303)


def _own(tx: Connection, storyline_id: int, change_id: int) -> None:
    change = changes.one(tx, change_id)
    if change is None or storyline_id not in (change.storyline, change.other):
        raise HTTPException(404, "There is no such change of this storyline.")


def _payload(kind: Kind, given: Fields) -> dict[str, Any]:
    """What the command says beside the storyline. Raises InputError, with the way out, where the form lacks it."""
    if kind == "merge":
        return {"into": _storyline(given, "into")}
    if kind == "undo":
        return {"change": _number(_one(given, "change"), "a change of its history")}
    if kind == "rename":
        title = " ".join(_one(given, "title").split())
        if not 0 < len(title) <= TITLE_CHARS or not title.isprintable():
            raise InputError(f"a title has 1 to {TITLE_CHARS} characters; give another one")
        return {"title": title}
    if kind not in ("split", "move"):
        return {}
    articles = [_number(one, "an article") for one in given.get("article", ())]
    if not articles:
        raise InputError("no article was chosen; tick those that it is about")
    return {"articles": articles} | ({"to": _storyline(given, "to")} if kind == "move" else {})


def _one(given: Fields, name: str) -> str:
    return given.get(name, ("",))[0].strip()


def _storyline(given: Fields, name: str) -> int:
    """The id of a storyline: its number, or the address of its page."""
    found = _NUMBER.search(_one(given, name))
    return _number(found[1] if found else "", "the number of the storyline, or the address of its page")


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= MAX_ID):
        raise InputError(f"give {what}")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page says of a command: what was asked for, its state, why it was refused, the change that came of it, and
    whether a clusterer is at work."""

    command: int
    kind: str
    state: str
    error: str
    change: changes.Change | None
    heard: bool


def told(tx: Connection, command_id: int, storyline_id: int, now: datetime) -> Told | None:
    """What came of a command about this storyline; None when it is about none or another one."""
    found = commands.one(tx, command_id)
    if found is None or found.kind not in get_args(Kind):
        return None
    result = found.result or {}
    if storyline_id not in (found.payload.get("storyline"), result.get("storyline"), result.get("other")):
        return None
    return Told(
        command=command_id,
        kind=found.kind,
        state=found.state,
        error=found.error or "",
        change=changes.one(tx, result["change"]) if result.get("change") else None,
        heard=roles.holder(tx, "clusterer", now) is not None,
    )
