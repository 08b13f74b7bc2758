"""Feeds remember their rhythm, moves and hubs; entries their edits; what was forgotten stays away"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline import urls
from pipeline.errors import InputError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = sa.DateTime(timezone=True)
LEASED = "lease_until IS NOT NULL"


def only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    columns: dict[str, list[sa.Column[Any]]] = {
        "feeds": [
            sa.Column("host_key", sa.Text(), server_default="", nullable=False),
            sa.Column("format", sa.Text(), server_default="", nullable=False),
            sa.Column("served_by", sa.Text()),
            sa.Column("silent_since", WHEN),
            sa.Column("entries_per_day", sa.Float(), server_default="0", nullable=False),
            sa.Column("pace", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
            sa.Column("hints", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
            sa.Column("identity", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
            sa.Column("problems", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
            sa.Column("moved_to", sa.Text()),
            sa.Column("moved_seen", sa.Integer(), server_default="0", nullable=False),
            sa.Column("moved_since", WHEN),
            sa.Column("hub_url", sa.Text()),
            sa.Column("topic_url", sa.Text()),
        ],
        "articles": [
            sa.Column("etag", sa.Text()),
            sa.Column("last_modified", sa.Text()),
            sa.Column("revisions", sa.Integer(), server_default="0", nullable=False),
            sa.Column("revised", WHEN),
            sa.Column("futile", sa.Integer(), server_default="0", nullable=False),
            sa.Column("previous", sa.JSON(), nullable=True),
        ],
        "sightings": [
            sa.Column("updated", WHEN),
            sa.Column("digest", sa.Text()),
            sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        ],
        "events": [sa.Column("withdraw", sa.Boolean())],
    }
    for table, added in columns.items():
        for column in added:
            op.add_column(table, column)
    op.create_index("ix_feeds_leased", "feeds", ["host_key", "lease_until"], unique=False, **only(LEASED))
    op.create_index(op.f("ix_sightings_feed_id_published"), "sightings", ["feed_id", "published"], unique=False)
    op.create_index("ix_events_withdraw", "events", ["position"], unique=False, **only("withdraw IS NOT NULL"))
    _name_hosts()
    _make_tables()


def _name_hosts() -> None:
    """Feeds of the release before have no host yet, and their hosts perhaps no row."""
    tx = op.get_bind()
    feeds = sa.table("feeds", sa.column("id"), sa.column("url"), sa.column("host_key"), sa.column("created", WHEN))
    hosts = sa.table("hosts", sa.column("host_key"), sa.column("next_handout", WHEN), sa.column("next_request", WHEN))
    known = set(tx.execute(sa.select(hosts.c.host_key)).scalars())
    for row in tx.execute(sa.select(feeds.c.id, feeds.c.url, feeds.c.created)).all():
        try:
            host_key = urls.host_key(row.url)
        except InputError:  # cannot be polled anyway, which its record will say
            host_key = ""
        tx.execute(sa.update(feeds).where(feeds.c.id == row.id).values(host_key=host_key))
        if host_key not in known:
            known.add(host_key)
            tx.execute(sa.insert(hosts).values(host_key=host_key, next_handout=row.created, next_request=row.created))


def _make_tables() -> None:
    op.create_table(
        "forgotten",
        sa.Column("url_key", sa.Text(), nullable=False),
        sa.Column("forgotten", WHEN, nullable=False),
        sa.Column("article_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("url_key", name=op.f("pk_forgotten")),
    )
    op.create_index(op.f("ix_forgotten_article_id"), "forgotten", ["article_id"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("feed_id", ID, nullable=True),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", WHEN, nullable=False),
        sa.Column("requested", WHEN, nullable=True),
        sa.Column("verified", WHEN, nullable=True),
        sa.Column("expires", WHEN, nullable=True),
        sa.Column("pushed", WHEN, nullable=True),
        sa.Column("pushes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name=op.f("fk_subscriptions_feed_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("feed_id", name=op.f("uq_subscriptions_feed_id")),
    )
    op.create_index(op.f("ix_subscriptions_due"), "subscriptions", ["due"], unique=False)
    op.create_table(
        "pushes",
        sa.Column("id", ID, nullable=False),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received", WHEN, nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", WHEN, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name=op.f("fk_pushes_feed_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_pushes_feed_id"), "pushes", ["feed_id"], unique=False)
