"""Another model: what filing remembers is embedded by it in the background, and nothing else about it changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis
from sqlalchemy import select

from pipeline import queues
from pipeline.dispatch import AGAIN, embed_again
from pipeline.embedding import Embedder, prepare
from pipeline.ledger import Ledger, reembed, storylines, work
from pipeline.ledger.schema import memberships, texts, vectors
from pipeline.settings import Settings
from tests.storylines.wire import about
from tests.workers.wire import NOON, VERSION, at, embedded, filed, row, states, take_in
from workers import embed
from workers.clusterer import Clusterer
from workers.janitor import Janitor

NEW = "made-up/better"
LONG_AGO = NOON - timedelta(days=30)


@pytest.fixture
def settings(valkey: str) -> Settings:
    return Settings(redis_url=valkey, embed_batch=2)


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    made = queues.connect(valkey)
    yield made
    made.close()


def filed_by_the_old_model(ledger: Ledger, count: int, *, moment: datetime = NOON) -> list[int]:
    ids = [embedded(ledger, number, "bridge", "orsel") for number in range(1, count + 1)]
    Clusterer(ledger, VERSION).step(moment)
    assert set(filed(ledger)) == set(ids)
    return ids


def lacking(ledger: Ledger, version: str, since: datetime = LONG_AGO, limit: int = 100) -> list[int]:
    with ledger.read() as tx:
        return [article for article, _ in reembed.lacking(tx, version, since, limit)]


def test_articles_without_a_vector_of_this_version_are_found_latest_first(ledger: Ledger) -> None:
    ids = filed_by_the_old_model(ledger, 3)
    embedded(ledger, 9, "comet")  # waits to be filed, and will be by the words alone
    assert lacking(ledger, VERSION) == []
    assert lacking(ledger, "other") == ids[::-1]
    assert lacking(ledger, "other", limit=2) == ids[:0:-1]
    with ledger.read() as tx:
        (_, place), *_ = reembed.lacking(tx, "other", LONG_AGO, 1)
        assert [article for article, _ in reembed.lacking(tx, "other", LONG_AGO, 9, before=place)] == ids[1::-1]


def test_what_filing_has_forgotten_is_left_alone(ledger: Ledger) -> None:
    old, new = filed_by_the_old_model(ledger, 2)
    with ledger.write() as tx:
        change = memberships.update().where(memberships.c.article_id == old)
        tx.execute(change.values(filed=NOON - timedelta(days=8)))
    assert lacking(ledger, "other", NOON - timedelta(days=7)) == [new]
    assert lacking(ledger, "other", NOON + timedelta(days=1)) == []


def test_the_job_writes_a_second_vector_and_nothing_else(ledger: Ledger, embedder: Embedder) -> None:
    first, second = filed_by_the_old_model(ledger, 2)
    before = [row(ledger, article) for article in (first, second)]
    embed.setup(Settings(), ledger, embedder)
    assert embed.embed_again("again-1", [first, second]) == 2
    assert embed.embed_again("again-1", [first, second]) == 0, "a job that is run again"
    assert [row(ledger, article) for article in (first, second)] == before
    assert lacking(ledger, embedder.version) == []
    chosen = select(vectors.c.vector).where(vectors.c.article_id == first, vectors.c.version == embedder.version)
    with ledger.read() as tx:
        stored = storylines.unpack(tx.execute(chosen).scalar_one())
        title, text = tx.execute(select(texts.c.title, texts.c.text).where(texts.c.article_id == first)).one()
        kept = tx.execute(select(vectors.c.version).where(vectors.c.article_id == first)).scalars().all()
    assert stored is not None
    assert float(stored @ embedder.encode([prepare(title, text)])[0]) > 0.999
    assert sorted(kept) == sorted([VERSION, embedder.version])


def test_a_text_that_changed_meanwhile_gets_no_vector_of_the_old_one(ledger: Ledger) -> None:
    (article,) = filed_by_the_old_model(ledger, 1)
    with ledger.read() as tx:
        (waiting,) = reembed.texts_of(tx, [article], "other")
    with ledger.write() as tx:
        tx.execute(texts.update().where(texts.c.article_id == article).values(text="Something else."))
        assert not reembed.put(tx, waiting, "other", b"\0\0", NOON)
        tx.execute(texts.delete().where(texts.c.article_id == article))
        assert not reembed.put(tx, waiting, "other", b"\0\0", NOON)
    assert lacking(ledger, "other") == [article]


def test_a_rebuild_files_by_the_new_vectors(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    ids = filed_by_the_old_model(sqlite_ledger, 2)
    embed.setup(Settings(), sqlite_ledger, embedder)
    embed.embed_again("again-1", ids)
    with sqlite_ledger.read() as tx:
        remembered = list(storylines.remembered(tx, embedder.version, LONG_AGO))
    assert [one.article.id for one in remembered] == ids
    assert all(one.article.vector is not None and one.article.vector.shape == (384,) for one in remembered)


def test_only_a_few_are_handed_out_and_only_while_nothing_else_waits(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    filed_by_the_old_model(sqlite_ledger, 7)
    with sqlite_ledger.write() as tx:
        fresh = take_in(tx, 50, "A comet", "A comet is seen over Hexby.")
    queues.enqueue(client, queues.EMBED, [queues.Task(queues.EMBED, "embed-1", [fresh])])
    start = reembed.NEWEST
    assert embed_again(sqlite_ledger, client, settings, "other", LONG_AGO, start) == start, "what is new goes first"
    queues.queue(client, queues.EMBED).empty()
    place = embed_again(sqlite_ledger, client, settings, "other", LONG_AGO, start)
    waiting = queues.queue(client, queues.EMBED).jobs
    assert [job.id for job in waiting] == list(AGAIN)
    assert sum(len(job.args[1]) for job in waiting) == 4
    assert embed_again(sqlite_ledger, client, settings, "other", LONG_AGO, place or 0) == place, "they still wait"
    queues.queue(client, queues.EMBED).empty()
    place = embed_again(sqlite_ledger, client, settings, "other", LONG_AGO, place or 0)
    assert sum(len(job.args[1]) for job in queues.queue(client, queues.EMBED).jobs) == 3
    queues.queue(client, queues.EMBED).empty()
    assert embed_again(sqlite_ledger, client, settings, "other", LONG_AGO, place or 0) is None


def test_the_janitor_goes_through_all_of_them(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings, embedder: Embedder
) -> None:
    ids = filed_by_the_old_model(sqlite_ledger, 9)
    embed.setup(settings, sqlite_ledger, embedder)
    janitor, line = Janitor(settings, sqlite_ledger, client), queues.queue(client, queues.EMBED)
    done: list[int] = []
    for second in range(10):
        janitor.step(at(second))
        for job in line.jobs:
            done.extend(job.args[1])
            embed.embed_again(*job.args)
        line.empty()
    assert done == ids[::-1], "each once, the latest first"
    assert lacking(sqlite_ledger, embedder.version) == []
    assert set(states(sqlite_ledger)) <= {"filed", "duplicate"}


def test_what_a_lost_job_left_out_is_found_ten_minutes_later(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    (article,) = filed_by_the_old_model(sqlite_ledger, 1)
    janitor, line = Janitor(settings, sqlite_ledger, client), queues.queue(client, queues.EMBED)
    handed_out = []
    for second in (0, 1, 2, 300, 700):
        janitor.step(at(second))
        handed_out.append([job.args[1] for job in line.jobs])
        line.empty()
    assert handed_out == [[[article]], [], [], [], [[article]]]


def test_new_articles_are_no_part_of_it(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    with sqlite_ledger.write() as tx:
        fresh = take_in(tx, 1, "A comet", "A comet is seen over Hexby.")
        work.hand_out(tx, [fresh], "embed-1", NOON)
    embed.setup(Settings(), sqlite_ledger, embedder)
    assert lacking(sqlite_ledger, embedder.version) == []
    assert embed.embed_again("again-1", [fresh]) == 0


# ---- the clusterer takes it up ----


def embed_by(ledger: Ledger, version: str, ids: list[int]) -> None:
    """What the job does, with a made-up model."""
    with ledger.write() as tx:
        for one in reembed.texts_of(tx, ids, version):
            reembed.put(tx, one, version, storylines.pack(about("bridge", "orsel", noise=f"m{one.article_id}")), NOON)


def test_the_clusterer_takes_new_vectors_up_once_nothing_lacks_them(ledger: Ledger) -> None:
    ids = filed_by_the_old_model(ledger, 4)
    at_work = Clusterer(ledger, NEW)
    at_work.step(at(100))
    by_words = at_work._memory
    assert by_words.lacks, "it starts all the same"
    embed_by(ledger, NEW, ids[1:])
    at_work.step(at(200))
    assert at_work._memory is by_words, "one is missing"
    embed_by(ledger, NEW, ids)
    at_work.step(at(210))
    assert at_work._memory is by_words, "it looks once a minute"
    at_work.step(at(270))
    taken_up = at_work._memory
    assert taken_up is not by_words
    assert not taken_up.lacks
    assert at_work.active
    for second in (400, 5000, 20_000):
        at_work.step(at(second))
    assert at_work._memory is taken_up, "once"


def test_what_was_taken_up_is_there_after_a_restart(ledger: Ledger) -> None:
    ids = filed_by_the_old_model(ledger, 4)
    first = Clusterer(ledger, NEW, leader_seconds=5)
    first.step(at(100))
    second = Clusterer(ledger, NEW, leader_seconds=5)
    second.step(at(110))
    assert second._memory.snapshot.stamp is not None
    assert second._memory.lacks, "one that starts from the snapshot of the other knows that as well"
    embed_by(ledger, NEW, ids)
    second.step(at(180))
    third = Clusterer(ledger, NEW, leader_seconds=5)
    third.step(at(190))
    assert not third._memory.lacks
    assert third._memory.filing._index.nearest.dimension == 64, "its storylines have vectors"
    assert third._memory.snapshot.articles == 0, "from the snapshot"


def test_what_the_model_cannot_read_does_not_hold_it_up_for_ever(ledger: Ledger) -> None:
    ids = filed_by_the_old_model(ledger, 4)
    at_work = Clusterer(ledger, NEW)
    at_work.step(at(100))
    embed_by(ledger, NEW, ids[1:])
    before = at_work._memory
    for second in range(200, 1900, 100):
        at_work.step(at(second))
    assert at_work._memory is before
    at_work.step(at(2001))
    after = at_work._memory
    assert after is not before
    for second in range(2100, 12_000, 100):
        at_work.step(at(second))
    assert at_work._memory is after, "it is done without"
