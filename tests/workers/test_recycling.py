"""A worker that is no longer fit ends after the job at hand, in good order, and leaves the next to its successor."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer

from pipeline import queues
from pipeline.queues import EMBED
from pipeline.settings import Settings
from workers import rqworker


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """RQ's worker puts handlers of its own in place."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("kind", [rqworker.ResidentWorker, rqworker.ForkingWorker])
def test_it_ends_after_the_job_at_hand(
    valkey: str, kind: type[rqworker.ResidentWorker] | type[rqworker.ForkingWorker]
) -> None:
    settings = Settings(redis_url=valkey)
    with contextlib.closing(queues.connect(valkey)) as client:
        line = queues.queue(client, EMBED)
        made = [line.enqueue("tests.workers.test_recycling.where", result_ttl=60) for _ in range(2)]
        with signals_kept():
            rqworker.work(settings, EMBED, kind, lambda: "it has had enough")
        first, second = (Job.fetch(job.id, connection=client, serializer=JSONSerializer) for job in made)
        assert first.is_finished
        assert (first.return_value() == os.getpid()) is (kind is rqworker.ResidentWorker)
        assert second.is_queued
        assert line.count == 1


def test_memory_is_what_makes_it_unfit() -> None:
    assert rqworker.grown(Settings()) is None
    said = rqworker.grown(Settings(worker_memory_bytes=1_000_000))
    assert said is not None
    assert said.endswith("MB of the 1 MB it may")


def where() -> int:
    return os.getpid()
