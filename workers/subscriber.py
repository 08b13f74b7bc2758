"""The subscriber: asks hubs to push the feeds that name them, renews what they agreed to, and ends what is unwanted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pipeline import urls
from pipeline.errors import FetchError, InputError, LedgerError
from pipeline.feeds import websub
from pipeline.http import Client, classify
from pipeline.ledger import Ledger, pushes, subscriptions
from pipeline.records import Subscription
from pipeline.settings import Settings
from workers import logs
from workers.process import Stop, now

log = logs.get("subscriber")
LOOK_SECONDS = 5.0  # between looks at the ledger; a subscription is a matter of days
WAKE_SECONDS = 0.5  # between looks at whether to stop
ALIGN_EVERY = timedelta(seconds=30)  # it looks at all feeds, which is a matter of milliseconds, but a write as well
AT_ONCE = 20  # subscriptions taken in one round, which is over before the next begins
ANSWER_BYTES = 65_536  # a hub says "accepted", or why not, in a line
# After these the hub's other subscriptions need not be tried at once.
_DOWN = frozenset(("dns", "connect", "tls", "timeout", "protocol", "throttled", "server-error", "challenge"))


@dataclass(frozen=True, slots=True)
class _Task:
    """Something to ask a hub for, and the subscription as it is noted in the ledger since."""

    held: Subscription
    mode: Literal["subscribe", "unsubscribe"]


class Subscriber:
    """`step` is one round; `run` repeats it. Any number may run: the ledger hands each request to one of them."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._aligned = datetime.min.replace(tzinfo=UTC)
        self._random = random.Random()  # noqa: S311 - jitter, not a secret

    async def run(self, stop: Stop) -> None:
        """Work until asked to stop. The ledger being away is waited out."""
        async with self.client() as client:
            while not stop.is_set():
                try:
                    await self.step(client, now())
                except LedgerError as error:
                    log.warning("waiting for the ledger", error=str(error))
                except Exception:  # whatever it is, polling must not suffer from it
                    log.exception("a round failed")
                for _ in range(int(LOOK_SECONDS / WAKE_SECONDS)):
                    if not stop.is_set():
                        await asyncio.sleep(WAKE_SECONDS)

    def client(self) -> Client:
        """The guarded client for talking to hubs."""
        settings = self._settings
        return Client(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_networks,
            timeout=settings.request_seconds,
            max_bytes=ANSWER_BYTES,
            connections=AT_ONCE,
            admit=settings.block_list.admit,
        )

    async def step(self, client: Client, moment: datetime) -> int:
        """Do what is due at that moment. Returns how many hubs' answers were asked for.

        Raises LedgerError when the ledger is away.
        """
        by_host: dict[str, list[_Task]] = {}
        for task in await asyncio.to_thread(self._take, moment):
            by_host.setdefault(_host_key(task.held.hub), []).append(task)
        asked = await asyncio.gather(*(self._ask_host(client, tasks, moment) for tasks in by_host.values()))
        return sum(asked)

    def _take(self, moment: datetime) -> list[_Task]:
        """Bring the ledger up to date and take what is due, so that nobody else does."""
        stale = abs(moment - self._aligned) >= ALIGN_EVERY  # a clock that is set back must not stop it either
        with self._ledger.read() as tx:
            if not stale and not subscriptions.any_due(tx, moment):
                return []
        tasks = []
        with self._ledger.write() as tx:
            if stale:
                subscriptions.align(tx, self._settings.public_url, moment)
                pushes.sweep(tx, moment)
            for held in subscriptions.due(tx, moment, AT_ONCE):
                step = websub.next_step(held, moment, self._random.random())
                if step.act == "forget":
                    subscriptions.forget(tx, held.token)
                else:
                    subscriptions.save(tx, held, step.values)
                    tasks.append(_Task(replace(held, **step.values), step.act))
        self._aligned = moment if stale else self._aligned
        return tasks

    async def _ask_host(self, client: Client, tasks: Sequence[_Task], moment: datetime) -> int:
        """Ask one hub after the other for what is wanted there; one that is down is not asked for the rest."""
        for number, task in enumerate(tasks):
            error = await self._ask(client, task)
            if error is None:
                log.info("asked", feed=task.held.feed_id, hub=task.held.hub, mode=task.mode)
                continue
            down = error.reason in _DOWN
            for failed in tasks[number:] if down else [task]:
                values = websub.after_failure(
                    failed.held,
                    str(error),
                    moment,
                    jitter=self._random.random(),
                    after=error.after,
                    lasting=not error.retry,
                )
                await asyncio.to_thread(self._note, failed.held, values)
            log.warning("hub refused", feed=task.held.feed_id, hub=task.held.hub, error=str(error))
            if down:
                return number + 1
        return len(tasks)

    async def _ask(self, client: Client, task: _Task) -> FetchError | None:
        """Make one request; returns what went wrong. Section 5.1: any 2xx is a yes, to be verified."""
        try:
            answer = await client.post(task.held.hub, websub.form(task.held, task.mode))
        except FetchError as error:
            return error
        if 200 <= answer.status < 300:
            return None
        return classify(answer) or FetchError(f"the hub answered {answer.status}", reason="protocol")

    def _note(self, held: Subscription, values: Mapping[str, Any]) -> None:
        """Note a failure, unless the hub came back meanwhile: then it worked, whatever its answer said."""
        with self._ledger.write() as tx:
            subscriptions.save(tx, held, values)


def _host_key(hub: str) -> str:
    try:
        return urls.host_key(hub)
    except InputError:  # what cannot be a URL is told by the client
        return hub
