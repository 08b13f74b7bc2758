"""From the waiting line to the workers' queues and back when something was lost, with a real Valkey between them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, update

from pipeline import history, queues
from pipeline.embedding import Embedder, version
from pipeline.errors import RedisError
from pipeline.ledger import Ledger, articles, dead, lines, storylines, work
from pipeline.ledger.schema import answers, commands, host_lines, memberships, texts, vectors
from pipeline.ledger.schema import articles as articles_table
from pipeline.records import ArticleState
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.changing import Desk
from tests.workers.fetching import page
from tests.workers.site import Answer, Site
from tests.workers.test_relay import stream
from tests.workers.wire import NOON, ask, at, filed, row, running, states
from workers import embed, fetch, rqworker
from workers.clusterer import Clusterer
from workers.janitor import Janitor
from workers.process import now
from workers.relay import Relay


@pytest.fixture
def settings(valkey: str, sqlite_url: str) -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), redis_url=valkey, database_url=sqlite_url, host_spacing_seconds=0)


def take_in(ledger: Ledger, url: str = "https://a.example/1", seen: datetime = NOON) -> int:
    with ledger.write() as tx:
        made, _ = articles.record_url(tx, url, seen)
    return made


def jobs(client: redis.Redis, name: str) -> list[Job]:
    found: list[Job] = queues.queue(client, name).jobs
    return found


def claim(ledger: Ledger, job: Job, seconds: float) -> list[work.Claim]:
    job_id, ids = job.args
    with ledger.write() as tx:
        return work.claim(tx, ids, ArticleState.QUEUED, job_id, "worker", at(seconds), 30)


def test_an_article_is_handed_out_once_and_claimed(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    article = take_in(ledger)
    janitor = Janitor(settings, ledger, client)
    assert janitor.step(NOON) == 1
    assert janitor.step(at(1)) == 0
    (job,) = jobs(client, queues.FETCH)
    assert job.func_name == "workers.fetch.fetch_batch"
    assert job.args == [job.id, [article]]
    assert job.retries_left == 3
    handed = row(ledger, article)
    assert (handed["job_id"], handed["lease_owner"], handed["attempts"]) == (job.id, None, 0)
    (held,) = claim(ledger, job, 2)
    assert (held.id, held.attempts) == (article, 1)
    assert claim(ledger, job, 3) == [], "a job that is run twice finds nothing left to do"


def test_what_redis_lost_is_handed_out_again(sqlite_ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    article = take_in(sqlite_ledger)
    janitor = Janitor(settings, sqlite_ledger, client)
    janitor.step(NOON)
    lost = row(sqlite_ledger, article)["job_id"]
    client.flushall()
    assert janitor.step(at(10)) == 0, "a worker may have taken it just now"
    assert janitor.step(at(21)) == 1
    again = row(sqlite_ledger, article)
    assert again["job_id"] != lost
    assert again["attempts"] == 0
    assert [job.id for job in jobs(client, queues.FETCH)] == [again["job_id"]]


def test_what_still_waits_in_redis_is_left_there(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    article = take_in(sqlite_ledger)
    janitor = Janitor(settings, sqlite_ledger, client)
    janitor.step(NOON)
    first = row(sqlite_ledger, article)["job_id"]
    for seconds in range(10, 200, 10):
        assert janitor.step(at(seconds)) == 0
    assert row(sqlite_ledger, article)["job_id"] == first
    assert queues.depth(client, queues.FETCH) == 1


def test_what_a_dead_worker_held_comes_back_and_is_given_up_in_the_end(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    article = take_in(sqlite_ledger)
    janitor = Janitor(settings, sqlite_ledger, client)
    janitor.step(NOON)
    for death in range(1, settings.max_attempts + 1):
        seconds = 100.0 * death
        (job,) = [job for job in jobs(client, queues.FETCH) if job.id == row(sqlite_ledger, article)["job_id"]]
        queues.queue(client, queues.FETCH).empty()  # it was taken
        assert len(claim(sqlite_ledger, job, seconds)) == 1
        janitor.step(at(seconds + 29))
        assert row(sqlite_ledger, article)["lease_owner"] == "worker", "its lease still holds"
        janitor.step(at(seconds + 36))
        assert row(sqlite_ledger, article)["attempts"] == death
    dead = row(sqlite_ledger, article)
    assert (dead["state"], dead["reason"]) == ("dead", "worker-died")


def test_declared_storylines_are_sent_to_be_embedded_once(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    ask(sqlite_ledger, "declare", title="The bridge", text="The old bridge over the Orsel is closed.")
    Clusterer(sqlite_ledger, version()).step(NOON)
    janitor = Janitor(settings, sqlite_ledger, client)
    for seconds in (0, 3, 6):
        janitor.step(at(seconds))
    (job,) = jobs(client, queues.EMBED)
    assert (job.func_name, job.args) == ("workers.embed.embed_storylines", ["storyline-1", [1]])
    job.delete()  # as it is after its last failure, a few days later
    janitor.step(at(7))
    assert jobs(client, queues.EMBED) == [], "what fails at once is not enqueued again at every round"
    janitor.step(at(9))
    assert len(jobs(client, queues.EMBED)) == 1


def test_a_redis_that_is_away_is_told_and_waited_out(
    sqlite_ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    article = take_in(sqlite_ledger)
    dead = redis.Redis(unix_socket_path="/nonexistent/socket", retry=Retry(NoBackoff(), 0))
    with pytest.raises(RedisError, match="does not answer"):
        Janitor(settings, sqlite_ledger, dead).step(NOON)
    with running(Janitor(settings, sqlite_ledger, dead).run):
        pass
    assert row(sqlite_ledger, article)["state"] == "queued"
    assert Janitor(settings, sqlite_ledger, client).step(at(60)) == 1


@contextmanager
def _signals_kept() -> Iterator[None]:
    """RQ's workers set handlers of their own and leave them."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_the_whole_way_of_an_article_through_rq(
    sqlite_ledger: Ledger,
    client: redis.Redis,
    site: Site,
    sandbox: Sandbox,
    embedder: Embedder,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Janitor, fetch worker, embed worker, clusterer and relay, one after the other, with RQ's own worker between."""
    monkeypatch.setattr(rqworker, "JOBS_BEFORE_RECYCLING", 1)
    site.pages["/a"] = Answer(page())
    article = take_in(sqlite_ledger, site.url("/a"), now())
    fetch.prepare(settings, sandbox, sqlite_ledger)
    embed.setup(settings, sqlite_ledger, embedder)
    assert Janitor(settings, sqlite_ledger, client).step(now()) == 1
    with _signals_kept():
        rqworker.work(settings, queues.FETCH, rqworker.ResidentWorker, lambda: None)
        assert states(sqlite_ledger) == {"fetched": 1}
        assert queues.depth(client, queues.EMBED) == 1, "dispatched by the worker itself"
        rqworker.work(settings, queues.EMBED, rqworker.ResidentWorker, lambda: None)
    assert states(sqlite_ledger) == {"embedded": 1}
    assert Clusterer(sqlite_ledger, embedder.version).step(now()) == 1
    assert Relay(settings, sqlite_ledger, client).step(now()) == 1
    ((stream_id, entry),) = stream(client)
    assert (stream_id, entry["type"]) == ("1-0", "storyline.opened")
    with sqlite_ledger.read() as tx:
        found: Any = storylines.one(tx, filed(sqlite_ledger)[article][0])
    assert found.headline == "Orsel closes its old bridge"
    done = client.keys("rq:job:*")
    ids = [key.decode().removeprefix("rq:job:") for key in done]  # type: ignore[union-attr]
    for job in Job.fetch_many(ids, connection=client, serializer=JSONSerializer):
        assert job is not None
        assert job.is_finished


def test_it_goes_through_the_ledger_for_what_is_old(settings: Settings, sqlite_ledger: Ledger) -> None:
    desk = Desk(sqlite_ledger)
    desk.file("flood", "Orsel")
    desk.ask("lock", storyline=1)
    with sqlite_ledger.write() as tx:
        tx.execute(update(articles_table).values(generation=2))
        tx.execute(update(memberships).values(generation=2))
        lines.count(tx, "paper.example", 1, ["slogan"], "body", at(-80 * 86_400), 3)
        dead.keep_answer(tx, 1, dead.Answer(url="u", status=500, content_type=None, head=b""), at(0))
    with queues.connect(settings.valkey_url) as client:
        janitor = Janitor(settings, sqlite_ledger, client)
        janitor.step(at(29 * 86_400))
        with sqlite_ledger.read() as tx:
            assert tx.execute(select(func.count()).select_from(texts)).scalar_one() == 1
        for second in (0, 1, 11):  # a step too soon after another one does nothing, the next goes on
            janitor.step(at(31 * 86_400 + second))
        with sqlite_ledger.read() as tx:
            counted = [tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (texts, vectors, commands)]
            counted += [tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (host_lines, answers)]
        assert counted == [0, 0, 0, 0, 0]


def test_how_the_hour_goes_is_noted_once_a_step(sqlite_ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    take_in(sqlite_ledger)
    janitor = Janitor(settings, sqlite_ledger, client)
    for seconds in (0, 1, 31, 62):
        janitor.step(at(seconds))
    assert [one.waiting for one in history.recent(client)] == [1, 1, 1]
