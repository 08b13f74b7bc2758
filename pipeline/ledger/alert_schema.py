"""The tables of alert rules, beside those in `schema`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
    text,
)

from pipeline.ledger.columns import CleanText, Id, UtcDateTime, only
from pipeline.ledger.schema import metadata

rules = Table(
    "rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", CleanText, nullable=False, unique=True),
    Column("text", CleanText, nullable=False),
    Column("options", JSON, nullable=False, server_default=text("'{}'")),  # sinks, quiet hours, cool-down and the like
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("since", UtcDateTime, nullable=False),  # what happened before does not ring
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),  # of its latest event
    Column("last", UtcDateTime),  # when it last rang
    Column("hour", UtcDateTime),  # when the hour began in which its rings are counted
    Column("rung", Integer, nullable=False, server_default="0"),  # in that hour
    Column("vectors", LargeBinary),  # of its sentences, one after the other: float16, little-endian
    Column("vector_version", CleanText),
    Index(None, "updated"),  # whether any changed is asked four times a second
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",  # what each rule rang for, so that it rings once
    metadata,
    Column("id", Id, primary_key=True),
    Column("rule_id", Id, ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
    Column("subject", CleanText, nullable=False),  # as in events; of a merged storyline that of the one it went into
    Column("storyline_id", Id, index=True),  # the same as a number; none for a feed or the pipeline
    Column("origin", CleanText, nullable=False),  # the subject that it rang for at first
    Column("state", CleanText, nullable=False, server_default=""),  # of the storyline then
    Column("first", UtcDateTime, nullable=False),
    Column("escalated", UtcDateTime),  # when its surge was told
    Column("last", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("held", JSON(none_as_null=True)),  # what waits to be told in a digest
    Column("held_until", UtcDateTime),
    UniqueConstraint("rule_id", "subject"),
    Index("ix_alerts_held", "held_until", **only("held_until IS NOT NULL")),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",  # how far into the log of events each of its readers has come
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
