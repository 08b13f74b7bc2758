"""What is remembered follows from what was filed: a restart changes no decision, and nothing grows for ever."""

from datetime import timedelta

import numpy as np

from pipeline.records import Article
from pipeline.storylines.filing import Filing, FilingOptions
from tests.storylines.wire import START, Desk, about, article, filler

PLACES = ["Orsel", "Marven", "Hexby", "Stellin", "Ostwick", "Cordela", "Vellin", "Norland"]
EVENTS = ["flood", "trial", "election", "merger", "fire", "derby", "outbreak", "summit"]


def stream(count: int, *, start: int = 0) -> list[Article]:
    """Articles `start` to `start + count` of one endless wire."""
    return [page(i) for i in range(start, start + count)]


def page(i: int) -> Article:
    """Coverage of 64 stories that come and go, four an hour, some of it without vector, date or text."""
    rng = np.random.default_rng(i)
    place, event = PLACES[rng.integers(8)], EVENTS[rng.integers(8)]
    story = f"{event}{place}{i // 200}"
    details = " ".join(f"{story}{n}" for n in rng.integers(0, 30, 40))
    return article(
        i + 1,
        f"The {event} in {place}: what {rng.integers(50)} people say",
        "" if i % 11 == 0 else f"About the {event} in {place}. {details}",
        vector=None if i % 7 == 0 else about(event, place, noise=f"n{i}"),
        hours=None if i % 13 == 0 else i / 4,
        seen_hours=i / 4,
        outlet=f"outlet{i % 5}",
    )


def test_a_new_filing_fed_with_the_past_decides_the_same() -> None:
    running = Desk()
    running.filing.declare(7, title="The flood in Orsel", text="Water in Orsel.", vector=about("flood"), lang="en")
    running.take_all(stream(300))
    restarted = Filing()
    restarted.declare(7, title="The flood in Orsel", text="Water in Orsel.", vector=about("flood"), lang="en")
    for each, storyline, copy_of in running.history:
        restarted.file(each, storyline, copy_of=copy_of)
    for each in stream(60, start=300):
        decision = running.filing.decide(each)
        assert restarted.decide(each) == decision
        storyline = decision.storyline or 5000 + each.id
        running.filing.file(each, storyline, copy_of=decision.copy_of)
        restarted.file(each, storyline, copy_of=decision.copy_of)


def test_forgetting_keeps_what_is_in_the_window_and_frees_the_rest() -> None:
    desk = Desk(Filing(FilingOptions(window_hours=120.0)))
    sizes = []
    for day in range(12):
        desk.take_all(stream(100, start=100 * day))
        desk.filing.forget(START + timedelta(hours=25 * (day + 1)) - desk.filing.options.horizon)
        sizes.append(len(desk.filing))
    # Seven days of the stream are remembered: the size no longer grows once they are full.
    assert max(sizes[8:]) <= max(sizes[6:8]) * 1.3
    assert desk.filing.forget(START + timedelta(days=365)) == sizes[-1]
    assert len(desk.filing) == 0
    assert desk.filing.decide(stream(1)[0]).storyline is None


def test_without_forgetting_the_number_of_storylines_is_bounded() -> None:
    filing = Filing(FilingOptions(max_storylines=20))
    filing.declare(7, title="A rare thing", text="", vector=None, lang=None)
    for i, each in enumerate(stream(200)):
        filing.file(each, 100 + i)
    assert len(filing) == 20
    assert filing.decide(article(9999, "A rare thing happened, a rare thing", hours=50.0)).storyline == 7


def test_a_flood_of_near_identical_pages_is_one_storyline() -> None:
    """When the flood fills the last thousand articles, it must not become what is ordinary."""
    desk = Desk()
    crowd = [
        article(10_000 + i, f"w{i} x{i} in y{i}", f"a{i} b{i} c{i} d{i} e{i} f{i}", vector=about(f"crowd {i}"))
        for i in range(100)
    ]
    desk.take_all(crowd)
    pages = [
        article(i, f"Lottery numbers of draw {i}", f"The numbers drawn are {i}, {i + 1} and {i + 2}.",
                vector=about("lottery", noise=str(i), share=0.05), hours=i / 60)
        for i in range(1200)
    ]  # fmt: skip
    found = desk.take_all(pages)
    assert len(set(found)) <= 3
    held = sum(len(strand.recent) for strand in desk.filing._strands.values())
    assert held <= len(crowd) + len(set(found)) * desk.filing.options.recent_members


def test_merge_moves_what_is_known() -> None:
    desk = Desk()
    desk.take_all(filler())
    desk.filing.file(article(1, "Flood in Orsel", "Water rose in Orsel.", vector=about("flood", "orsel")), 50)
    desk.filing.file(article(2, "Trial in Hexby", "A trial began in Hexby.", vector=about("trial", "hexby")), 51)
    before = len(desk.filing)
    desk.filing.merge(51, 50)
    assert len(desk.filing) == before - 1
    follows = article(
        3, "Trial in Hexby goes on", "The trial in Hexby went on.", vector=about("trial", "hexby"), hours=1.0
    )
    assert desk.filing.decide(follows).storyline == 50
    desk.filing.merge(12345, 50)
    assert len(desk.filing) == before - 1


def test_filing_again_counts_once_and_filing_elsewhere_moves() -> None:
    desk = Desk()
    desk.take_all(filler())
    flood = article(1, "Flood in Orsel", "Water rose in Orsel.", vector=about("flood", "orsel"))
    desk.filing.file(flood, 50)
    before = desk.filing.decide(article(2, "Flood in Orsel", "Water in Orsel.", vector=about("flood", "orsel")))
    desk.filing.file(flood, 50)
    assert desk.filing.decide(article(2, "Flood in Orsel", "Water in Orsel.", vector=about("flood", "orsel"))) == before
    desk.filing.file(flood, 60)
    assert desk.filing._strands[60].recent == [1]
    assert not desk.filing._strands[50].recent
