"""What people ask of the clusterer, done inside its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import commands, forgotten, storylines
from pipeline.ledger.changes import Change
from workers.clusterer import changes, removal
from workers.clusterer.memory import Memory
from workers.clusterer.undoing import undo

CHANGES = ("merge", "split", "move", "rename", "lock", "unlock", "mute", "unmute", "undo")
MOST_ID = 2**63 - 1  # what the ledger can hold


def obey(
    tx: Connection, memory: Memory, command: commands.Command, moment: datetime
) -> tuple[Mapping[str, int | None], bool]:
    """Do it. Returns what came of it, and whether memory has to be rebuilt since it holds what must be gone.

    Raises InputError, with the way out, when it cannot be done; ledger and memory are as before then.
    """
    if command.kind == forgotten.COMMAND:
        return removal.take_out(tx, command.payload, moment), True
    if command.kind == "declare":
        return _declare(tx, command.payload, moment), False
    if command.kind in CHANGES:
        done = _change(tx, memory, command, moment)
        return {"change": done.id, "storyline": done.storyline, "other": done.other}, False
    raise InputError(f"there is no command {command.kind!r}")


def _change(tx: Connection, memory: Memory, command: commands.Command, moment: datetime) -> Change:
    given, kind, by = command.payload, command.kind, command.id
    if kind == "merge":
        loser, winner = _id(given, "storyline"), _id(given, "into")
        return changes.merge(tx, memory, loser=loser, winner=winner, why={}, moment=moment, command_id=by)
    if kind == "undo":
        return undo(tx, memory, change_id=_id(given, "change"), why={}, moment=moment, command_id=by)
    if kind == "move":
        articles, to = _ids(given, "articles"), _id(given, "to") if given.get("to") is not None else None
        _inside(tx, given, articles)
        return changes.move(tx, memory, articles=articles, to=to, why={}, moment=moment, command_id=by)
    storyline = _id(given, "storyline")
    if kind == "split":
        articles = _ids(given, "articles")
        return changes.split(tx, memory, storyline=storyline, articles=articles, why={}, moment=moment, command_id=by)
    if kind == "rename":
        title = _line(given, "title")
        return changes.rename(tx, memory, storyline=storyline, title=title, why={}, moment=moment, command_id=by)
    return _flagged(tx, memory, kind, storyline, moment, by)


def _flagged(tx: Connection, memory: Memory, kind: str, storyline: int, moment: datetime, by: int) -> Change:
    if kind in ("mute", "unmute"):
        return changes.mute(tx, storyline=storyline, muted=kind == "mute", why={}, moment=moment, command_id=by)
    locked = kind == "lock"
    return changes.lock(tx, memory, storyline=storyline, locked=locked, why={}, moment=moment, command_id=by)


def _inside(tx: Connection, given: Mapping[str, object], articles: list[int]) -> None:
    """Make sure that the articles are in the storyline that the command names, where it names one."""
    if given.get("storyline") is not None:
        changes.families(tx, int(changes.alive(tx, _id(given, "storyline"))["id"]), articles)


def _declare(tx: Connection, payload: Mapping[str, object], moment: datetime) -> Mapping[str, int | None]:
    title, text = _line(payload, "title"), _line(payload, "text")
    if not title or not text:
        raise InputError("a storyline is declared with a title and a text")
    if title in storylines.titles(tx):
        raise InputError(f"a storyline {title!r} has been declared already")
    lang = _line(payload, "lang") or None
    return {"storyline": storylines.open_one(tx, moment, title=title, text=text, lang=lang, declared=True)}


def _line(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    return value.strip() if isinstance(value, str) else ""


def _id(payload: Mapping[str, object], name: str) -> int:
    return _whole(payload.get(name), name)


def _ids(payload: Mapping[str, object], name: str) -> list[int]:
    value = payload.get(name)
    return [_whole(one, name) for one in value] if isinstance(value, list) else []


def _whole(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MOST_ID:
        raise InputError(f"{name} is {value!r:.40}; give an id, a whole number above 0")
    return value
