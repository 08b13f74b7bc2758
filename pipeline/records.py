"""What travels between the stages. Frozen records, no behaviour beyond what they can say of themselves.

All times are timezone-aware and in UTC. Vectors are float32 arrays of shape (d,) and length 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class ArticleState(StrEnum):
    """Where an article's current generation stands; within a generation it only moves forward."""

    QUEUED = "queued"
    FETCHED = "fetched"
    EMBEDDED = "embedded"
    FILED = "filed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    DEAD = "dead"


FINAL_STATES = (ArticleState.FILED, ArticleState.DUPLICATE, ArticleState.REJECTED, ArticleState.DEAD)


class FeedState(StrEnum):
    """`active` is polled, `paused` waits for a person, `gone` answered 410 and is kept only to be seen."""

    ACTIVE = "active"
    PAUSED = "paused"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of a feed as read: `key` identifies it within its feed, `url` is absolute and is the one to fetch.
    `feed_name` is filled by the ledger, which knows where it came from."""

    key: str
    url: str
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    summary: str = ""
    content: str = ""
    authors: tuple[str, ...] = ()
    lang: str | None = None
    feed_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHints:
    """What a feed's body asks of those who poll it.

    `ttl` is the least time between two polls, in seconds, and `ttl_from` the element that says so (`ttl` or
    `sy:updatePeriod`). In `skip_hours` (0 to 23) and on `skip_days` (0 is Monday), both GMT, nothing new is to be
    expected.
    """

    ttl: float | None = None
    ttl_from: str = ""
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitemap:
    """One sitemap that a sitemap index names; `modified` is None where the index does not say."""

    url: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """What a feed's body says. `problems` are sentences about what was broken and mended, or left out.

    `hub` and `topic` are absolute URLs for WebSub, or empty. A sitemap index has `sitemaps`, newest first, and no
    entries.
    """

    format: str
    title: str = ""
    home: str = ""
    lang: str | None = None
    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    hints: FeedHints = FeedHints()
    hub: str = ""
    topic: str = ""
    sitemaps: tuple[Sitemap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as the ledger knows it. `interval` is in seconds; `error` is a sentence or empty.

    `etag`, `last_modified` and `body_hash` belong to what `served_by` gave, the feed's own URL when that is None.
    `pace`, `hints` and `identity` are what the schedule and the ladder of identities remember of it. `moved_to` is
    where its URL permanently redirects to, seen `moved_seen` times in a row since `moved_since`. `hub_url` and
    `topic_url` are what it says of WebSub.
    """

    id: int
    url: str
    host_key: str = ""
    title: str = ""
    format: str = ""
    tags: tuple[str, ...] = ()
    state: FeedState = FeedState.ACTIVE
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    served_by: str | None = None
    interval: float = 0.0
    failures: int = 0
    error: str = ""
    due: datetime | None = None
    due_reason: str = ""
    first_polled: datetime | None = None
    last_polled: datetime | None = None
    last_success: datetime | None = None
    last_new: datetime | None = None
    silent_since: datetime | None = None
    entries_per_day: float = 0.0
    pace: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    moved_to: str | None = None
    moved_seen: int = 0
    moved_since: datetime | None = None
    hub_url: str | None = None
    topic_url: str | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What was agreed with a feed's hub (WebSub). The callback is below the URL `base`, and `token` is the part of it
    that cannot be guessed; `secret` signs what the hub sends.

    `state` is `pending`, `active`, `denied`, `failed` or `leaving`; one that is leaving belongs to no feed any more.
    `due` is when to ask the hub again, `requested` when it was asked and may come back to verify, `expires` the end of
    the lease. `pushed` is the last push that was taken, `refused` how many were not, and `missed` how many polls found
    what no push had brought, less the pushes since. `error` is a sentence or empty.
    """

    token: str
    feed_id: int | None
    hub: str
    topic: str
    base: str
    secret: str
    state: str
    due: datetime
    requested: datetime | None = None
    verified: datetime | None = None
    expires: datetime | None = None
    pushed: datetime | None = None
    pushes: int = 0
    refused: int = 0
    missed: int = 0
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a hub sent for a feed. An empty body is a mere ping: there is something new, to be fetched from the feed."""

    id: int
    feed_id: int
    content_type: str | None
    body: bytes
    received: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """An article as read from its page. `text` is paragraphs parted by a blank line; `sources` says for each field
    where it came from (`json-ld`, `og`, `meta`, `h1`, `feed`, …)."""

    title: str
    text: str
    lead: str = ""
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    modified: datetime | None = None
    lang: str | None = None
    outlet: str = ""
    canonical_url: str | None = None
    image_url: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is kept beside a text so that filing need not compute it: the MinHash of its words (`storylines.copies`) and
    its terms (`storylines.evidence`), packed and sealed (`ledger.sealed`). None where there is none; filing then reads
    the text."""

    signature: bytes | None = None
    features: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """An article on its way to a storyline.

    `published` is None when unknown; `seen` is when Slugline first saw it. `vector` is None when the article carries
    no vector of the version in use. `signature` is the MinHash of its text (`storylines.copies`), or None; `features`
    are its words and names as filing counts them (`storylines.evidence.stored`), or None. `generation` counts its
    versions.
    """

    id: int
    title: str
    text: str
    seen: datetime
    url: str = ""
    outlet: str = ""
    lang: str | None = None
    published: datetime | None = None
    backfill: bool = False
    vector: Vector | None = None
    signature: bytes | None = None
    features: bytes | None = None
    generation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Storyline:
    """A storyline as the ledger knows it. `headline` is what to show; `merged_into` leads an old id to the new one."""

    id: int
    title: str
    state: str
    declared: bool = False
    text: str = ""
    headline: str = ""
    lead: str = ""
    merged_into: int | None = None
    articles: int = 0
    originals: int = 0
    outlets: tuple[str, ...] = ()
    opened: datetime | None = None
    first_article: datetime | None = None
    last_article: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `position` is given when the relay publishes it; until then it is None."""

    id: str
    type: str
    subject: str
    sequence: int
    time: datetime
    data: Mapping[str, Any]
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Somebody who is told of events. `url` and `secrets` are never shown; `failures` are those in a row.

    `secrets` are pairs of a secret and the time at which it ends (None: it is the present one), newest first. `options`
    are what its kind wants to know beside them.
    """

    id: int
    name: str
    kind: str
    url: str
    secrets: tuple[tuple[str, datetime | None], ...] = ()
    types: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    state: str = "active"
    reason: str = ""
    read_to: int = 0
    failures: int = 0
    rest_until: datetime | None = None
    delivered: int = 0
    dead: int = 0
    lost: int = 0
    last_success: datetime | None = None
    last_error: str = ""
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held back for a sink of a subject: so many events from a position on, since a time. `error` is why the
    event before them was not taken; empty: it was meanwhile, and these follow."""

    subject: str
    position: int
    events: int
    since: datetime
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that a sink is to be told of: since when it waits, and when the next attempt is due."""

    id: int
    event: Event
    attempts: int
    since: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one attempt: `error` is empty when the sink took it. `status` is that of its HTTP answer, if any;
    `after` is the wish for a pause in seconds, `final` says that the sink wants nothing any more (410)."""

    error: str = ""
    status: int | None = None
    seconds: float = 0.0
    answer: str = ""
    after: float | None = None
    final: bool = False
