"""Storylines live, are changed and keep their history; filing is found again from a snapshot and stored features"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = sa.DateTime(timezone=True)
DUE = "state_due IS NOT NULL"


def upgrade() -> None:
    columns: dict[str, list[sa.Column[Any]]] = {
        "texts": [sa.Column("features", sa.LargeBinary())],
        "storylines": [
            sa.Column("state_since", WHEN),
            sa.Column("state_due", WHEN),
            sa.Column("locked", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("renamed", sa.Boolean(), server_default=sa.false(), nullable=False),
        ],
        "memberships": [
            sa.Column("filed_under", ID),
            sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("runner_up", ID),
            sa.Column("runner_up_share", sa.Float()),
        ],
    }
    for table, added in columns.items():
        for column in added:
            op.add_column(table, column)
    where = sa.text(DUE)
    op.create_index("ix_storylines_state_due", "storylines", ["state_due"], sqlite_where=where, postgresql_where=where)
    flags = [("storylines", "id", flag) for flag in ("locked", "renamed", "declared")]
    for table, key, flag in (*flags, ("memberships", "article_id", "pinned")):
        on, embedded = sa.text(flag), sa.text(f"{flag} = 1")
        op.create_index(f"ix_{table}_{flag}", table, [key], sqlite_where=embedded, postgresql_where=on)
    name, where = "ix_memberships_runner_up_position", sa.text("runner_up IS NOT NULL")
    op.create_index(name, "memberships", ["runner_up", "position"], sqlite_where=where, postgresql_where=where)
    op.execute(copied_runners_up())
    # Those that are there get their first look at once.
    op.execute(
        "UPDATE storylines SET state_since = opened, state_due = updated WHERE merged_into IS NULL AND state <> 'empty'"
    )
    _make_tables()


def copied_runners_up() -> sa.Update:
    """From the reasons that are there; a threshold of nothing leaves the share unknown."""
    columns = (sa.column("why", sa.JSON()), sa.column("runner_up", ID), sa.column("runner_up_share", sa.Float()))
    memberships = sa.table("memberships", *columns)
    why = memberships.c.why
    share = why["runner_up_score"].as_float() / sa.func.nullif(why["threshold"].as_float(), 0.0)
    found = sa.cast(why["runner_up"].as_string(), sa.BigInteger())
    return sa.update(memberships).where(found.is_not(None)).values(runner_up=found, runner_up_share=share)


def _make_tables() -> None:
    op.create_table(
        "changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("storyline_id", ID, nullable=False),
        sa.Column("other_id", ID, nullable=True),
        sa.Column("command_id", ID, nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("made", WHEN, nullable=False),
        sa.Column("undone", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["storyline_id"], ["storylines.id"], name=op.f("fk_changes_storyline_id")),
        sa.ForeignKeyConstraint(["other_id"], ["storylines.id"], name=op.f("fk_changes_other_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_changes_storyline_id_id"), "changes", ["storyline_id", "id"], unique=False)
    op.create_index(op.f("ix_changes_other_id_id"), "changes", ["other_id", "id"], unique=False)
    op.create_table(
        "apart",
        sa.Column("low_id", ID, nullable=False),
        sa.Column("high_id", ID, nullable=False),
        sa.Column("change_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["low_id"], ["storylines.id"], name=op.f("fk_apart_low_id")),
        sa.ForeignKeyConstraint(["high_id"], ["storylines.id"], name=op.f("fk_apart_high_id")),
        sa.ForeignKeyConstraint(["change_id"], ["changes.id"], name=op.f("fk_apart_change_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_apart")),
    )
    op.create_index(op.f("ix_apart_high_id"), "apart", ["high_id"], unique=False)
    op.create_index(op.f("ix_apart_change_id"), "apart", ["change_id"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_snapshots")),
    )
