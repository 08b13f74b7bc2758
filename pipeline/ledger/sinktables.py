"""The tables of sinks: who is told of events, and what each was or is to be told."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    false,
    text,
)

from pipeline.ledger.columns import CleanText, Id, UtcDateTime
from pipeline.ledger.schema import metadata

sinks = Table(
    "sinks",  # who is told of events
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", CleanText, nullable=False, unique=True),
    Column("kind", CleanText, nullable=False),
    Column("url", CleanText, nullable=False),  # holds secrets: never shown in full
    Column("secrets", JSON, nullable=False, server_default=text("'[]'")),  # newest first, each with its end
    Column("types", JSON, nullable=False, server_default=text("'[]'")),
    Column("state", CleanText, nullable=False, server_default="active"),
    Column("reason", CleanText, nullable=False, server_default=""),
    Column("read_to", BigInteger, nullable=False),  # position up to which events were looked at for it
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("rest_until", UtcDateTime),  # nothing is sent before then: the breaker is open, or it asked for that
    Column("delivered", BigInteger, nullable=False, server_default="0"),
    Column("dead", BigInteger, nullable=False, server_default="0"),
    Column("lost", BigInteger, nullable=False, server_default="0"),  # the log had dropped them before it came to them
    Column("last_success", UtcDateTime),
    Column("last_error", CleanText, nullable=False, server_default=""),
    Column("created", UtcDateTime, nullable=False),
    Column("options", JSON, nullable=False, server_default=text("'{}'")),  # what its kind wants to know beside them
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",  # what sinks are to be told, was given up, and the last of what they were told
    metadata,
    Column("id", Id, primary_key=True),
    Column("sink_id", Id, ForeignKey("sinks.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", CleanText, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("type", CleanText, nullable=False),
    Column("subject", CleanText, nullable=False),
    Column("state", CleanText, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("since", UtcDateTime, nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("status", Integer),
    Column("seconds", Float),
    Column("error", CleanText, nullable=False, server_default=""),
    Column("answer", CleanText, nullable=False, server_default=""),
    Column("replayed", Boolean, nullable=False, server_default=false()),  # it had ended; a person wants it told again
    UniqueConstraint("sink_id", "position"),
    Index(None, "sink_id", "state", "position"),
    sqlite_autoincrement=True,
)

held_subjects = Table(
    "held_subjects",  # of which a sink refuses an event: what follows waits in the log
    metadata,
    Column("sink_id", Id, ForeignKey("sinks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("subject", CleanText, primary_key=True),
    Column("position", BigInteger, nullable=False),  # of the first event that is held back
    Column("events", Integer, nullable=False),  # that are held back, of those that the sink is told of
    Column("since", UtcDateTime, nullable=False),
)
