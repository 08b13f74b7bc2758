"""Alert rules, what they rang for, and how far the log of events was read for them"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rules",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("updated", TIME, nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last", TIME, nullable=True),
        sa.Column("hour", TIME, nullable=True),
        sa.Column("rung", sa.Integer(), server_default="0", nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=True),
        sa.Column("vector_version", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
        sa.UniqueConstraint("name", name=op.f("uq_rules_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rules_updated"), "rules", ["updated"])
    op.create_table(
        "alerts",
        sa.Column("id", ID, nullable=False),
        sa.Column("rule_id", ID, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("storyline_id", ID, nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("first", TIME, nullable=False),
        sa.Column("escalated", TIME, nullable=True),
        sa.Column("last", TIME, nullable=False),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("held", sa.JSON(), nullable=True),
        sa.Column("held_until", TIME, nullable=True),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name=op.f("fk_alerts_rule_id_rules"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("rule_id", "subject", name=op.f("uq_alerts_rule_id_subject")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alerts_storyline_id"), "alerts", ["storyline_id"])
    held = sa.text("held_until IS NOT NULL")
    op.create_index("ix_alerts_held", "alerts", ["held_until"], sqlite_where=held, postgresql_where=held)
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
