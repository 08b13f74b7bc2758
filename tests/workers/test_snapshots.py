"""What is stored of the clusterer's memory: when, what it is good for, and when it is left aside."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from pipeline.ledger import Ledger, forgotten, snapshots
from pipeline.ledger.schema import snapshots as snapshot_table
from pipeline.storylines.filing import FilingOptions
from tests.workers.changing import ALONE, Desk
from tests.workers.test_clusterer import AWAY, failing, stream
from tests.workers.wire import NOON, VERSION, ask, at, embedded, filed, outcome
from workers.clusterer import Clusterer
from workers.clusterer.memory import Memory

MINUTES = 60.0
HEADER = "ledger/header"


def header(ledger: Ledger) -> snapshots.Header | None:
    with ledger.read() as tx:
        return snapshots.header(tx)


def position(ledger: Ledger) -> int | None:
    found = header(ledger)
    return None if found is None else found.position


def rebuilt(ledger: Ledger, *, anew: bool = False, version: str = VERSION, **options: Any) -> Memory:
    return Memory.rebuilt(ledger, version, FilingOptions(**options), NOON, lambda _: None, anew=anew)


def remembers(memory: Memory) -> list[tuple[str, bytes | None]]:
    """All that filing remembers, as it is stored; of a copy, since what was dumped counts as stored."""
    return [
        part for part in deepcopy(memory.filing).dump(whole=True) if part[0].startswith(("strand", "copies", "rhythm"))
    ]


@pytest.fixture
def at_work(ledger: Ledger) -> Clusterer:
    """One that stores what it remembers after every 20 articles."""
    made = Clusterer(ledger, VERSION, options=ALONE, batch=10, keep_every=20)
    made.step(NOON)
    return made


# ---- when it is written ----


def test_it_is_written_after_so_many_articles(ledger: Ledger, at_work: Clusterer) -> None:
    stream(ledger, 50)
    seen = []
    for second in range(1, 6):
        at_work.step(at(second))
        seen.append(position(ledger))
    assert seen == [0, 20, 20, 40, 40]
    assert rebuilt(ledger).snapshot.articles == 10, "what came since is read again"


def test_one_that_has_nothing_else_to_do_stores_what_few_articles_changed(ledger: Ledger, at_work: Clusterer) -> None:
    embedded(ledger, 1, "flood", "Orsel")
    assert at_work.step(at(1)) == 1
    assert at_work.step(at(2)) == 0
    assert position(ledger) == 0
    at_work.step(at(61))
    assert position(ledger) == 1
    stamp = header(ledger)
    at_work.step(at(200))
    assert header(ledger) == stamp, "nothing has changed"


def test_what_people_change_is_stored_with_it(ledger: Ledger) -> None:
    desk = Desk(ledger)
    for topic, place in (("flood", "Orsel"), ("trial", "Marven"), ("flood", "Orsel"), ("trial", "Marven")):
        desk.file(topic, place)
    assert position(ledger) == 0
    desk.ask("rename", storyline=1, title="The flood")
    assert position(ledger) == 0, "this is nothing that filing remembers"
    for kind, payload in (("merge", {"storyline": 2, "into": 1}), ("undo", {"change": 2})):
        desk.ask(kind, **payload)
        assert position(ledger) == 4
        assert remembers(rebuilt(ledger)) == remembers(desk.memory)
        assert rebuilt(ledger).snapshot.articles == 0


def test_it_costs_rows_for_what_changed_only(ledger: Ledger, at_work: Clusterer) -> None:
    stream(ledger, 40)
    for second in range(1, 5):
        at_work.step(at(second))
    with ledger.read() as tx:
        before = dict(snapshots.parts(tx))
    for number in range(100, 120):
        embedded(ledger, number, "quake", "Tarn", title="A quake in Tarn", text=f"Tarn shook on day {number}.")
    at_work.step(at(5))
    at_work.step(at(6))
    assert position(ledger) == 60
    with ledger.read() as tx:
        after = dict(snapshots.parts(tx))
    same = {part for part in before if part.startswith("strand") and before[part] == after[part]}
    assert len(same) >= len([part for part in before if part.startswith("strand")]) - 1


# ---- what it is good for ----


def test_other_vectors_or_a_longer_memory_are_none_of_its(ledger: Ledger, at_work: Clusterer) -> None:
    stream(ledger, 20)
    for second in range(1, 4):
        at_work.step(at(second))
    assert position(ledger) == 20
    assert rebuilt(ledger).snapshot.stamp is not None
    for other in (
        rebuilt(ledger, version="another/model"),
        rebuilt(ledger, window_hours=1000.0),
        rebuilt(ledger, recent_members=5),
        rebuilt(ledger, anew=True),
    ):
        assert other.snapshot.stamp is None
        assert other.snapshot.articles == 20, "all is read again"
    assert remembers(rebuilt(ledger, anew=True)) == remembers(rebuilt(ledger))
    assert rebuilt(ledger, threshold=5.0).snapshot.stamp is not None, "this changes decisions, and no memory"


@pytest.mark.parametrize(
    "harm",
    [
        delete(snapshot_table).where(snapshot_table.c.part == HEADER),
        delete(snapshot_table).where(snapshot_table.c.part == "meta"),
        update(snapshot_table).where(snapshot_table.c.part.like("strand/%")).values(content=b"damaged"),
        update(snapshot_table).where(snapshot_table.c.part == HEADER).values(content=b"{"),
        update(snapshot_table).where(snapshot_table.c.part == HEADER).values(content=b'{"format": 0}'),
    ],
    ids=["no header", "incomplete", "damaged", "unreadable header", "another format"],
)
def test_one_that_cannot_be_used_is_left_aside_and_written_anew(ledger: Ledger, at_work: Clusterer, harm: Any) -> None:
    stream(ledger, 30)
    for second in range(1, 5):
        at_work.step(at(second))
    expected = remembers(at_work._memory)
    with ledger.write() as tx:
        tx.execute(harm)
    next_one = Clusterer(ledger, VERSION, options=ALONE)
    next_one.step(at(60))
    assert next_one.active
    assert remembers(next_one._memory) == expected
    assert position(ledger) == 30
    assert remembers(rebuilt(ledger)) == expected


def test_one_that_was_taken_away_from_under_it_is_written_whole(ledger: Ledger, at_work: Clusterer) -> None:
    stream(ledger, 40)
    for second in range(1, 4):
        at_work.step(at(second))
    with ledger.write() as tx:
        tx.execute(delete(snapshot_table))
    for second in range(4, 7):
        at_work.step(at(second))
    assert position(ledger) == 40
    assert remembers(rebuilt(ledger)) == remembers(at_work._memory)


# ---- failures ----


@pytest.mark.parametrize("error", [AWAY, OSError("no space left on device")], ids=["away", "full"])
def test_what_could_not_be_stored_is_not_taken_for_stored(ledger: Ledger, at_work: Clusterer, error: Exception) -> None:
    stream(ledger, 40)
    at_work.step(at(1))
    with failing(ledger, "INSERT INTO snapshots", nth=2, error=error), pytest.raises(Exception, match=r"closed|space"):
        at_work.step(at(2))
    assert not at_work.active
    assert position(ledger) == 0
    for second in range(3, 8):
        at_work.step(at(second))
    assert len(filed(ledger)) == 40
    assert position(ledger) == 30
    assert remembers(rebuilt(ledger)) == remembers(rebuilt(ledger, anew=True)) == remembers(at_work._memory)


def test_a_correction_whose_memory_could_not_be_stored_is_none(ledger: Ledger) -> None:
    desk = Desk(ledger)
    for topic, place in (("flood", "Orsel"), ("trial", "Marven")):
        desk.file(topic, place)
    before = remembers(desk.memory)
    command = ask(ledger, "merge", storyline=2, into=1)
    with failing(ledger, "INSERT INTO snapshots", error=OSError("no space left on device")):
        desk.step()
    assert outcome(ledger, command)[0] == "refused"
    assert desk.where() == [1, 2]
    assert remembers(desk.memory) == before
    desk.ask("merge", storyline=2, into=1)
    assert remembers(rebuilt(ledger)) == remembers(desk.memory)


# ---- the clock ----


def test_what_is_cleaned_up_by_the_clock_is_cleaned_up_alike_in_a_replay(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.clusterer.memory.CLEAN_UP_EVERY", 15)
    at_work = Clusterer(ledger, VERSION, options=ALONE, batch=7, keep_every=1000)
    at_work.step(NOON)
    stream(ledger, 29)
    for step in range(1, 7):
        at_work.step(at(step))
    for number in range(200, 206):
        embedded(ledger, number, "quake", "Tarn", hours=24 * 40)
    at_work.step(at(40 * 24 * 60 * MINUTES))
    assert len(filed(ledger)) == 35
    assert position(ledger) == 0, "everything is replayed"
    assert len(at_work._memory.filing) == 1, "the rest was forgotten at the thirtieth article"
    assert remembers(rebuilt(ledger)) == remembers(at_work._memory)


# ---- forgetting ----


def test_nothing_of_a_forgotten_article_is_left_on_the_disk(ledger: Ledger, at_work: Clusterer) -> None:
    gone = stream(ledger, 20)[4]
    for second in range(1, 4):
        at_work.step(at(second))
    with ledger.read() as tx:
        before = [content for part, content in snapshots.parts(tx) if part.startswith(("strand", "copies", "terms"))]
    assert before
    with ledger.write() as tx:
        forgotten.erase(tx, gone, at(10))
    at_work.step(at(11))
    with ledger.read() as tx:
        assert tx.execute(select(snapshot_table)).all() == []
    if ledger.is_sqlite:
        (file,) = (Path(row[2]) for row in ledger.engine.connect().exec_driver_sql("PRAGMA database_list"))
        kept = file.read_bytes() + file.with_name(f"{file.name}-wal").read_bytes()
        assert not any(content[-30:] in kept for content in before)
    at_work.step(at(12))
    assert position(ledger) == 20
    assert remembers(rebuilt(ledger)) == remembers(at_work._memory) == remembers(rebuilt(ledger, anew=True))
