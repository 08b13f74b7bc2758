"""Apprise as a sink. Its code runs in children of a process of its own (`-m workers.notifier`), started when first
needed: each message in one that is stopped when it hangs, may take so much memory, and dials public addresses only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.alerts import apprising
from pipeline.alerts.samples import SAMPLES
from pipeline.errors import InputError, SandboxError
from pipeline.http import Client
from pipeline.records import Attempt, Event, Sink
from pipeline.sandbox import Sandbox, once
from pipeline.settings import Settings
from workers.process import PARENT, now

KIND = "apprise"
SECONDS = 20.0  # for one message, several recipients included
MEMORY_BYTES = 400_000_000
START_SECONDS = 60.0  # on a busy machine; normally it takes a second
CALLS = 1
_ENVIRONMENT = (
    *("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TZ", "TMPDIR", PARENT),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)  # neither secrets, nor proxies: those would dial on its behalf


class Notifier:
    """The process with Apprise; an object of one event loop. `aclose` ends it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._path = ""
        self._lock = asyncio.Lock()

    async def check(self, url: str, title: str = "", body: str = "") -> dict[str, str]:
        """The options of a sink with this URL and these templates. Raises InputError; SandboxError where they hang."""
        apprising.scheme(url)
        found: dict[str, str] = await self._call("check", url, title, body, dict(SAMPLES))
        return found | {name: text for name, text in (("title", title), ("body", body)) if text}

    async def send(self, sink: Sink, event: Event) -> Attempt:
        """Tell a sink of an event."""
        began = now()
        templates = (str(sink.options.get("title", "")), str(sink.options.get("body", "")))
        told = (event.type, event.subject, event.time, dict(event.data))
        try:
            error, remark = await self._call("notify", sink.url, templates, told, self._settings.public_url)
            attempt = Attempt(error=error, answer=remark)
        except InputError as wrong:
            attempt = Attempt(error=str(wrong))
        except SandboxError as wrong:
            words = {"timeout": f"it did not answer within {SECONDS:g} s", "memory": "it took too much memory"}
            attempt = Attempt(error=words.get(wrong.reason, "the process that sends it failed"))
        return replace(attempt, seconds=(now() - began).total_seconds())

    async def _call(self, name: str, *args: Any) -> Any:
        await self._started()
        return await once.call(self._path, SECONDS, name, list(self._settings.allow_networks), *args)

    async def _started(self) -> None:
        async with self._lock:
            if self._process is not None and self._process.returncode is None:
                return
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workers.notifier", str(SECONDS)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
            assert self._process.stdout is not None
            try:
                async with asyncio.timeout(START_SECONDS):
                    self._path = (await self._process.stdout.readline()).decode().strip()
            except TimeoutError:
                self._path = ""
            if not self._path:
                await self.aclose()
                raise SandboxError("the process with Apprise did not start", reason="gone")

    async def aclose(self) -> None:
        """End the process and what it still sends."""
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class Ways(Client):
    """The guarded client of the deliverer, and the process with Apprise beside it."""

    def __init__(self, settings: Settings, **limits: Any) -> None:
        super().__init__(user_agent=settings.user_agent, allow_networks=settings.allow_networks, **limits)
        self.notifier = Notifier(settings)

    async def __aenter__(self) -> Ways:
        return self

    async def aclose(self) -> None:
        await self.notifier.aclose()
        await super().aclose()


async def checked(settings: Settings, url: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The options of an Apprise sink that is to be made. Raises InputError."""
    if strange := options.keys() - {"title", "body"}:
        raise InputError(f"an Apprise sink has no {min(strange)}; that is for other kinds of sinks")
    notifier = Notifier(settings)
    try:
        return await notifier.check(url, options.get("title", ""), options.get("body", ""))
    except SandboxError as error:
        raise InputError(f"the sink cannot be looked at: {error}") from error
    finally:
        await notifier.aclose()


def main(seconds: float) -> None:
    """Be that process, until standard input ends: its first line says where its children are asked for."""
    handlers: dict[str, Callable[..., Any]] = {"check": apprising.check, "notify": apprising.notify}
    with Sandbox(handlers, seconds=seconds, memory_bytes=MEMORY_BYTES, recycle=CALLS, warm=apprising.warm) as sandbox:
        sys.stdout.write(sandbox.path + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(float(sys.argv[1]))
