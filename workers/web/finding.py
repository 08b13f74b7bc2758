"""Storylines that a question finds, by words and by meaning together: page, API and `slugline search` ask here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from pipeline.ledger import Ledger
from workers.meaning import Hit, Meaning, Near, together, tried
from workers.web import models, queries

FOUND = 30  # storylines that a search gives
NEAREST = 20  # of these by meaning alone, at most: the nearest, however many are near


def found(
    tx: Connection, question: str, near: Sequence[Near], filters: queries.Filters
) -> tuple[list[queries.Row], dict[int, Hit]]:
    """The rows that a question finds, the best first, and how each was found."""
    by_words = queries.storylines_with(tx, question, filters, FOUND)
    homes = queries.homes(tx, [one.storyline for one in near])
    led = {homes[one.storyline]: one.likeness for one in reversed(near) if one.storyline in homes}
    by_meaning = sorted((Near(id_, likeness) for id_, likeness in led.items()), key=lambda one: -one.likeness)
    hits = {hit.storyline: hit for hit in together(by_words, by_meaning)}
    rows = queries.storyline_rows(tx, list(hits), filters)
    kept = [rows[id_] for id_ in hits if id_ in rows][:FOUND]
    return kept, hits


def search(
    ledger: Ledger, meaning: Meaning, question: str, limit: int, filters: queries.Filters
) -> tuple[list[tuple[queries.Row, Hit]], str]:
    """Storylines that a question finds, and why meaning was left out, if it was."""
    near, trouble = tried(meaning, question, NEAREST)
    with ledger.read() as tx:
        rows, hits = found(tx, question, near, filters)
    return [(row, hits[row["id"]]) for row in rows[:limit]], trouble


def told(found: Sequence[tuple[queries.Row, Hit]], trouble: str) -> models.Hits:
    """What `search` gave, for programs."""
    hits = [
        models.Hit(
            storyline=models.StorylineSummary(**models.StorylineSummary.fields_of(row)),
            words=hit.words,
            likeness=None if hit.likeness is None else round(hit.likeness, 4),
        )
        for row, hit in found
    ]
    return models.Hits(hits=hits, without_meaning=trouble or None)
