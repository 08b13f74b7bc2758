"""Running RQ: one queue for each worker process, with the intervals that bring a dead worker's job back soon.

A worker that listens on several queues loses jobs when it dies between taking and starting one, so each listens on
one. A job whose worker was killed comes back after some 13 minutes with RQ's defaults, after about one with these.
"""

from __future__ import annotations

import os

from rq import SimpleWorker, Worker
from rq.serializers import JSONSerializer

from pipeline import queues
from pipeline.settings import Settings

JOBS_BEFORE_RECYCLING = 5000  # a worker that has done so many ends and is started afresh


def work(settings: Settings, queue: str, kind: type[Worker] | type[SimpleWorker]) -> None:
    """Run jobs of one queue until SIGTERM (what runs is finished), or until it is time to start afresh."""
    client = queues.connect(settings.valkey_url)
    worker = kind(
        [queues.queue(client, queue)],
        name=f"{queue}-{os.uname().nodename.replace('.', '-')}-{os.getpid()}-{os.urandom(3).hex()}",
        connection=client,
        serializer=JSONSerializer,
        log_job_description=False,
        maintenance_interval=15,  # seconds, like the two below
        worker_ttl=30,
        job_monitoring_interval=10,
    )
    worker.work(logging_level="WARNING", max_jobs=JOBS_BEFORE_RECYCLING, with_scheduler=False)
