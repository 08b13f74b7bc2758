"""For how long an answer stays the same, by its headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.freshness import LONGEST, freshness
from tests.feeds.polls import NOW

DATE = "Wed, 03 Dec 2025 12:00:00 GMT"
LATER = "Wed, 03 Dec 2025 12:30:00 GMT"


def fresh(**headers: str) -> float | None:
    return freshness({name.replace("_", "-"): value for name, value in headers.items()}, now=NOW)


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("max-age=600", 600),
        ("public, MAX-AGE=600", 600),
        ("private, max-age=600, must-revalidate", 600),
        ('max-age="600"', 600),
        ("max-age = 600", 600),
        ("s-maxage=900, max-age=600", 600),
        ("max-age=600, max-age=60", 60),
        ("max-age=31536000", LONGEST),
        ("max-age=600, no-cache", None),
        ('no-cache="set-cookie", max-age=600', None),
        ("no-store, max-age=600", None),
        ("max-age=0", None),
        ("max-age=-5", None),
        ("max-age=soon", None),
        ("max-age", None),
        ("s-maxage=900", None),
        ('community="max-age=600"', None),
        ("", None),
    ],
)
def test_cache_control(control: str, seconds: float | None) -> None:
    assert fresh(cache_control=control) == seconds


def test_what_a_cache_on_the_way_has_used_up_is_gone() -> None:
    assert fresh(cache_control="max-age=600", age="100") == 500
    assert fresh(cache_control="max-age=600", age="600") is None
    assert fresh(cache_control="max-age=600", age="100, 100") == 500
    assert fresh(cache_control="max-age=600", age="young") == 600


def test_expires_counts_from_the_hosts_own_clock() -> None:
    assert fresh(expires=LATER, date="Wed, 03 Dec 2025 12:20:00 GMT") == 600
    assert fresh(expires=LATER) == 1800
    assert fresh(expires=DATE, date=LATER) is None
    assert fresh(expires="0", date=DATE) is None
    assert fresh(expires="Wed, 99 Dec 2025 12:30:00 GMT", date=DATE) is None


def test_max_age_goes_before_expires() -> None:
    assert fresh(cache_control="max-age=60", expires=LATER, date=DATE) == 60
    assert fresh(cache_control="max-age=0", expires=LATER, date=DATE) is None
    assert fresh(cache_control="public", expires=LATER, date=DATE) == 1800


@given(st.fixed_dictionaries({}, optional={name: st.text() for name in ("cache-control", "age", "expires", "date")}))
def test_no_header_brings_it_down(headers: dict[str, str]) -> None:
    seconds = freshness(headers, now=NOW)
    assert seconds is None or 0 < seconds <= LONGEST
