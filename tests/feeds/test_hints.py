"""What feeds ask of their pollers: pauses, hours and days of rest, and what to do with wishes that make no sense."""

from __future__ import annotations

import pytest

from pipeline.records import FeedHints
from tests.feeds.bodies import item, read, rss

SY = ' xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'


def hints(head: str, *, namespace: str = "") -> tuple[FeedHints, tuple[str, ...]]:
    found = read(rss(item(1), head=head).replace("<rss ", f"<rss{namespace} "))
    return found.hints, found.problems


def test_a_feed_without_wishes_has_none() -> None:
    assert hints("<title>x</title>") == (FeedHints(), ())


def test_ttl_is_in_minutes() -> None:
    assert hints("<ttl> 90 </ttl>") == (FeedHints(ttl=5400.0, ttl_from="ttl"), ())
    assert hints("<ttl>15.0</ttl>")[0].ttl == 900.0


@pytest.mark.parametrize("text", ["-5", "soon", "1 hour", "99999999999"])
def test_a_ttl_that_is_no_number_of_minutes_is_left_out_and_said_so(text: str) -> None:
    found, problems = hints(f"<ttl>{text}</ttl>")
    assert found == FeedHints()
    assert problems == (f"has a ttl that is no number of minutes ({text!r}): left out",)


def test_a_ttl_of_zero_says_nothing() -> None:
    assert hints("<ttl>0</ttl>") == (FeedHints(), ())


def test_a_year_is_taken_for_a_week() -> None:
    found, problems = hints("<ttl>525600</ttl>")
    assert found.ttl == 7 * 86_400
    assert problems == ("asks to be polled every 365 days (ttl): taken as 7 days",)


@pytest.mark.parametrize(
    ("period", "frequency", "seconds"),
    [
        ("hourly", "1", 3600),
        ("HOURLY", "4", 900),
        (" daily ", "", 86_400),
        ("daily", "24", 3600),
        ("weekly", "7", 86_400),
    ],
)
def test_updates_per_period(period: str, frequency: str, seconds: float) -> None:
    head = f"<sy:updatePeriod>{period}</sy:updatePeriod><sy:updateFrequency>{frequency}</sy:updateFrequency>"
    assert hints(head, namespace=SY) == (FeedHints(ttl=seconds, ttl_from="sy:updatePeriod"), ())


@pytest.mark.parametrize(("period", "frequency"), [("hourly", "0"), ("hourly", "-1"), ("fortnightly", "1")])
def test_periods_that_cannot_be_read_are_left_out_and_said_so(period: str, frequency: str) -> None:
    head = f"<sy:updatePeriod>{period}</sy:updatePeriod><sy:updateFrequency>{frequency}</sy:updateFrequency>"
    found, problems = hints(head, namespace=SY)
    assert found == FeedHints()
    assert "sy:updatePeriod that cannot be read" in problems[0]


def test_ttl_goes_before_the_period() -> None:
    assert hints("<sy:updatePeriod>daily</sy:updatePeriod><ttl>10</ttl>", namespace=SY)[0].ttl == 600


def test_monthly_is_taken_for_a_week() -> None:
    found, problems = hints("<sy:updatePeriod>monthly</sy:updatePeriod>", namespace=SY)
    assert found.ttl == 7 * 86_400
    assert "every 30 days (sy:updatePeriod)" in problems[0]


def test_hours_and_days_of_rest() -> None:
    head = """<skipHours><hour>0</hour> <hour>05</hour><hour>23</hour><hour>5</hour><hour>99</hour><hour>x</hour>
    </skipHours><skipDays><day>Sunday</day><day> saturday </day><day>Caturday</day></skipDays>"""
    assert hints(head) == (FeedHints(skip_hours=(0, 5, 23), skip_days=(5, 6)), ())


def test_hour_24_of_older_feeds_is_midnight() -> None:
    assert hints("<skipHours><hour>24</hour></skipHours>")[0].skip_hours == (0,)


def test_hints_may_stand_behind_the_items_and_in_a_broken_feed() -> None:
    body = rss(item(1)).replace("</channel></rss>", "<skipDays><day>Monday</day></skipDays><ttl>5</ttl>")
    assert read(body).hints == FeedHints(ttl=300, ttl_from="ttl", skip_days=(0,))


def test_never_is_a_mistake() -> None:
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(24))
    days = "".join(f"<day>{day}day</day>" for day in ("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"))
    found, problems = hints(f"<skipHours>{hours}</skipHours><skipDays>{days}</skipDays>")
    assert found == FeedHints()
    assert problems == (
        "asks never to be polled (skipHours): left out",
        "asks never to be polled (skipDays): left out",
    )


def test_atom_and_json_have_none() -> None:
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title></feed>'
    assert read(atom).hints == FeedHints()
    assert read('{"version":"https://jsonfeed.org/version/1.1","title":"a","items":[]}').hints == FeedHints()
