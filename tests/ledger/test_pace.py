"""Momentum orders storylines as the decayed count of their articles does, and the pace counts by the hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger import pace
from tests.ledger.making import START

HOURS = st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=30)


def weight(articles: list[tuple[int, bool]]) -> float:
    return sum((1 if original else 0.25) * 2 ** (-(500 - hours) / 6) for hours, original in articles)


def kept(articles: list[tuple[int, bool]]) -> dict[str, object]:
    return pace.counted(
        ((START + timedelta(hours=hours), original) for hours, original in articles), START + timedelta(hours=500)
    )


@given(HOURS, HOURS)
def test_two_storylines_compare_as_their_decayed_counts(
    one: list[tuple[int, bool]], two: list[tuple[int, bool]]
) -> None:
    a, b = weight(one), weight(two)
    if abs(a - b) > 1e-9 * max(a, b):
        assert (kept(one)["momentum"] > kept(two)["momentum"]) == (a > b)  # type: ignore[operator]


@given(HOURS)
def test_the_order_in_which_articles_come_makes_no_difference(articles: list[tuple[int, bool]]) -> None:
    row = dict(pace.NOTHING)
    for hours, original in articles:
        row = pace.grown(row, START + timedelta(hours=hours), START + timedelta(hours=500), original=original)
    whole = kept(articles)
    assert row["momentum"] == pytest.approx(whole["momentum"])
    assert row["pace"] == whole["pace"]


@given(HOURS)
def test_the_chart_shows_the_articles_of_its_hours(articles: list[tuple[int, bool]]) -> None:
    now = START + timedelta(hours=400)
    row = kept(articles)
    found = pace.recent(row["pace"], now, bars=24, hours=2)  # type: ignore[arg-type]
    assert sum(found) == sum(400 - hours < 48 for hours, _ in articles)
    assert found[-1] == sum(400 - hours < 2 for hours, _ in articles)


def test_an_article_of_the_future_counts_as_of_now() -> None:
    assert pace.grown(pace.NOTHING, START + timedelta(days=900), START, original=True) == pace.grown(
        pace.NOTHING, START, START, original=True
    )


def test_nothing_shows_as_nothing() -> None:
    assert pace.recent([], START, bars=3, hours=2) == [0, 0, 0]
