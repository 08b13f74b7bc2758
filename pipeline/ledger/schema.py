"""The tables of the ledger. SQLite and PostgreSQL get the same; what differs is in `engine`."""

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
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    text,
)

from pipeline.ledger import columns, schema_storylines
from pipeline.ledger.columns import CleanText, Id, UtcDateTime, flagged, only

metadata = columns.metadata
storylines, words = schema_storylines.storylines, schema_storylines.words

feeds = Table(
    "feeds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url", CleanText, nullable=False, unique=True),
    Column("host_key", CleanText, nullable=False, server_default=""),  # whose politeness it is under
    Column("title", CleanText, nullable=False, server_default=""),
    Column("format", CleanText, nullable=False, server_default=""),
    Column("tags", JSON, nullable=False, server_default=text("'[]'")),
    Column("state", CleanText, nullable=False, server_default="active"),
    Column("etag", CleanText),
    Column("last_modified", CleanText),
    Column("body_hash", CleanText),
    Column("served_by", CleanText),  # the URL that the validators belong to, where a redirect led to another one
    Column("interval", Float, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", CleanText, nullable=False, server_default=""),
    Column("due", UtcDateTime, nullable=False),
    Column("due_reason", CleanText, nullable=False, server_default=""),
    Column("first_polled", UtcDateTime),
    Column("last_polled", UtcDateTime),
    Column("last_success", UtcDateTime),
    Column("last_new", UtcDateTime),
    Column("silent_since", UtcDateTime),  # set while it is silent against its own rhythm
    Column("entries_per_day", Float, nullable=False, server_default="0"),
    Column("pace", JSON, nullable=False, server_default=text("'{}'")),  # what the schedule remembers
    Column("hints", JSON, nullable=False, server_default=text("'{}'")),  # how often it asks to be polled
    Column("identity", JSON, nullable=False, server_default=text("'{}'")),  # which rung of the ladder holds, and why
    Column("problems", JSON, nullable=False, server_default=text("'[]'")),  # sentences about its last body
    Column("moved_to", CleanText),  # where it permanently redirects to, and how often that was seen in a row
    Column("moved_seen", Integer, nullable=False, server_default="0"),
    Column("moved_since", UtcDateTime),
    Column("hub_url", CleanText),
    Column("topic_url", CleanText),
    Column("created", UtcDateTime, nullable=False),
    Column("lease_token", CleanText),
    Column("lease_until", UtcDateTime),
    Index(None, "state", "due"),
    Index("ix_feeds_leased", "host_key", "lease_until", **only("lease_until IS NOT NULL")),
    sqlite_autoincrement=True,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host_key", CleanText, primary_key=True),
    Column("next_handout", UtcDateTime, nullable=False),  # dispatch hands out nothing of this host before
    Column("next_request", UtcDateTime, nullable=False),  # checked and moved on again when the request is made
    Column("robots", CleanText),  # robots.txt as last fetched; empty: none, everything is allowed
    Column("robots_until", UtcDateTime),
)

host_lines = Table(
    "host_lines",
    metadata,
    Column("host_key", CleanText, nullable=False),
    Column("line", CleanText, nullable=False),  # the key of a line that stood in articles of this host
    Column("articles", Integer, nullable=False),  # how many of them had it
    Column("body", CleanText, nullable=False),  # the key of the text that had it last
    Column("seen", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("host_key", "line"),
    Index(None, "host_key", "seen"),
)

articles = Table(
    "articles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url_key", CleanText, nullable=False, unique=True),
    Column("url", CleanText, nullable=False),
    Column("canonical_url", CleanText),
    Column("canonical_key", CleanText),  # its identity as in `url_key`: URLs may be longer than an index takes
    Column("host_key", CleanText, nullable=False),
    Column("external_id", CleanText, unique=True),
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="SET NULL")),
    Column("state", CleanText, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("reason", CleanText),
    Column("error", CleanText),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("due", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("job_id", CleanText),  # the RQ job this was handed to; it is the token of the lease as well
    Column("lease_owner", CleanText),  # empty while the job waits in Redis
    Column("lease_until", UtcDateTime),
    Column("backfill", Boolean, nullable=False, server_default=false()),
    Column("title", CleanText, nullable=False, server_default=""),
    Column("lead", CleanText, nullable=False, server_default=""),
    Column("outlet", CleanText, nullable=False, server_default=""),
    Column("authors", JSON, nullable=False, server_default=text("'[]'")),
    Column("lang", CleanText),
    Column("published", UtcDateTime),
    Column("modified", UtcDateTime),
    Column("image_url", CleanText),
    Column("sources", JSON, nullable=False, server_default=text("'{}'")),
    Column("seen", UtcDateTime, nullable=False),
    Column("fetched", UtcDateTime),
    Column("embedded", UtcDateTime),
    Column("filed", UtcDateTime),
    Column("original_id", Id, ForeignKey("articles.id")),
    Column("etag", CleanText),  # the page's own validators, for asking again when a feed says that it was edited
    Column("last_modified", CleanText),
    Column("revisions", Integer, nullable=False, server_default="0"),  # edits that were looked into
    Column("revised", UtcDateTime),  # when the last of them was
    Column("futile", Integer, nullable=False, server_default="0"),  # how many of the latest found nothing of substance
    Column("previous", JSON(none_as_null=True)),  # what an edit may replace, while it is looked into
    Index(None, "state", "id"),
    # The waiting line in its order, and what is under way: small beside the rest, and asked for all the time.
    Index("ix_articles_waiting", "state", "priority", "due", "id", **only("job_id IS NULL")),
    Index(None, "job_id", **only("job_id IS NOT NULL")),
    Index(None, "lease_until", **only("lease_until IS NOT NULL")),
    Index(None, "canonical_key"),
    Index(None, "original_id"),  # without it each deletion would look through all articles for references
    sqlite_autoincrement=True,
)

sightings = Table(
    "sightings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="SET NULL")),
    Column("entry_key", CleanText, nullable=False),
    Column("url_key", CleanText, nullable=False, index=True),
    Column("url", CleanText, nullable=False),
    Column("title", CleanText, nullable=False, server_default=""),
    Column("published", UtcDateTime),
    Column("summary", CleanText, nullable=False, server_default=""),
    Column("content", CleanText, nullable=False, server_default=""),
    Column("authors", JSON, nullable=False, server_default=text("'[]'")),
    Column("lang", CleanText),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime),  # as the feed says
    Column("digest", CleanText),  # of what the feed shows of it: another one is an edit
    Column("changes", Integer, nullable=False, server_default="0"),  # how often that changed
    UniqueConstraint("feed_id", "entry_key"),
    Index(None, "feed_id", "published"),  # entries under new names are looked for by date among all that a feed had
    sqlite_autoincrement=True,
)

texts = Table(
    "texts",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("title", CleanText, nullable=False),
    Column("text", CleanText, nullable=False),
    Column("signature", LargeBinary),
    Column("features", LargeBinary),  # its words and names as filing reads them (`storylines.evidence`)
    Column("created", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("article_id", "generation"),
)

answers = Table(
    "answers",  # of articles that were given up: how the page's answer began
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("url", CleanText, nullable=False),  # that gave it, after redirects
    Column("status", Integer, nullable=False),
    Column("content_type", CleanText),
    Column("head", LargeBinary, nullable=False),
    Column("received", UtcDateTime, nullable=False),
)

vectors = Table(
    "vectors",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", CleanText, nullable=False),  # model and text preparation; two versions never meet
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian
    Column("created", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("article_id", "generation", "version"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
    Column("storyline_id", Id, ForeignKey("storylines.id"), nullable=False),
    Column("filed_under", Id),  # the storyline it was filed under at first, where it is in another one since
    Column("pinned", Boolean, nullable=False, server_default=false()),  # put there by a person, and stays
    Column("kind", CleanText, nullable=False),  # original or duplicate
    Column("position", Id, nullable=False, unique=True),  # the clusterer's own order: what a rebuild follows
    Column("why", JSON, nullable=False),
    # From `why`, to be asked for from the other side: the storyline that came second, and how near it came, as a share
    # of the score that was needed.
    Column("runner_up", Id),
    Column("runner_up_share", Float),
    Column("filed", UtcDateTime, nullable=False),
    Index(None, "storyline_id", "position"),
    Index("ix_memberships_runner_up_position", "runner_up", "position", **only("runner_up IS NOT NULL")),
    Index(None, "filed", "position"),
    Index("ix_memberships_pinned", "article_id", **flagged("pinned")),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", CleanText, nullable=False),  # merge, split, move, rename, lock, unlock, mute, unmute or undo
    Column("storyline_id", Id, ForeignKey("storylines.id"), nullable=False),  # whom it happened to
    Column("other_id", Id, ForeignKey("storylines.id")),  # where its articles went
    Column("command_id", Id),  # the command of the person who asked for it; none: a second thought of the clusterer
    Column("payload", JSON, nullable=False),  # what undoing it needs
    Column("why", JSON, nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("undone", UtcDateTime),
    Index(None, "storyline_id", "id"),
    Index(None, "other_id", "id"),
    sqlite_autoincrement=True,
)

apart = Table(
    "apart",  # pairs of storylines that people took apart: no second thought brings them together again
    metadata,
    Column("low_id", Id, ForeignKey("storylines.id"), nullable=False),
    Column("high_id", Id, ForeignKey("storylines.id"), nullable=False, index=True),
    Column("change_id", Id, ForeignKey("changes.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("low_id", "high_id"),
)

snapshots = Table(
    "snapshots",  # what filing remembered at one position, in parts; replaced part by part
    metadata,
    Column("part", CleanText, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column(
        "url_key", CleanText, primary_key=True
    ),  # the identity of a URL that must not come back; the URL is not kept
    Column("forgotten", UtcDateTime, nullable=False),
    Column("article_id", Id, index=True),  # whose URL it was; none, when it was forgotten before it was known
    Column("reason", CleanText, nullable=False, server_default=""),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("token", CleanText, primary_key=True),  # the part of the callback URL that cannot be guessed
    # None: it is to be ended, since its feed was removed or paused or has another hub.
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="SET NULL"), unique=True),
    Column("hub", CleanText, nullable=False),
    Column("topic", CleanText, nullable=False),
    Column("base", CleanText, nullable=False),  # SLUGLINE_PUBLIC_URL when it was made: what the hub knows
    Column("secret", CleanText, nullable=False),  # signs the pushes
    Column("state", CleanText, nullable=False),  # pending, active, denied, failed or leaving
    Column("due", UtcDateTime, nullable=False),  # when to ask the hub (again)
    Column("requested", UtcDateTime),
    Column("verified", UtcDateTime),
    Column("expires", UtcDateTime),
    Column("pushed", UtcDateTime),  # the last push with a right signature
    Column("pushes", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),  # pushes without one
    Column("missed", Integer, nullable=False, server_default="0"),  # polls that found what no push had brought
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", CleanText, nullable=False, server_default=""),
    Index(None, "due"),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("feed_id", Id, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("content_type", CleanText),
    Column("body", LargeBinary, nullable=False),
    Column("received", UtcDateTime, nullable=False),
    Column("lease_token", CleanText),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", CleanText, nullable=False, server_default="pending"),
    Column("result", JSON),
    Column("error", CleanText),
    Column("created", UtcDateTime, nullable=False),
    Column("applied", UtcDateTime),
    Index(None, "state", "id"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("type", CleanText, nullable=False),
    Column("subject", CleanText, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("data", JSON, nullable=False),
    Column("position", BigInteger, unique=True),  # given by the relay, without gaps
    Column("withdraw", Boolean),  # the stream may hold it as it was before its text was taken out; else null
    UniqueConstraint("subject", "sequence"),
    Index("ix_events_withdraw", "position", **only("withdraw IS NOT NULL")),
    Index("ix_events_waiting", "seq", **only("position IS NULL")),
    sqlite_autoincrement=True,
)

troubles = Table(
    "troubles",  # what was told of feeds and of the pipeline, and is not over
    metadata,
    Column("subject", CleanText, primary_key=True),  # as in events
    Column("sequence", Integer, nullable=False),  # of its latest event
    Column("told", JSON, nullable=False),  # each trouble by name, with the time at which it was told
)

roles = Table(
    "roles",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("token", BigInteger, nullable=False),  # the fencing token: grows with each change of hands
    Column("owner", CleanText, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

logouts = Table(
    "logouts",
    metadata,
    Column("session", CleanText, primary_key=True),
    Column("until", UtcDateTime, nullable=False),  # by then the session would have ended by itself
)
