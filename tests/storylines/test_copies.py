"""Reprints are recognised, and texts that only share a page's furniture are not."""

import numpy as np
import pytest

from pipeline.storylines.copies import CopyIndex, Original, signature, similarity
from tests.storylines.wire import Desk, about, article, filler

WIRE = (
    "The harbour of Port Alder was closed on Friday after a freighter ran aground at its mouth. Nobody was hurt, the "
    "coast guard said, but two tugs failed to pull the ship free before the tide fell. The Maribel, 180 metres long, "
    "carries soya from Santos and lies across the only deep channel. Eleven ships are waiting outside. A salvage "
    "company from Stellin is to try again at high water on Saturday. The port authority could not say how long the "
    "channel would be blocked; a similar accident nine years ago took four days to clear. Fishermen were told to stay "
    "in harbour, and the ferry to the islands was cancelled until further notice."
)
TITLE = "Freighter blocks harbour of Port Alder"
WALL = (
    "Thank you for registering with us. We have sent you a message with a link; please open it to confirm your address "
    "and to choose your interests. If you do not find it, look into your folder of unwanted mail or ask us to send it "
    "again. You can change your settings at any time in your profile, where you can also end your membership."
)


def test_a_reprint_is_filed_with_its_original_under_another_headline() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.take(article(1, TITLE, WIRE, vector=about("harbour"), outlet="wire"))
    copy = desk.take(article(2, "Ship aground: Port Alder cut off", WIRE + " (Wire)", outlet="gazette", hours=30.0))
    again = desk.take(article(3, "Ship stuck in Port Alder", "By our staff. " + WIRE, outlet="gazette", hours=31.0))
    assert copy.copy_of == 1
    assert again.copy_of == 1  # never a copy of a copy
    assert {storyline for _, storyline, _ in desk.history[-3:]} == {desk.history[-1][1]}
    assert copy.score >= 0.8
    assert copy.why()["copy_of"] == 1


def test_the_same_page_again_is_no_reprint() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.take(article(1, TITLE, WIRE, url="https://wire.example/a", vector=about("harbour")))
    edited = desk.take(article(2, TITLE, WIRE + " Update.", url="https://wire.example/a", vector=about("harbour")))
    assert edited.copy_of is None
    assert edited.storyline == desk.history[-2][1]
    assert (
        desk.filing.decide(article(1, TITLE, WIRE, url="https://other.example", vector=about("harbour"))).copy_of
        is None
    )


def test_a_wall_before_two_articles_makes_them_no_copies() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.take(article(1, "Fire destroys sawmill in Hexby", WALL, vector=about("fire")))
    assert desk.take(article(2, "Minister Ruland resigns", WALL, vector=about("minister"))).copy_of is None


def test_a_later_story_in_the_same_words_is_no_reprint() -> None:
    desk = Desk()
    desk.take(article(1, TITLE, WIRE, vector=about("harbour")))
    assert desk.filing.decide(article(2, TITLE, WIRE, vector=about("harbour"), hours=24.0 * 8)).copy_of is None


def test_too_short_or_too_repetitive_to_judge() -> None:
    assert signature("") is None
    assert signature("word " * 500) is None
    assert signature(" ".join(WIRE.split()[:29])) is None
    assert signature(WIRE) is not None


def test_the_estimate_is_near_the_true_share() -> None:
    rng = np.random.default_rng(5)
    vocabulary = [f"w{i}" for i in range(4000)]
    base = [vocabulary[i] for i in rng.integers(0, 4000, 1000)]
    other = base[:800] + [vocabulary[i] for i in rng.integers(0, 4000, 200)]
    a, b = signature(" ".join(base)), signature(" ".join(other))
    assert a is not None
    assert b is not None
    true = 796 / (996 + 996 - 796)  # five-word sequences in common, of all
    assert similarity(a, b) == pytest.approx(true, abs=4 * np.sqrt(true * (1 - true) / 128))
    assert similarity(a, a) == 1
    assert similarity(a, b"of another make") == 0


def test_a_signature_never_changes() -> None:
    """Signatures are kept for years: a new version of a library must not make them noise."""
    mark = signature(WIRE)
    assert mark is not None
    assert np.frombuffer(mark, "<u4")[:4].tolist() == PINNED


def test_unspaced_script() -> None:
    text = (
        "委内瑞拉总统马杜罗与美国总统通电话的消息在周日得到证实，"
        "美国总统在空军一号上对记者说，通话不好也不坏，只是一次电话。"
    )
    mark, other = signature(text), signature(text[:-4] + "。")
    assert mark is not None
    assert other is not None
    assert similarity(mark, other) > 0.8


def test_the_index_is_bounded_and_forgets() -> None:
    index = CopyIndex(window_hours=168, most=10, least_similarity=0.8)
    marks = []
    for i in range(50):
        mark = signature(" ".join(f"{word}{i}" for word in WIRE.split()))
        assert mark is not None
        marks.append(mark)
        index.add(Original(i, 1, "", mark, None, float(i)))
    assert len(index) == 10
    assert index.find(99, "", marks[0], None) is None
    found = index.find(99, "", marks[45], None)
    assert found is not None
    assert found[0].article == 45
    index.forget(before=48.0)
    assert len(index) == 2
    assert index.find(99, "", marks[45], None) is None


PINNED = [55876606, 50332931, 4079684, 9652056]


def test_agency_copy_under_a_title_of_its_own_is_a_reprint() -> None:
    desk = Desk()
    desk.take(article(1, TITLE, WIRE, vector=about("harbour"), outlet="wire"))
    assert desk.take(article(2, "What a night by the sea!", WIRE, outlet="beacon")).copy_of == 1


def test_a_wall_below_two_titles_that_it_does_not_speak_of_is_no_reprint() -> None:
    desk = Desk()
    desk.take(article(1, "Minister Ruland resigns", WALL, outlet="gazette", url="https://gazette.example/1"))
    assert desk.take(article(2, TITLE, WALL, outlet="gazette", url="https://gazette.example/2")).copy_of is None
