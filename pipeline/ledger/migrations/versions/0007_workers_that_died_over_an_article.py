"""Attempts whose worker died are counted apart from those that failed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("articles", sa.Column("deaths", sa.Integer(), server_default="0", nullable=False))
