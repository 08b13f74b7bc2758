"""Events as alerts of Prometheus Alertmanager (API v2), without I/O.

Alertmanager knows an alert again by its labels alone, so these are names and ids that stay: the same trouble told twice
is one alert. What is to be read stands in annotations. Every alert says when it ends, else Alertmanager would take it
for over after its own `resolve_timeout`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pipeline.alerts.wording import clean, summary, why
from pipeline.records import Event

TYPES = (
    "alert.matched",
    "feed.failing",
    "feed.silent",
    "feed.recovered",
    "pipeline.stalled",
    "pipeline.recovered",
)
"""What can be said as an alert: what begins and ends, and what a rule matched."""
PATH = "/api/v2/alerts"
LASTING = timedelta(hours=24)
"""How far ahead the end of a trouble is set that is not over; it is told again long before."""
AGAIN = timedelta(minutes=5)
"""How often such a trouble is told again: an Alertmanager that was restarted has forgotten it."""
SKEW = timedelta(minutes=1)
"""An end counts only when it is past by Alertmanager's clock (else the later of two ends stands), so it is set back."""
MINUTES = 240
"""How long what a rule matched lasts, unless the sink says otherwise: a rule tells no end."""
MOST_MINUTES = 7 * 24 * 60
RULE, FAILING, SILENT, STALLED = (
    "SluglineRuleMatched",
    "SluglineFeedFailing",
    "SluglineFeedSilent",
    "SluglinePipelineStalled",
)
_OF_FEEDS = {"failing": (FAILING, "warning"), "silent": (SILENT, "info")}
ALERT = dict[str, Any]


def endpoint(url: str) -> str:
    """Where alerts are POSTed: `url` is that of Alertmanager, or already ends with the path of the API."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(PATH) else path + PATH, fragment=""))


def alerts(event: Event, now: datetime, minutes: int = MINUTES, public_url: str = "") -> list[ALERT]:
    """The alerts that an event begins or ends; one for each match of a digest. Empty for what cannot be said so.

    What a rule matched ends `minutes` after `now`. `public_url` is where people find Slugline's pages; without it
    alerts have no link to them.
    """
    data, base = event.data, public_url.rstrip("/")
    if event.type == "alert.matched":
        return [_finished(one, base) for one in _matched(event, now, timedelta(minutes=minutes))]
    if event.type in ("pipeline.stalled", "pipeline.recovered"):
        name, severity, labels = STALLED, "critical", {}
    elif event.type in ("feed.failing", "feed.silent", "feed.recovered"):
        which = str(data.get("after") or event.type.removeprefix("feed."))
        if which not in _OF_FEEDS:
            return []
        name, severity = _OF_FEEDS[which]
        labels = {"feed": _id(data, "feed")}
    else:
        return []
    over = event.type.endswith(".recovered")
    starts = _moment(data.get("since"), event.time) if over else event.time
    ends = max(starts, event.time - SKEW) if over else now + LASTING
    return [_finished(_alert(name, severity, labels, data, event.type, (starts, ends)), base)]


def _matched(event: Event, now: datetime, lasts: timedelta) -> Iterator[ALERT]:
    data, when = event.data, (event.time, max(now, event.time) + lasts)
    if data.get("level") != "digest":
        yield from _match(data, data, when)
        return
    matches = data.get("matches") or ()
    for match in matches:
        yield from _match(data, match, when)
    more = int(data.get("count") or 0) - len(matches)
    if more > 0:
        told = _alert(RULE, "warning", _of_rule(data, {}), data, event.type, when)
        told["annotations"]["summary"] = f"{more} more matches of the rule {clean(_rule(data))}"
        yield told


def _match(data: Mapping[str, Any], match: Mapping[str, Any], when: tuple[datetime, datetime]) -> Iterator[ALERT]:
    """A match; where it is a surge, it takes the place of the alert by which the rule rang first."""
    told = {**match, "rule": data.get("rule"), "level": match.get("level", "first")}
    labels = _of_rule(data, match)
    if told["level"] == "surge":
        yield _alert(RULE, "warning", labels, told, "alert.matched", (when[0] - SKEW, when[0] - SKEW))
    yield _alert(RULE, "critical" if told["level"] == "surge" else "warning", labels, told, "alert.matched", when)


def _of_rule(data: Mapping[str, Any], match: Mapping[str, Any]) -> dict[str, str]:
    whom = {name: _id(match, name) for name in ("storyline", "feed") if match.get(name)}
    return {"rule_id": _id(data, "rule"), "rule": clean(_rule(data)), **whom}


def _alert(
    name: str,
    severity: str,
    labels: Mapping[str, str],
    data: Mapping[str, Any],
    type_: str,
    when: tuple[datetime, datetime],
) -> ALERT:
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {"summary": summary(type_, data), "description": why(type_, data)},
        "startsAt": when[0].isoformat(),
        "endsAt": when[1].isoformat(),
    }


def _finished(alert: ALERT, base: str) -> ALERT:
    """With a link to the page that it is about, and where the installation has a name, with that."""
    if not base:
        return alert
    labels = alert["labels"]
    whom = next((name for name in ("storyline", "feed") if name in labels), "")
    link = f"{base}/{whom}s/{labels[whom]}" if whom else f"{base}/ops"
    labels["instance"] = urlsplit(base).netloc
    alert["annotations"]["link"] = alert["generatorURL"] = link
    return alert


def _rule(data: Mapping[str, Any]) -> str:
    return str((data.get("rule") or {}).get("name") or "")


def _id(data: Mapping[str, Any], whom: str) -> str:
    return str((data.get(whom) or {}).get("id") or "")


def _moment(given: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(given))
    except ValueError:
        return otherwise
