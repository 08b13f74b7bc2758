"""Hosts and pages that must not be asked for and of which nothing is taken in: patterns, and whether one fits a URL.

URLs are compared by their identity (`urls.canonical`), so that no spelling gets round a pattern: scheme, letter case of
the host, Unicode or Punycode, credentials, a trailing dot, escapes of plain characters and tracking parameters make no
difference. Nothing here reads a file or asks the network.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline import urls
from pipeline.errors import FetchError, InputError
from pipeline.records import Entry

REASON = "blocked"
"""The name under which refusals are counted."""

_SHOWN = 3  # patterns named in one sentence
_NUMBERS = re.compile(r"[0-9a-fx.]+")  # what the odd spellings of an IPv4 address are made of
_PATTERN = re.compile(
    r"(?:(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*|\*)://)?(?P<front>\*\.)?(?P<host>\*|[^\s/?#@*:\[\]\\]+|\[[^\s\]]*\])"
    r"(?::(?P<port>[0-9]+))?(?P<tail>/[^\s#]*)?"
)


@dataclass(frozen=True, slots=True)
class _Pages:
    """Which pages of a host are meant. `paths` fits the path, `query` the query; without one any query fits."""

    pattern: str
    port: str
    path: re.Pattern[str]
    query: re.Pattern[str] | None

    def fits(self, port: str, path: str, query: str) -> bool:
        return (
            self.port in ("", port)
            and self.path.fullmatch(path) is not None
            and (self.query is None or self.query.fullmatch(query) is not None)
        )


class BlockList:
    """The patterns of one installation.

    `example.com` is the host and all hosts below it, `*.example.com` only those below; `https://example.com/live/*` is
    the pages of such hosts whose path (letter case counts) begins so. `*` stands for any characters, also none; as
    host, in front of a path, for any host. http and https are one; a port is compared when the pattern has one, a query
    likewise. Looking a URL up takes the same time for ten patterns and ten thousand, except for those with a path: all
    of one host are tried.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Raises InputError naming the first pattern that cannot be used, and the way out."""
        self._hosts: dict[str, str] = {}  # by host: the pattern that blocks it and what is below
        self._below: dict[str, str] = {}  # by host: the pattern that blocks only what is below
        self._pages: dict[str, list[_Pages]] = {}  # by host, for it and what is below
        self._pages_below: dict[str, list[_Pages]] = {}
        self._count = 0
        for pattern in patterns:
            self._add(pattern.strip())

    def __len__(self) -> int:
        return self._count

    def match(self, url: str) -> str:
        """Give the pattern that blocks `url`, or nothing. What is no http(s) URL is not blocked: it is refused anyway,
        for what it is."""
        if not self._count:
            return ""
        try:
            host, port, path, query = _parts(url)
        except InputError:
            return ""
        for name in _upwards(host):
            itself = name == host
            found = self._hosts.get(name) or ("" if itself else self._below.get(name, ""))
            if found:
                return found
            rules = self._pages.get(name, ())
            for rule in rules if itself else (*rules, *self._pages_below.get(name, ())):
                if rule.fits(port, path, query):
                    return rule.pattern
        return ""

    def refuse(self, url: str) -> None:
        """Raise FetchError (reason `blocked`, no retry) when `url` is blocked."""
        pattern = self.match(url)
        if pattern:
            raise FetchError(
                f"{urls.mask(url)} is on the block list ({pattern}); if you want it, take that out of SLUGLINE_BLOCK "
                "or SLUGLINE_BLOCK_FILE and restart",
                reason=REASON,
                retry=False,
            )

    async def admit(self, url: str) -> None:
        """`refuse`, as the HTTP client awaits it before each request and each redirect."""
        self.refuse(url)

    def part(self, entries: Sequence[Entry]) -> tuple[Sequence[Entry], str]:
        """Give the entries that are not blocked, in order, and a sentence about those that are, or nothing."""
        if not self._count:
            return entries, ""
        found = [(entry, self.match(entry.url)) for entry in entries]
        patterns = list(dict.fromkeys(pattern for _, pattern in found if pattern))
        if not patterns:
            return entries, ""
        kept = [entry for entry, pattern in found if not pattern]
        out = len(found) - len(kept)
        names = ", ".join(patterns[:_SHOWN]) + (" and others" if len(patterns) > _SHOWN else "")
        sentence = f"{out} {'entry was' if out == 1 else 'entries were'} left out by the block list ({names})"
        return kept, sentence

    def _add(self, pattern: str) -> None:
        host, port, path, query = _read(pattern)
        below = host.startswith("*.")
        host = host.removeprefix("*.") if below else "" if host == "*" else host
        self._count += 1
        if path is None:
            (self._below if below else self._hosts).setdefault(host, pattern)
            return
        rule = _Pages(pattern, port, _glob(path), None if query is None else _glob(query))
        (self._pages_below if below else self._pages).setdefault(host, []).append(rule)


def read_lines(text: str) -> list[str]:
    """The patterns in a file's text: one a line; blank lines and what follows a `#` at a line's start or behind a blank
    are left out. Raises InputError naming the first line that holds no pattern that can be used."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        pattern = re.sub(r"(^|\s)#.*", "", line).strip()
        if not pattern:
            continue
        try:
            _read(pattern)
        except InputError as error:
            raise InputError(f"line {number}: {error}") from error
        found.append(pattern)
    return found


def _read(pattern: str) -> tuple[str, str, str | None, str | None]:
    """Part a pattern: host (`*`, or with `*.` in front), port, path, query. Path None: all pages; query None: any."""
    if _is_network(pattern):
        raise _bad(pattern, "networks are a firewall's matter; name a host")
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise _bad(pattern, "write example.com, *.example.com, or a URL such as https://example.com/live/*")
    if found["scheme"] and found["scheme"].lower() not in ("http", "https", "*"):
        raise _bad(pattern, "only http and https are ever asked for")
    front, bare, tail = found["front"] or "", found["host"], found["tail"] or ""
    whole = tail in ("", "/", "/*")
    if bare == "*" and (front or not tail.strip("/*?")):
        raise _bad(pattern, "it would block everything")
    port = f":{found['port']}" if found["port"] else ""
    host, port, path, query = _parts_of_pattern(pattern, f"https://{'any' if bare == '*' else bare}{port}{tail}")
    host = "*" if bare == "*" else front + host
    if whole:
        return (host, port, "/*", None) if port else (host, "", None, None)
    return host, port, path, query if "?" in tail else None


def _parts_of_pattern(pattern: str, url: str) -> tuple[str, str, str, str]:
    try:
        host, port, path, query = _parts(url)
    except InputError as error:
        raise _bad(pattern, "its host cannot be one") from error
    pieces = [piece for piece in url.partition("?")[2].split("&") if piece]
    if len(pieces) != len([piece for piece in query.split("&") if piece]):
        raise _bad(pattern, "it has a tracking parameter, and those are taken off before URLs are compared")
    return host, port, path, query


def _parts(url: str) -> tuple[str, str, str, str]:
    """Host, port (empty: that of http or https), path and query of a URL, written the one way. Raises InputError."""
    netloc, _, rest = urls.canonical(url).removeprefix("https://").partition("/")
    host, colon, port = netloc.rpartition(":")
    if not colon or netloc.endswith("]"):
        host, port = netloc, ""
    path, _, query = rest.partition("?")
    return _address(host), port, f"/{path}", query


def _address(host: str) -> str:
    """An IPv4 address in its usual form (`2130706433` and `0x7f.1` are 127.0.0.1 to every resolver), else the host."""
    if not _NUMBERS.fullmatch(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def _upwards(host: str) -> Iterator[str]:
    """The host, each name above it, and at last the empty one, which stands for any."""
    yield host
    if host.startswith("[") or host.rpartition(".")[2].isdecimal():  # an address has nothing above it
        yield ""
        return
    while host:
        host = host.partition(".")[2]
        yield host


def _is_network(pattern: str) -> bool:
    try:
        ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
    return "/" in pattern


def _glob(text: str) -> re.Pattern[str]:
    """`*` as any characters. Atomic groups: of two ways to fit a part only the first is tried, which is enough here and
    keeps a hostile URL from costing more than its length times the number of stars."""
    first, *others = text.split("*")
    if not others:
        return re.compile(re.escape(first), re.DOTALL)
    middle = "".join(f"(?>.*?{re.escape(part)})" for part in others[:-1] if part)
    return re.compile(f"{re.escape(first)}{middle}.*{re.escape(others[-1])}", re.DOTALL)


def _bad(pattern: str, why: str) -> InputError:
    shown = urls.mask(pattern)
    return InputError(f"{(shown if len(shown) <= 100 else shown[:99] + '…')!r} cannot be blocked: {why}")
