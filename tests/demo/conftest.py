"""A tiny wire of its own for these tests, and a way to ask its site without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from workers.demo.site import DemoSite
from workers.demo.world import World, load

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
PORT = 8123

OUTLETS = """
[[outlet]]
key = "continental-wire"
name = "Continental Wire"
tagline = "Copy"
language = "en"
template = "agency"
article_path = "/dispatch/{number}"
feed = { path = "/world.rss", format = "rss2", text = "full", guids = "number" }

[[outlet]]
key = "first-bell"
name = "First Bell"
tagline = "Early"
language = "en-GB"
template = "weblog"
article_path = "/{slug}/"
feed = { path = "/feed/", format = "rss2", text = "line", dates = "mest", guids = "same", tracking = true }
credit = "(Continental Wire)"

[[outlet]]
key = "old-press"
name = "Old Press"
tagline = "Later"
language = "en"
template = "tables"
article_path = "/archive/{number}.htm"
charset = "windows-1252"
feed = { path = "/old.rdf", format = "rss1", text = "line", dates = "future", order = "oldest" }

[[outlet]]
key = "open-desk"
name = "Open Desk"
tagline = "Now"
language = "en"
template = "desk"
article_path = "/?p={number}"
[outlet.feed]
path = "/all.atom"
format = "atom"
text = "full"
relative_links = true
section_name = "Half"
section_path = "/half.atom"
"""

STORY = """
story = "paper-mill"

[[article]]
id = "mill-1"
outlet = "continental-wire"
hours = 2.0
title = "Paper mill shuts its gates"
authors = ["Ada Crane"]
body = \"\"\"
The mill at Lower Weir shut its gates on Friday
after ninety years.

Its owner, “Weir & Sons”, blamed the price of pulp.
\"\"\"

[[article]]
id = "mill-2"
outlet = "first-bell"
hours = 3.0
title = "Mill closes"
copy_of = "mill-1"

[[article]]
id = "mill-3"
outlet = "old-press"
hours = 10.0
title = "Ninety years of paper, and then a café"
authors = ["Bo Lund", "Di Fry"]
body = "A café is to open in the gatehouse – the owner’s niece will run it."

[[article]]
id = "mill-4"
outlet = "open-desk"
hours = 60.0
title = "Lower Weir asks what comes next"
authors = []
body = "The village met on Sunday. Nobody had an answer, and everybody stayed to the end."
"""

SINGLES = """
[[article]]
id = "single-1"
outlet = "open-desk"
hours = 20.0
title = "A heron moves in"
story = "heron"
body = "A heron has taken the roof of the library and will not be moved."

[[article]]
id = "single-2"
outlet = "old-press"
hours = 72.0
title = "Longest night of the year"
story = "night"
body = "The longest night of the year begins at four."
"""

EXTRAS = """
[[extra]]
id = "gone-1"
outlet = "first-bell"
hours = 5.0
kind = "gone"
title = "Prize draw"
expected = "rejected"

[[extra]]
id = "missing-1"
outlet = "first-bell"
hours = 6.0
kind = "not-found"
title = "Not there"
expected = "rejected"

[[extra]]
id = "print-1"
outlet = "old-press"
hours = 7.0
kind = "pdf"
title = "The (whole) edition"
expected = "rejected"

[[extra]]
id = "front-1"
outlet = "open-desk"
hours = 8.0
kind = "section-front"
title = "Everything else"
expected = "rejected"

[[extra]]
id = "wall-1"
outlet = "open-desk"
hours = 9.0
kind = "paywall"
title = "For subscribers"
body = "It began with a key."
expected = "rejected"
"""


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A directory with the seed files of the tiny wire; tests may change them before loading."""
    (tmp_path / "stories").mkdir()
    (tmp_path / "outlets.toml").write_text(OUTLETS, encoding="utf-8")
    (tmp_path / "extras.toml").write_text(EXTRAS, encoding="utf-8")
    (tmp_path / "stories" / "paper-mill.toml").write_text(STORY, encoding="utf-8")
    (tmp_path / "stories" / "singles.toml").write_text(SINGLES, encoding="utf-8")
    return tmp_path


@pytest.fixture
def world(seeds: Path) -> World:
    return load(seeds)


class Visitor:
    """Asks a site at a moment that the test sets (`seconds` after the start)."""

    def __init__(self, world: World) -> None:
        self.seconds = 0.0
        site = DemoSite(
            world, port=PORT, start=START, duration=60.0, clock=lambda: START + timedelta(seconds=self.seconds)
        )
        self._application = site.application()

    def get(self, outlet: str, path: str, **headers: str) -> httpx.Response:
        """Ask for a path; header names are written with underscores for hyphens."""
        return asyncio.run(self._get(f"http://{outlet}.localhost:{PORT}{path}", headers))

    async def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._application)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(
            trust_env=False, transport=transport, headers={"accept-encoding": "identity"}
        ) as client:
            return await client.get(url, headers=sent)


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world)


@pytest.fixture
def visit() -> Callable[[World], Visitor]:
    return Visitor
