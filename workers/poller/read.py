"""Reading a feed's body, off the event loop and in a process that can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from pipeline.errors import SandboxError
from pipeline.records import FeedDocument
from pipeline.sandbox import Parser, Sandbox
from workers.poller.outcome import LaterError
from workers.process import now

PARSERS = 2  # parsing is CPU-bound; two keep one slow feed from holding up the others


class Reader:
    """A few parsers of one sandbox; whoever wants one waits for the next that is free."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._parsers: asyncio.Queue[Parser] = asyncio.Queue()
        for _ in range(PARSERS):
            self._parsers.put_nowait(sandbox.connect())
        self._threads = ThreadPoolExecutor(PARSERS, thread_name_prefix="reader")

    async def read(
        self, body: bytes, url: str, content_type: str | None, headers: Mapping[str, str] | None = None
    ) -> FeedDocument:
        """Give what the body says. Raises FeedError when it is no feed, SandboxError when it killed its parser, and
        LaterError when there is nothing to read it with."""
        parser = await self._parsers.get()
        try:
            call = asyncio.get_running_loop().run_in_executor
            given = (body, url, content_type, now(), dict(headers or {}))
            found: FeedDocument = await call(self._threads, parser.call, "feed", *given)
        except SandboxError as error:
            if error.reason == "gone":
                raise LaterError("there was nothing to read it with") from error
            raise
        finally:
            self._parsers.put_nowait(parser)
        return found

    def close(self) -> None:
        """Let go of the parsers; those at work end with their sandbox."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not self._parsers.empty():
            self._parsers.get_nowait().close()
