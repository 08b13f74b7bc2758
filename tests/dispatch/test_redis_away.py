"""While Redis is away nothing is lost: what was meant for it comes back later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline import queues
from pipeline.dispatch import HANDOUT_SECONDS, Recovery, dispatch, embed_declared, recover
from pipeline.errors import RedisError
from pipeline.ledger import Ledger, storylines
from pipeline.queues import EMBED, FETCH, Task
from pipeline.settings import Settings
from tests.ledger.making import START, VERSION, at, direction, queued, row

URLS = [f"https://host-{number}.example/page" for number in range(4)]


@pytest.fixture
def away() -> Iterator[redis.Redis]:
    """A client whose server does not exist (any more)."""
    made = redis.Redis(unix_socket_path="/nonexistent/valkey.sock", retry=Retry(NoBackoff(), 0))
    yield made
    made.close()


def test_dispatch_marks_nothing(ledger: Ledger, away: redis.Redis, settings: Settings) -> None:
    (article,) = queued(ledger, *URLS[:1])
    with pytest.raises(RedisError, match="Redis does not answer"):
        dispatch(ledger, away, settings, START)
    assert row(ledger, article)["job_id"] is None


def test_what_was_marked_when_redis_went_away_comes_back(
    ledger: Ledger, client: redis.Redis, settings: Settings
) -> None:
    """Full: it still answers, but takes no job (maxmemory with noeviction)."""
    ids = queued(ledger, *URLS)
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError, match="Redis took no jobs"):
            dispatch(ledger, client, settings, START)
    finally:
        client.config_set("maxmemory", before)
    assert all(row(ledger, article)["job_id"] for article in ids)
    assert queues.depth(client, FETCH) == 0
    assert dispatch(ledger, client, settings, at(2)) == 0
    assert recover(ledger, client, settings, at(HANDOUT_SECONDS + 1)) == Recovery(returned=4, dead=0)
    assert dispatch(ledger, client, settings, at(HANDOUT_SECONDS + 1)) == 4


def test_recover_says_so_and_changes_nothing(
    ledger: Ledger, client: redis.Redis, away: redis.Redis, settings: Settings
) -> None:
    (article,) = queued(ledger, *URLS[:1])
    dispatch(ledger, client, settings, START)
    before = row(ledger, article)
    with pytest.raises(RedisError):
        recover(ledger, away, settings, at(1000))
    assert row(ledger, article) == before


def test_every_question_to_a_redis_that_is_away_is_one_clear_error(away: redis.Redis) -> None:
    for ask in (
        lambda: queues.depth(away, FETCH),
        lambda: queues.alive(away, ["job"]),
        lambda: queues.enqueue(away, FETCH, [Task(FETCH, "job", [1])]),
    ):
        with pytest.raises(RedisError):
            ask()
    assert queues.enqueue(away, FETCH, []) == 0
    assert queues.alive(away, []) == set()


@pytest.mark.parametrize(
    "url",
    ["unix:///nonexistent/valkey.sock", "redis://user:s3cret@127.0.0.1:1/0", "gopher://here", "redis://here:port"],
)
def test_connecting_names_the_url_and_the_way_out(url: str) -> None:
    with pytest.raises(RedisError, match="SLUGLINE_REDIS_URL") as caught:
        queues.connect(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_declared_storylines_are_embedded_once(ledger: Ledger, client: redis.Redis) -> None:
    with ledger.write() as tx:
        made = storylines.open_one(tx, START, title="The mill", text="About it.", declared=True)
    assert embed_declared(ledger, client, VERSION) == 1
    assert embed_declared(ledger, client, VERSION) == 0  # it waits already
    (job,) = queues.queue(client, EMBED).jobs
    assert (job.func_name, job.args) == ("workers.embed.embed_storylines", [f"storyline-{made}", [made]])
    client.flushall()
    assert embed_declared(ledger, client, VERSION) == 1  # lost, so asked for again
    client.flushall()
    with ledger.write() as tx:
        storylines.put_vector(tx, made, VERSION, storylines.pack(direction(1)))
    assert embed_declared(ledger, client, VERSION) == 0
    assert embed_declared(ledger, client, "another/form") == 1
