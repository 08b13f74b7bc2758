"""What is due becomes jobs, as many as the queue has room for, and no host is in them twice."""

from __future__ import annotations

import redis
from rq.job import Job
from rq.serializers import JSONSerializer

from pipeline import queues
from pipeline.dispatch import dispatch
from pipeline.ledger import Ledger, work
from pipeline.queues import EMBED, FETCH
from pipeline.records import ArticleState
from pipeline.settings import Settings
from tests.ledger.making import LEASE, START, at, fetched, queued, row


def jobs(client: redis.Redis, name: str) -> list[Job]:
    return queues.queue(client, name).jobs


def hosts(count: int) -> list[str]:
    return [f"https://host-{number:02}.example/page" for number in range(count)]


def test_jobs_carry_ids_only_and_name_their_function(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *hosts(3))
    assert dispatch(ledger, client, settings, START) == 3
    first, second = jobs(client, FETCH)
    assert (first.func_name, first.args) == ("workers.fetch.fetch_batch", [first.id, ids[:2]])
    assert second.args == [second.id, ids[2:]]
    assert (first.retries_left, first.timeout, first.serializer) == (3, queues.JOB_SECONDS, JSONSerializer)
    assert [row(ledger, article)["job_id"] for article in ids] == [first.id, first.id, second.id]


def test_the_queue_is_filled_and_no_further(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *hosts(10))
    assert dispatch(ledger, client, settings, START) == 6  # three jobs of two
    assert dispatch(ledger, client, settings, at(2)) == 0
    assert queues.depth(client, FETCH) == 3
    client.lpop(queues.queue(client, FETCH).key)
    assert dispatch(ledger, client, settings, at(3)) == 2
    assert queues.depth(client, FETCH) == 3


def test_the_lines_are_independent(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ready = [fetched(ledger, url) for url in ("https://one.example/a", "https://two.example/b")]
    queued(ledger, *hosts(8))
    assert dispatch(ledger, client, settings, at(5)) == 6 + 2
    (embed,) = jobs(client, EMBED)
    assert (embed.func_name, embed.args) == ("workers.embed.embed_batch", [embed.id, ready])
    assert queues.depth(client, FETCH) == 3


def test_a_host_is_handed_out_once_in_its_spacing(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *(f"https://paper.example/{number}" for number in range(3)))
    given, taken = [], []
    for seconds in (0, 0.5, 1, 1.5, 2):
        given.append(dispatch(ledger, client, settings, at(seconds)))
        taken += [job.args[1] for job in jobs(client, FETCH)]
        queues.queue(client, FETCH).empty()
    assert given == [1, 0, 1, 0, 1]
    assert taken == [[article] for article in ids]


def test_a_fetch_job_that_is_not_full_may_be_left_for_the_janitor(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    ready = fetched(ledger, "https://one.example/a")
    ids = queued(ledger, *hosts(3))
    assert dispatch(ledger, client, settings, at(5), full_only=True) == 2 + 1
    assert [job.args[1] for job in jobs(client, FETCH)] == [ids[:2]]
    assert [job.args[1] for job in jobs(client, EMBED)] == [[ready]], "no text waits for others to be embedded"
    queues.queue(client, FETCH).empty()
    assert dispatch(ledger, client, settings, at(6)) == 1


def test_while_a_job_waits_only_full_ones_follow(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ready = [fetched(ledger, f"https://ready-{number}.example/a") for number in range(1)]
    ids = queued(ledger, *hosts(1))
    assert dispatch(ledger, client, settings, at(5)) == 2
    ready += [fetched(ledger, f"https://more-{number}.example/a") for number in range(1)]
    ids += queued(ledger, "https://other.example/a")
    assert dispatch(ledger, client, settings, at(10)) == 0, "two batches of one each"
    ready += [fetched(ledger, f"https://still-{number}.example/a") for number in range(2)]
    ids += queued(ledger, "https://third.example/a", "https://fourth.example/a")
    assert dispatch(ledger, client, settings, at(15)) == 4, "a full batch of each, and one of each is left over"
    for name, all_ in ((FETCH, ids), (EMBED, ready)):
        first, second = jobs(client, name)
        assert [first.args[1], second.args[1]] == [all_[:1], all_[1:3]]
        queues.queue(client, name).empty()
    assert dispatch(ledger, client, settings, at(20)) == 2, "nobody waits: what is left goes out"


def test_what_is_not_due_yet_waits(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    queued(ledger, *hosts(1))
    assert dispatch(ledger, client, settings, at(-1)) == 0
    assert queues.depth(client, FETCH) == 0


def test_a_worker_can_claim_what_was_dispatched(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    ids = queued(ledger, *hosts(2))
    dispatch(ledger, client, settings, START)
    (job,) = jobs(client, FETCH)
    with ledger.write() as tx:
        claims = work.claim(tx, job.args[1], ArticleState.QUEUED, job.id, "worker", START, LEASE)
    assert [claim.id for claim in claims] == ids


def test_with_nothing_to_do_nothing_is_made(ledger: Ledger, client: redis.Redis, settings: Settings) -> None:
    assert dispatch(ledger, client, settings, START) == 0
    assert client.keys() == []
