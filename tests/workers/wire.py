"""A ledger filled the way the pipeline fills it, with a made-up model: a text's vector is that of its topics."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from pipeline.ledger import Ledger, articles, commands, storylines, work
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import events as event_table
from pipeline.ledger.schema import memberships
from pipeline.records import ArticleState, Vector
from pipeline.storylines import copies
from tests.storylines.wire import about
from workers.process import Stop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VERSION = "made-up/title"


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def take_in(tx: Connection, number: int, title: str, text: str, *, hours: float = 0.0, **row: Any) -> int:
    """An article whose text is known; returns its id in the ledger."""
    given = {
        "id": f"w{number}",
        "url": f"https://outlet{number % 7}.example/{number}",
        "source": f"Outlet {number % 7}",
        "lang": "en",
        "published": NOON + timedelta(hours=hours),
        "title": title,
        "text": text,
    }
    made = articles.import_text(tx, given | row, NOON + timedelta(hours=hours), copies.signature(text))
    assert made is not None
    return made


def embed(tx: Connection, article_id: int, vector: Vector, *, version: str = VERSION) -> None:
    """Take an article to `embedded` as a worker does."""
    job = f"job-{article_id}"
    work.hand_out(tx, [article_id], job, NOON)
    (claim,) = work.claim(tx, [article_id], ArticleState.FETCHED, job, "test", NOON, 30)
    work.finish_embed(tx, claim, version, storylines.pack(vector), NOON)


def embedded(ledger: Ledger, number: int, *topics: str, title: str = "", text: str = "", **row: Any) -> int:
    """An article on these topics that waits to be filed; returns its id in the ledger."""
    words = " ".join(topics)
    title = title or f"The {words}: report {number}"
    text = text or f"About the {words}. " + " ".join(f"{topics[0]}{n}" for n in range(number % 5, number % 5 + 12))
    with ledger.write() as tx:
        made = take_in(tx, number, title, text, **row)
        embed(tx, made, about(*topics, noise=f"n{number}"))
    return made


def filed(ledger: Ledger) -> dict[int, tuple[int, Mapping[str, Any]]]:
    """Storyline and reason of every filed article, in the order of filing."""
    chosen = select(memberships.c.article_id, memberships.c.storyline_id, memberships.c.why)
    with ledger.read() as tx:
        rows = tx.execute(chosen.order_by(memberships.c.position)).all()
    return {article: (storyline, why) for article, storyline, why in rows}


def row(ledger: Ledger, article_id: int) -> dict[str, Any]:
    with ledger.read() as tx:
        return dict(tx.execute(select(article_table).where(article_table.c.id == article_id)).mappings().one())


def states(ledger: Ledger) -> dict[str, int]:
    """How many articles stand in each state that has any."""
    with ledger.read() as tx:
        return {state: count for state, count in articles.counts(tx).items() if count}


def event_count(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return int(tx.execute(select(func.count()).select_from(event_table)).scalar_one())


def ask(ledger: Ledger, kind: str, **payload: Any) -> int:
    """Put a command; returns its id."""
    with ledger.write() as tx:
        return commands.put(tx, kind, payload, NOON)


def outcome(ledger: Ledger, command_id: int) -> tuple[str, Any, str | None]:
    with ledger.read() as tx:
        return commands.outcome(tx, command_id)


@contextmanager
def running(run: Any) -> Iterator[Stop]:
    """`run(stop)` in a thread while the block runs; what it raised is raised here, and it must end when told to."""
    stop, raised = Stop(), []

    def target() -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive(), "it did not stop"
    if raised:
        raise raised[0]
