"""A state that was stored and loaded decides and goes on exactly as the one it was taken from."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.records import Article
from pipeline.storylines.filing import Filing, FilingOptions
from tests.storylines.test_copies import WIRE
from tests.storylines.test_restart import stream
from tests.storylines.wire import START, Desk, about, article, filler

TIGHT = FilingOptions(max_storylines=60, max_originals=90, recent_members=5, background_articles=80)


class Store:
    """Keeps the parts as a table would."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}

    def take(self, filing: Filing, *, whole: bool = False) -> int:
        """Store what changed; returns how many parts that were."""
        taken = list(filing.dump(whole=whole))
        for key, content in taken:
            if content is None:
                self.parts.pop(key, None)
            else:
                self.parts[key] = content
        return len(taken)

    def load(self, options: FilingOptions, rng: random.Random) -> Filing:
        """Load the parts in no particular order."""
        parts = list(self.parts.items())
        rng.shuffle(parts)
        return Filing.load(parts, options)


def wire(count: int, *, start: int = 0) -> list[Article]:
    """A stream with agency copy in it: every ninth text is printed again some articles later."""
    found = stream(count, start=start)
    for n, page in enumerate(found):
        turn = start + n
        if turn % 9 == 0:
            text = " ".join(f"{word}{turn // 18}" for word in WIRE.split())
            found[n] = article(
                page.id, f"Harbour {turn // 18} of Port Alder closed", text, vector=about(f"h{turn // 18}"),
                hours=turn / 4, outlet=f"outlet{turn % 5}",
            )  # fmt: skip
    return found


def meddle(desk: Desk, turn: int, rng: random.Random, articles: dict[int, Article]) -> None:
    """What people and time do to storylines."""
    known = sorted({storyline for _, storyline, _ in desk.history} & set(desk.filing._strands))
    if turn % 31 == 0:
        desk.filing.merge(*rng.sample(known, 2))
    if turn % 43 == 0:
        members = [each.id for each, storyline, copy_of in desk.history if storyline == known[-1] and copy_of is None]
        desk.filing.restate(known[-1], [articles[number] for number in members[1:]])
        desk.filing.restate(9000 + turn, [articles[number] for number in members[:1]])
    if turn % 57 == 0:
        again, _, _ = rng.choice(desk.history)
        desk.filing.file(again, rng.choice(known))
    if turn % 71 == 0:
        desk.filing.declare(7, title=f"The flood in Orsel {turn}", text="Water.", vector=about("flood"), lang="en")
    if turn % 83 == 0:
        desk.filing.forget(START + timedelta(hours=turn / 4 - 40))


def both(running: Desk, restarted: Desk, articles: list[Article], seed: int, start: int) -> None:
    """Both go on with the same articles and the same meddling, and say the same."""
    known = {each.id: each for each, _, _ in running.history} | {each.id: each for each in articles}
    first, second = random.Random(seed), random.Random(seed)
    for turn, each in enumerate(articles, start):
        assert restarted.take(each) == running.take(each)
        meddle(running, turn, first, known)
        meddle(restarted, turn, second, known)


def fork(desk: Desk, filing: Filing) -> Desk:
    made = Desk(filing)
    made.next, made.history = desk.next, list(desk.history)
    return made


@pytest.mark.parametrize("options", [FilingOptions(), TIGHT], ids=["as shipped", "tight"])
@pytest.mark.parametrize("seed", range(3))
def test_dumped_and_loaded_it_goes_on_exactly_the_same(options: FilingOptions, seed: int) -> None:
    rng, store, desk = random.Random(seed), Store(), Desk(Filing(options))
    desk.filing.declare(7, title="The flood in Orsel", text="Water in Orsel.", vector=about("flood"), lang="en")
    known: dict[int, Article] = {}
    pages = wire(500, start=1000 * seed)
    for turn, each in enumerate(pages[:320], 1):
        known[each.id] = each
        desk.take(each)
        meddle(desk, turn, rng, known)
        if rng.random() < 0.04:
            store.take(desk.filing)
    store.take(desk.filing)
    assert any(copy_of is not None for _, _, copy_of in desk.history)
    loaded = fork(desk, store.load(options, rng))
    assert len(loaded.filing) == len(desk.filing)
    both(desk, loaded, pages[320:400], seed, 321)
    store.take(loaded.filing)  # a loaded state dumps what changed since, and can be loaded again
    both(desk, fork(desk, store.load(options, rng)), pages[400:], seed, 401)


def test_the_whole_dump_is_what_the_changes_added_up_to() -> None:
    store, desk = Store(), Desk()
    for page in wire(200):
        desk.take(page)
        if page.id % 20 == 0:
            store.take(desk.filing)
    store.take(desk.filing)
    whole = Store()
    whole.take(desk.filing, whole=True)
    other = {key for key in store.parts if key.startswith("terms/")}
    assert store.parts.keys() - other == whole.parts.keys() - {"terms/base"}
    assert all(store.parts[key] == whole.parts[key] for key in store.parts.keys() - other)


def test_a_dump_costs_what_changed() -> None:
    store, desk = Store(), Desk()
    desk.take_all(wire(600))
    store.take(desk.filing)
    assert len(desk.filing) > 30
    desk.take_all([article(5000, "Kiosk opens in Marven", "A kiosk opened.", vector=about("kiosk"), hours=151.0)])
    changed = dict(desk.filing.dump())
    assert len(changed) <= 6
    assert sum(len(content or b"") for content in changed.values()) < 40_000
    assert store.take(desk.filing) == 2  # nothing was filed: only the outline is written again


def test_what_is_gone_is_said_to_be_gone() -> None:
    store, desk = Store(), Desk()
    desk.take_all(filler())
    store.take(desk.filing)
    desk.filing.forget(START + timedelta(days=90))
    store.take(desk.filing)
    assert not [key for key in store.parts if key.startswith(("strand/", "copies/"))]
    assert len(store.load(FilingOptions(), random.Random(1))) == 0


def test_parts_of_another_make_are_refused() -> None:
    store, desk = Store(), Desk()
    desk.take_all(filler())
    store.take(desk.filing)
    with pytest.raises(InputError, match="other options"):
        Filing.load(store.parts.items(), FilingOptions(recent_members=3))
    Filing.load(store.parts.items(), FilingOptions(threshold=9.0))  # shapes no state
    without = {key: content for key, content in store.parts.items() if key != "terms/base"}
    with pytest.raises(InputError, match="cannot be read"):
        Filing.load(without.items(), FilingOptions())
    with pytest.raises(InputError, match="incomplete"):
        Filing.load([], FilingOptions())
    with pytest.raises(InputError, match="damaged"):
        Filing.load([*store.parts.items(), ("strand/1", b"nothing")], FilingOptions())


def test_vectors_of_another_model_are_refused_after_a_restart_too() -> None:
    store, desk = Store(), Desk()
    desk.take_all(filler())
    store.take(desk.filing)
    with pytest.raises(InputError, match="3 dimensions came among vectors of 64"):
        store.load(FilingOptions(), random.Random(1)).decide(article(2, "Two", vector=np.ones(3, np.float32)))
