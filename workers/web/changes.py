"""People's corrections of storylines in the API: each becomes a command, which the clusterer applies in its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from pipeline.ledger import changes, commands, coverage
from workers.web import api, changemodels, models
from workers.web.api import NOT_FOUND, Id
from workers.web.context import MAX_ID, Context, Here
from workers.web.guard import BODY_BYTES

router = APIRouter(
    prefix="/api/v1/storylines/{storyline_id}",
    max_body_size=BODY_BYTES,
    tags=["storylines"],
    responses={**api.router.responses, **NOT_FOUND},
)


@router.post("/merge", status_code=202)
def merge_storyline(here: Here, storyline_id: Id, merge: changemodels.Merge) -> models.Command:
    """Make this storyline part of another one."""
    return _ask(here, "merge", storyline_id, {"into": merge.into})


@router.post("/split", status_code=202)
def split_storyline(here: Here, storyline_id: Id, split: changemodels.Split) -> models.Command:
    """Give articles of this storyline one of their own."""
    return _ask(here, "split", storyline_id, {"articles": split.articles})


@router.post("/move", status_code=202)
def move_articles(here: Here, storyline_id: Id, move: changemodels.Move) -> models.Command:
    """Put articles of this storyline into another one."""
    return _ask(here, "move", storyline_id, {"articles": move.articles, "to": move.to})


@router.post("/undo", status_code=202)
def undo_change(here: Here, storyline_id: Id, undo: changemodels.Undo) -> models.Command:
    """Take back a change of this storyline."""
    with here.ledger.read() as tx:
        change = changes.one(tx, undo.change)
    if change is None or storyline_id not in (change.storyline, change.other):
        raise HTTPException(404, f"There is no change {undo.change} of storyline {storyline_id}.")
    return _ask(here, "undo", storyline_id, {"change": undo.change})


@router.patch("", status_code=202)
def change_storyline(here: Here, storyline_id: Id, change: changemodels.StorylineChange) -> models.Command:
    """Give this storyline a title that stays, lock it against second thoughts, or mute it."""
    if change.muted is not None:
        return _ask(here, "mute" if change.muted else "unmute", storyline_id, {})
    if change.title is not None:
        return _ask(here, "rename", storyline_id, {"title": change.title})
    return _ask(here, "lock" if change.locked else "unlock", storyline_id, {})


@router.get("/changes")
def list_changes(
    here: Here,
    storyline_id: Id,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next_before` of the answer before.")] = None,
) -> changemodels.Changes:
    """What was changed about the storyline with exactly this id, by people and by second thoughts."""
    with here.ledger.read() as tx:
        if coverage.row(tx, storyline_id) is None:
            raise HTTPException(404, f"There is no storyline {storyline_id}.")
        found = changes.history(tx, storyline_id, limit + 1, before)
    more = found[limit - 1].id if len(found) > limit else None
    return changemodels.Changes(changes=[changemodels.Change.of(one) for one in found[:limit]], next_before=more)


def _ask(here: Context, kind: str, storyline_id: int, payload: Mapping[str, Any]) -> models.Command:
    with here.ledger.write() as tx:
        if coverage.row(tx, storyline_id) is None:
            raise HTTPException(404, f"There is no storyline {storyline_id}.")
        made = commands.put(tx, kind, {"storyline": storyline_id, **payload}, here.clock())
    return models.Command(command=made, state="pending")
