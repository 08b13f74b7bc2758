"""What a poll gave, and what is written of it: pure functions of the feed as it was and the answer that came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import FeedError, FetchError, SandboxError, SluglineError
from pipeline.feeds.schedule import PollOutcome, updated_state
from pipeline.http import Response
from pipeline.records import Feed, FeedDocument


class LaterError(Exception):
    """The feed did not get its turn, which is nobody's fault; the text says why. `until` is when to try again, if that
    is known."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until


@dataclass(frozen=True, slots=True)
class Served:
    """A new body's validators, opaque as they came, its hash, and the URL that served it; `url` is None when that is
    the feed's own."""

    etag: str | None
    last_modified: str | None
    body_hash: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """One poll: the outcome for the schedule, the entries if there was a new body, and the validators to keep with
    them. `asked` is when; `answer` what the feed's URL answered, redirects and headers but no body; `throttled` the
    host that asked for `outcome.retry_after`, if it did."""

    asked: datetime
    outcome: PollOutcome
    answer: Response | None = None
    document: FeedDocument | None = None
    served: Served | None = None
    throttled: str = ""


def failure(error: SluglineError) -> PollOutcome:
    """What a named error means for the feed."""
    after = error.after if isinstance(error, FetchError) else None
    reason = error.reason if isinstance(error, FetchError | FeedError) else "error"
    if isinstance(error, SandboxError):
        reason = f"parser-{error.reason}"  # not to be mixed up with what hosts say: a parser, too, can be "gone"
    return PollOutcome(error=str(error), error_reason=reason, retry_after=after)


def unforeseen(error: Exception) -> PollOutcome:
    """What any other error means: told in the feed's record, so that it is seen and not asked again at once."""
    words = str(error).strip().splitlines() or [""]
    return PollOutcome(error=f"could not be taken in ({type(error).__name__}: {words[0][:300]})", error_reason="error")


def columns(feed: Feed, polled: Polled, outcome: PollOutcome, moment: datetime) -> dict[str, Any]:
    """The columns of the feed that a poll changes, besides when it is due next."""
    values: dict[str, Any] = {"last_polled": polled.asked}
    if outcome.error_reason:
        values |= {"failures": feed.failures + 1, "error": outcome.error}
        state = updated_state(feed, outcome)
        # Written only when the poll changes it: somebody may have paused the feed meanwhile.
        return values if state == feed.state else values | {"state": state}
    values |= {"failures": 0, "error": "", "last_success": moment, "first_polled": feed.first_polled or moment}
    if (served := polled.served) is not None:
        values |= {"etag": served.etag, "last_modified": served.last_modified}
        values |= {"body_hash": served.body_hash, "served_by": served.url}
    if outcome.new:
        values["last_new"] = moment
    if polled.document is not None:
        values |= _of_document(feed, polled.document)
    return values


def _of_document(feed: Feed, document: FeedDocument) -> dict[str, Any]:
    values: dict[str, Any] = {
        "format": document.format,
        "problems": list(document.problems),
        "hub_url": document.hub or None,
        "topic_url": document.topic or None,
    }
    if document.title and not feed.title:
        values["title"] = document.title
    return values
