"""A short wire through the real processes, from feed to stream: everything on its way is counted, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
import redis
from sqlalchemy import select, update

from pipeline import metrics, queues, tally
from pipeline.dispatch import dispatch
from pipeline.embedding import Embedder
from pipeline.errors import FetchError
from pipeline.ledger import Ledger
from pipeline.ledger.schema import articles as article_table
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from pipeline.tally import Tally
from tests.workers.fetching import hand_out, page, take_in
from tests.workers.polling import add, polled, until
from tests.workers.site import Answer, Site, rss
from tests.workers.wire import states
from workers import deliverer, embed, fetch
from workers.alerter import Alerter
from workers.clusterer import Clusterer
from workers.counting import counting
from workers.janitor import Janitor
from workers.poller import Poller
from workers.process import now
from workers.relay import Relay

pytestmark = pytest.mark.usefixtures("brisk_poller")


@pytest.fixture
def settings(valkey: str) -> Settings:
    quick = {"host_spacing_seconds": 0, "max_attempts": 1, "disk_reserve_bytes": 0}
    return Settings(redis_url=valkey, allow_networks=("127.0.0.0/8",), request_seconds=10, **quick)


@pytest.fixture
def prepared(settings: Settings, sqlite_ledger: Ledger, sandbox: Sandbox, embedder: Embedder) -> Iterator[None]:
    fetch.prepare(settings, sandbox, sqlite_ledger)
    embed.setup(settings, sqlite_ledger, embedder)
    yield
    fetch._surroundings = embed._surroundings = None


def jobs(ledger: Ledger) -> dict[str, list[int]]:
    with ledger.read() as tx:
        chosen = select(article_table.c.job_id, article_table.c.id).where(article_table.c.job_id.is_not(None))
        found: dict[str, list[int]] = {}
        for job, article in tx.execute(chosen):
            found.setdefault(job, []).append(article)
    return found


def poll(settings: Settings, ledger: Ledger, sandbox: Sandbox, client: redis.Redis, counts: Tally) -> None:
    asyncio.run(until(lambda: polled(ledger), Poller(settings, ledger, client, sandbox, counts)))


async def deliver(settings: Settings, ledger: Ledger, counts: Tally) -> None:
    async with deliverer.client(settings) as http:
        await deliverer.Deliverer(settings, ledger, counts).step(http, now())


@pytest.mark.usefixtures("prepared")
def test_everything_on_its_way_is_counted(
    settings: Settings, sqlite_ledger: Ledger, client: redis.Redis, site: Site, sandbox: Sandbox, embedder: Embedder
) -> None:
    ledger, counts = sqlite_ledger, Tally()
    titles = {
        "/one": "Orsel closes its old bridge",
        "/two": "A comet returns after eighty years",
        "/gone": "",
        "/500": "",
    }
    site.pages |= {
        path: Answer(page(title), headers={"Content-Type": "text/html"}) for path, title in titles.items() if title
    }
    site.pages |= {
        "/500": Answer("no", status=500),
        "/feed.xml": Answer(rss(*(site.own_host(path) for path in titles))),
    }
    for feed in ("/feed.xml", "/no-feed"):  # one after the other: they are of one host
        add(ledger, site.url(feed))
        poll(settings, ledger, sandbox, client, counts)
    with ledger.write() as tx:  # the first poll of a feed is a backfill, whose journey does not count
        tx.execute(update(article_table).values(backfill=False))
    dispatch(ledger, client, settings, now())
    for job, ids in jobs(ledger).items():
        fetch.fetch_batch(job, ids)
    dispatch(ledger, client, settings, now())
    for job, ids in jobs(ledger).items():
        embed.embed_batch(job, ids)
    Clusterer(ledger, embedder.version, tally=counts).step(now())
    Relay(settings, ledger, client, counts).step(now())
    Alerter(settings, ledger, embedder.version, lambda _sentences: np.empty((0, 0)), counts).step(now())
    asyncio.run(deliver(settings, ledger, counts))
    Janitor(settings, ledger, client, counts).step(now())
    assert states(ledger) == {"filed": 1, "duplicate": 1, "rejected": 1, "dead": 1}
    assert counts.send(client)

    found = tally.read(client)

    def counted(metric: metrics.Metric) -> dict[tuple[str, ...], int]:
        return {labels: value for labels, value in found.counters[metric].items() if value}

    assert counted(metrics.POLLS) == {("read",): 1, ("failed",): 1}
    assert counted(metrics.POLL_FAILURES) == {("missing",): 1}
    assert counted(metrics.TAKEN_IN) == {("poll",): 4}
    assert counted(metrics.FETCHES) == {("fetched",): 2, ("rejected",): 1, ("dead",): 1}
    assert counted(metrics.FETCH_FAILURES) == {("missing",): 1, ("host",): 1}
    assert counted(metrics.REJECTED) == {("not-found",): 1}
    assert counted(metrics.DEAD) == {("fetch", "host"): 1}
    assert counted(metrics.EMBEDS) == {("embedded",): 2}
    assert counted(metrics.FILED) == {("original",): 1, ("duplicate",): 1}
    assert counted(metrics.PUBLISHED)[()] >= 2
    seen = {labels[0]: sum(spread.hits) for labels, spread in found.histograms[metrics.STAGE_SECONDS].items()}
    assert seen == {"poll": 2, "fetch": 4, "extract": 2, "embed": 2, "file": 2}
    journeys = found.histograms[metrics.JOURNEY_SECONDS]
    assert sum(journeys[("seen",)].hits) == 2
    assert set(found.progress) == set(metrics.SERVICES)


@pytest.mark.usefixtures("prepared")
def test_a_job_ends_well_when_counting_does_not(
    settings: Settings, sqlite_ledger: Ledger, client: redis.Redis, site: Site
) -> None:
    client.set(queues.TALLIES, "somebody else's")  # every count is refused
    site.pages["/one"] = Answer(page(), headers={"Content-Type": "text/html"})
    ids = take_in(sqlite_ledger, site.url("/one"))
    hand_out(sqlite_ledger, ids)
    assert fetch.fetch_batch("fetch-1", ids) == {"fetched": 1}


def test_a_process_sends_what_it_counted_when_it_ends(settings: Settings, client: redis.Redis) -> None:
    with counting(settings) as counts:
        counts.count(metrics.PUBLISHED, 3)
    assert tally.read(client).counters[metrics.PUBLISHED][()] == 3


def test_a_process_works_and_ends_without_redis(settings: Settings) -> None:
    with counting(settings.model_copy(update={"redis_url": "unix:///nowhere/valkey.sock"})) as counts:
        counts.count(metrics.PUBLISHED)
    with counting(settings.model_copy(update={"redis_url": "what is this"})) as counts:
        counts.count(metrics.PUBLISHED)


def test_unforeseen_reasons_are_counted_as_others() -> None:
    assert metrics.class_of(FetchError("x", reason="new-one").reason) == metrics.OTHER
