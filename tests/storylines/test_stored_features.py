"""What a worker stores of an article is what filing would read from its text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storylines.evidence import features, pack_features, stored, unpack_features
from pipeline.storylines.filing import Filing
from tests.storylines.test_copies import WIRE
from tests.storylines.wire import Desk, about, article, filler

TITLE = "Freighter blocks harbour of Port Alder | Alder Gazette"


@given(st.text(max_size=80), st.text(max_size=2_000))
def test_any_text_comes_back_as_it_was(title: str, text: str) -> None:
    shown = features(article(1, title, text))
    again = unpack_features(pack_features(shown), None, "en")
    assert again is not None
    for one, other in ((shown.title, again.title), (shown.body, again.body), (shown.names, again.names)):
        assert np.array_equal(one.ids, other.ids)
        assert np.array_equal(one.values, other.values)
    assert (shown.titled, shown.lang) == (again.titled, again.lang)


def test_words_that_come_often_keep_their_counts() -> None:
    shown = features(article(1, "Orsel", "Orsel " * 300 + "flood " * 16 + "water " * 15))
    again = unpack_features(pack_features(shown), None, "en")
    assert again is not None
    assert sorted(again.body.values.tolist()) == [15.0, 16.0, 302.0]


def test_filing_reads_no_text_where_features_are_stored() -> None:
    desk = Desk()
    desk.take_all(filler())
    page = article(1, TITLE, WIRE, vector=about("harbour"), outlet="Alder Gazette")
    kept = stored(TITLE, WIRE, "en", "Alder Gazette", page.url)
    assert len(kept) < 600
    # The stored words count, whatever the text now says: it is not looked at.
    assert desk.filing.compare(replace(page, text="", features=kept)) == desk.filing.compare(page)
    assert desk.filing.compare(replace(page, text="")) != desk.filing.compare(page)


def test_features_of_another_make_or_damaged_are_read_again_from_the_text() -> None:
    desk = Desk()
    desk.take_all(filler())
    page = article(1, TITLE, WIRE, vector=about("harbour"))
    kept = stored(TITLE, WIRE, "en", "", page.url)
    expected = desk.filing.compare(page)
    for bad in (b"", b"\x00" + kept[1:], kept[:5], kept[:-1], kept + b"x"):
        assert desk.filing.compare(replace(page, features=bad)) == expected


def test_decisions_are_the_same_either_way() -> None:
    read, given_ = Filing(), Filing()
    for page in filler() + filler(first=900_100, hours=3.0):
        kept = stored(page.title, page.text, page.lang, page.outlet, page.url)
        one, other = read.decide(page), given_.decide(replace(page, features=kept))
        assert one == other
        read.file(page, one.storyline or page.id, copy_of=one.copy_of)
        given_.file(replace(page, features=kept), one.storyline or page.id, copy_of=one.copy_of)
