"""The made-up world is read, checked and addressed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from workers.demo.world import World, feed_urls, item_url, labels, load, slug
from workers.seeds import seeds_dir


def item(world: World, item_id: str):
    return next(found for found in world.items if found.id == item_id)


def test_items_come_in_the_order_of_their_hours(world: World) -> None:
    assert [found.hours for found in world.items] == sorted(found.hours for found in world.items)
    assert len(world.items) == 11
    assert len(world.articles) == 6


def test_paragraphs_are_parted_by_blank_lines_only(world: World) -> None:
    assert item(world, "mill-1").paragraphs == (
        "The mill at Lower Weir shut its gates on Friday after ninety years.",
        "Its owner, “Weir & Sons”, blamed the price of pulp.",
    )


def test_a_reprint_has_its_originals_body_under_its_own_title(world: World) -> None:
    reprint = item(world, "mill-2")
    assert reprint.paragraphs == item(world, "mill-1").paragraphs
    assert reprint.title == "Mill closes"
    assert reprint.story == "paper-mill"


def test_a_reprint_of_the_same_hour_comes_after_its_original(seeds: Path) -> None:
    path = seeds / "stories" / "paper-mill.toml"
    text = path.read_text(encoding="utf-8").replace("hours = 3.0", "hours = 2.0")
    path.write_text(text.replace('id = "mill-2"', 'id = "a-mill-2"'), encoding="utf-8")
    order = [found.id for found in load(seeds).items]
    assert order.index("mill-1") < order.index("a-mill-2")


def test_labels_lead_from_the_canonical_url_to_the_story(world: World) -> None:
    gold = labels(world, 9000)
    assert len(gold) == len(world.articles)
    assert gold["http://first-bell.localhost:9000/mill-closes/"] == "paper-mill"
    assert gold[item_url(world, item(world, "single-1"), 9000)] == "heron"


def test_feed_urls_name_the_section_feed_too(world: World) -> None:
    assert feed_urls(world, 9000)[-2:] == [
        "http://open-desk.localhost:9000/all.atom",
        "http://open-desk.localhost:9000/half.atom",
    ]


def test_an_item_is_found_whatever_tracking_its_link_carries(world: World) -> None:
    heron = item(world, "single-1")
    assert world.find("open-desk", "/", f"utm_source=x&p={heron.number}&UTM_Medium=y") is heron
    assert world.find("open-desk", "/", "p=1") is None
    assert world.find("first-bell", "/mill-closes/", "utm_source=x") is item(world, "mill-2")
    assert world.find("old-press", "/mill-closes/") is None


def test_a_slug_is_plain_ascii() -> None:
    assert slug("Café “Zoë's” — reopens, 12% dearer") == "cafe-zoes-reopens-12-dearer"


BROKEN = [
    ("stories/paper-mill.toml", 'outlet = "first-bell"', 'outlet = "last-bell"', "article 'mill-2': 'outlet' is"),
    ("stories/paper-mill.toml", "hours = 10.0", "hours = 73", "article 'mill-3': 'hours' is 73"),
    ("stories/paper-mill.toml", "hours = 10.0", 'hours = "ten"', "article 'mill-3': 'hours' must be a number"),
    ("stories/paper-mill.toml", "hours = 3.0", "hours = 1.0", "article 'mill-2': comes out at hour 1, before"),
    ("stories/paper-mill.toml", 'copy_of = "mill-1"', 'copy_of = "mill-3"', "article 'mill-2': 'copy_of' is 'mill-3'"),
    ("stories/paper-mill.toml", 'copy_of = "mill-1"', "", "article 'mill-2': 'body' is missing"),
    ("stories/paper-mill.toml", 'copy_of = "mill-1"', 'copy_of = "mill-1"\nbody = "x"', "both 'body' and 'copy_of'"),
    ("stories/paper-mill.toml", 'title = "Mill closes"', 'title = " "', "article 'mill-2': 'title' is empty"),
    ("stories/paper-mill.toml", 'id = "mill-4"', 'id = "mill-1"', "used already by paper-mill.toml: article 'mill-1'"),
    ("stories/paper-mill.toml", 'id = "mill-4"', 'id = "Mill 4"', "article 'Mill 4': 'id' is"),
    ("stories/paper-mill.toml", 'id = "mill-4"', "", "article number 4: 'id' is missing"),
    ("stories/paper-mill.toml", 'authors = ["Ada Crane"]', 'authors = "Ada"', "'authors' must be a list of strings"),
    ("stories/paper-mill.toml", 'authors = ["Ada Crane"]', "author = []", "article 'mill-1': unknown key 'author'"),
    ("stories/paper-mill.toml", "story =", "story", "paper-mill.toml: is not valid TOML"),
    ("stories/singles.toml", 'story = "heron"', "", "article 'single-1': 'story' is missing"),
    ("extras.toml", 'kind = "pdf"', 'kind = "quiz"', "extra 'print-1': 'kind' is 'quiz'"),
    ("extras.toml", 'body = "It began with a key."', "", "extra 'wall-1': 'body' is missing"),
    ("outlets.toml", 'format = "atom"', 'format = "json"', "outlet 'open-desk', feed: 'format' is 'json'"),
    ("outlets.toml", 'section_name = "Half"', "", "'section_name' and 'section_path' go together"),
    ("outlets.toml", '"/archive/{number}.htm"', '"/archive/one.htm"', "outlet 'old-press': 'article_path'"),
    ("outlets.toml", 'key = "open-desk"', 'key = "old-press"', "outlet 'old-press': the key is used twice"),
]


@pytest.mark.parametrize(("file", "old", "new", "complaint"), BROKEN)
def test_a_bad_record_is_named_with_its_file(seeds: Path, file: str, old: str, new: str, complaint: str) -> None:
    path = seeds / file
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(seeds)
    assert path.name in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_articles_at_one_address_are_refused(seeds: Path) -> None:
    path = seeds / "stories" / "twin.toml"
    path.write_text(
        'story = "t"\n[[article]]\nid = "t-1"\noutlet = "first-bell"\nhours = 9\ntitle = "Mill: closes!"\nbody = "x"\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="article 't-1': has the same address as 'mill-2'"):
        load(seeds)


def test_missing_seeds_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"outlets\.toml: cannot be read"):
        load(tmp_path)


def test_the_shipped_world_is_large_and_varied() -> None:
    world = load(seeds_dir() / "demo")
    assert len(world.outlets) >= 10
    assert len(world.articles) >= 120
    assert len({found.story for found in world.articles}) >= 14
    assert {found.outlet for found in world.articles} == world.outlets.keys()
    assert {outlet.feed.format for outlet in world.outlets.values()} == {"rss2", "atom", "rss1"}
    assert {outlet.feed.text for outlet in world.outlets.values()} == {"full", "line", "title"}
    assert {outlet.feed.dates for outlet in world.outlets.values()} == {"right", "future", "none", "mest", "local"}
    assert len({outlet.template for outlet in world.outlets.values()}) == len(world.outlets)
    assert {found.kind for found in world.items} == {
        "article", "section-front", "paywall", "pdf", "video", "not-found", "gone",
    }  # fmt: skip


def test_the_shipped_world_has_reprints_and_long_stories() -> None:
    world = load(seeds_dir() / "demo")
    copies: dict[str, int] = {}
    for found in world.articles:
        if found.copy_of:
            copies[found.copy_of] = copies.get(found.copy_of, 0) + 1
    assert max(copies.values()) >= 2
    spans: dict[str, list[float]] = {}
    for found in world.articles:
        spans.setdefault(found.story, []).append(found.hours)
    assert max(max(hours) - min(hours) for hours in spans.values()) >= 48
