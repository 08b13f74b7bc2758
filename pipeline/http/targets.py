"""Where a request goes: the URL as it is written on the wire, where a redirect leads, and what may be sent along."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

import idna
from yarl import URL

from pipeline import urls
from pipeline.errors import FetchError, InputError

# What a path or query may hold as it is: RFC 3986 and what browsers leave alone. Escapes are kept letter by letter:
# servers sign URLs and compare them.
_SAFE = "%/?:@!$&'()*+,;=-._~[]|^`{}\\"
# Spellings of an IPv4 address that a system's resolver takes (`0x7f.1`, `2130706433`); no name looks like this.
_ODD_IPV4 = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}\.?", re.IGNORECASE)
# Headers that belong to the origin they were meant for.
_PRIVATE_HEADERS = ("authorization", "cookie")


def prepare(url: str) -> tuple[URL, dict[str, str]]:
    """Give `url` as it goes on the wire, without credentials and fragment, and the headers its credentials make.

    Raises FetchError (reason `bad-url`).
    """
    try:
        login = urls.credentials(url)
        parts = urlsplit(url)
        made = URL.build(
            scheme=parts.scheme.lower(),
            host=_host(parts.hostname or ""),
            port=parts.port,
            path=quote(parts.path, safe=_SAFE) or "/",
            query_string=quote(parts.query, safe=_SAFE),
            encoded=True,
        )
    except (InputError, ValueError) as error:  # UnicodeError and idna's errors are ValueErrors
        raise FetchError(str(error), reason="bad-url", retry=False) from error
    if login is None:
        return made, {}
    token = base64.b64encode(":".join(login).encode()).decode("ascii")
    return made, {"authorization": f"Basic {token}"}


def redirected(current: str, location: str) -> str:
    """Give the URL that a redirect from `current` leads to; credentials go along within one origin, and those that a
    Location names for another one are dropped: they may be ours, handed on.

    Raises FetchError (reason `bad-url`) when that is no http or https URL.
    """
    target = urls.absolute(current, location)
    if target is None:
        raise FetchError(
            f"{urls.mask(current)} redirects to {urls.mask(location[:200])!r}, which is no http or https URL",
            reason="bad-url",
        )
    with suppress(InputError):
        if not same_site(current, target):
            return urls.without_credentials(target)
        login = urls.credentials(current)
        if login is not None and urls.credentials(target) is None:
            scheme, rest = target.split("://", 1)
            user_info = current.split("://", 1)[1].split("@", 1)[0]
            target = f"{scheme}://{user_info}@{rest}"
    return target


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers that may go to another origin."""
    return {name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS}


def same_site(one: str, other: str) -> bool:
    """The same host and port; http to https counts, the other way round it would send secrets in the clear."""
    a, b = urlsplit(one), urlsplit(other)
    if a.hostname != b.hostname:
        return False
    if a.scheme.lower() == b.scheme.lower():
        return a.port == b.port
    return a.scheme.lower() == "http" and a.port in (None, 80) and b.port in (None, 443)


def refuse_to_leak(current: str, target: str) -> None:
    """Raise FetchError (reason `insecure-redirect`) when a form would go on to another origin in the clear."""
    a, b = urlsplit(current), urlsplit(target)
    if b.scheme.lower() != "https" and (a.scheme.lower(), a.hostname, a.port) != (b.scheme.lower(), b.hostname, b.port):
        raise FetchError(
            f"{urls.mask(current)} would have a form sent on to {urls.mask(target)}, which is not https",
            reason="insecure-redirect",
            retry=False,
        )


def _host(host: str) -> str:
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host.partition('%')[0])}]"
    if not host.isascii():
        return idna.encode(host, uts46=True, transitional=False).decode("ascii")
    if _ODD_IPV4.fullmatch(host):
        with suppress(OSError):  # else a name of digits, which no resolver will find
            return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    return host
