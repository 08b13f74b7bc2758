"""What a status means, and when the host wants to be asked again. Pure functions of the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from pipeline.errors import FetchError
from pipeline.urls import mask

RETRY_AFTER_LIMIT = 86_400.0
"""Seconds. Hosts have been seen to ask for years; a feed must come back to life within a day of its host."""

# status: (reason, whether trying again later makes sense, what to say)
_MEANINGS: dict[int, tuple[str, bool, str]] = {
    401: ("login", False, "asks for a login; put user name and password into the URL"),
    402: ("payment", False, "asks for a payment"),
    # Many hosts say 403 where they mean 429, so it is not final.
    403: ("forbidden", True, "refuses us (403 Forbidden)"),
    404: ("not-found", False, "is not there (404 Not Found)"),
    407: ("login", False, "sits behind a proxy that asks for a login"),
    408: ("timeout", True, "gave up waiting for us (408 Request Timeout)"),
    410: ("gone", False, "is gone for good (410 Gone)"),
    425: ("server-error", True, "asks to be asked later (425 Too Early)"),
    429: ("throttled", True, "asks us to slow down (429 Too Many Requests)"),
    451: ("legal", False, "is withheld for legal reasons (451)"),
}


class Answer(Protocol):
    """What `classify` looks at; `Response` is one."""

    @property
    def final_url(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


def classify(response: Answer, *, now: datetime | None = None) -> FetchError | None:
    """Name what is wrong with an answer; None for a usable one (2xx with a body, 304).

    The error says whether to retry and, from Retry-After, in how many seconds. It is returned, not raised. `now` is
    for a Retry-After that is a date; by default the answer's own Date header, so that a host's wrong clock cancels out.
    """
    status = response.status
    if status == 304 or (200 <= status < 300 and response.body):
        return None
    reason, retry, words = _meaning(status)
    # Cloudflare marks its challenge pages so; they come as 403, 429 or 503 and are about us, not about the page.
    if "challenge" in response.headers.get("cf-mitigated", ""):
        reason, retry, words = "challenge", True, f"hides behind a challenge page (status {status})"
    after = retry_after(response.headers, now or _clock(response.headers))
    return FetchError(f"{mask(response.final_url)} {words}", reason=reason, retry=retry, after=after)


def _meaning(status: int) -> tuple[str, bool, str]:
    if status in _MEANINGS:
        return _MEANINGS[status]
    if 200 <= status < 300:
        return "no-content", True, f"answered {status} without a body"
    if status >= 500:
        return "server-error", True, f"failed with status {status}"
    return ("client-error", False, f"answered {status}") if status >= 400 else ("protocol", True, f"answered {status}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Give the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), 0 to one day.

    None when there is none or it cannot be read.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        date = _http_date(text)
        if date is None:
            return None
        seconds = (date - now).total_seconds()
    return None if math.isnan(seconds) else min(max(seconds, 0.0), RETRY_AFTER_LIMIT)


def _clock(headers: Mapping[str, str]) -> datetime:
    return _http_date(headers.get("date", "")) or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
