"""A sitemap index is polled with the sitemaps that it names: the newest of them, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

from pipeline import urls
from pipeline.errors import FeedError, FetchError, SandboxError, SluglineError
from pipeline.http import Response, Validators, classify
from pipeline.records import Entry, Feed, FeedDocument, Sitemap
from workers.poller.outcome import LaterError
from workers.poller.read import Reader

FORMAT = "Sitemap index"
"""What the parser calls one."""
MOST = 10
"""Sitemaps asked for in one poll: publishers file news in one or in one a day, archives in hundreds."""
SLACK = timedelta(hours=1)  # by which the host's clock may differ from ours

Get = Callable[[str, Validators | None], Awaitable[Response]]


def chosen(document: FeedDocument, feed: Feed) -> list[Sitemap]:
    """The sitemaps of an index that may have news since the last poll, at most MOST: those that say in their URL that
    they hold news come first, then the newest."""
    last = feed.last_success
    fresh = [one for one in document.sitemaps if not (last and one.modified and one.modified < last - SLACK)]
    return sorted(fresh, key=lambda one: "news" not in one.url.lower())[:MOST]


async def followed(document: FeedDocument, feed: Feed, get: Get, reader: Reader) -> FeedDocument:
    """The index with the entries of its sitemaps. One that cannot be had or read is told as a problem.

    Raises what the first of them raised when that is all that came of them.
    """
    entries: dict[str, Entry] = {}
    problems = list(document.problems)
    failed: list[SluglineError] = []
    asked = chosen(document, feed)
    for one in asked:
        try:
            found = await _read(one, feed, get, reader)
        except (FetchError, FeedError, SandboxError) as error:
            failed.append(error)
            problems.append(f"one of its sitemaps is left out: {error}")
            continue
        except LaterError as error:
            if not entries:
                raise
            problems.append(f"the rest of its sitemaps is left out: {error}")
            break
        if found is not None:
            entries |= {entry.key: entry for entry in found.entries}
            problems += found.problems
    if failed and len(failed) == len(asked):
        raise failed[0]
    return replace(document, entries=tuple(entries.values()), problems=tuple(problems))


async def _read(one: Sitemap, feed: Feed, get: Get, reader: Reader) -> FeedDocument | None:
    """One sitemap, or None when it says that nothing changed since the last poll."""
    # No validators are kept for each of them. The time of the last poll stands in (RFC 9110, 13.1.3), less the slack.
    since = format_datetime(feed.last_success - SLACK, usegmt=True) if feed.last_success else None
    response = await get(one.url, Validators(urls.without_credentials(one.url), last_modified=since))
    if response.status == 304:
        return None
    failed = classify(response)
    if failed is not None:
        raise failed
    found = await reader.read(response.body, response.final_url, response.headers.get("content-type"))
    if found.format == FORMAT:
        raise FeedError(f"{urls.mask(one.url)} is an index again", reason="not-a-feed")
    return found
