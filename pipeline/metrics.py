"""Every metric of Slugline, declared once: name, kind, unit, one sentence of meaning, and the values of its labels.

Labels are closed sets: what is in none of them counts as `other`. So the number of series is known beforehand
(`series_count`), and no host, feed or message of an error can make one more. Names follow Prometheus' conventions: base
units, `_total` for counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]  # one value for each label of a metric, in the order of its declaration
OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. `labels` gives each label's values in full; `buckets` are a histogram's upper bounds, without the
    infinite one."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def values(self, given: Mapping[str, str]) -> Labels:
        """The labels' values in order; one that was not foreseen becomes `other`. Raises ValueError on wrong names."""
        if given.keys() != self.labels.keys():
            raise ValueError(f"{self.name} has the labels {', '.join(self.labels) or 'none'}")
        return tuple(given[name] if given[name] in known else OTHER for name, known in self.labels.items())

    def every(self) -> Iterator[Labels]:
        """All combinations of label values: each is a series from the beginning, at 0, so that the first increase is
        seen as one."""
        return product(*self.labels.values())


# ---- what labels may say ----

SERVICES = ("poller", "fetch", "embed", "clusterer", "relay", "alerter", "deliverer", "janitor")
TRADES = ("fetch", "fetch-backfill", "embed")
STATES = ("queued", "fetched", "embedded")  # those in which an article waits
STANDINGS = ("due", "put-off", "handed-out", "in-work")
STORYLINE_STATES = ("empty", "emerging", "developing", "surging", "quiet", OTHER)
LIMITS = ("backlog", "redis-memory", "disk", "database", OTHER)

_CLASSES: Mapping[str, tuple[str, ...]] = {
    "network": ("dns", "connect", "tls", "timeout", "protocol", "too-many-headers", "bad-encoding", "unsolicited-304"),
    "host": ("server-error", "throttled", "challenge", "no-content", "too-many-redirects", "insecure-redirect"),
    "refused": ("forbidden", "login", "payment", "legal", "robots", "client-error", "consent"),
    "missing": ("not-found", "gone", "parked", "error-page"),
    "content": ("not-a-feed", "no-feed", "unreadable", "empty", "too-large", "too-many-entries", "text-missing"),
    "parser": ("parser-timeout", "parser-crashed", "parser-memory", "parser-gone", "parser-misuse", "parser-too-large"),
    "address": ("bad-url", "forbidden-address", "blocked"),
    "worker": ("worker-died",),
    "model": ("embedding-failed",),
    "filing": ("unfilable",),
}
_CLASS = {reason: name for name, reasons in _CLASSES.items() for reason in reasons}
CLASSES = (*_CLASSES, OTHER)
"""Classes of the reasons why a request, a feed or an article failed."""

REJECTIONS = (
    *("binary", "blocked", "challenge", "consent", "dropped", "empty", "error-page", "feed", "forgotten", "gone"),
    *("image", "legal", "live-score", "login", "media", "no-title", "not-found", "not-html", "payment", "paywall"),
    *("pdf", "robots", "section-front", "too-short", "video", OTHER),
)
"""Why a page is no article."""


def class_of(reason: str | None) -> str:
    """The class of a reason, `other` for one that is in none."""
    return _CLASS.get(reason or "", OTHER)


# ---- counted by the processes, kept in Redis (`tally`) ----

_STAGE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_JOURNEY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 43_200.0)

POLLS = Metric(
    "slugline_polls_total",
    "counter",
    "polls",
    "Polls of feeds by how they ended; put-off ones did not get their turn at a host.",
    {"outcome": ("read", "unmodified", "failed", "put-off", OTHER)},
)
POLL_FAILURES = Metric(
    "slugline_poll_failures_total", "counter", "polls", "Polls that failed, by class of reason.", {"class": CLASSES}
)
TAKEN_IN = Metric(
    "slugline_articles_taken_in_total",
    "counter",
    "articles",
    "New articles by how they came; those that people ingest or import are not among them.",
    {"by": ("poll", "push")},
)
FETCHES = Metric(
    "slugline_fetches_total",
    "counter",
    "looks at pages",
    "Looks at article pages by how they ended.",
    {
        "outcome": (
            *("fetched", "revised", "touched", "unchanged", "sighting", "rejected", "dead", "retry", "kept"),
            *("host-booked", "lease-lost", OTHER),
        )
    },
)
FETCH_FAILURES = Metric(
    "slugline_fetch_failures_total",
    "counter",
    "attempts",
    "Attempts to have an article's page that failed, by class of reason; those that are tried again among them.",
    {"class": CLASSES},
)
REJECTED = Metric(
    "slugline_rejected_total", "counter", "articles", "Pages that are no article, by reason.", {"reason": REJECTIONS}
)
DEAD = Metric(
    "slugline_dead_total",
    "counter",
    "articles",
    "Articles that were given up, by stage and class of reason; those whose workers died are of the stage other.",
    {"stage": ("fetch", "embed", "file", OTHER), "class": CLASSES},
)
EMBEDS = Metric(
    "slugline_embeds_total",
    "counter",
    "articles",
    "Articles that embed workers took up, by how that ended.",
    {"outcome": ("embedded", "failed", "lease-lost", OTHER)},
)
FILED = Metric(
    "slugline_filed_total",
    "counter",
    "articles",
    "Articles that were filed: originals, reprints (duplicate), and new versions of those filed before (updated).",
    {"kind": ("original", "duplicate", "updated")},
)
PUT_BACK = Metric(
    "slugline_put_back_total", "counter", "articles", "Articles put back into the line since a job or worker was lost."
)
PUBLISHED = Metric(
    "slugline_events_published_total",
    "counter",
    "events",
    "Events written to the Redis stream; after Redis lost it, those that were written again as well.",
)
DELIVERIES = Metric(
    "slugline_deliveries_total",
    "counter",
    "attempts",
    "Attempts to tell sinks of events, by how they ended; `dead` are deliveries that were given up.",
    {"outcome": ("done", "failed", "dead")},
)
STAGE_SECONDS = Metric(
    "slugline_stage_seconds",
    "histogram",
    "seconds",
    "Time that one poll or article takes in a stage; of a batch that is embedded together its share.",
    {"stage": ("poll", "fetch", "extract", "embed", "file")},
    _STAGE_SECONDS,
)
JOURNEY_SECONDS = Metric(
    "slugline_filed_after_seconds",
    "histogram",
    "seconds",
    "Time until a fresh article is filed, since it was first seen or since its date of publication, as far as that is "
    "known and not in the future; backfill does not count.",
    {"since": ("published", "seen")},
    _JOURNEY_SECONDS,
)

TALLIED = (
    *(POLLS, POLL_FAILURES, TAKEN_IN, FETCHES, FETCH_FAILURES, REJECTED, DEAD, EMBEDS, FILED, PUT_BACK, PUBLISHED),
    *(DELIVERIES, STAGE_SECONDS, JOURNEY_SECONDS),
)
"""What processes count (`pipeline.tally`)."""

# ---- read when they are asked for ----

UP = Metric("slugline_dependency_up", "gauge", "0 or 1", "Whether this answers.", {"dependency": ("ledger", "redis")})
INFO = Metric(
    "slugline_info", "gauge", "1", "The database of the ledger, as a label.", {"database": ("sqlite", "postgresql")}
)
ARTICLES = Metric(
    "slugline_articles",
    "gauge",
    "articles",
    "Articles that wait: due, put off to a later attempt, in a job in Redis, or in a worker's hands; 100000 means that "
    "or more.",
    {"state": STATES, "standing": STANDINGS},
)
OLDEST_SECONDS = Metric(
    "slugline_oldest_seconds",
    "gauge",
    "seconds",
    "How long the article that is due longest has waited in its state, whether it was handed out or not; 0 when none "
    "is due.",
    {"state": STATES},
)
EXPIRED = Metric(
    "slugline_expired_leases", "gauge", "articles", "Articles whose hand-out or lease ran out, to be put back."
)
DEAD_NOW = Metric(
    "slugline_dead_letters",
    "gauge",
    "articles",
    "Articles that stand as dead, by class of reason; no more than 100000 are looked at.",
    {"class": CLASSES},
)
FEEDS = Metric("slugline_feeds", "gauge", "feeds", "Feeds by state.", {"state": ("active", "paused", "gone", OTHER)})
FEEDS_TROUBLED = Metric(
    "slugline_feeds_troubled",
    "gauge",
    "feeds",
    "Active feeds that failed at their last poll, that are silent against their rhythm, or that should have been "
    "polled over a minute ago.",
    {"trouble": ("failing", "silent", "overdue")},
)
STORYLINES = Metric(
    "slugline_storylines",
    "gauge",
    "storylines",
    "Storylines whose life is being followed, by state; those that are closed, or wait for a first word, are not.",
    {"state": STORYLINE_STATES},
)
COMMANDS = Metric("slugline_commands_pending", "gauge", "commands", "What people asked for and was not done yet.")
UNPUBLISHED = Metric(
    "slugline_events_unpublished", "gauge", "events", "Events that the relay has not brought to the stream yet."
)
RELAY_LAG = Metric(
    "slugline_relay_lag_seconds", "gauge", "seconds", "Age of the oldest event that is not in the stream yet, else 0."
)
JOBS = Metric("slugline_jobs", "gauge", "jobs", "Jobs that wait in a queue in Redis.", {"queue": TRADES})
WORKERS = Metric(
    "slugline_workers",
    "gauge",
    "processes",
    "Workers that listen to a queue and were heard of within a minute, or are at a job.",
    {"queue": TRADES},
)
REDIS_BYTES = Metric("slugline_redis_memory_bytes", "gauge", "bytes", "Memory that Redis holds.")
REDIS_MOST = Metric(
    "slugline_redis_memory_max_bytes",
    "gauge",
    "bytes",
    "Memory that Redis may hold: its maxmemory, else that of its machine.",
)
HELD_BACK = Metric(
    "slugline_held_back_ratio",
    "gauge",
    "0 to 1",
    "How far a limit holds the wire back: 0 not at all, 1 nothing new is begun.",
    {"limit": LIMITS},
)
PROGRESS = Metric(
    "slugline_progress_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    "When a service last got on: the loop of the poller, the active clusterer, relay, alerter or deliverer, or the "
    "janitor went round, a fetch or embed worker did a job. Absent until the first time.",
    {"service": SERVICES},
)

READ = (
    *(UP, INFO, ARTICLES, OLDEST_SECONDS, EXPIRED, DEAD_NOW, FEEDS, FEEDS_TROUBLED, STORYLINES, COMMANDS),
    *(UNPUBLISHED, RELAY_LAG, JOBS, WORKERS, REDIS_BYTES, REDIS_MOST, HELD_BACK, PROGRESS),
)
EVERY: Mapping[str, Metric] = {metric.name: metric for metric in (*TALLIED, *READ)}


def series_count() -> int:
    """The most series there can ever be, a histogram's buckets, sum and count among them."""
    return sum(
        sum(1 for _ in metric.every()) * (len(metric.buckets) + 3 if metric.buckets else 1) for metric in EVERY.values()
    )
