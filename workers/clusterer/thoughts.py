"""Second thoughts of the clusterer: what is to be done about a storyline, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import InputError
from pipeline.ledger import changes as ledger_changes
from pipeline.ledger import coverage
from pipeline.records import Article
from pipeline.storylines.tend import Merge, Split, second_thought
from workers import logs
from workers.clusterer import changes
from workers.clusterer.memory import Memory

log = logs.get("clusterer")


def look(tx: Connection, memory: Memory, storyline: int, moment: datetime) -> Merge | Split | None:
    """What is to be done about a storyline, if anything; reads only."""
    since, size = moment - memory.options.horizon, coverage.size(tx, storyline)
    if not memory.hindsight.grown(storyline, size):
        return None

    def read(one: int, most: int) -> Sequence[Article]:
        return coverage.sample(tx, memory.version, one, since, most)

    parted = ledger_changes.parted_by_second_thoughts(tx, storyline)
    merged = ledger_changes.merged_by_second_thoughts(tx, storyline)
    # What second thoughts brought together they do not take apart until as much has come to it as there was: so they
    # come to an end.
    whole = merged is not None and 2 * coverage.size(tx, storyline, merged) < size
    return second_thought(storyline, memory.filing, memory.constraints, read, parted, whole=whole)


def act(tx: Connection, memory: Memory, thought: Merge | Split, moment: datetime) -> None:
    """Do it, in a transaction under the clusterer's guard."""
    try:
        if isinstance(thought, Merge):
            done = changes.merge(
                tx, memory, loser=thought.loser, winner=thought.winner, why=thought.why(), moment=moment
            )
            memory.hindsight.again(thought.winner)
        else:
            done = changes.split(
                tx, memory, storyline=thought.storyline, articles=thought.articles, why=thought.why(), moment=moment
            )
            memory.hindsight.again(thought.storyline)
            if done.other is not None:
                memory.hindsight.again(done.other)
    except InputError as error:  # refused before anything was changed, such as an article that was forgotten meanwhile
        log.info("second thought refused", thought=str(thought), error=str(error))
        return
    log.info("second thought", kind=done.kind, storyline=done.storyline, other=done.other, **thought.why())
