"""For how long an answer stays the same by the word of its host: HTTP freshness, as a private cache reckons it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 7 * 86_400.0
"""Seconds. Hosts give a year to whatever has no other rule; the schedule's bounds are far below a week as well."""

# One directive: a token, and perhaps a token or a quoted string as its value (RFC 9111, 5.2).
_DIRECTIVE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,;\"]*)))?")
_SECONDS = re.compile(r"\d{1,12}\Z")


def freshness(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Give for how many seconds an answer with these headers (lower-case names) is fresh, at most `LONGEST`.

    That is max-age less Age, else Expires less Date (RFC 9111, 4.2.1); `now` stands in for a missing Date. None when
    nothing usable is said, when it is stale already, and with no-cache or no-store. What is said to shared caches only
    (s-maxage) is not for us, and of two values the lesser counts. Never raises.
    """
    directives: dict[str, list[str]] = {}
    for name, quoted, plain in _DIRECTIVE.findall(headers.get("cache-control", "")[:2000]):
        directives.setdefault(name.lower(), []).append(quoted or plain)
    if "no-cache" in directives or "no-store" in directives:
        return None
    if "max-age" in directives:
        ages = [_seconds(text) for text in directives["max-age"]]
        lifetime = min(ages)
    else:
        lifetime = _until_expiry(headers, now)
    left = min(lifetime - _seconds(headers.get("age", "").partition(",")[0]), LONGEST)
    return left if left > 0 else None


def _until_expiry(headers: Mapping[str, str], now: datetime) -> float:
    expires = _date(headers.get("expires", ""))  # "0" and other nonsense mean: expired already
    return (expires - (_date(headers.get("date", "")) or now)).total_seconds() if expires else 0.0


def _seconds(text: str) -> float:
    return float(text) if _SECONDS.match(text := text.strip()) else 0.0


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
