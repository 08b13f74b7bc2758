"""The tables of storylines themselves; `schema` has them with all the others."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    false,
    text,
)

from pipeline.ledger.columns import CleanText, Id, UtcDateTime, flagged, metadata, only

LISTED = "merged_into IS NULL AND state <> 'empty'"  # the storylines that lists may show

storylines = Table(
    "storylines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", CleanText, nullable=False, server_default=""),
    Column("text", CleanText, nullable=False, server_default=""),
    Column("lang", CleanText),
    Column("declared", Boolean, nullable=False, server_default=false()),
    Column("state", CleanText, nullable=False),
    Column("state_since", UtcDateTime),
    Column("state_due", UtcDateTime),  # when its life is to be looked at again
    Column("locked", Boolean, nullable=False, server_default=false()),  # second thoughts leave it as it is
    Column("renamed", Boolean, nullable=False, server_default=false()),  # its title was given by a person, and stays
    Column("muted", Boolean, nullable=False, server_default=false()),  # a person wants to hear no more of it
    Column("headline", CleanText, nullable=False, server_default=""),
    Column("lead", CleanText, nullable=False, server_default=""),
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
    Column("vector_version", CleanText),
    Column("momentum", Float, nullable=False, server_default="0"),  # `pace.momentum`
    Column("pace", JSON, nullable=False, server_default=text("'[]'")),  # `pace.pace`
    # What lists show, in each of their orders, and how many that are.
    *(
        Index(f"ix_storylines_by_{order}", order, "id", **only(LISTED))
        for order in ("momentum", "updated", "originals")
    ),
    Index("ix_storylines_lang_momentum", "lang", "momentum", "id", **only(LISTED)),
    Index("ix_storylines_state_momentum", "state", "momentum", "id", **only(LISTED)),
    Index("ix_storylines_muted", "id", **flagged("muted")),
    Index("ix_storylines_state_due", "state_due", **only("state_due IS NOT NULL")),
    *(Index(f"ix_storylines_{flag}", "id", **flagged(flag)) for flag in ("locked", "renamed", "declared")),
    sqlite_autoincrement=True,
)

words = Table(
    "words",  # of storylines, to find them by (`words`)
    metadata,
    Column("word", CleanText, nullable=False),
    Column("storyline_id", Id, nullable=False),
    PrimaryKeyConstraint("word", "storyline_id"),
    sqlite_with_rowid=False,
)
