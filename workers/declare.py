"""Storylines declared beforehand: read from TOML, asked for by command; the clusterer opens them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pipeline.errors import InputError
from pipeline.ledger import Ledger, commands, storylines
from workers.process import now
from workers.seeds import seeds_dir


def read(path: Path) -> list[dict[str, str]]:
    """The `[[storyline]]` tables (`title`, `text`, `lang` if known) of a TOML file.

    Raises InputError naming the file and the table that cannot be used.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML ({error})") from error
    tables = content.get("storyline", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: each storyline is a table of its own, under the line [[storyline]]")
    found = []
    for number, table in enumerate(tables, start=1):
        title, text = str(table.get("title", "")).strip(), str(table.get("text", "")).strip()
        if not title or not text:
            raise InputError(f"{path}: storyline {number} needs a title and a text")
        found.append({"title": title, "text": text, "lang": str(table.get("lang", "en"))})
    return found


def declare(ledger: Ledger, wanted: list[dict[str, str]]) -> list[int]:
    """Ask the clusterer for those that are neither declared nor asked for yet. Returns the commands' ids."""
    made = []
    with ledger.write() as tx:
        known = set(storylines.titles(tx))
        known |= {str(one.payload.get("title")) for one in commands.pending(tx, 10_000) if one.kind == "declare"}
        for one in wanted:
            if one["title"] not in known:
                made.append(commands.put(tx, "declare", one, now()))
                known.add(one["title"])
    return made


def declare_seeds(ledger: Ledger) -> None:
    """Declare the storylines that come with Slugline, once."""
    declare(ledger, read(seeds_dir() / "storylines.toml"))
