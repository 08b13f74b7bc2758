"""The shipped lists: feeds to begin with and storylines declared beforehand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree


def outlines(repo: Path) -> list[ElementTree.Element]:
    root = ElementTree.parse(repo / "seeds/feeds.opml").getroot()
    assert root.tag == "opml"
    assert root.get("version") == "2.0"
    return [outline for outline in root.iter("outline") if outline.get("xmlUrl")]


def test_there_are_enough_feeds_in_enough_languages(repo: Path) -> None:
    feeds = outlines(repo)
    assert len(feeds) >= 45
    languages = {feed.get("language") for feed in feeds}
    assert languages >= {"en", "es", "fr", "de", "pt", "it", "ar", "ja"}


def test_every_feed_has_an_address_of_its_own_and_a_folder(repo: Path) -> None:
    feeds = outlines(repo)
    addresses = [feed.get("xmlUrl", "") for feed in feeds]
    assert len(set(addresses)) == len(addresses)
    for feed in feeds:
        assert feed.get("type") == "rss"
        assert feed.get("text")
        for address in (feed.get("xmlUrl", ""), feed.get("htmlUrl", "")):
            parts = urlsplit(address)
            assert parts.scheme == "https", address
            assert parts.hostname
            assert "." in parts.hostname, address
    body = ElementTree.parse(repo / "seeds/feeds.opml").getroot().find("body")
    assert body is not None
    assert all(folder.get("xmlUrl") is None and len(folder) > 0 for folder in body)


def test_the_list_says_that_it_was_not_polled(repo: Path) -> None:
    text = (repo / "seeds/feeds.opml").read_text(encoding="utf-8")
    assert "not polled" in text
    assert "slugline feeds list" in text


def test_the_declared_storyline_is_about_the_call_alone(repo: Path) -> None:
    (storyline,) = tomllib.loads((repo / "seeds/storylines.toml").read_text(encoding="utf-8"))["storyline"]
    assert storyline["title"] == "Trump confirms a phone call with Maduro"
    text = storyline["text"]
    assert "\\" not in text
    assert len(text.split("\n\n")) == 2
    for word in ("Maduro", "Trump", "phone", "Air Force One", "30 November 2025"):
        assert word in text
    # Other storylines of the same days, which its words must not draw in.
    for word in ("strike", "boat", "OPEC", "oil", "airspace"):
        assert word not in text
