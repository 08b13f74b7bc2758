"""Whether a feed has moved for good: a decision on the redirects that its polls meet.

A permanent redirect may be a mistake that is mended within the hour, or lead to a home page or a parked domain. A feed
is moved only when all hops said so poll after poll, over at least a day, and a feed was there each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urldefrag, urlsplit, urlunsplit

from pipeline import urls
from pipeline.feeds.words import spell
from pipeline.records import Feed

SIGHTINGS, OVER = 3, timedelta(days=1)
"""Polls in a row that must meet the same permanent redirect, and the least time from the first to the last of them."""
SIGHTINGS_HTTPS = 2
"""Polls that do for the same address on https: little can be wrong with that, and until then it is asked in clear."""

_PERMANENT = frozenset((301, 308))


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to remember of a feed's redirects (each under the name of its column), the URL to move it to (None: it stays
    where it is), and a sentence on it, empty when there is nothing to say."""

    moved_to: str | None = None
    moved_seen: int = 0
    moved_since: datetime | None = None
    url: str | None = None
    reason: str = ""


def after_poll(feed: Feed, hops: Sequence[tuple[int, str]], *, is_feed: bool, now: datetime) -> Move:
    """Decide whether `feed`, as it was before its poll, is to be moved.

    `hops` are the redirects of the poll, each with its status and the URL it led to. `is_feed` says that there was a
    feed at the end: a body that was read as one, or 304 to the validators of one. Polls that end in another error than
    that what was found is no feed say nothing, and are not to be asked about.
    """
    if not hops:
        return Move(reason="it answers at its own address again" if feed.moved_to is not None else "")
    target = _target(feed.url, hops[-1][1])
    if target is None or target == feed.url:
        return Move()
    shown = urls.mask(target)
    why_not = _refusal(feed.url, target, hops, is_feed)
    if why_not:
        return Move(reason=f"it redirects to {shown}, but {why_not}")
    known = feed.moved_to == target and feed.moved_since is not None
    since = feed.moved_since if known and feed.moved_since is not None else now
    seen = feed.moved_seen + 1 if known else 1
    enough, over = (SIGHTINGS_HTTPS, timedelta()) if _only_https(feed.url, target) else (SIGHTINGS, OVER)
    if seen < enough or now - since < over:
        reason = f"it redirects for good to {shown}, seen {seen} {'time' if seen == 1 else 'times'}"
        return Move(moved_to=target, moved_seen=seen, moved_since=since, reason=reason)
    over_words = spell((now - since).total_seconds())
    return Move(url=target, reason=f"moved to {shown}: it redirected there for good in {seen} polls over {over_words}")


def _target(url: str, found: str) -> str | None:
    """The URL to move to: without fragment, and with the user name and password of the feed's own on the same host."""
    if not urls.is_http(found):
        return None
    found = urldefrag(found).url
    if urls.credentials(url) is None or urls.credentials(found) is not None or not _same_host(url, found):
        return found
    own, parts = urlsplit(url), urlsplit(found)
    user = own.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))


def _refusal(url: str, target: str, hops: Sequence[tuple[int, str]], is_feed: bool) -> str:
    """Why a feed must not be moved there; empty when it may."""
    if any(status not in _PERMANENT for status, _ in hops):
        return "not for good"
    if not is_feed:
        return "no feed is there"
    if urlsplit(url).scheme.lower() == "https" and urlsplit(target).scheme.lower() != "https":
        return "that is a step back to plain http"
    if urls.credentials(url) is not None and not _same_host(url, target):
        return "its user name and password are not for another host"
    return ""


def _only_https(url: str, target: str) -> bool:
    """Whether nothing but the scheme differs, http before and https now, each on its usual port."""
    old, new = urlsplit(url), urlsplit(target)
    if (old.scheme.lower(), new.scheme.lower()) != ("http", "https"):
        return False
    usual = old.port in (None, 80) and new.port in (None, 443)
    return usual and _same_host(url, target) and (old.path or "/", old.query) == (new.path or "/", new.query)


def _same_host(one: str, other: str) -> bool:
    return (urlsplit(one).hostname or "").rstrip(".") == (urlsplit(other).hostname or "").rstrip(".")
