"""What an outlet's feed says, with the faults that `outlets.toml` gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial

from jinja2 import Environment
from markupsafe import escape

from workers.demo.world import Item, Outlet, base_url

CONTENT_TYPES = {"rss2": "application/rss+xml", "atom": "application/atom+xml", "rss1": "application/rdf+xml"}
AHEAD = timedelta(hours=5)  # a server clock set to local time and read as UTC is off by whole hours
LINE_CHARS = 160
TRACKING = "utm_source=feed&UTM_Medium=rss&utm_campaign=top"  # mixed case on purpose: such links exist


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry as the feed templates print it. `date` is as written for people or empty, `iso` is RFC 3339."""

    title: str
    link: str
    guid: str
    permalink: bool
    date: str
    iso: str
    line: str
    html: str
    authors: tuple[str, ...]


def first_line(item: Item) -> str:
    """Return an item's first paragraph, cut at a word after about 160 characters as teasers are."""
    text = item.paragraphs[0] if item.paragraphs else item.title
    if len(text) <= LINE_CHARS:
        return text
    return text[:LINE_CHARS].rpartition(" ")[0].rstrip(",;:–-") + " …"


def feed_date(published: datetime, fault: str) -> str:
    """Return a date as an RSS 2.0 feed with this fault writes it; empty for a feed without dates."""
    if fault == "none":
        return ""
    if fault == "mest":  # Mitteleuropäische Sommerzeit: UTC+2, a name outside RFC 822's list
        return (published + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S MEST")
    if fault == "local":
        return published.strftime("%A %-d %B %Y, %Hh%M")
    return format_datetime(published + AHEAD if fault == "future" else published, usegmt=True)


def entry(outlet: Outlet, item: Item, published: datetime, port: int) -> FeedEntry:
    """Return an item as its outlet's feed shows it."""
    shape = outlet.feed
    url = base_url(outlet, port) + item.path
    link = item.path if shape.relative_links else url
    if shape.tracking:
        link += ("&" if "?" in link else "?") + TRACKING
    guids = {"permalink": url, "number": f"tag:{outlet.key}.localhost,2020:{item.number}", "same": f"{outlet.key}-item"}
    moment = published + AHEAD if shape.dates == "future" else published
    return FeedEntry(
        title=item.title,
        link=link,
        guid=guids[shape.guids],
        permalink=shape.guids == "permalink",
        date=feed_date(published, shape.dates),
        iso="" if shape.dates == "none" else moment.isoformat(),
        line=first_line(item) if shape.text != "title" else "",
        html="\n".join(f"<p>{escape(text)}</p>" for text in item.paragraphs) if shape.text == "full" else "",
        authors=item.authors,
    )


def feed_body(
    environment: Environment, outlet: Outlet, items: list[tuple[Item, datetime]], *, port: int, section: bool
) -> bytes:
    """Return a feed's bytes in the outlet's charset.

    Args:
        items: what the outlet has out, oldest first, with publication times.
        section: whether this is the second feed, which repeats every second article.
    """
    shape = outlet.feed
    chosen = [pair for pair in items if not section or (pair[0].kind == "article" and pair[0].number % 2 == 0)]
    if shape.order == "newest":
        chosen = chosen[::-1]
    make = partial(entry, outlet, port=port)
    latest = max((published for _, published in items), default=None)
    text = environment.get_template(f"feeds/{shape.format}.xml").render(
        outlet=outlet,
        home=base_url(outlet, port),
        self_url=base_url(outlet, port) + (shape.section_path if section else shape.path),
        name=f"{outlet.name} - {shape.section_name}" if section else outlet.name,
        entries=[make(item, published) for item, published in chosen],
        built=format_datetime(latest, usegmt=True) if latest else "",
        updated=latest.isoformat() if latest else "",
    )
    return text.encode(outlet.charset, "xmlcharrefreplace")
