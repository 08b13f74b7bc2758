"""Dates as publishers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.articles import dates

TEN = datetime(2025, 11, 30, 10, tzinfo=UTC)
DAY = datetime(2025, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-30T10:00:00Z",
        "2025-11-30T10:00:00.000Z",
        "2025-11-30T11:00:00+0100",
        "2025-11-30T11:00+01:00",
        "2025-11-30 10:00",
        "2025-11-30T05:00:00-05:00[America/New_York]",
        "2025/11/30 10:00:00",
        "1764496800",
        "1764496800000",
        "Sun, 30 Nov 2025 10:00:00 GMT",
        "Sun, 30 Nov 2025 05:00:00 -0500",
        "Nov 30, 2025 5:00 AM EST",
        "30 November 2025 at 11:00 CET",
        "November 30th, 2025 | 10:00 am",
        "Sun Nov 30 2025 11:00:00 GMT+0100 (CET)",
        "Updated 5:00 a.m. ET, Nov. 30, 2025",
        "30 de noviembre de 2025 10:00",
        "30. November 2025, 10:00 Uhr",
    ],
)
def test_times(text: str) -> None:
    assert dates.parse(text) == dates.Moment(TEN)


@pytest.mark.parametrize(
    "text",
    ["2025-11-30", "20251130", "November 30, 2025", "30 Nov 2025", "30-Nov-2025", "30 novembre 2025", "30. Nov. 2025"],
)
def test_days(text: str) -> None:
    assert dates.parse(text) == dates.Moment(DAY, exact=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2 hours ago",
        "11/30/2025",
        "30.11.2025",
        "November 2025",
        "2025-13-40",
        "Feb 30, 2025",
        "0001-01-01T00:00:00Z",
        "9999-12-31",
        "2025",
        "1970-01-01",
        "31 Foo 2025",
        "x" * 5000,
        None,
        [],
        {"a": 1},
        0,
        True,
    ],
)
def test_what_cannot_be_read_without_a_guess_is_not_read(text: object) -> None:
    assert dates.parse(text) is None


def test_midnight_of_the_next_day() -> None:
    assert dates.parse("2025-11-29T24:00:00Z") == dates.Moment(DAY)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/2025/11/30/title", True),
        ("https://a.example/2025/nov/30/title", True),
        ("https://a.example/news/title-20251130.html", True),
        ("https://a.example/2025-11-30-title", True),
        ("https://a.example/story/120251130123", False),
        ("https://a.example/2025/13/30/x", False),
        ("https://a.example/?date=2025-11-30", False),
        ("https://20251130.example/x", False),
    ],
)
def test_addresses(url: str, found: bool) -> None:
    assert dates.from_url(url) == (dates.Moment(DAY, exact=False) if found else None)
