"""Changes of storylines after filing, asked for by people or by second thoughts, inside the clusterer's transaction.

Each is one row in the history, with what undoes it, and one event for each storyline that it touches:
`storyline.merged` for both of a merge (the winner grew, the loser's id leads to it from now on), `storyline.split` for
the one that gave articles away and `storyline.opened` for the one that got them, `storyline.moved` for both of a move,
`storyline.renamed`, `storyline.locked` and `storyline.unlocked`, `storyline.muted` and `storyline.unmuted`. Undoing
(`undoing`) tells of what it does in the same words, with `undoes`. `command_id` is that of the person who asked;
without it the change is a second thought, which people's constraints forbid where they apply.

Everything is checked before anything is written, so that a refusal (InputError, with the way out) leaves ledger and
memory as they were. After any other failure memory has to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from pipeline.errors import InputError
from pipeline.ledger import apart, changes, coverage, storylines
from pipeline.ledger.changes import Change
from workers.clusterer.memory import Memory

TITLE_CHARS = 300
TOLD = 200  # ids of articles that an event names; `moved` says how many there were


def merge(
    tx: Connection,
    memory: Memory,
    *,
    loser: int,
    winner: int,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Make `loser` part of `winner`; its id leads there for ever. Ids that were merged away stand for where they lead.

    What people bring together stays together: its articles are pinned, and what kept the two apart is forgotten.
    """
    lost, kept = alive(tx, loser), alive(tx, winner)
    if lost["id"] == kept["id"]:
        one = f"storylines {loser} and {winner} are one already" if loser != winner else f"storyline {loser} is itself"
        raise InputError(f"{one}; name two that differ, `slugline storylines list` shows the ids")
    if lost["declared"] and not kept["declared"]:
        raise InputError(
            f"storyline {lost['id']} was declared and has to stay; merge the other one into it: "
            f"`slugline storylines merge {kept['id']} {lost['id']}`"
        )
    if command_id is None:
        _allowed(memory.constraints.against_merge(lost["id"], kept["id"]))
        if memory.constraints.rank(lost["id"]) < memory.constraints.rank(kept["id"]) and lost["renamed"]:
            _allowed(f"people gave storyline {lost['id']} its name")
    else:
        apart.bring_together(tx, lost["id"], kept["id"])
    moved = [one.article for one in coverage.members(tx, lost["id"])]
    coverage.carry(tx, moved, kept["id"])
    held = hold(tx, memory, [one.article for one in coverage.members(tx, kept["id"])]) if command_id else []
    payload = {"articles": moved, "pinned": held}
    change = changes.record(
        tx, "merge", lost["id"], moment, other=kept["id"], command=command_id, payload=payload, why=why
    )
    if command_id is not None:
        memory.load_constraints(tx)
    join(tx, memory, lost["id"], kept["id"], said(change, moved, loser=lost["id"], winner=kept["id"]), moment)
    return change


def split(
    tx: Connection,
    memory: Memory,
    *,
    storyline: int,
    articles: Collection[int],
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Give these articles of a storyline, with their reprints, a new one (`other` of the change)."""
    source = alive(tx, storyline)
    ids = families(tx, source["id"], articles)
    if len(ids) == len(coverage.members(tx, source["id"])) and not source["declared"]:
        raise InputError(f"these are all articles of storyline {source['id']}; name some of them")
    if command_id is None:
        _allowed(memory.constraints.against_split(source["id"], ids))
    made = storylines.open_one(tx, moment, lang=source["lang"])
    return _shift(
        tx,
        memory,
        "split",
        source["id"],
        made,
        ids,
        why,
        moment,
        command_id,
        told=("storyline.split", "storyline.opened"),
    )


def move(
    tx: Connection,
    memory: Memory,
    *,
    articles: Collection[int],
    to: int | None,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Put articles of one storyline, with their reprints, into another one; `to` None is `split`."""
    source = _source(tx, articles)
    if to is None:
        return split(tx, memory, storyline=source, articles=articles, why=why, moment=moment, command_id=command_id)
    target = alive(tx, to)
    if target["id"] == source:
        raise InputError(f"these articles are in storyline {source} already; name another one with --to")
    ids = families(tx, source, articles)
    if command_id is None:
        _allowed(memory.constraints.against_split(source, ids))
        if target["id"] in memory.constraints.locked:
            _allowed(f"storyline {target['id']} is locked")
    return _shift(tx, memory, "move", source, target["id"], ids, why, moment, command_id, told=("storyline.moved",) * 2)


def rename(
    tx: Connection,
    memory: Memory,
    *,
    storyline: int,
    title: str,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Give a storyline a name that stays, whatever is filed under it."""
    row, name = alive(tx, storyline), " ".join(title.split())
    if not name or len(name) > TITLE_CHARS:
        raise InputError(f"a storyline's title has 1 to {TITLE_CHARS} characters; this one has {len(name)}")
    if row["renamed"] and row["headline"] == name:
        raise InputError(f"storyline {row['id']} is called {name!r} already")
    payload = {"title": name, "before": row["headline"] if row["renamed"] else None}
    change = changes.record(tx, "rename", row["id"], moment, command=command_id, payload=payload, why=why)
    values = {"headline": name, "renamed": True}
    coverage.alter(tx, row["id"], values, "storyline.renamed", said(change), moment)
    memory.constraints.renamed.add(row["id"])
    memory.telling.drop(row["id"])
    return change


def lock(
    tx: Connection,
    memory: Memory,
    *,
    storyline: int,
    locked: bool,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Have second thoughts leave a storyline as it is, or let them at it again. People may change it all the same."""
    row, kind = alive(tx, storyline), "lock" if locked else "unlock"
    if row["locked"] is locked:
        raise InputError(f"storyline {row['id']} is {'locked already' if locked else 'not locked'}")
    change = changes.record(tx, kind, row["id"], moment, command=command_id, payload={}, why=why)
    set_lock(tx, memory, row["id"], locked, said(change), moment)
    return change


def set_lock(
    tx: Connection, memory: Memory, storyline: int, locked: bool, told: Mapping[str, Any], moment: datetime
) -> None:
    coverage.alter(tx, storyline, {"locked": locked}, f"storyline.{'' if locked else 'un'}locked", told, moment)
    (memory.constraints.locked.add if locked else memory.constraints.locked.discard)(storyline)


def mute(
    tx: Connection,
    *,
    storyline: int,
    muted: bool,
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None = None,
) -> Change:
    """Have lists leave a storyline out, and nobody told of it who asks for that; or take that back. It goes on to be
    filed under."""
    row, kind = alive(tx, storyline), "mute" if muted else "unmute"
    if row["muted"] is muted:
        raise InputError(f"storyline {row['id']} is {'muted already' if muted else 'not muted'}")
    change = changes.record(tx, kind, row["id"], moment, command=command_id, payload={}, why=why)
    set_mute(tx, row["id"], muted, said(change), moment)
    return change


def set_mute(tx: Connection, storyline: int, muted: bool, told: Mapping[str, Any], moment: datetime) -> None:
    coverage.alter(tx, storyline, {"muted": muted}, f"storyline.{'' if muted else 'un'}muted", told, moment)


# ---- what undoing needs as well ----


def alive(tx: Connection, storyline: int) -> RowMapping:
    """The row of a storyline, or of the one that its id leads to. Raises InputError when there is none."""
    row = coverage.row(tx, apart.living(tx, [storyline])[storyline])
    if row is None:
        raise InputError(f"there is no storyline {storyline}; `slugline storylines list` shows the ids")
    return row


def families(tx: Connection, storyline: int, wanted: Collection[int]) -> list[int]:
    """These articles of a storyline with their reprints, in the order of filing.

    Raises InputError for an article that is not in it, and for a reprint that is to leave its original.
    """
    members = coverage.members(tx, storyline)
    inside, chosen = {one.article for one in members}, set(wanted)
    if not chosen:
        raise InputError("name at least one article; `slugline storyline ID --json` shows their ids")
    strange = sorted(chosen - inside)
    if strange:
        raise InputError(
            f"article {strange[0]} is not in storyline {storyline}; `slugline storyline {storyline} --json` shows the "
            "ids of those that are"
        )
    for one in members:
        if one.article in chosen and one.original in inside and one.original not in chosen:
            raise InputError(
                f"article {one.article} is a reprint and stays with its original; name article {one.original}"
            )
    return [one.article for one in members if one.article in chosen or one.original in chosen]


def hold(tx: Connection, memory: Memory, ids: Sequence[int]) -> list[int]:
    """Have these articles stay where they are. Returns those that this is new for."""
    held = apart.pin(tx, ids)
    memory.constraints.pinned.update(held)
    return held


def join(tx: Connection, memory: Memory, lost: int, kept: int, told: Mapping[str, Any], moment: datetime) -> None:
    """The articles of one storyline have been carried into another: have its id lead there, and tell of it."""
    coverage.lead_on(tx, lost, kept, "storyline.merged", told, moment)
    memory.merge(tx, lost, kept, moment)
    retell(tx, memory, kept, "storyline.merged", told, moment)


def retell(
    tx: Connection,
    memory: Memory,
    storyline: int,
    type_: str,
    told: Mapping[str, Any],
    moment: datetime,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Count and tell a storyline anew, as memory tells it now, with the event."""
    headline, lead = memory.telling.tell(storyline)
    coverage.retell(tx, storyline, type_, told, moment, headline=headline, lead=lead, values=values)


def said(change: Change, articles: Sequence[int] = (), **ids: int) -> dict[str, Any]:
    """What an event tells of the change that caused it: which one, by whom, why, and the ids that it involves."""
    told: dict[str, Any] = {"change": change.id, "by": change.by, "command": change.command, "why": dict(change.why)}
    told |= ids
    if change.kind in ("merge", "split", "move", "undo"):
        told |= {"moved": len(articles), "articles": list(articles[:TOLD])}
    return told


def _shift(
    tx: Connection,
    memory: Memory,
    kind: str,
    source: int,
    target: int,
    ids: Sequence[int],
    why: Mapping[str, Any],
    moment: datetime,
    command_id: int | None,
    *,
    told: tuple[str, str],
) -> Change:
    coverage.carry(tx, ids, target)
    held = hold(tx, memory, ids) if command_id is not None else []
    payload = {"articles": list(ids), "pinned": held}
    change = changes.record(tx, kind, source, moment, other=target, command=command_id, payload=payload, why=why)
    if command_id is not None:
        apart.keep(tx, source, target, change.id)
        memory.constraints.keep_apart(source, target)
    what = said(change, ids, source=source, target=target)
    for storyline, type_ in zip((source, target), told, strict=True):
        memory.restate(tx, storyline, moment)
        retell(tx, memory, storyline, type_, what, moment)
    return change


def _source(tx: Connection, articles: Collection[int]) -> int:
    places = coverage.places(tx, sorted(set(articles)))
    missing = sorted(set(articles) - places.keys())
    if missing:
        raise InputError(f"article {missing[0]} is in no storyline; `slugline storyline ID --json` shows articles' ids")
    sources = sorted({place.storyline for place in places.values()})
    if not sources:
        raise InputError("name at least one article; `slugline storyline ID --json` shows their ids")
    if len(sources) > 1:
        shown = ", ".join(map(str, sources))
        raise InputError(f"these articles are in storylines {shown}; move those of one storyline at a time")
    return sources[0]


def _allowed(against: str | None) -> None:
    if against is not None:
        raise InputError(f"second thoughts may not do this: {against}")
