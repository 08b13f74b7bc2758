"""Kinds of columns that both databases keep alike, and the collection of all tables."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, Text, TypeDecorator, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite has no zones: there the value is stored bare, as UTC, and comes back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without zone cannot be stored: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """Text that both databases and every reader can take: pages and feeds do carry NUL, which PostgreSQL refuses, and
    halves of surrogate pairs, which no encoder takes. One such page must not fail the batch that it came with."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _clean(value)


def _clean(text: str) -> str:
    if text.isascii():
        return text.replace("\x00", "")
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


# Such text within JSON, where it is an escape: NUL, or a half of a pair, also where both are there.
_DOUBTFUL = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


def to_json(value: Any) -> str:
    """A value as JSON, with all texts in it as `CleanText` has them: the serializer of JSON columns."""
    made = json.dumps(value)
    return json.dumps(_clean_all(value)) if _DOUBTFUL.search(made) else made


def from_json(stored: str | bytes) -> Any:
    """Back from JSON; what was stored before `to_json` cleaned it comes out clean as well."""
    text = stored.decode() if isinstance(stored, bytes) else stored
    value = json.loads(text)
    return _clean_all(value) if _DOUBTFUL.search(text) else value


def _clean_all(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean_all(key): _clean_all(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_all(one) for one in value]
    return value


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only on INTEGER PRIMARY KEY


def only(condition: str) -> dict[str, Any]:
    """For an index over some rows only."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def flagged(flag: str) -> dict[str, Any]:
    """For an index over the few rows that have a flag."""
    return {"sqlite_where": text(f"{flag} = 1"), "postgresql_where": text(flag)}
