"""The loop: turns are taken, leases kept, polls run side by side until the process is to stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis

from pipeline import pressure, urls
from pipeline.dispatch import dispatch
from pipeline.errors import LedgerError, RedisError, SandboxError
from pipeline.http import Client
from pipeline.ledger import Ledger, hosts, polls
from pipeline.ledger.polls import Turn
from pipeline.sandbox import Sandbox
from pipeline.settings import NO_CONTACT, Settings
from pipeline.tally import Tally
from workers import logs
from workers.poller.ask import Asker
from workers.poller.outcome import LaterError
from workers.poller.pushes import PushReader
from workers.poller.read import Reader
from workers.poller.record import Recorder
from workers.process import Stop, now

log = logs.get("poller")
IDLE_SECONDS = 0.5  # between looks at the ledger when nothing is due
LOOK_SECONDS = 0.02  # between looks while there is work: what became free meanwhile is filled in one transaction
TROUBLE_SECONDS = 5.0  # between tries while the ledger is away
STOP_SECONDS = 5.0  # polls in flight get this long to end when the process is to stop; the service has 15
PRESSURE_SECONDS = 2.0  # between looks at what holds polls back
LEASE_SECONDS = 60.0  # a poller that has not renewed its leases for this long is taken for dead


class Poller:
    """Polls with many requests in flight, one at a time for each host among all pollers of the ledger."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        client: redis.Redis | None,
        sandbox: Sandbox,
        tally: Tally | None = None,
    ) -> None:
        self._settings = settings
        self._tally = tally or Tally()
        self._ledger = ledger
        self._redis = client
        self._sandbox = sandbox
        self._running: dict[asyncio.Task[None], tuple[int, str, float]] = {}  # feed, token and since when it is held
        # Apart from the recorder's thread: Redis may be away, and leases have to be renewed meanwhile.
        self._dispatcher = ThreadPoolExecutor(1, thread_name_prefix="dispatcher")
        self._dispatching: Future[None] | None = None
        self._pressure = 0.0  # on polls
        self._recorder = Recorder(settings, ledger, self._dispatch_soon, lambda: self._pressure, self._tally)

    async def run(self, stop: Stop) -> None:
        """Poll until `stop`; polls in flight then have a few seconds to end, the others are left to the next poller.

        Raises SandboxError when the process that reads feeds has died: only a new poller can start another.
        """
        settings = self._settings
        if NO_CONTACT in settings.user_agent:
            log.warning("publishers cannot tell who asks; put your contact into SLUGLINE_USER_AGENT")
        reader = Reader(self._sandbox)
        pushed = PushReader(settings, self._ledger, reader.read, self._dispatch_soon, self._tally)
        async with Client(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_networks,
            timeout=settings.request_seconds,
            max_bytes=settings.feed_max_bytes,
            connections=settings.poll_concurrency,
            keep_alive=False,  # the next request to this host is minutes away
        ) as client:
            asker = Asker(settings, client, reader, self._reserve)
            beside = [asyncio.create_task(self._renew()), asyncio.create_task(self._watch_pressure())]
            try:
                while not stop.is_set() and self._sandbox.alive():
                    await pushed.begin()
                    more = await self._begin(asker, stop)
                    await asyncio.sleep(LOOK_SECONDS if more else IDLE_SECONDS)
            finally:
                await asyncio.gather(self._end(), pushed.end())
                for task in beside:
                    task.cancel()
        self._recorder.close()
        reader.close()
        self._dispatcher.shutdown()
        if not self._sandbox.alive() and not stop.is_set():
            raise SandboxError("the parsers of this poller are gone; it ends, to be started afresh", reason="gone")

    async def _begin(self, asker: Asker, stop: Stop) -> bool:
        """Start polls of feeds that are due; says whether there may be more of them. The ledger being away is waited
        out."""
        room = self._settings.poll_concurrency - len(self._running)
        if self._pressure >= 1.0:
            self._moved()
            return False
        if room <= 0:
            self._moved()
            return True
        token = uuid.uuid4().hex
        try:
            turns = await self._recorder.writing(self._claim, token, room)
        except LedgerError as error:
            log.warning("waiting for the ledger", error=str(error))
            for _ in range(int(TROUBLE_SECONDS / IDLE_SECONDS)):
                if not stop.is_set():
                    await asyncio.sleep(IDLE_SECONDS)
            return False
        self._moved()
        for turn in turns:
            task = asyncio.create_task(self._poll(asker, turn, token))
            self._running[task] = (turn.feed.id, token, time.monotonic())
            task.add_done_callback(self._running.pop)
        return len(turns) == room

    def _moved(self) -> None:
        self._tally.moved("poller", now().timestamp())

    async def _end(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)
        late = list(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _claim(self, token: str, room: int) -> list[Turn]:
        with self._ledger.write() as tx:
            return polls.claim_due(tx, now(), token, LEASE_SECONDS, room, spacing=self._settings.host_spacing_seconds)

    async def _renew(self) -> None:
        """Keep the leases of polls that take long: a slow host, or a line before the parsers."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            since = time.monotonic() - LEASE_SECONDS / 4
            held = [(feed, token) for feed, token, begun in self._running.values() if begun < since]
            try:  # the next one comes before the leases end
                await self._recorder.writing(self._renew_once, held)
            except LedgerError:  # away, which others tell
                continue
            except Exception:
                log.exception("leases not renewed")

    async def _watch_pressure(self) -> None:
        """Keep up with what holds polls back: they come less often then, or not at all."""
        loop = asyncio.get_running_loop()
        while self._redis is not None:
            try:
                held = await loop.run_in_executor(self._dispatcher, pressure.current, self._redis)
                self._pressure = pressure.at(held, pressure.POLL)
            except RedisError:
                self._pressure = 0.0  # nobody can measure now; what polls bring waits in the ledger
            except Exception:
                log.exception("pressure not read")
            await asyncio.sleep(PRESSURE_SECONDS)

    def _renew_once(self, held: list[tuple[int, str]]) -> None:
        if held:
            with self._ledger.write() as tx:
                polls.renew(tx, held, now(), LEASE_SECONDS)

    async def _poll(self, asker: Asker, turn: Turn, token: str) -> None:
        """Poll one feed, whatever happens: nothing that one feed brings along may stop the others."""
        with logs.about(feed=turn.feed.id):
            await self._polled(asker, turn, token)

    async def _polled(self, asker: Asker, turn: Turn, token: str) -> None:
        feed = turn.feed
        try:
            if turn.wait:
                await asyncio.sleep(turn.wait)
            await self._recorder.record(feed, token, await asker.poll(feed))
        except LaterError as error:
            with contextlib.suppress(LedgerError):  # the lease runs out and the feed is due again
                await self._recorder.writing(self._recorder.put_off, feed, token, str(error), error.until)
        except asyncio.CancelledError:
            self._let_go(feed.id, token)
            raise
        except LedgerError as error:
            log.error("poll not recorded", feed=feed.id, url=urls.mask(feed.url), error=str(error))
        except Exception:
            log.exception("poll failed", feed=feed.id, url=urls.mask(feed.url))

    def _let_go(self, feed_id: int, token: str) -> None:
        """Give the lease of a poll back that was cut short; the feed stays due."""
        with contextlib.suppress(LedgerError), self._ledger.write() as tx:
            polls.record(tx, feed_id, token, {})

    async def _reserve(self, key: str) -> None:
        """Wait for a turn at a host that a redirect leads to. Raises LaterError when it is too far away."""
        wait, free = await self._recorder.writing(self._book, key)
        if wait is None:
            why = f"it redirects to {key}, which asked to be left alone until {free:%Y-%m-%d %H:%M:%S} UTC"
            raise LaterError(why, until=free)
        if wait:
            await asyncio.sleep(wait)

    def _book(self, key: str) -> tuple[float | None, Any]:
        spacing = self._settings.host_spacing_seconds
        with self._ledger.write() as tx:
            wait = hosts.reserve_request(tx, key, now(), spacing, polls.PATIENCE_SECONDS + spacing)
            return wait, hosts.free_at(tx, key)

    def _dispatch_soon(self) -> None:
        one = self._dispatching  # that has not begun yet will see these articles, too
        if one is None or one.running() or one.done():
            self._dispatching = self._dispatcher.submit(self._dispatch)

    def _dispatch(self) -> None:
        if self._redis is None:
            return
        try:
            dispatch(self._ledger, self._redis, self._settings, now(), full_only=True)
        except (RedisError, LedgerError) as error:
            log.warning("not dispatched, the janitor will", error=str(error))
