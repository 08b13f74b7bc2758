"""One call into the sandbox from an event loop: a child of its own, which ends with it."""

from __future__ import annotations

import asyncio
import pickle
import struct
import time
from typing import Any

from pipeline.errors import SandboxError
from pipeline.sandbox.client import rebuilt
from pipeline.sandbox.frames import MAX_FRAME_BYTES

_HEADER = struct.Struct(">I")


async def call(path: str, seconds: float, name: str, *args: Any) -> Any:
    """Run a handler of the sandbox at `path` and give what it returns. `seconds` is what its calls may take.

    Raises as `Parser.call` does.
    """
    request = pickle.dumps((name, args), protocol=5)
    started = time.monotonic()
    try:
        # The kernel ends the child in time; this is for a zygote that is stopped or a machine that swaps.
        async with asyncio.timeout(seconds * 2 + 10):
            kind, payload = await _exchange(path, request)
    except (OSError, asyncio.IncompleteReadError) as error:
        elapsed = time.monotonic() - started
        if elapsed >= seconds * 0.98:
            raise SandboxError(f"{name}: it hung and was stopped after {seconds:g} s", reason="timeout") from error
        raise SandboxError(f"{name}: its process ended after {elapsed:.1f} s", reason="crashed") from error
    if kind == "result":
        return payload
    if kind == "slugline":
        raise rebuilt(payload)
    raise SandboxError(f"{name}: {payload}", reason=kind)


async def _exchange(path: str, request: bytes) -> tuple[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(_HEADER.pack(len(request)) + request)
        await writer.drain()
        (size,) = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if size > MAX_FRAME_BYTES:
            raise ConnectionResetError("nonsense came back")
        kind, payload, _ = pickle.loads(await reader.readexactly(size))  # noqa: S301 - from our own child
        return str(kind), payload
    finally:
        writer.close()
