"""What kinds of sinks want to know beside their address"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sinks", sa.Column("options", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
