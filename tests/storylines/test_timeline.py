"""Each day is told by what it adds to the days before."""

from __future__ import annotations

from datetime import date

from pipeline.storylines.tell.timeline import MOST_DAYS, days
from tests.storylines.wire import article

FIRST = [
    article(1, "Cracks found in Orsel dam", outlet="A", hours=1),
    article(2, "Orsel dam has cracks, engineers say", outlet="B", hours=2),
]
SECOND = [
    article(3, "Orsel dam cracks: what engineers found", outlet="A", hours=25),
    article(4, "Orsel dam breaks, wave hits Vell valley", outlet="B", hours=27),
    article(5, "Wave hits Vell valley as dam breaks in Orsel", outlet="C", hours=28),
]


def test_a_day_is_told_by_what_is_new_and_not_by_what_is_repeated() -> None:
    second, first = days([*SECOND, *FIRST], [])
    assert (first.day, second.day) == (date(2025, 12, 1), date(2025, 12, 2))
    assert first.title in {one.title for one in FIRST}
    assert second.title in {one.title for one in SECOND[1:]}
    assert second.new
    assert "Vell" in second.fresh
    assert not {"Orsel", "cracks"} & set(second.fresh)


def test_originals_reprints_and_outlets_are_counted_by_day() -> None:
    copies = [article(8, "Cracks found in Orsel dam", outlet="D", hours=26), article(9, "Copy", outlet="A", hours=75)]
    third, second, first = days([*FIRST, *SECOND], copies)
    assert (first.originals, first.reprints, first.outlets) == (2, 0, 2)
    assert (second.originals, second.reprints, second.outlets) == (3, 1, 4)
    assert (third.originals, third.reprints, third.article, third.title, third.new) == (0, 1, None, "", False)


def test_a_day_that_repeats_says_so() -> None:
    again = article(9, "Wave hits Vell valley as Orsel dam breaks", hours=60)
    latest, *_ = days([*FIRST, *SECOND, again], [])
    assert (latest.article, latest.new, latest.fresh) == (9, False, ())


def test_a_new_number_is_news() -> None:
    again = article(9, "Orsel dam breaks: 23 missing in Vell valley", hours=60)
    assert days([*FIRST, *SECOND, again], [])[0].fresh == ("23",)


def test_a_language_that_joins_late_is_no_news() -> None:
    later = [
        article(6, "Staudamm von Orsel gebrochen, Welle trifft Tal", lang="de", hours=50),
        article(7, "Army sends boats to Vell valley", hours=51),
    ]
    assert days([*FIRST, *SECOND, *later], [], lang="en")[0].article == 7


def test_the_text_speaks_for_an_article_without_title_and_undated_ones_count_when_seen() -> None:
    (only,) = days([article(1, "", "Water was seen below the dam.", hours=None, seen_hours=30)], [])
    assert (only.title, only.day) == ("Water was seen below the dam.", date(2025, 12, 2))


def test_a_date_in_the_future_makes_no_day_of_its_own() -> None:
    (only,) = days([article(1, "Cracks", hours=24 * 365, seen_hours=2)], [])
    assert only.day == date(2025, 12, 1)


def test_long_storylines_are_told_by_their_latest_days() -> None:
    many = [article(n, f"Report {n} of the strike", hours=24.0 * n) for n in range(200)]
    told = days(many, [])
    assert len(told) == MOST_DAYS
    assert [one.day for one in told] == sorted((one.day for one in told), reverse=True)
    assert told[0].article == 199


def test_nothing_has_no_days() -> None:
    assert days([], []) == ()
