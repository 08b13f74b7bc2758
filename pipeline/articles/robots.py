"""robots.txt (RFC 9309), as read by Protego: the standard library's parser disagrees with the RFC in many cases."""

from __future__ import annotations

from functools import lru_cache

from protego import Protego

MAX_CHARS = 512_000
"""RFC 9309, 2.5: a crawler reads at least 500 KiB; what lies beyond is ignored."""
MAX_DELAY_SECONDS = 60.0
"""A longer Crawl-delay would mean one page an hour; it is kept to a minute."""


def allowed(robots_txt: str, url: str, agent: str) -> bool:
    """Say whether `agent` (a whole User-Agent header or only its product token) may fetch `url`.

    An empty or unreadable file allows everything.
    """
    return bool(_parsed(robots_txt[:MAX_CHARS]).can_fetch(url, product_token(agent)))


def crawl_delay(robots_txt: str, agent: str) -> float | None:
    """Give the seconds that the host asks `agent` to wait between requests (at most 60), or None."""
    delay = _parsed(robots_txt[:MAX_CHARS]).crawl_delay(product_token(agent))
    return None if delay is None or not delay >= 0 else min(float(delay), MAX_DELAY_SECONDS)


def product_token(agent: str) -> str:
    """Give the name by which rules address a crawler: `Slugline` of `Slugline/0.1 (+https://…)`."""
    return agent.strip().partition("/")[0].partition(" ")[0] or "*"


@lru_cache(maxsize=64)
def _parsed(robots_txt: str) -> Protego:
    return Protego.parse(robots_txt.replace("\x00", ""))
