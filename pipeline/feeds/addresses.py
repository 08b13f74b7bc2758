"""Addresses of feeds as people and other readers write them: without scheme, as `feed:` links, masked by an export."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from pipeline import urls
from pipeline.errors import InputError

_ENDS = "".join(map(chr, range(0x21))) + "\u200b\ufeff"
_FEED_SCHEME = re.compile(r"(?:feed|rss):(?=//|https?:)(?://(?=https?:))?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
# `user:password@host` without a scheme, which `urls.mask` cannot tell from text.
_BARE_LOGIN = re.compile(r"^(?!mailto:)[^/?#\s@:]*:[^/?#\s]*@", re.IGNORECASE)
MASK = "***"


def feed_url(text: str) -> str:
    """Give the http or https URL that `text` means as the address of a feed.

    `feed:https://…`, `feed://host/…` and `rss://host/…` (as browsers and readers hand them on) lose that scheme, the
    latter two become http. An address without scheme is taken for https, one of this machine or an IP address for http.
    Raises InputError, naming the address, for anything else, and for one whose credentials an export has masked.
    """
    address = text.strip(_ENDS)
    if match := _FEED_SCHEME.match(address):
        rest = address[match.end() :]
        address = f"http:{rest}" if rest.startswith("//") else rest
    elif not _SCHEME.match(address):
        bare = address.removeprefix("//")
        address = f"{'http' if _is_near(bare) else 'https'}://{bare}"
        if not _looks_like_host(bare):
            raise InputError(f"{_shown(text)} is not an http or https URL")
    if re.search(r"\s", address):
        raise InputError(f"{_shown(address)} has a blank in it")
    if not address.lower().startswith(("http://", "https://")):
        raise InputError(f"{_shown(address)} is not an http or https URL")
    urls.canonical(address)
    if is_masked(address):
        raise InputError(f"{address[:200]!r} has had its credentials masked; give the URL with them")
    return address


def is_masked(url: str) -> bool:
    """Say whether `url` is one from which an export has removed credentials (`urls.mask`): it cannot be polled."""
    parts = urlsplit(url)
    user_info, found, _ = parts.netloc.rpartition("@")
    return bool(found and user_info == MASK) or any(
        value == MASK and urls.mask(f"?{name}=x").endswith(f"={MASK}") for name, value in parse_qsl(parts.query)
    )


def _shown(text: str) -> str:
    return repr(_BARE_LOGIN.sub(f"{MASK}@", urls.mask(text))[:200])


def _looks_like_host(bare: str) -> bool:
    """A name with a dot in it, an address, or a name of this machine; a single word is no address of a feed."""
    host = _host(bare)
    return "." in host or ":" in host or _is_near(bare)


def _is_near(bare: str) -> bool:
    host = _host(bare)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _host(bare: str) -> str:
    try:
        return urlsplit(f"//{bare}").hostname or ""
    except ValueError:
        return ""
