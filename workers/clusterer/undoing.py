"""Changes of storylines taken back, inside the clusterer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import apart, changes, coverage
from pipeline.ledger.changes import Change
from workers.clusterer.changes import alive, hold, join, retell, said, set_lock, set_mute
from workers.clusterer.memory import Memory

Step = Callable[[Connection, Memory, Change, Change, datetime], None]


def undo(
    tx: Connection,
    memory: Memory,
    *,
    change_id: int,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Take a change back: articles return to where they were, unless they went elsewhere since, and what was filed
    since stays; with a split, what was filed in the new storyline since comes along, and what people moved into it from
    elsewhere stays there. Undoing a second thought is a constraint from then on.

    Raises InputError, with the way out, when it cannot be undone any more; ledger and memory are as before then.
    """
    change = changes.one(tx, change_id)
    if change is None:
        raise InputError(f"there is no change {change_id}; `slugline storylines history ID` shows those of a storyline")
    if change.undone is not None:
        raise InputError(f"change {change_id} was undone on {change.undone:%Y-%m-%d %H:%M} UTC; ask for it anew")
    if change.kind == "undo":
        raise InputError(f"change {change_id} undid another one; ask for that anew instead")
    prepared = _PREPARE[change.kind](tx, change)
    done = changes.record(
        tx,
        "undo",
        change.storyline,
        moment,
        other=change.other,
        command=command_id,
        payload={"undoes": change.id, "articles": prepared},
        why=why,
    )
    changes.take_back(tx, change.id, moment)
    _DO[change.kind](tx, memory, change, done, moment)
    memory.load_constraints(tx)
    return done


# ---- what would come back, or why nothing can ----


def _merged(tx: Connection, change: Change) -> list[int]:
    home = apart.living(tx, [change.storyline])[change.storyline]
    back = _back(tx, change, home)
    row = coverage.row(tx, change.storyline)
    if not back and not (row is not None and row["declared"]):
        raise InputError(
            f"nothing of storyline {change.storyline} is left in storyline {home}; move what you want back"
        )
    return back


def _parted(tx: Connection, change: Change) -> list[int]:
    ends = _ends(tx, change)
    if ends[1] != change.other:
        raise InputError(f"storyline {change.other} has been merged into storyline {ends[1]} since; undo that first")
    brought = coverage.brought(tx, ends[1]) - set(change.articles())
    members = coverage.members(tx, ends[1])
    back = [one.article for one in members if not {one.article, one.original} & brought]
    if not back:
        raise InputError(f"nothing of the split is left in storyline {change.other}; its articles were moved on since")
    return back


def _moved(tx: Connection, change: Change) -> list[int]:
    _, target = _ends(tx, change)
    back = _back(tx, change, target)
    if not back:
        raise InputError(f"none of these articles is in storyline {target} any more; move them by their ids")
    return back


def _named(tx: Connection, change: Change) -> list[int]:
    _still_itself(tx, change)
    last = changes.standing(tx, "rename", change.storyline)
    if last is not None and last.id != change.id:
        raise InputError(f"storyline {change.storyline} was renamed again since; undo change {last.id} first")
    return []


def _muted(tx: Connection, change: Change) -> list[int]:
    _still_itself(tx, change)
    if alive(tx, change.storyline)["muted"] is not (change.kind == "mute"):
        state = "not muted" if change.kind == "mute" else "muted"
        raise InputError(f"storyline {change.storyline} is {state} any more or again; there is nothing to undo")
    return []


def _locked(tx: Connection, change: Change) -> list[int]:
    _still_itself(tx, change)
    if alive(tx, change.storyline)["locked"] is not (change.kind == "lock"):
        state = "not locked" if change.kind == "lock" else "locked"
        raise InputError(f"storyline {change.storyline} is {state} any more or again; there is nothing to undo")
    return []


def _ends(tx: Connection, change: Change) -> tuple[int, int]:
    """Where source and target of a change live now. Raises InputError when they have become one."""
    assert change.other is not None
    ends = apart.living(tx, [change.storyline, change.other])
    source, target = ends[change.storyline], ends[change.other]
    if source == target:
        raise InputError(
            f"storylines {change.storyline} and {change.other} have become one since; undo that merge first, "
            f"`slugline storylines history {source}` shows it"
        )
    return source, target


def _still_itself(tx: Connection, change: Change) -> None:
    home = apart.living(tx, [change.storyline])[change.storyline]
    if home != change.storyline:
        raise InputError(f"storyline {change.storyline} has been merged into storyline {home} since; undo that first")


def _back(tx: Connection, change: Change, home: int) -> list[int]:
    """The articles of a change that are in `home` now, with reprints that came since."""
    gone = set(change.articles())
    return [one.article for one in coverage.members(tx, home) if one.article in gone or one.original in gone]


# ---- taking it back ----


def _unmerge(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    lost, back = change.storyline, done.articles()
    home = apart.living(tx, [lost])[lost]
    coverage.carry(tx, back, lost)
    _unpin(tx, change, back)
    if not changes.joined_by_people(tx, home):  # of what they brought together otherwise, all stays together
        _unpin(tx, change, [one.article for one in coverage.members(tx, home)])
    apart.keep(tx, lost, home, done.id)
    told = {**said(done, back, source=home, target=lost), "undoes": change.id}
    memory.restate(tx, home, moment)
    memory.restate(tx, lost, moment)
    retell(tx, memory, home, "storyline.split", told, moment)
    retell(tx, memory, lost, "storyline.opened", told, moment, {"merged_into": None})


def _rejoin(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    kept, lost = _ends(tx, change)
    back = done.articles()
    coverage.carry(tx, back, kept)
    together = [one.article for one in coverage.members(tx, kept)]
    _settle_pins(tx, memory, change, together if change.command is None else back)
    apart.drop(tx, change.id)
    memory.load_constraints(tx)
    if not coverage.members(tx, lost):
        join(tx, memory, lost, kept, {**said(done, back, loser=lost, winner=kept), "undoes": change.id}, moment)
    else:  # it goes on with what people moved into it
        _exchanged(tx, memory, lost, kept, {**said(done, back, source=lost, target=kept), "undoes": change.id}, moment)


def _return(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    source, target = _ends(tx, change)
    back = done.articles()
    coverage.carry(tx, back, source)
    _settle_pins(tx, memory, change, back)
    apart.drop(tx, change.id)
    told = {**said(done, back, source=target, target=source), "undoes": change.id}
    _exchanged(tx, memory, target, source, told, moment)


def _exchanged(
    tx: Connection, memory: Memory, giver: int, taker: int, told: Mapping[str, Any], moment: datetime
) -> None:
    for storyline in (giver, taker):
        memory.restate(tx, storyline, moment)
        retell(tx, memory, storyline, "storyline.moved", told, moment)


def _settle_pins(tx: Connection, memory: Memory, change: Change, ids: list[int]) -> None:
    """A person's word that is taken back holds nothing any more; against a second thought, the undoing is one."""
    if change.command is None:
        hold(tx, memory, ids)
    else:
        _unpin(tx, change, ids)


def _unpin(tx: Connection, change: Change, ids: list[int]) -> None:
    """Those of these articles that the change pinned may be moved again; others were moved on by people since."""
    apart.pin(tx, sorted(set(change.payload["pinned"]).intersection(ids)), pinned=False)


def _unname(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    before, told = change.payload["before"], {**said(done), "undoes": change.id}
    memory.retell(tx, change.storyline)
    if before is not None:
        coverage.alter(tx, change.storyline, {"headline": before}, "storyline.renamed", told, moment)
    else:
        retell(tx, memory, change.storyline, "storyline.renamed", told, moment, {"renamed": False})
    memory.telling.drop(change.storyline)


def _unlock(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    told = {**said(done), "undoes": change.id}
    set_lock(tx, memory, change.storyline, change.kind == "unlock", told, moment)


def _unmute(tx: Connection, memory: Memory, change: Change, done: Change, moment: datetime) -> None:
    set_mute(tx, change.storyline, change.kind == "unmute", {**said(done), "undoes": change.id}, moment)


_PREPARE: dict[str, Callable[[Connection, Change], list[int]]] = {
    "merge": _merged,
    "split": _parted,
    "move": _moved,
    "rename": _named,
    "lock": _locked,
    "unlock": _locked,
    "mute": _muted,
    "unmute": _muted,
}
_DO: dict[str, Step] = {
    "merge": _unmerge,
    "split": _rejoin,
    "move": _return,
    "rename": _unname,
    "lock": _unlock,
    "unlock": _unlock,
    "mute": _unmute,
    "unmute": _unmute,
}
