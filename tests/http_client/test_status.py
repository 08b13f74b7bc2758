"""What a status means, and when the host wants to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.http import Response, classify, retry_after

NOW = datetime(2025, 11, 30, 12, 0, tzinfo=UTC)


def answered(status: int, body: bytes = b"x", **headers: str) -> Response:
    return Response(
        url="https://example.org/",
        final_url="https://me:secret@example.org/a",
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        redirects=(),
        seconds=0.1,
    )


@pytest.mark.parametrize("status", [200, 203, 206, 304])
def test_usable(status: int) -> None:
    assert classify(answered(status)) is None


def test_not_modified_has_no_body() -> None:
    assert classify(answered(304, b"")) is None


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (401, "login", False),
        (402, "payment", False),
        (403, "forbidden", True),
        (404, "not-found", False),
        (408, "timeout", True),
        (410, "gone", False),
        (418, "client-error", False),
        (429, "throttled", True),
        (451, "legal", False),
        (500, "server-error", True),
        (503, "server-error", True),
        (520, "server-error", True),
        (302, "protocol", True),
    ],
)
def test_unusable(status: int, reason: str, retry: bool) -> None:
    error = classify(answered(status))
    assert error is not None
    assert (error.reason, error.retry) == (reason, retry)
    assert "secret" not in str(error)


def test_no_content() -> None:
    error = classify(answered(204, b""))
    assert error is not None
    assert error.reason == "no-content"


def test_a_challenge_is_named_for_what_it_is() -> None:
    error = classify(answered(403, cf_mitigated="challenge"))
    assert error is not None
    assert (error.reason, error.retry) == ("challenge", True)


def test_retry_after_goes_by_the_hosts_own_clock() -> None:
    error = classify(answered(429, retry_after="Sun, 30 Nov 2003 12:10:00 GMT", date="Sun, 30 Nov 2003 12:00:00 GMT"))
    assert error is not None
    assert error.after == 600


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("-5", 0),
        ("99999999", 86_400),
        ("1e999", 86_400),
        ("nan", None),
        ("Sun, 30 Nov 2025 12:05:00 GMT", 300),
        ("Sun, 30 Nov 2025 11:05:00 GMT", 0),
        ("Sun, 30 Nov 2099 12:05:00 GMT", 86_400),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_no_retry_after() -> None:
    assert retry_after({}, NOW) is None
