"""The ops page's figures: each stage, the path of an article, all in words and drawings. Pure; `opsnow` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline import history, metrics
from pipeline.history import Sample
from workers.web import plots, show
from workers.web.measure import Measured

SPARK = (240.0, 36.0)  # width and height of a stage's last hour
CHART = (720.0, 120.0)
LEAST_STEPS = 20  # of a chart: ten minutes, of which a service that has just begun fills a part
FEW = 3  # articles that wait without it being a line
MOST_FAILURES = 4  # classes of failures that are named for each stage
SHARES = ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"))
REASONS = {
    "network": "network",
    "host": "the host's errors",
    "refused": "refused",
    "missing": "missing",
    "content": "unreadable content",
    "parser": "parser",
    "address": "address",
    "worker": "workers that died",
    "model": "the model",
    "filing": "filing",
    "other": "other",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. Depth is what waits or is in work there; `oldest`, `clears` and the rates are words, empty where there
    is nothing to say or nothing is known. `spark`: the path of what it did in the last hour."""

    name: str
    label: str
    unit: str
    depth: int
    oldest: str
    rate_in: str
    rate_out: str
    clears: str
    failures: Sequence[tuple[str, int]]
    failed: int
    spark: str
    late: bool


@dataclass(frozen=True, slots=True)
class Journey:
    """How long articles took until they were filed, in the last hour: `label` says since when, then percentiles."""

    label: str
    count: int
    within: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chart:
    """The last hour, or as much of it as is known, as paths: what came and what was filed a minute."""

    past: str
    came: str
    filed: str
    most: str
    most_waiting: str
    says: str


_STAGES = (
    # name, label, unit, state in the ledger, what comes in, what goes out
    ("poll", "Poll", "feeds due", "", "", "poll"),
    ("fetch", "Fetch", "articles", "queued", "intake", "look"),
    ("embed", "Embed", "articles", "fetched", "fetch", "embed"),
    ("file", "File", "articles", "embedded", "embed", "file"),
    ("publish", "Publish", "events", "", "", "publish"),
)


def stages(measured: Measured, samples: Sequence[Sample], current: Sample | None, late: float) -> list[Stage]:
    """All of them, in the order in which articles pass. What has waited for longer than `late` seconds is late."""
    rates = history.present(samples, current) if current else {}
    failed = history.failures(samples, current) if current else {}
    done = history.charted(samples, current.at)[0] if current else {}
    span = max(LEAST_STEPS, history.STEPS - _unknown(done.get("file", [])))
    found = []
    for name, label, unit, state, comes, goes in _STAGES:
        depth, age = _standing(measured, name, state)
        coming, going = rates.get(comes), rates.get(goes)
        why = failed.get(name, {})
        found.append(
            Stage(
                name=name,
                label=label,
                unit=unit,
                depth=depth,
                oldest=show.span(age) if depth and age >= 1 else "",
                rate_in=per_minute(coming),
                rate_out=per_minute(going),
                clears=clears(depth, coming, going),
                failures=[(REASONS.get(one, one), n) for one, n in list(why.items())[:MOST_FAILURES]],
                failed=sum(why.values()),
                spark=plots.line(done.get(goes, [])[-span:], *SPARK),
                late=age > late,
            )
        )
    return found


def _standing(measured: Measured, name: str, state: str) -> tuple[int, float]:
    """How much stands at a stage, and for how many seconds the first has waited."""
    known = measured.ledger
    if known is None:
        return 0, 0.0
    if name == "poll":
        return known.overdue, known.feed_lateness if known.overdue else 0.0
    if name == "publish":
        return measured.lag or (0, 0.0)
    held = known.articles[state]
    return sum(held.values()), known.oldest[state]


def per_minute(rate: float | None) -> str:
    """Empty where it is not known."""
    if rate is None:
        return ""
    return f"{rate:,.0f}" if rate >= 10 or rate == 0 else f"{rate:.1f}"


def clears(depth: int, coming: float | None, going: float | None) -> str:
    """When what waits will be done at the present rates (a minute), in words; empty when nothing waits or nothing is
    known."""
    if depth <= FEW or going is None:
        return ""
    if going <= 0:
        return "nothing moves"
    net = going - (coming or 0.0)
    if net <= going * 0.05:
        return "it does not shrink" if depth > going else ""  # less than a minute's work is no line
    return f"clear in {show.span(depth / net * 60)}"


def journeys(samples: Sequence[Sample], current: Sample | None) -> list[Journey]:
    """From publication and from first sight to being filed."""
    hits = history.journeys(samples, current) if current else {}
    found = []
    for since, label in (("published", "From publication to filed"), ("seen", "From first sight to filed")):
        counted = hits.get(since, [])
        within = [
            (words, _within(history.percentile(counted, metrics.JOURNEY_SECONDS.buckets, share)))
            for share, words in SHARES
        ]
        found.append(Journey(label, sum(counted), within))
    return found


def _within(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds == float("inf"):
        return f"over {show.span(metrics.JOURNEY_SECONDS.buckets[-1])}"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def chart(samples: Sequence[Sample], current: Sample | None) -> Chart | None:
    """The last hour; None when there is not enough of it yet."""
    if current is None:
        return None
    done, waiting = history.charted(samples, current.at)
    span = max(LEAST_STEPS, history.STEPS - _unknown(done["file"]))
    came, filed, waiting = done["intake"][-span:], done["file"][-span:], waiting[-span:]
    known = [rate for rate in (*came, *filed) if rate is not None]
    if len(known) < 4:
        return None
    most, most_waiting = max(known), max((number for number in waiting if number is not None), default=0)
    minutes = span * history.STEP / 60
    past = "last hour" if minutes >= 60 else f"last {minutes:.0f} min"
    return Chart(
        past=past,
        came=plots.line(came, *CHART, most=most),
        filed=plots.line(filed, *CHART, most=most),
        most=per_minute(most),
        most_waiting=show.number(most_waiting),
        says=f"In the {past} at most {per_minute(most)} articles a minute; at most {most_waiting:,} waited.",
    )


def _unknown(series: Sequence[float | None]) -> int:
    """How many steps at the beginning nothing is known of."""
    return next((place for place, value in enumerate(series) if value is not None), len(series))


def reasons(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    """Most first."""
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))
