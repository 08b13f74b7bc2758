"""A feed as it is shown: one shape for the command line's JSON and for the API, and the words for people.

Nothing here carries a credential: whatever may hold a URL is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.feeds.silence import in_words
from pipeline.feeds.websub import describe
from pipeline.records import Feed, FeedState, Subscription
from pipeline.urls import mask

HUB_FIELDS = ("state", "requested", "verified", "expires", "pushed", "pushes", "failures", "error")
_PLAIN = (
    "id title format interval failures due first_polled last_polled last_success last_new silent_since"
    " entries_per_day moved_seen moved_since created"
).split()


def view(feed: Feed, hub: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Give everything that is known of a feed. `hub` is the row of its WebSub subscription, if it has one."""
    shown = {name: getattr(feed, name) for name in _PLAIN}
    return shown | {
        "url": mask(feed.url),
        "tags": list(feed.tags),
        "state": str(feed.state),
        "standing": standing(feed),
        "error": mask(feed.error),
        "due_reason": mask(feed.due_reason),
        "silence": silence(feed, now),
        "problems": [mask(problem) for problem in feed.problems],
        "moved_to": mask(feed.moved_to) if feed.moved_to else None,
        "websub": _websub(feed, hub),
        "pace": _masked(feed.pace),
        "hints": _masked(feed.hints),
        "identity": _masked(feed.identity),
    }


def standing(feed: Feed) -> str:
    """How a feed is, in one word: `gone`, `paused`, `failing`, `new` (never polled), `silent` or `well`."""
    if feed.state != FeedState.ACTIVE:
        return str(feed.state)
    if feed.failures:
        return "failing"
    if feed.last_polled is None:
        return "new"
    return "silent" if feed.silent_since else "well"


def silence(feed: Feed, now: datetime) -> str:
    """Since when a feed has been silent against its own rhythm, in words; empty when it is not."""
    return in_words(feed.silent_since, feed.entries_per_day, now) if feed.silent_since else ""


def why(feed: Feed, now: datetime) -> str:
    """What is wrong with a feed, or else why it is polled when it is: one sentence for a list."""
    parts = [mask(feed.error), silence(feed, now)]
    # A feed that is not polled has no next poll, and its reason says so.
    if not feed.error or feed.state == FeedState.ACTIVE:
        # The schedule's reason for a failed poll repeats the error.
        parts.append(mask(feed.due_reason.replace(f": {feed.error}", "") if feed.error else feed.due_reason))
    return "; ".join(part for part in parts if part)


def websub(feed: Feed, held: Subscription | None, now: datetime) -> str:
    """What a feed's hub does, in words; empty when it has none. `held` is the feed's subscription."""
    if held is not None:
        return mask(describe(held, now))
    return f"{mask(feed.hub_url)} could push it; SLUGLINE_PUBLIC_URL is not set" if feed.hub_url else ""


def _websub(feed: Feed, hub: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if hub is not None:
        return {"hub": mask(hub["hub"]), **{name: hub[name] for name in HUB_FIELDS}, "error": mask(hub["error"])}
    if feed.hub_url:
        none = dict.fromkeys(HUB_FIELDS)
        return {"hub": mask(feed.hub_url), **none, "state": "none", "pushes": 0, "failures": 0, "error": ""}
    return None


def _masked(value: Any) -> Any:
    """The same, with every text in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {str(name): _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list | tuple) else value
