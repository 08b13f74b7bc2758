"""Dates as feeds write them: read for certain, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.dates import parse_date

NOW = datetime(2025, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 30 Nov 2025 10:15:00 GMT", "2025-11-30T10:15:00"),
        ("Sun, 30 Nov 2025 10:15:00 +0130", "2025-11-30T08:45:00"),
        ("Sun,30 November 2025 10:15 EST", "2025-11-30T15:15:00"),
        ("30 Nov 25 10:15:00 PDT", "2025-11-30T17:15:00"),
        ("Thu, 30 Apr 2015 08:57:00 MEST", "2015-04-30T06:57:00"),
        ("Wed, 19 Aug 2009 18:28:00 Etc/GMT", "2009-08-19T18:28:00"),
        ("Fri, 31 Mar 2023 20:19:00 America/Los_Angeles", "2023-04-01T03:19:00"),
        ("Sun Nov 30 10:15:00 2025", "2025-11-30T10:15:00"),
        ("Sun Nov 30 2025 10:15:00 GMT+0100 (Central European Time)", "2025-11-30T09:15:00"),
        ("2025-11-30T10:15:00Z", "2025-11-30T10:15:00"),
        ("2025-11-30t10:15:00.123456-05:00", "2025-11-30T15:15:00"),
        ("2025-11-30 10:15:00", "2025-11-30T10:15:00"),
        ("2025-11-30T10:15+01", "2025-11-30T09:15:00"),
        ("20251130T101500Z", "2025-11-30T10:15:00"),
        ("2025-11-30", "2025-11-30T00:00:00"),
        ("2025-11", "2025-11-01T00:00:00"),
        ("2025-334", "2025-11-30T00:00:00"),
        ("Sunday, November 30, 2025 - 1:05pm", "2025-11-30T13:05:00"),
        ("Nov. 30, 2025, 12:05 a.m.", "2025-11-30T00:05:00"),
        ("Sun, 30th Nov 2025", "2025-11-30T00:00:00"),
        ("Di, 25 März 2025 10:00:00 +0100", "2025-03-25T09:00:00"),
        ("mar., 02 déc. 2025 10:00:00 +0100", "2025-12-02T09:00:00"),
        ("mar, 04 mar 2025 10:00:00", "2025-03-04T10:00:00"),
        ("dom, 30 novembre 2025 10:00", "2025-11-30T10:00:00"),
        ("30 de agosto de 2025", "2025-08-30T00:00:00"),
        ("Вс, 30 ноя 2025 10:00:00 +0300", "2025-11-30T07:00:00"),
        ("Κυρ, 30 Νοέ 2025 10:00:00 EET", "2025-11-30T08:00:00"),
        ("2025-július-13T9:15-05:00", "2025-07-13T14:15:00"),
        ("2025년 11월 30일 오후 1:05", "2025-11-30T04:05:00"),
        ("30.11.2025 10:15", "2025-11-30T10:15:00"),
        ("11/30/2025 4:20 pm PST", "2025-12-01T00:20:00"),
        ("Sun, 30/11/2025", "2025-11-30T00:00:00"),
        ("Wed, 05/11/2025", "2025-11-05T00:00:00"),
        ("1764497700", "2025-11-30T10:15:00"),
        ("1764497700000", "2025-11-30T10:15:00"),
        ("2 hours ago", "2025-11-30T10:00:00"),
        ("Sun, 30 Nov 2025 23:59:60 GMT", "2025-11-30T23:59:59"),
    ],
)
def test_read(text: str, expected: str) -> None:
    assert parse_date(text, NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "soon",
        "2013-xx-27",
        "2013-01-27-01",
        "2013-02-30",
        "22013",
        "2003-12-31T25:14:55Z",
        "2003-12-31T10:61:55Z",
        "9999-12-31T23:59:59-99:99",
        "2013-01-28T11:30:00-06:00Textra",
        "Sun, 16 zzz 2012 11:47:32 GMT",
        "Sun, 16 Dec zz 11:47:32 GMT",
        "Sun, 99 Jun 2009 12:00:00 GMT",
        "Sun, 16 Dec 2012 1:2:3:4 GMT",
        "Sun, 16 Dec 2012 11:47:32 +zz:00",
        "Sun, 30 Nov 2025 13:05 pm",
        "04/05/2025",
        "Fri, 31 Mar 2023 20:19:00 Nowhere/Atlantis",
        "0000-00-00 00:00:00",
        "x" * 10_000,
    ],
)
def test_refused(text: str) -> None:
    assert parse_date(text, NOW) is None


def test_relative_dates_need_a_now() -> None:
    assert parse_date("2 hours ago") is None


@given(st.text(max_size=80) | st.text("0123456789:/-+., TZapmGMTNov", max_size=40))
def test_nothing_escapes(text: str) -> None:
    found = parse_date(text, NOW)
    assert found is None or found.tzinfo is UTC


@given(st.integers(631_152_000, 3_124_224_000))  # 1990 to 2069
def test_what_computers_write_is_read_back(second: int) -> None:
    moment = datetime.fromtimestamp(second, tz=UTC)
    for pattern in ("%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%dT%H:%M:%SZ", "%d %B %Y %I:%M:%S %p", "%A, %d-%b-%y %H:%M:%S"):
        assert parse_date(moment.strftime(pattern)) == moment
