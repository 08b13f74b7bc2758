"""Whether an edited entry is a reason to look at its page again: a decision about records, with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.ledger.edits import LEAST_PAUSE, MENDABLE, MOST_LOOKS, OLDEST, Known, digest, is_edit, look_again
from pipeline.records import ArticleState, Entry
from tests.ledger.making import START, at

FILED = Known(state=ArticleState.FILED, seen=START, read=START)
LATER = START + timedelta(hours=1)
ENTRY = Entry(key="k", url="https://paper.example/1", title="Mill closes", summary="The mill closed.", updated=START)


def test_an_edit_of_a_filed_article_is_looked_into() -> None:
    look = look_again(FILED, LATER)
    assert (look.now, look.later, look.why) == (True, False, "its entry was edited")
    assert look_again(replace(FILED, state=ArticleState.DUPLICATE), LATER).now


def test_one_that_comes_too_soon_is_seen_again_later() -> None:
    look = look_again(FILED, START + LEAST_PAUSE - timedelta(seconds=1))
    assert (look.now, look.later) == (False, True)
    assert look.why == "it was looked at less than 15 min ago"
    assert look_again(FILED, START + LEAST_PAUSE).now


@pytest.mark.parametrize("futile", [1, 3, 6])
def test_the_pause_doubles_with_each_look_that_found_nothing(futile: int) -> None:
    known = replace(FILED, looks=futile, futile=futile)
    pause = LEAST_PAUSE * 2**futile
    assert look_again(known, START + pause - timedelta(seconds=1)).later
    assert look_again(known, START + pause).now


def test_an_entry_that_changes_at_every_fetch_costs_a_bounded_number_of_looks() -> None:
    """View counters and relative times: every five minutes for a month something has changed, and never anything."""
    known, looks = FILED, []
    for minute in range(0, 60 * 24 * 30, 5):
        now = START + timedelta(minutes=minute)
        if look_again(known, now).now:
            looks.append(now)
            known = replace(known, read=now, looks=known.looks + 1, futile=known.futile + 1)
    assert len(looks) <= 10
    assert looks[-1] - START <= OLDEST


def test_one_that_changes_in_substance_all_day_is_followed_for_some_hours() -> None:
    known, looks = FILED, []
    for minute in range(0, 60 * 24, 5):
        now = START + timedelta(minutes=minute)
        if look_again(known, now).now:
            looks.append(now)
            known = replace(known, read=now, looks=known.looks + 1, futile=0)
    assert len(looks) == MOST_LOOKS
    assert looks[-1] - START == LEAST_PAUSE * MOST_LOOKS


@pytest.mark.parametrize("reason", sorted(MENDABLE))
def test_what_was_rejected_for_having_too_little_may_have_more_now(reason: str) -> None:
    assert look_again(replace(FILED, state=ArticleState.REJECTED, reason=reason), LATER).now


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (replace(FILED, state=ArticleState.REJECTED, reason="pdf"), "an edit does not mend what is rejected (pdf)"),
        (
            replace(FILED, state=ArticleState.REJECTED, reason="robots"),
            "an edit does not mend what is rejected (robots)",
        ),
        (replace(FILED, state=ArticleState.REJECTED, reason="forgotten"), "rejected (forgotten)"),
        (replace(FILED, state=ArticleState.DEAD, reason="timeout"), "an edit does not mend what is dead (timeout)"),
        (replace(FILED, state=ArticleState.QUEUED), "its page is going to be read anyway"),
        (replace(FILED, seen=LATER - OLDEST - timedelta(seconds=1)), "it is older than 7 days"),
        (replace(FILED, looks=MOST_LOOKS), "it was looked at 16 times already"),
        (replace(FILED, given=True), "its text was given, not read from a page"),
    ],
)
def test_what_is_never_looked_at_again(known: Known, why: str) -> None:
    look = look_again(known, LATER)
    assert (look.now, look.later) == (False, False)
    assert why in look.why


@pytest.mark.parametrize("state", [ArticleState.FETCHED, ArticleState.EMBEDDED])
def test_an_edit_just_after_the_page_was_read_is_seen_again(state: ArticleState) -> None:
    look = look_again(replace(FILED, state=state), LATER)
    assert (look.now, look.later) == (False, True)


def test_an_edit_while_the_page_is_being_read_is_seen_again() -> None:
    look = look_again(replace(FILED, state=ArticleState.QUEUED, reading=True), LATER)
    assert (look.now, look.later) == (False, True)


# ---- what an edit is ----


@pytest.mark.parametrize(
    "edited",
    [
        replace(ENTRY, title="Mill closes for good"),
        replace(ENTRY, summary="The mill burnt down."),
        replace(ENTRY, content="<p>More.</p>"),
        replace(ENTRY, updated=at(60)),
        replace(ENTRY, updated=None),
    ],
)
def test_an_edit_changes_the_digest(edited: Entry) -> None:
    assert is_edit(digest(ENTRY), digest(edited))


@pytest.mark.parametrize(
    "same",
    [
        replace(ENTRY, summary="<p class='x-81'>The   mill\nclosed.</p><img src='/pixel?n=4711'>"),
        replace(ENTRY, published=at(5), url="https://paper.example/1?sid=2", key="other"),
        replace(ENTRY, authors=("Ada Crane",), lang="en"),
    ],
)
def test_markup_and_identity_do_not(same: Entry) -> None:
    assert not is_edit(digest(ENTRY), digest(same))


def test_the_first_digest_and_one_of_another_form_say_nothing() -> None:
    assert not is_edit(None, digest(ENTRY))
    assert not is_edit("", digest(ENTRY))
    assert not is_edit("0:abc", digest(ENTRY))


def test_an_endless_row_of_brackets_is_read_in_linear_time() -> None:
    assert digest(replace(ENTRY, content="<" * 2_000_000)) != digest(ENTRY)
