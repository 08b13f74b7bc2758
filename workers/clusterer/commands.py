"""What people ask of the clusterer, done inside its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import commands, forgotten, storylines
from workers.clusterer import removal


def obey(tx: Connection, command: commands.Command, moment: datetime) -> tuple[Mapping[str, int | None], bool]:
    """Do it. Returns what came of it, and whether memory has to be rebuilt since it holds what must be gone.

    Raises InputError, with the way out, when it cannot be done.
    """
    if command.kind == forgotten.COMMAND:
        return removal.take_out(tx, command.payload, moment), True
    if command.kind == "declare":
        return _declare(tx, command.payload, moment), False
    raise InputError(f"there is no command {command.kind!r}")


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
