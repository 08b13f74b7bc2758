"""Starting one service in this process: what the command line and the supervisor's children run."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import TYPE_CHECKING

from pipeline import queues
from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import Settings
from workers import logs, process, traces
from workers.counting import counting

if TYPE_CHECKING:
    from pipeline.sandbox import Sandbox
    from workers.poller import Poller

BACKFILL_NICE = 10  # what is no news gets the processor time that nobody else wants


def poller(settings: Settings) -> None:
    from workers import parsers
    from workers.poller import Poller

    sandbox = parsers.sandbox(settings)
    try:
        stop = process.Stop.on_signals()
        traces.begin("poller")
        ledger = open_ledger(settings.ledger_url)
        with counting(settings) as tally:
            made = Poller(settings, ledger, queues.connect(settings.valkey_url), sandbox, tally)
            gc.freeze()  # what was imported stays: looking through it again and again took a tenth of a poller's time
            asyncio.run(polling(settings, ledger, made, stop))
        ledger.close()
    finally:
        sandbox.close()


async def polling(settings: Settings, ledger: Ledger, poller: Poller, stop: process.Stop) -> None:
    """Poll until `stop`, and keep subscriptions at hubs beside it where hubs can reach the web service.

    Raises SandboxError as the poller does.
    """
    from workers.subscriber import Subscriber

    beside = [asyncio.create_task(Subscriber(settings, ledger).run(stop))] if settings.public_url else []
    try:
        await poller.run(stop)
    finally:
        for task in beside:  # a hub that is slow to answer is asked again another time
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


def fetch(settings: Settings, *, backfill: bool = False) -> None:
    from workers import fetch as work
    from workers import parsers, rqworker

    if backfill:
        os.nice(BACKFILL_NICE)
    sandbox = parsers.sandbox(settings)
    try:
        work.prepare(settings, sandbox, open_ledger(settings.ledger_url))  # a missing schema is told now
        traces.begin("backfill" if backfill else "fetch")
        gc.freeze()  # the work-horses share this memory as long as none of them looks through it
        queue = queues.BACKFILL if backfill else queues.FETCH
        rqworker.work(settings, queue, rqworker.ForkingWorker, lambda: _unfit(settings, sandbox))
    finally:
        sandbox.close()


def _unfit(settings: Settings, sandbox: Sandbox) -> str | None:
    from workers import rqworker

    return rqworker.grown(settings) if sandbox.alive() else "its parsers are gone"


def embed(settings: Settings) -> None:
    from pipeline.embedding import Embedder
    from workers import embed as work
    from workers import rqworker

    ledger = open_ledger(settings.ledger_url)
    embedder = Embedder(settings.model, runtime=settings.embed_runtime)
    work.setup(settings, ledger, embedder)
    logs.get("embed").info("model loaded", vectors=embedder.version, runtime=embedder.runtime)
    traces.begin("embed")
    rqworker.work(settings, queues.EMBED, rqworker.ResidentWorker, lambda: rqworker.grown(settings))
    ledger.close()


def clusterer(settings: Settings) -> None:
    from pipeline.embedding import version
    from workers.clusterer import Clusterer

    stop = process.Stop.on_signals()
    ledger = open_ledger(settings.ledger_url)
    traces.begin("clusterer")
    with counting(settings) as tally:
        filer = Clusterer(
            ledger,
            version(settings.model),
            batch=settings.file_batch,
            leader_seconds=settings.leader_seconds,
            tally=tally,
        )
        filer.run(stop)
    ledger.close()


def relay(settings: Settings) -> None:
    from workers.relay import Relay

    stop = process.Stop.on_signals()
    ledger = open_ledger(settings.ledger_url)
    traces.begin("relay")
    with counting(settings) as tally:
        Relay(settings, ledger, queues.connect(settings.valkey_url), tally).run(stop)
    ledger.close()


def deliverer(settings: Settings) -> None:
    from workers.deliverer import Deliverer

    stop = process.Stop.on_signals()
    ledger = open_ledger(settings.ledger_url)
    with counting(settings) as tally:
        asyncio.run(Deliverer(settings, ledger, tally).run(stop))
    ledger.close()


def alerter(settings: Settings) -> None:
    from pipeline.embedding import version
    from workers.alerter import Alerter
    from workers.alerter.sentences import Embedding

    stop = process.Stop.on_signals()
    ledger = open_ledger(settings.ledger_url)
    with counting(settings) as tally:
        Alerter(settings, ledger, version(settings.model), Embedding(settings.model), tally).run(stop)
    ledger.close()


def janitor(settings: Settings) -> None:
    from workers import janitor as work

    stop = process.Stop.on_signals()
    ledger = open_ledger(settings.ledger_url)
    with counting(settings) as tally:
        work.run(settings, ledger, queues.connect(settings.valkey_url), stop, tally)
    ledger.close()


def web(settings: Settings, host: str, port: int) -> None:
    from workers.web.app import serve

    serve(settings, host, port)
