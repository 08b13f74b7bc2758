"""Which addresses may be dialled, and the resolver and the sockets by which no other is.

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
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

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
# The upper half of an interface identifier behind which an IPv4 address follows, under whatever prefix (RFC 5214, 6.1).
_ISATAP = (0x00005EFE, 0x02005EFE)

# Addresses of one name that are tried; the client starts the next one when a quarter of a second has brought nothing,
# so a host with a dead IPv6 route does not eat the whole deadline (RFC 8305).
_DIAL_ADDRESSES = 4
_KNOWN_ADDRESSES = 4096  # kept with what was said of them: each dial asks twice, and hosts are dialled again and again
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Guard:
    """Says whether an address may be dialled. `allow` are CIDRs that are exempt, such as `127.0.0.0/8`."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(ipaddress.ip_network(item, strict=False) for item in allow)
        self._known: dict[str, str] = {}

    def refusal(self, address: str) -> str:
        """Say what `address` (a literal, with or without a zone) is, if it may not be dialled; else empty."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _KNOWN_ADDRESSES:
                self._known.clear()
            known = self._known[address] = self._refusal(address)
        return known

    def _refusal(self, address: str) -> str:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if any(parsed.version == network.version and parsed in network for network in self._allow):
            return ""
        return _what(parsed)

    def refused(self, address: str, host: str) -> ForbiddenAddressError:
        """The error that says why `host` is not dialled at `address`."""
        return ForbiddenAddressError(
            f"{host} is at {address} ({self.refusal(address)}), which is not on the public internet; if you mean it, "
            "name its network in SLUGLINE_ALLOW_NETWORKS"
        )


def _what(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return next((what for network, what in _V4 if address in network), "")
    named = next((what for network, what in _V6 if address in network), "")
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        named = named or "ISATAP"
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
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
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


class GuardedResolver(AbstractResolver):
    """Gives the HTTP client only those addresses of a name that may be dialled."""

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look `host` up. Raises FetchError (reason `dns`); ForbiddenAddressError when no address may be dialled."""
        addresses = await self._resolver.resolve(host, port)
        allowed = [address for address in addresses if not self._guard.refusal(address)]
        if not allowed:
            raise self._guard.refused(addresses[0], host)
        return [
            {"hostname": host, "host": address, "port": port, "family": _family(address), "proto": 0, "flags": _NUMERIC}
            for address in allowed[:_DIAL_ADDRESSES]
        ]

    async def close(self) -> None:
        """Let the threads end."""
        self._resolver.close()


def open_socket(guard: Guard, target: AddrInfoType) -> socket.socket:
    """Make the socket on which `target` will be dialled: the last place to refuse it, and the one that sees every
    address, whatever name, literal or redirect it came from. Raises ForbiddenAddressError."""
    family, kind, protocol, _, address = target
    if guard.refusal(str(address[0])):
        raise guard.refused(str(address[0]), str(address[0]))
    return socket.socket(family=family, type=kind, proto=protocol)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


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
