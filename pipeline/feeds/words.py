"""Times and rates as people say them."""

from __future__ import annotations


def spell(seconds: float) -> str:
    """Give a duration as people say it: `45 s`, `11 min`, `1 h 30 min`, `2 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"


def entries(count: int, kind: str = "") -> str:
    """Give a number of entries: `1 entry`, `4 new entries` (with `new ` as their kind)."""
    return f"{count} {kind}{'entry' if count == 1 else 'entries'}"


def often(a_day: float) -> str:
    """Give how often entries come, from their number a day: `4 entries an hour`, `an entry in 9 days`."""
    if a_day >= 36:
        return f"{a_day / 24:.0f} entries an hour"
    if a_day >= 1.5:
        return f"{a_day:.0f} entries a day"
    if a_day >= 0.75:
        return "an entry a day"
    return f"an entry in {1 / a_day:.0f} days" if a_day > 1 / 60 else "hardly an entry"
