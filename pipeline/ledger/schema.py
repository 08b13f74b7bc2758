"""The tables of the ledger. SQLite and PostgreSQL get the same; what differs is in `engine`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
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


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only on INTEGER PRIMARY KEY

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False, server_default=""),
    Column("tags", JSON, nullable=False, server_default=text("'[]'")),
    Column("state", Text, nullable=False, server_default="active"),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", Text),
    Column("interval", Float, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("due", UtcDateTime, nullable=False),
    Column("due_reason", Text, nullable=False, server_default=""),
    Column("first_polled", UtcDateTime),
    Column("last_polled", UtcDateTime),
    Column("last_success", UtcDateTime),
    Column("last_new", UtcDateTime),
    Column("created", UtcDateTime, nullable=False),
    Column("lease_token", Text),
    Column("lease_until", UtcDateTime),
    Index(None, "state", "due"),
    sqlite_autoincrement=True,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host_key", Text, primary_key=True),
    Column("next_handout", UtcDateTime, nullable=False),  # dispatch hands out nothing of this host before
    Column("next_request", UtcDateTime, nullable=False),  # checked and moved on again when the request is made
    Column("robots", Text),  # robots.txt as last fetched; empty: none, everything is allowed
    Column("robots_until", UtcDateTime),
)

articles = Table(
    "articles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url_key", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("canonical_url", Text),
    Column("host_key", Text, nullable=False),
    Column("external_id", Text, unique=True),
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="SET NULL")),
    Column("state", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("reason", Text),
    Column("error", Text),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("due", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("job_id", Text),  # the RQ job this was handed to; it is the token of the lease as well
    Column("lease_owner", Text),  # empty while the job waits in Redis
    Column("lease_until", UtcDateTime),
    Column("backfill", Boolean, nullable=False, server_default=false()),
    Column("title", Text, nullable=False, server_default=""),
    Column("lead", Text, nullable=False, server_default=""),
    Column("outlet", Text, nullable=False, server_default=""),
    Column("authors", JSON, nullable=False, server_default=text("'[]'")),
    Column("lang", Text),
    Column("published", UtcDateTime),
    Column("modified", UtcDateTime),
    Column("image_url", Text),
    Column("sources", JSON, nullable=False, server_default=text("'{}'")),
    Column("seen", UtcDateTime, nullable=False),
    Column("fetched", UtcDateTime),
    Column("embedded", UtcDateTime),
    Column("filed", UtcDateTime),
    Column("original_id", Id, ForeignKey("articles.id")),
    Index(None, "state", "job_id", "priority", "due"),
    Index(None, "lease_until"),
    Index(None, "canonical_url"),
    sqlite_autoincrement=True,
)

sightings = Table(
    "sightings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="SET NULL")),
    Column("entry_key", Text, nullable=False),
    Column("url_key", Text, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("published", UtcDateTime),
    Column("summary", Text, nullable=False, server_default=""),
    Column("content", Text, nullable=False, server_default=""),
    Column("authors", JSON, nullable=False, server_default=text("'[]'")),
    Column("lang", Text),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    UniqueConstraint("feed_id", "entry_key"),
    sqlite_autoincrement=True,
)

texts = Table(
    "texts",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("signature", LargeBinary),
    Column("created", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("article_id", "generation"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Text, nullable=False),  # model and text preparation; two versions never meet
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian
    Column("created", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("article_id", "generation", "version"),
)

storylines = Table(
    "storylines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("lang", Text),
    Column("declared", Boolean, nullable=False, server_default=false()),
    Column("state", Text, nullable=False),
    Column("headline", Text, nullable=False, server_default=""),
    Column("lead", Text, nullable=False, server_default=""),
    Column("merged_into", Id, ForeignKey("storylines.id")),
    Column("articles", Integer, nullable=False, server_default="0"),
    Column("originals", Integer, nullable=False, server_default="0"),
    Column("outlets", JSON, nullable=False, server_default=text("'[]'")),
    Column("opened", UtcDateTime, nullable=False),
    Column("first_article", UtcDateTime),
    Column("last_article", UtcDateTime),
    Column("updated", UtcDateTime, nullable=False, index=True),
    Column("sequence", Integer, nullable=False, server_default="0"),  # of its latest event
    Column("vector", LargeBinary),  # of a declared storyline's title and text
    Column("vector_version", Text),
    sqlite_autoincrement=True,
)

memberships = Table(
    "memberships",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
    Column("storyline_id", Id, ForeignKey("storylines.id"), nullable=False),
    Column("kind", Text, nullable=False),  # original or duplicate
    Column("position", Id, nullable=False, unique=True),  # the clusterer's own order: what a rebuild follows
    Column("why", JSON, nullable=False),
    Column("filed", UtcDateTime, nullable=False),
    Index(None, "storyline_id", "position"),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("result", JSON),
    Column("error", Text),
    Column("created", UtcDateTime, nullable=False),
    Column("applied", UtcDateTime),
    Index(None, "state", "id"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("data", JSON, nullable=False),
    Column("position", BigInteger, unique=True),  # given by the relay, without gaps
    UniqueConstraint("subject", "sequence"),
    sqlite_autoincrement=True,
)

roles = Table(
    "roles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),  # the fencing token: grows with each change of hands
    Column("owner", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
