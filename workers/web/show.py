"""How things are put on a page: times, numbers, names, links. Pure functions; the templates know them as filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from pipeline import urls

OUTLETS_NAMED = 4  # in a list of storylines; the rest is a number


def exact(when: datetime) -> str:
    """`Sunday 30 November 2026, 14:05:09 UTC`."""
    return f"{when:%A} {when.day} {when:%B %Y, %H:%M:%S} UTC"


def ago(when: datetime, now: datetime) -> str:
    """How long ago, in one unit: `just now`, `12 min ago`, `3 h ago`, `2 days ago`; beyond a week the date."""
    seconds = (now - when).total_seconds()
    if seconds < -60 or seconds >= 7 * 86_400:
        return day(when) if when.year != now.year else f"{when.day} {when:%b}"
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h ago"
    days = int(seconds // 86_400)
    return "yesterday" if days == 1 else f"{days} days ago"


def span(seconds: float) -> str:
    """A waiting time in one unit: `8 s`, `12 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"


def clock_time(when: datetime, now: datetime) -> str:
    """`14:05:09`, with the day in front when it was another one."""
    return f"{when:%H:%M:%S}" if when.date() == now.date() else f"{short_day(when.date(), now)}, {when:%H:%M}"


def short_day(when: date, now: datetime) -> str:
    """`Sun 30 Nov`, with the year when it is another one."""
    return f"{when:%a} {when.day} {when:%b}" + ("" if when.year == now.year else f" {when.year}")


def day(when: datetime) -> str:
    """`30 November 2026`."""
    return f"{when.day} {when:%B %Y}"


def day_heading(when: datetime, now: datetime) -> str:
    """`Today`, `Yesterday` or `Sunday 30 November`, with the year when it is another one. Days are those of UTC."""
    days = (now.astimezone(UTC).date() - when.date()) // timedelta(days=1)
    if days in (0, 1):
        return ("Today", "Yesterday")[days]
    return f"{when:%A} {when.day} {when:%B}" + ("" if when.year == now.year else f" {when.year}")


def number(value: int) -> str:
    """With a comma at every third digit."""
    return f"{value:,}"


def decimal(value: float, sign: str = "") -> str:
    """Two decimals, with a real minus sign; `sign` is `+` where positive numbers show theirs."""
    return f"{value:{sign}.2f}".replace("-", "−")


def counted(value: int, one: str, many: str = "") -> str:
    """`1 article`, `1,204 articles`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def outlets(names: Sequence[str]) -> str:
    """The first few by name, the others as a number."""
    if len(names) <= OUTLETS_NAMED + 1:  # "and 1 other" would take as much room as the name
        return ", ".join(names)
    return f"{', '.join(names[:OUTLETS_NAMED])} and {len(names) - OUTLETS_NAMED} others"


def shortened(text: str, most: int = 280) -> str:
    """The beginning of a text, cut at a blank: a page shows two lines of it, and need not carry more."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(None, 1)[0].rstrip(",;:–—-") + "…"


def link(url: str) -> str:
    """The URL if it may stand in a link, else nothing: what feeds carry may be `javascript:` or `data:`."""
    return urls.without_credentials(url) if urls.is_http(url) else ""


def host(url: str) -> str:
    """The host of a URL, without `www.`; empty when it has none."""
    return (urlsplit(url).hostname or "").removeprefix("www.") if urls.is_http(url) else ""


def language(tag: str | None) -> str:
    """A language tag that may stand in a `lang` attribute, or nothing."""
    return tag if tag and len(tag) <= 35 and tag.replace("-", "").isascii() and tag.replace("-", "").isalnum() else ""


def first_upper(text: str) -> str:
    """With a capital at its front and a point behind it, as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") if text else ""
