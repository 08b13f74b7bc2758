"""Momentum, pace and words of storylines, to list and to find them by; storylines that are muted"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.ledger import pace
from pipeline.ledger.columns import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LISTED = "merged_into IS NULL AND state <> 'empty'"
AT_ONCE = 1_000


def upgrade() -> None:
    for column in (
        sa.Column("muted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("momentum", sa.Float(), server_default="0", nullable=False),
        sa.Column("pace", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    ):
        op.add_column("storylines", column)
    where = sa.text(LISTED)
    orders = {f"by_{order}": [order, "id"] for order in ("momentum", "updated", "originals")}
    orders |= {f"{first}_momentum": [first, "momentum", "id"] for first in ("lang", "state")}
    for name, columns in orders.items():
        op.create_index(f"ix_storylines_{name}", "storylines", columns, sqlite_where=where, postgresql_where=where)
    op.create_index(
        "ix_storylines_muted",
        "storylines",
        ["id"],
        sqlite_where=sa.text("muted = 1"),
        postgresql_where=sa.text("muted"),
    )
    op.create_table(
        "words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("storyline_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("word", "storyline_id", name=op.f("pk_words")),
        sqlite_with_rowid=False,
    )
    _fill()


def _fill() -> None:
    """What would be there if this release had filed it all."""
    from pipeline.ledger import words

    tx = op.get_bind()
    names = ("headline", "title", "lead", "text")
    rows = sa.table("storylines", sa.column("id", ID), sa.column("outlets", sa.JSON()), *map(sa.column, names))
    columns = sa.table("storylines", sa.column("id", ID), sa.column("momentum"), sa.column("pace", sa.JSON()))
    set_ = (
        sa.update(columns)
        .where(columns.c.id == sa.bindparam("of"))
        .values(momentum=sa.bindparam("now_momentum"), pace=sa.bindparam("now_pace", type_=sa.JSON()))
    )
    last = 0
    while found := tx.execute(sa.select(rows).where(rows.c.id > last).order_by(rows.c.id).limit(AT_ONCE)).all():
        for row in found:
            words.follow(tx, row.id, {}, dict(row._mapping))
        paces = list(_paces(tx, last, found[-1].id))
        if paces:
            tx.execute(set_, paces)
        last = found[-1].id


def _paces(tx: sa.Connection, after: int, until: int) -> Iterator[dict[str, Any]]:
    """Of the storylines behind `after` up to `until`: those of a large ledger take gigabytes at once."""
    found = tx.execute(
        sa.text(
            "SELECT m.storyline_id, m.kind, coalesce(a.published, a.seen) AS at, m.filed FROM memberships AS m"
            " JOIN articles AS a ON a.id = m.article_id"
            " WHERE m.storyline_id > :after AND m.storyline_id <= :until ORDER BY m.storyline_id"
        ).columns(at=UtcDateTime(), filed=UtcDateTime()),
        {"after": after, "until": until},
    ).all()
    for storyline, of in groupby(found, key=lambda row: row.storyline_id):
        mine = list(of)
        latest = max(row.filed for row in mine)
        kept = pace.counted([(row.at, row.kind == "original") for row in mine], latest)
        yield {"of": storyline, "now_momentum": kept["momentum"], "now_pace": kept["pace"]}
