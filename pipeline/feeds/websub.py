"""WebSub, seen from the subscriber: every decision, without any I/O (W3C Recommendation of 23 January 2018).

A hub is asked to push a feed (the topic) to a callback; it asks back whether that was meant (verification of intent),
grants a lease, and from then on sends the feed's news there, signed with a secret that only the two know.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pipeline import urls
from pipeline.errors import InputError
from pipeline.feeds.words import spell
from pipeline.records import Subscription

LEASE_SECONDS = 864_000
"""The lease that is asked for: ten days, as section 5.1 recommends to hubs. A hub may grant another."""
RENEW_SHARE = 0.8
"""Share of a lease after which it is renewed; what is left is time for a hub that is down."""
PATIENCE_SECONDS = 3_600.0
"""So long after it was asked a hub may come back to verify; then it is asked again, and the silence is a failure."""
RETRY_SECONDS = 600.0
"""Before the second try at a hub; doubled for each further one, at most a day."""
DENIED_SECONDS = 7 * 86_400.0
"""Before a hub that denied a subscription is asked again (section 5.2 allows it)."""
MAX_CHALLENGE = 4_096
"""Characters; hubs send 10 to 200."""
TRUST = 3
"""Missed pushes that are remembered: so many pushes at most restore the trust in a hub."""

_DAY = 86_400.0
# Renewed at least monthly, whatever the lease: hubs lose their data too. Nor in a rush, or a lease of a minute would
# have us ask all the time.
_RENEW_MIN, _RENEW_MAX = 300.0, 30 * _DAY
_LEASE_MAX = 366 * _DAY
_LEAVE_TRIES = 3
_SIGNATURE = re.compile(r"(sha1|sha256|sha384|sha512)=([0-9a-fA-F]{40,128})\Z", re.IGNORECASE)
# Characters of a Link header that are read; a hub and a topic take some 200.
_LINK_LENGTH = 16_384
_TARGET = re.compile(r"<([^>]*)>")
_PARAM = re.compile(r'\s*;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_SILENT = (
    "the hub took the request but never asked back; is SLUGLINE_PUBLIC_URL right, and reachable from the internet?"
)


def offered(link: str, *, url: str, hub: str = "", topic: str = "") -> tuple[str, str] | None:
    """Give hub and topic of the feed at `url`, or None when nobody pushes it.

    `link` is its Link header (RFC 8288; several are joined by commas), which goes before what its body says (`hub` and
    `topic`; section 4). A feed that names no topic is taken to be its own, unless its URL holds a secret: nobody else
    is to know that. Of several hubs the first on https is taken.
    """
    hubs: list[str] = []
    own = ""
    for target, rels in _links(link, url):
        if "hub" in rels:
            hubs.append(target)
        elif "self" in rels and not own:
            own = target
    chosen = next((one for one in hubs if one.lower().startswith("https:")), hubs[0] if hubs else hub)
    about = own or topic or (url if urls.mask(url) == url else "")
    try:
        usable = bool(chosen and about) and urls.is_http(chosen) and urls.credentials(about) is None
    except InputError:
        usable = False
    return (chosen, about) if usable else None


def _links(header: str, base: str) -> list[tuple[str, list[str]]]:
    """Absolute targets and relation types of a Link header's links, those from other places than `base` left out."""
    header, found = header[:_LINK_LENGTH], []
    at = max(header.find("<"), 0)
    while (match := _TARGET.match(header, at)) is not None:
        at = match.end()
        given: dict[str, str] = {}
        while (param := _PARAM.match(header, at)) is not None:
            at = param.end()
            quoted = param[2]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else param[3] or ""
            given.setdefault(param[1].lower(), value)  # of a repeated parameter the first counts (section 3.3)
        target = urls.absolute(base, match[1])
        elsewhere = "anchor" in given and urls.absolute(base, given["anchor"]) != base
        if target and not elsewhere:
            found.append((target, given.get("rel", "").lower().split()))
        following = header.find("<", at)  # whatever is malformed up to there is passed over
        at = following if following >= 0 else len(header)
    return found


def keeps_secrets(hub: str) -> bool:
    """Whether a secret may be told to this hub: over https, or where it does not leave this machine.

    Section 8.2; W3C Secure Contexts, 3.1, names loopback among the trustworthy. To other hubs no secret is told, and
    what they send is taken as a hint to look at the feed, never as news.
    """
    parts = urlsplit(hub)
    host = parts.hostname or ""
    if parts.scheme.lower() == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def callback(held: Subscription) -> str:
    """Give the URL under which a hub reaches this subscription."""
    return f"{held.base}/websub/{held.token}"


def form(asked: Subscription, mode: Literal["subscribe", "unsubscribe"]) -> dict[str, str]:
    """Give the fields of a request to the hub (section 5.1)."""
    fields = {"hub.mode": mode, "hub.topic": asked.topic, "hub.callback": callback(asked)}
    if mode == "subscribe":
        fields["hub.lease_seconds"] = str(LEASE_SECONDS)
        if keeps_secrets(asked.hub):
            fields["hub.secret"] = asked.secret
    return fields


# ---- asking ----


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about a subscription that is due, and what to note in the ledger before it is done."""

    act: Literal["subscribe", "unsubscribe", "forget"]
    values: Mapping[str, Any] = field(default_factory=dict)


def next_step(held: Subscription, now: datetime, jitter: float) -> Step:
    """Decide what to do about a subscription that is due. `jitter` is a random number from 0 to 1.

    The next step is due when the hub has had its time to come back, so noting this one keeps others from taking it.
    """
    silent = held.requested is not None and (held.verified is None or held.verified < held.requested)
    failures = held.failures + silent
    wait = timedelta(seconds=max(PATIENCE_SECONDS, retry_wait(failures, jitter)))
    values: dict[str, Any] = {"requested": now, "due": now + wait, "failures": failures}
    if silent:
        values["error"] = _SILENT
    if held.feed_id is None:
        agreed = held.expires is not None and held.expires > now
        return Step("unsubscribe", values) if agreed and failures < _LEAVE_TRIES else Step("forget")
    if not is_active(held, now):
        values["state"] = "pending"
    return Step("subscribe", values)


def after_failure(
    held: Subscription, error: str, now: datetime, *, jitter: float, after: float | None = None, lasting: bool = False
) -> dict[str, Any]:
    """Give what to note when a hub could not be asked or refused. `after` (seconds) is its Retry-After, `lasting` says
    that trying again soon makes no sense."""
    wait = max(retry_wait(held.failures + 1, jitter), _DAY if lasting else 0.0, after or 0.0)
    values: dict[str, Any] = {
        "failures": held.failures + 1,
        "error": error,
        "requested": None,
        "due": now + timedelta(seconds=wait),
    }
    if held.feed_id is not None and not is_active(held, now):
        values["state"] = "failed"
    return values


def retry_wait(failures: int, jitter: float) -> float:
    """Give the seconds to wait after so many failures in a row; jitter (0 to 1) delays by up to a tenth."""
    return float(min(RETRY_SECONDS * 2.0 ** min(max(failures - 1, 0), 20), _DAY)) * (1 + 0.1 * jitter)


# ---- being asked back, and pushed to ----


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer a hub that asks back: `answer` as text, or None for 404; what to note; whether to forget."""

    answer: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    forget: bool = False


def verdict(held: Subscription | None, query: Mapping[str, str], now: datetime, jitter: float) -> Verdict:
    """Decide on a hub's verification or denial (sections 5.2 and 5.3). `query` are the parameters of its request.

    Only what was asked for is confirmed: the mode and exactly the topic, and not later than the hub's time to come
    back. Within that time it may ask twice, since an answer can get lost. Denied may be said at any time.
    """
    if held is None or query.get("hub.topic") != held.topic:
        return Verdict()
    leaving, mode, challenge = held.feed_id is None, query.get("hub.mode"), query.get("hub.challenge", "")
    if mode == "denied":
        words = " ".join("".join(char if char.isprintable() else " " for char in query.get("hub.reason", "")).split())
        error = f"the hub denied it: {words[:200]}" if words else "the hub denied it without a reason"
        due = now + timedelta(seconds=DENIED_SECONDS)
        denied = {"state": "denied", "error": error, "requested": None, "expires": None, "due": due}
        return Verdict("", forget=True) if leaving else Verdict("", denied)
    wanted = "unsubscribe" if leaving else "subscribe"
    asked = held.requested is not None and abs((now - held.requested).total_seconds()) <= PATIENCE_SECONDS
    if mode != wanted or not asked or not 0 < len(challenge) <= MAX_CHALLENGE:
        return Verdict()
    if leaving:
        return Verdict(challenge, forget=True)
    lease = _lease(query.get("hub.lease_seconds", ""))
    values: dict[str, Any] = {"state": "active", "verified": now, "failures": 0, "error": ""}
    values |= {"expires": now + timedelta(seconds=lease), "due": now + timedelta(seconds=renew_wait(lease, jitter))}
    return Verdict(challenge, values)


def _lease(text: str) -> float:
    # Section 5.3 requires it; a hub that leaves it out is taken at our own word.
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
    return min(float(seconds or LEASE_SECONDS), _LEASE_MAX)


def renew_wait(lease: float, jitter: float) -> float:
    """Give the seconds until a lease of so many seconds is renewed: at 80 %, by jitter (0 to 1) up to 5 % earlier."""
    return min(max(lease * (RENEW_SHARE - 0.05 * jitter), _RENEW_MIN), _RENEW_MAX)


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether `signature` (X-Hub-Signature, `method=hex`) is that of `body` under `secret` (section 7.1)."""
    match = _SIGNATURE.match(signature.strip())
    if match is None:
        return False
    right = hmac.new(secret.encode(), body, getattr(hashlib, match[1].lower())).hexdigest()
    return hmac.compare_digest(right, match[2].lower())


def received(held: Subscription | None, body: bytes, signature: str) -> Literal["gone", "ignored", "ping", "push"]:
    """Decide what to make of something sent to a callback.

    `gone`: nobody wants it, which tells the hub to stop. `ignored`: not signed, or not rightly; the hub is not told
    (section 7.1). `push` is news, `ping` a hint that there is some: all that a hub without a secret can give.
    """
    if held is None or held.feed_id is None:
        return "gone"
    if held.verified is None:
        return "ignored"
    if not keeps_secrets(held.hub):
        return "ping"
    if not is_signed(held.secret, body, signature):
        return "ignored"
    return "push" if body.strip() else "ping"


# ---- what it means for polling, and for people ----


def is_active(held: Subscription, now: datetime) -> bool:
    """Whether the hub has agreed to push, and its lease has not run out."""
    return held.state == "active" and held.expires is not None and held.expires > now


def backup(held: Subscription | None, now: datetime, longest: float) -> tuple[float, str]:
    """Give the least seconds between two polls of a feed that is pushed, and why; 0 and empty where polls go on as
    usual. `longest` is the greatest time between two polls (seconds).

    A hub is relied on once it has pushed, and no more when polls find what it has not pushed.
    """
    if held is None or not is_active(held, now) or held.pushed is None:
        return 0.0, ""
    if held.missed:
        return 0.0, f"its hub missed {_times(held.missed, 'update')}"
    return longest, f"{_host(held.hub)} pushes it, this is only the backup"


def missed_after_poll(held: Subscription, *, new: int, last_polled: datetime | None, now: datetime) -> int:
    """Count pushes that should have come, after a poll that found `new` entries; `last_polled` is the poll before.

    Only what appeared between two polls under the same lease says something about the hub. Of pings it is not known
    what they were for, so one since the last poll is enough.
    """
    if not new or not is_active(held, now) or held.verified is None:
        return held.missed
    if last_polled is None or last_polled < held.verified:
        return held.missed
    pinged = not keeps_secrets(held.hub) and held.pushed is not None and held.pushed >= last_polled
    return held.missed if pinged else min(held.missed + 1, TRUST)


def describe(held: Subscription, now: datetime) -> str:
    """Say how it stands with a subscription, in one line."""
    hub = _host(held.hub)
    if held.feed_id is None:
        return f"{hub} is being asked to push no more"
    if not is_active(held, now):
        next_try = f"; asked again in {spell(max((held.due - now).total_seconds(), 0.0))}"
        if held.error:
            return f"not pushed by {hub}: {held.error}{next_try}"
        return f"{hub} was asked to push and has not agreed yet" if held.requested else f"{hub} will be asked to push"
    assert held.expires is not None
    parts = [f"pushed by {hub}", _pushes(held, now)]
    if held.missed:
        parts.append(f"polled as usual, since {_times(held.missed, 'update')} came without a push")
    if held.refused:
        parts.append(f"{_times(held.refused, 'push')} ignored for want of a right signature")
    if held.error:
        parts.append(f"not renewed: {held.error}")
    return "; ".join([*parts, f"lease ends in {spell((held.expires - now).total_seconds())}"])


def _pushes(held: Subscription, now: datetime) -> str:
    if held.pushed is None:
        return "no push yet"
    ago = spell(max((now - held.pushed).total_seconds(), 0.0))
    return f"{_times(held.pushes, 'push')}, the last {ago} ago"


def _times(count: int, what: str) -> str:
    return f"{count} {what if count == 1 else what + ('es' if what.endswith('sh') else 's')}"


def _host(hub: str) -> str:
    return urlsplit(urls.without_credentials(hub)).netloc
