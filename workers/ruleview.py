"""Alert rules as people see them, and the file in which they are kept."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pipeline.alerts.rules import RuleError, compile_rule
from pipeline.alerts.rules.options import Options, Quiet, span
from pipeline.errors import InputError
from pipeline.ledger import Ledger, rules
from pipeline.ledger.alerts import Alert
from pipeline.ledger.rules import StoredRule

_FIELDS = ("name", "query", "sinks", "quiet", "zone", "cooldown", "escalate", "limit")


def view(one: StoredRule) -> dict[str, Any]:
    """A rule as the API and the command line show it."""
    return {
        "id": one.id,
        "name": one.name,
        "query": one.text,
        **Options.of(one.options).stored(),
        "paused": one.paused,
        "created": one.created,
        "updated": one.updated,
        "last": one.last,
    }


def alert_view(one: Alert) -> dict[str, Any]:
    """What a rule rang for."""
    return {
        "subject": one.subject,
        "first": one.first,
        "escalated": one.escalated,
        "last": one.last,
        "count": one.count,
        "held_until": one.held_until,
    }


def add(tx: Connection, name: str, text: str, options: Options, now: datetime) -> StoredRule:
    """Record a rule. Raises RuleError when its text cannot be read, InputError for what else is wrong."""
    compile_rule(text)
    rules.check_sinks(tx, options.sinks)
    made = rules.find(tx, str(rules.add(tx, name, text, options.stored(), now)))
    assert made is not None
    return made


def read(path: Path) -> list[tuple[str, str, Options]]:
    """The `[[rule]]` tables of a TOML file: `name`, `query`, and `sinks`, `quiet` ("22:00-07:00"), `zone`, `cooldown`
    ("1h"), `escalate` and `limit` where wanted.

    Raises InputError, which names the file and the rule that cannot be used.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML ({error})") from error
    tables = content.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: each rule is a table of its own, under the line [[rule]]")
    return [_from(path, number, table) for number, table in enumerate(tables, start=1)]


def _from(path: Path, number: int, table: Mapping[str, Any]) -> tuple[str, str, Options]:
    where = f"{path}: rule {number}"
    strange = [name for name in table if name not in _FIELDS]
    if strange:
        raise InputError(f"{where} has {strange[0]!r}; a rule may have {', '.join(_FIELDS)}")
    name, text = table.get("name"), table.get("query")
    if not isinstance(name, str) or not isinstance(text, str):
        raise InputError(f"{where} needs a name and a query")
    try:
        compile_rule(text)
        quiet = Quiet.of(str(table["quiet"]), str(table.get("zone", "UTC"))) if "quiet" in table else None
        cooldown = span(str(table["cooldown"])) if "cooldown" in table else timedelta(0)
        asked = {key: table[key] for key in ("sinks", "escalate", "limit") if key in table}
        options = Options.of({**asked, "cooldown": cooldown.total_seconds(), "quiet": quiet and quiet.stored()})
        return rules.check_name(name), text, options
    except (InputError, RuleError, TypeError, ValueError) as error:
        raise InputError(f"{where}, {name!r}: {error}") from error


def load(ledger: Ledger, path: Path, now: datetime) -> tuple[list[str], list[str]]:
    """Record the rules of a file; those whose name is there already stay as they are. Returns the names of either.

    Raises InputError, before anything is written, when one of them cannot be used.
    """
    wanted, new, there = read(path), [], []
    with ledger.write() as tx:
        for name, text, options in wanted:
            if rules.find(tx, name) is not None:
                there.append(name)
                continue
            add(tx, name, text, options, now)
            new.append(name)
    return new, there
