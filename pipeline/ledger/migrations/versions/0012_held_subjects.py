"""Subjects of which a sink refuses an event: what follows waits in the log; rows that a person had replayed"""

import sqlalchemy as sa
from alembic import op

from pipeline.ledger.columns import CleanText, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "held_subjects",
        sa.Column("sink_id", ID, nullable=False),
        sa.Column("subject", CleanText(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sink_id"], ["sinks.id"], name=op.f("fk_held_subjects_sink_id_sinks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sink_id", "subject", name=op.f("pk_held_subjects")),
    )
    op.add_column("deliveries", sa.Column("replayed", sa.Boolean(), server_default=sa.false(), nullable=False))
