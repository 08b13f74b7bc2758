"""A long storyline comes apart into what it was about in turn."""

from __future__ import annotations

from pipeline.records import Article
from pipeline.storylines.tell.episodes import SAMPLE, episodes, sample
from tests.storylines.wire import article

CRACKS = (
    "Cracks found in Orsel dam",
    "Engineers find cracks in Orsel dam",
    "Orsel dam cracks grow, engineers warn",
    "Cracks in Orsel dam: engineers lower lake",
    "Engineers watch cracks in dam of Orsel",
)
FLOOD = (
    "Wave hits Vell valley villages",
    "Villages in Vell valley flooded by wave",
    "Flooded villages of Vell valley wait for boats",
    "Boats reach flooded Vell valley villages",
    "Wave leaves Vell valley villages under water",
)
INQUIRY = (
    "Retired judge to head inquiry",
    "Inquiry judge summons utility chairman",
    "Chairman of utility faces inquiry judge",
    "Judge opens inquiry with utility files",
    "Utility chairman quits as inquiry begins",
)


def story(*parts: tuple[str, ...], gap: float = 48.0) -> list[Article]:
    return [
        article(100 * p + n, title, outlet=f"Outlet {n}", hours=gap * p + 3.0 * n)
        for p, part in enumerate(parts)
        for n, title in enumerate(part)
    ]


def test_each_part_has_its_label_its_period_and_its_articles() -> None:
    pages = story(CRACKS, FLOOD, INQUIRY)
    found = episodes(pages)
    assert [{n // 100 for n in one.articles} for one in found] == [{0}, {1}, {2}]
    for one, titles in zip(found, (CRACKS, FLOOD, INQUIRY), strict=True):
        assert one.title in titles
        assert one.title == next(a.title for a in pages if a.id == one.article)
        assert one.originals == len(one.articles) == one.outlets == 5
    assert [one.first for one in found] == sorted(one.first for one in found)
    assert all(one.last > one.first for one in found)


def test_two_things_at_the_same_time_are_two_parts() -> None:
    pages = story(CRACKS) + [article(500 + n, title, hours=14.0 * n) for n, title in enumerate(INQUIRY)]
    pages += [article(50, "Cracks in Orsel dam still grow", hours=60.0)]
    kinds = [{n // 500 for n in one.articles} for one in episodes(pages)]
    assert sorted(kinds, key=max) == [{0}, {1}]


def test_a_short_one_or_one_of_one_piece_has_none() -> None:
    assert episodes([]) == ()
    assert episodes(story(CRACKS)) == ()
    assert episodes(story(CRACKS, FLOOD, INQUIRY, gap=1.0)) == (), "within a day"
    same = [article(n, f"Cracks found in Orsel dam, engineers say {n}", hours=12.0 * n) for n in range(20)]
    assert episodes(same) == ()
    assert episodes([article(n, "", hours=24.0 * n) for n in range(20)]) == ()


def test_of_a_huge_one_a_sample_is_clustered_and_all_are_counted() -> None:
    pages = [
        article(2000 * p + n, f"{part[n % 5]} {n % 7}", outlet=f"Outlet {n % 9}", hours=200.0 * p + n / 20)
        for p, part in enumerate((CRACKS, FLOOD, INQUIRY))
        for n in range(1500)
    ]
    assert len(sample(pages)) == SAMPLE
    found = episodes(pages)
    assert len(found) == 3
    assert sum(one.originals for one in found) > 0.95 * len(pages)
