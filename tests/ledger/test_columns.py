"""Text that no reader could take does not stay in the ledger, also within JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from pipeline.ledger import Ledger, commands
from pipeline.ledger.schema import commands as table

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
BAD = "a\x00b\ud800c \U0001f600 \\u0000 \\ud800"
GOOD = "ab?c \U0001f600 \\u0000 \\ud800"


def test_texts_within_json_are_cleaned_when_stored(ledger: Ledger) -> None:
    with ledger.write() as tx:
        commands.put(tx, "declare", {"title": BAD, BAD: [1, None, {"x": (BAD, True)}]}, NOW)
    with ledger.read() as tx:
        payload = tx.execute(select(table.c.payload)).scalar_one()
    assert payload == {"title": GOOD, GOOD: [1, None, {"x": [GOOD, True]}]}


def test_what_an_earlier_release_stored_comes_out_clean(ledger: Ledger) -> None:
    with ledger.write() as tx:
        commands.put(tx, "declare", {}, NOW)
        tx.exec_driver_sql("""UPDATE commands SET payload = '{"title": "ab\\ud800c"}'""")
    with ledger.read() as tx:
        (title,) = tx.execute(select(table.c.payload)).scalar_one().values()
    assert title == "ab?c"
