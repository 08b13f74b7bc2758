"""Which addresses may be dialled, and a network backend that dials no other.

The check stands where the socket is opened, so redirects, odd spellings of an address (`0x7f.1`, `2130706433`) and
names that answer differently at each question (DNS rebinding) all meet it: the address checked is the address dialled.

The table is our own, after the IANA special-purpose address registries (RFC 6890 and its updates):
`ipaddress.is_global` holds multicast, 6to4, NAT64, `::a.b.c.d` and `fec0::/10` for global.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import httpcore

from pipeline.errors import FetchError, ForbiddenAddressError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local (cloud metadata lives there)",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved or broadcast",
}
_REFUSED_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64, local use",
    "100::/64": "discard-only",
    "2001::/32": "Teredo",
    "2001::/23": "IETF protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_V4 = [(IPv4Network(network), what) for network, what in _REFUSED_V4.items()]
_V6 = [(IPv6Network(network), what) for network, what in _REFUSED_V6.items()]
# Nothing else has been given out as global unicast (IANA IPv6 address space registry); what is not is refused too.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

# Seconds for one address before the next is tried; a host with a dead IPv6 route must not eat the whole deadline.
_DIAL_SECONDS = 5.0
_DIAL_ADDRESSES = 4


class Guard:
    """Says whether an address may be dialled. `allow` are CIDRs that are exempt, such as `127.0.0.0/8`."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(ipaddress.ip_network(item, strict=False) for item in allow)

    def refusal(self, address: str) -> str:
        """Say what `address` (a literal, with or without a zone) is, if it may not be dialled; else empty."""
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if any(parsed.version == network.version and parsed in network for network in self._allow):
            return ""
        return _what(parsed)


def _what(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return next((what for network, what in _V4 if address in network), "")
    named = next((what for network, what in _V6 if address in network), "")
    return named or ("" if address in _GLOBAL_UNICAST else "not global unicast")


class Resolver:
    """Looks names up in a few threads of its own.

    The event loop's thread pool would be blocked by a handful of dead name servers, and its threads are waited for at
    exit, for as long as the system's resolver likes; these are daemons.
    """

    def __init__(self, threads: int = 16) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._limit = threads
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()

    async def resolve(self, host: str, port: int) -> list[str]:
        """Give the addresses of `host`, families alternating, at least one. Raises FetchError (reason `dns`)."""
        # RFC 6761, 6.3: localhost names never leave the machine; not every system's resolver knows `*.localhost`.
        if host == "localhost" or host.endswith(".localhost"):
            return ["127.0.0.1"]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[str]] = loop.create_future()

        def finish(result: list[str] | OSError | UnicodeError) -> None:
            if future.done():
                return
            if isinstance(result, list):
                future.set_result(result)
            else:
                future.set_exception(result)

        def job() -> None:
            result: list[str] | OSError | UnicodeError
            try:
                result = _lookup(host, port)
            except (OSError, UnicodeError) as error:
                result = error
            try:
                loop.call_soon_threadsafe(finish, result)
            except RuntimeError:
                return  # the loop was closed meanwhile: nobody waits any more

        self._submit(job)
        try:
            addresses = await future
        except (OSError, UnicodeError) as error:
            raise FetchError(f"the name {host} cannot be resolved: {_text(error)}", reason="dns") from error
        if not addresses:
            raise FetchError(f"the name {host} has no address", reason="dns")
        return addresses

    def close(self) -> None:
        """Let the threads end as soon as they are free."""
        with self._lock:
            for _ in range(self._started):
                self._jobs.put(None)
            self._started = 0

    def _submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._idle == 0 and self._started < self._limit:
                self._started += 1
                threading.Thread(target=self._work, name="slugline-dns", daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if job is None:
                return
            job()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks and dials; httpcore does the rest (TLS keeps checking the certificate against the name)."""

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver
        self._dialler = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Dial `host`; raises ForbiddenAddressError when none of its addresses may be dialled."""
        started = time.monotonic()
        addresses = await self._resolver.resolve(host, port)
        allowed = [address for address in addresses if not self._guard.refusal(address)][:_DIAL_ADDRESSES]
        if not allowed:
            raise ForbiddenAddressError(
                f"{host} is at {addresses[0]} ({self._guard.refusal(addresses[0])}), which is not on the public "
                "internet; if you mean it, name its network in SLUGLINE_ALLOW_NETWORKS"
            )
        for left, address in zip(range(len(allowed), 0, -1), allowed, strict=True):
            remaining = _DIAL_SECONDS if timeout is None else timeout - (time.monotonic() - started)
            share = remaining if left == 1 else min(_DIAL_SECONDS, remaining / left)
            try:
                stream = await self._dialler.connect_tcp(address, port, max(share, 0.01), local_address, socket_options)
                return _Stream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL leads to a socket file."""
        raise ForbiddenAddressError(f"{path} is a socket file, not an address on the internet")

    async def sleep(self, seconds: float) -> None:
        """Wait between httpcore's own retries (of which there are none here)."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that is closed when its TLS handshake is cancelled; httpcore 1.0 closes it only on errors, so each
    deadline that ran out there would leave a socket open for good."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.read = stream.read  # type: ignore[method-assign]  # the busy two, without a step in between
        self.write = stream.write  # type: ignore[method-assign]

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    by_family: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        text = str(address[0])
        if text not in by_family.setdefault(family, []):
            by_family[family].append(text)
    rows = itertools.zip_longest(*by_family.values())
    return [address for row in rows for address in row if address is not None]


def _text(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
