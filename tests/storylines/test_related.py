"""Other storylines are named with the reason: what filing had to choose between, and names in common."""

from __future__ import annotations

from typing import Any

from pipeline.storylines.tell.names import backdrop_of
from pipeline.storylines.tell.records import Name, Neighbour
from pipeline.storylines.tell.related import MOST, related

NAMES = tuple(Name(name=name, articles=5, outlets=5) for name in ("Nicolás Maduro", "Caracas", "Washington", "OPEC"))
OTHERS = backdrop_of([*(f"Washington acts, {n}" for n in range(30)), *(f"Rain in place {n}" for n in range(30))])


def neighbour(number: int, headline: str, **fields: Any) -> Neighbour:
    return Neighbour(id=number, headline=headline, text="", **fields)


def test_the_one_that_often_came_second_is_named_with_the_reason() -> None:
    found = related(
        NAMES,
        [
            neighbour(4, "Maduro's letter to OPEC is read in Caracas", here=7, there=1, nearest=0.8),
            neighbour(5, "Strikes on boats off Caracas", there=3, nearest=0.7),
        ],
        OTHERS,
    )
    assert [one.id for one in found] == [4, 5]
    assert found[0].reason == (
        "shares Nicolás Maduro, Caracas, OPEC; was the runner-up for 7 articles here, and this one for 1 of its own"
    )
    assert found[1].reason == "shares Caracas; this one was the runner-up for 3 articles there"


def test_names_in_common_are_enough_when_they_are_rare() -> None:
    found = related(NAMES, [neighbour(4, "Maduro leaves Caracas"), neighbour(5, "Caracas has rain")], OTHERS)
    assert [(one.id, one.reason) for one in found] == [(4, "shares Nicolás Maduro, Caracas")]


def test_a_name_that_everybody_has_and_a_far_second_place_are_not() -> None:
    far = neighbour(6, "Frogs of the cloud forest", here=1, nearest=0.3)
    assert related(NAMES, [neighbour(5, "Washington waits for rain"), far], OTHERS) == ()


def test_a_near_miss_needs_no_name() -> None:
    (one,) = related(NAMES, [neighbour(6, "The phone rang", here=1, nearest=0.9)], OTHERS)
    assert one.reason == "was the runner-up for 1 article here"


def test_no_more_are_named_than_are_read() -> None:
    many = [neighbour(n, f"Maduro in Caracas, part {n}", here=1, nearest=0.9) for n in range(1, 60)]
    assert len(related(NAMES, many, OTHERS)) == MOST
    assert related((), [], OTHERS) == ()
