"""Running RQ: one queue for each worker process, with the intervals that bring a dead worker's job back soon.

A worker that listens on several queues loses jobs when it dies between taking and starting one, so each listens on
one. A job whose worker was killed comes back after some 13 minutes with RQ's defaults, after about one with these.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError as ClientError
from rq import SimpleWorker, Worker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

from pipeline import queues
from pipeline.settings import Settings
from workers import logs

log = logs.get("worker")
JOBS_BEFORE_RECYCLING = 5000  # a worker that has done so many ends and is started afresh
BEAT_SECONDS = 4  # how often a worker says that it is there, at a job and without one
RQ_AHEAD = 15  # what RQ takes off a worker's time to live for the time that it waits for a job
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Unfit = Callable[[], str | None]
"""Why a worker had better be started afresh; None when all is well."""


def _look(unfit: Unfit) -> None:
    """After a job: is this worker still fit for another one?"""
    reason = unfit()
    if reason is not None:
        log.warning("ends, to be started afresh", reason=reason)
        os.kill(os.getpid(), signal.SIGTERM)  # as an operator would: what came of the job is recorded


class ForkingWorker(Worker):
    """A work-horse for each job."""

    unfit: Unfit

    def execute_job(self, job: Job, queue: Queue) -> None:
        super().execute_job(job, queue)
        _look(self.unfit)


class ResidentWorker(SimpleWorker):
    """All jobs in this process, for the sake of what it has loaded."""

    unfit: Unfit

    def execute_job(self, job: Job, queue: Queue) -> None:
        with self._beating():
            super().execute_job(job, queue)
        _look(self.unfit)

    @contextlib.contextmanager
    def _beating(self) -> Iterator[None]:
        """Say that this worker is there while it is at a job, which RQ does for those that fork only."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                with contextlib.suppress(ClientError, OSError):  # the job itself tells when Redis is away
                    self.heartbeat()

        thread = threading.Thread(target=beat, name="beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def grown(settings: Settings) -> str | None:
    """Why a process that has come to hold much memory is unfit."""
    held = resident_bytes()
    most = settings.worker_memory_bytes
    return f"it holds {held / 1e6:.0f} MB of the {most / 1e6:.0f} MB it may" if held > most else None


def resident_bytes() -> int:
    """Memory that this process holds; 0 where the system does not tell (it is Linux that does)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def work(settings: Settings, queue: str, kind: type[ForkingWorker] | type[ResidentWorker], unfit: Unfit) -> None:
    """Run jobs of one queue until SIGTERM (what runs is finished), until it is time to start afresh, or until `unfit`
    says why."""
    client = queues.connect(settings.valkey_url)
    worker: Any = kind(
        [queues.queue(client, queue)],
        name=f"{queue}-{os.uname().nodename.replace('.', '-')}-{os.getpid()}-{os.urandom(3).hex()}",
        connection=client,
        serializer=JSONSerializer,
        log_job_description=False,
        maintenance_interval=15,  # seconds, like the two below
        worker_ttl=BEAT_SECONDS + RQ_AHEAD,
        job_monitoring_interval=BEAT_SECONDS,
    )
    worker.unfit = unfit
    worker.work(logging_level="WARNING", max_jobs=JOBS_BEFORE_RECYCLING, with_scheduler=False)
