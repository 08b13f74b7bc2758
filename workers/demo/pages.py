"""The pages of the demo's outlets: every outlet has its own template, full of what surrounds real articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.errors import InputError
from workers.demo.feeds import CONTENT_TYPES, first_line
from workers.demo.world import AGENCY, Item, Outlet, World, base_url, feed_urls, item_url

Thing = TypeVar("Thing")
Released = Sequence[tuple[Item, datetime]]

READING_WORDS = 220  # words a minute, as "n min read" labels assume
EAST = timezone(timedelta(hours=1))  # the winter zone of the outlet that writes its dates with an offset


@dataclass(frozen=True, slots=True)
class Link:
    """A teaser for another item of the same outlet."""

    title: str
    url: str
    image: str
    published: datetime


def environment(world: World) -> Environment:
    """Return the template environment, after checking that every outlet's template is there.

    Raises:
        InputError: an outlet names a template that does not exist.
    """
    made = Environment(
        loader=PackageLoader("workers.demo"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    known = made.list_templates()  # by name only: compiling all of them would delay the start
    for outlet in world.outlets.values():
        if f"{outlet.template}.html" not in known:
            raise InputError(f"outlets.toml: outlet {outlet.key!r}: no template {outlet.template!r}")
    return made


class PageWriter:
    """Writes pages as bytes in the outlet's charset; knows the port, since pages carry absolute links."""

    def __init__(self, world: World, port: int) -> None:
        self.environment = environment(world)
        self._world = world
        self._port = port

    def article(self, item: Item, published: datetime, out: Released) -> bytes:
        """Return an item's page.

        Args:
            published: the item's publication time.
            out: what its outlet has out, oldest first; links in sidebars lead to these.
        """
        outlet = self._world.outlets[item.outlet]
        others = [self._link(other, moment) for other, moment in reversed(out) if other.id != item.id]
        context = self._frame(outlet) | self._text(outlet, item)
        context |= {
            "url": item_url(self._world, item, self._port),
            "image": f"/media/{item.number}.svg",
            "published": published,
            "published_east": published.astimezone(EAST),
            "caption": _pick(outlet.captions, item.number, 1)[0] if outlet.captions else outlet.name,
            "comments": _pick(outlet.comments, item.number, 1 + item.number % 2) if outlet.comments else (),
            "related": _pick(others, item.number, 4),
            "most_read": _pick(others, 0, 5),
            "latest": others[:6],
        }
        return self._render(outlet, f"{outlet.template}.html", context)

    def listing(self, outlet: Outlet, heading: str, out: Released) -> bytes:
        """Return a front page: the outlet's own or a section's."""
        links = [self._link(item, published) for item, published in reversed(out)]
        return self._render(outlet, "home.html", self._frame(outlet) | {"heading": heading, "links": links})

    def index(self) -> bytes:
        """Return the page that lists all outlets, for people who open the server's bare address."""
        urls = feed_urls(self._world, self._port)
        rows = []
        for outlet in self._world.outlets.values():
            home = base_url(outlet, self._port)
            rows.append((outlet, home, [url for url in urls if url.startswith(home + "/")]))
        return self.environment.get_template("index.html").render(outlets=rows).encode()

    def _frame(self, outlet: Outlet) -> dict[str, Any]:
        home, feed = base_url(outlet, self._port), outlet.feed
        return {
            "outlet": outlet,
            "home": home,
            "feed_url": home + feed.path,
            "feed_type": CONTENT_TYPES[feed.format],
            "section_url": home + feed.section_path if feed.section_path else "",
        }

    def _text(self, outlet: Outlet, item: Item) -> dict[str, Any]:
        paragraphs = item.paragraphs + ((outlet.credit,) if item.copy_of and outlet.credit else ())
        agency = self._world.outlets[AGENCY].name if item.copy_of else f"{outlet.name} staff"
        words = sum(len(text.split()) for text in paragraphs)
        return {
            "item": item,
            "paragraphs": paragraphs,
            "byline": " and ".join(item.authors) or agency,
            "author_objects": [{"@type": "Person", "name": author} for author in item.authors],
            "summary": first_line(item),
            "pull": item.paragraphs[3].split(". ")[0] if len(item.paragraphs) > 4 else "",
            "minutes": max(1, round(words / READING_WORDS)),
        }

    def _link(self, item: Item, published: datetime) -> Link:
        return Link(item.title, item_url(self._world, item, self._port), f"/media/{item.number}.svg", published)

    def _render(self, outlet: Outlet, template: str, context: Mapping[str, Any]) -> bytes:
        text = self.environment.get_template(template).render(context)
        return text.encode(outlet.charset, "xmlcharrefreplace")


def _pick(things: Sequence[Thing], seed: int, count: int) -> Sequence[Thing]:
    """Return up to `count` things, beginning at a place that the seed gives: varied, and the same at each request."""
    if not things:
        return ()
    first = seed % len(things)
    return [*things[first:], *things[:first]][:count]
