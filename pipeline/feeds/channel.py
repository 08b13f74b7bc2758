"""What a feed says of itself to those who poll it: how often it changes, when it sleeps, and who pushes it (WebSub)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.feeds.fields import unescape_link
from pipeline.records import FeedHints
from pipeline.urls import absolute

MAX_TTL = 7 * 86_400.0
"""Seconds. A feed that asks for a longer pause (a year has been seen) is taken to mean a week."""

# RSS 1.0 module Syndication: seconds per period.
_PERIODS = {"hourly": 3_600.0, "daily": 86_400.0, "weekly": 604_800.0, "monthly": 2_629_746.0, "yearly": 31_556_952.0}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBER = re.compile(r"\s*([+-]?\d{1,9})(?:\.\d{0,9})?\s*\Z")
# Characters of a skipHours or skipDays element; 24 hours, generously indented, take about 1,500.
_SKIP_LENGTH = 4_000
_VALUE = re.compile(r"<(?:\w{1,20}:)?(hour|day)\b[^<>]{0,100}>([^<]{0,100})", re.IGNORECASE)


def hints(ttl: str, period: str, frequency: str, xml: str) -> tuple[FeedHints, list[str]]:
    """Give what a feed asks of its pollers, and sentences on wishes that make no sense.

    `ttl` is in minutes (RSS 2.0); `period` and `frequency` are sy:updatePeriod and sy:updateFrequency (RSS 1.0 module
    Syndication: so many updates a period, one unless it says otherwise). Hours and days to skip are looked up in
    `xml`, since parsers keep only the last of them; all hours or all days are no wish but a mistake. An hour of 24,
    which RSS 0.91 allows, is midnight.
    """
    problems: list[str] = []
    seconds, source = _ttl(ttl, problems), "ttl"
    if seconds is None:
        seconds, source = _updates(period, frequency, problems), "sy:updatePeriod"
    if seconds is not None and seconds > MAX_TTL:
        problems.append(f"asks to be polled every {seconds / 86_400:,.0f} days ({source}): taken as 7 days")
        seconds = MAX_TTL
    hours = sorted({hour % 24 for text in _values(xml, "skipHours") if 0 <= (hour := _whole(text, -1)) <= 24})
    names = (text.strip().lower()[:3] for text in _values(xml, "skipDays"))
    days = sorted({_DAYS.index(name) for name in names if name in _DAYS})
    for name, values, everything in (("skipHours", hours, 24), ("skipDays", days, 7)):
        if len(values) == everything:
            problems.append(f"asks never to be polled ({name}): left out")
            values.clear()
    found = FeedHints(
        ttl=seconds, ttl_from="" if seconds is None else source, skip_hours=tuple(hours), skip_days=tuple(days)
    )
    return found, problems


def push(base: str, links: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Give hub and topic for WebSub (W3C Recommendation, section 4), each an absolute URL or empty.

    `links` are pairs of rel and href as the feed has them. Of several hubs the first on https is taken.
    """
    hubs: list[str] = []
    topic = ""
    for rel, href in links:
        kinds = rel.lower().split()
        found = absolute(base, unescape_link(href)) if "hub" in kinds or "self" in kinds else None
        if found and "hub" in kinds:
            hubs.append(found)
        elif found and not topic:
            topic = found
    return next((hub for hub in hubs if hub.lower().startswith("https:")), hubs[0] if hubs else ""), topic


def _ttl(text: str, problems: list[str]) -> float | None:
    minutes = _whole(text, -1)
    if minutes < 0:
        if text.strip():
            problems.append(f"has a ttl that is no number of minutes ({text.strip()[:40]!r}): left out")
        return None
    # Zero is what generators write that have nothing to say.
    return minutes * 60.0 or None


def _updates(period: str, frequency: str, problems: list[str]) -> float | None:
    if not period.strip():
        return None
    seconds = _PERIODS.get(period.strip().lower())
    times = _whole(frequency or "1", 0)
    if seconds is None or times < 1:
        words = f"{period.strip()[:40]} × {(frequency or '1').strip()[:40]}"
        problems.append(f"has a sy:updatePeriod that cannot be read ({words}): left out")
        return None
    return seconds / times


def _whole(text: str, otherwise: int) -> int:
    match = _NUMBER.match(text)
    return int(match[1]) if match else otherwise


def _values(xml: str, name: str) -> list[str]:
    """The texts of the hours or days in the first element `name`, wherever in the channel it stands."""
    start = re.search(rf"<(?:\w{{1,20}}:)?{name}\b", xml, re.IGNORECASE)
    if start is None:
        return []
    inside = xml[start.end() : start.end() + _SKIP_LENGTH]
    end = re.search(rf"</(?:\w{{1,20}}:)?{name}\b", inside, re.IGNORECASE)
    wanted = "hour" if name == "skipHours" else "day"
    found = _VALUE.findall(inside[: end.start()] if end else "")
    return [text for kind, text in found if kind.lower() == wanted]
