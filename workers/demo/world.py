"""The made-up world of the demo: outlets, articles and what is no article, read from seed files and checked.

Nothing here knows the time of day or a network; `hours` counts from the moment the wire began.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from workers.demo.tables import Table, read_toml

AGENCY = "continental-wire"
LAST_HOUR = 72.0  # the wire covers three days
KINDS = ("section-front", "paywall", "pdf", "video", "not-found", "gone")  # things in feeds that are no articles

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PLACEHOLDERS = re.compile(r"\{(slug|number)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedShape:
    """How an outlet writes its feed, and what is wrong with it.

    `dates`: right, future (hours ahead), none, mest (a zone name that few parsers know), local (no standard format).
    `guids`: permalink, number, same (one for all entries). `order`: newest or oldest first.
    `section_path`: where a second feed repeats every second article under the name `section_name`; empty for none.
    """

    path: str
    format: str
    text: str
    dates: str = "right"
    guids: str = "permalink"
    order: str = "newest"
    relative_links: bool = False
    tracking: bool = False
    section_name: str = ""
    section_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """One publisher. `article_path` has the placeholders {slug} and {number}; `credit` marks a reprint."""

    key: str
    name: str
    tagline: str
    language: str
    template: str
    article_path: str
    feed: FeedShape
    credit: str = ""
    charset: str = "utf-8"
    captions: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that an outlet puts into its feed: an article (`kind` is "article") or one of `KINDS`.

    `path` is where it is served on its outlet, with a query where the outlet writes one. A reprint (`copy_of`) has
    its original's paragraphs. `story` is the label, empty for what is no article; `expected` is what should become
    of it, empty for articles.
    """

    id: str
    outlet: str
    hours: float
    title: str
    path: str
    paragraphs: tuple[str, ...]
    kind: str = "article"
    story: str = ""
    authors: tuple[str, ...] = ()
    copy_of: str = ""
    expected: str = ""

    @property
    def number(self) -> int:
        """A number of six digits that stays the same from run to run, as a publisher's database would give."""
        return stable_number(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Outlets by key, and every item in the order in which it comes out (a reprint after its original)."""

    outlets: Mapping[str, Outlet]
    items: tuple[Item, ...]
    _paths: Mapping[tuple[str, str], Item] = field(default_factory=dict, repr=False)

    @property
    def articles(self) -> tuple[Item, ...]:
        """Return the items that are articles."""
        return tuple(item for item in self.items if item.kind == "article")

    def find(self, outlet: str, path: str, query: str = "") -> Item | None:
        """Return the item that an outlet serves at a path and query; tracking parameters do not matter."""
        for name, value in parse_qsl(query)[:20]:
            item = self._paths.get((outlet, f"{path}?{name}={value}"))
            if item is not None:
                return item
        return self._paths.get((outlet, path))


def stable_number(text: str) -> int:
    """Return a number of six digits for a text, the same in each process (Python's own hash is not)."""
    return 100_000 + zlib.crc32(text.encode()) % 900_000


def slug(title: str) -> str:
    """Return a title as it stands in a URL: at most ten ASCII words in lower case, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain.replace("'", ""))[:10])


def base_url(outlet: Outlet, port: int) -> str:
    """Return where an outlet is reached; names below `.localhost` are this machine (RFC 6761, 6.3)."""
    return f"http://{outlet.key}.localhost:{port}"


def item_url(world: World, item: Item, port: int) -> str:
    """Return the canonical URL of an item."""
    return base_url(world.outlets[item.outlet], port) + item.path


def feed_paths(outlet: Outlet) -> list[str]:
    """Return the paths of an outlet's feeds, that of a section after the main one."""
    return [path for path in (outlet.feed.path, outlet.feed.section_path) if path]


def feed_urls(world: World, port: int) -> list[str]:
    """Return the URLs of all feeds, an outlet's section feed after its main one."""
    urls = []
    for outlet in world.outlets.values():
        urls += [base_url(outlet, port) + path for path in feed_paths(outlet)]
    return urls


def labels(world: World, port: int) -> dict[str, str]:
    """Return the story of each article by its canonical URL: the gold labels for BCubed."""
    return {item_url(world, item, port): item.story for item in world.articles}


def load(seed_dir: Path) -> World:
    """Read `outlets.toml`, `extras.toml` (may be missing) and `stories/*.toml` below a directory.

    Raises:
        InputError: a file or record cannot be used; the message names the file, the record and what is wrong.
    """
    outlets = _load_outlets(seed_dir / "outlets.toml")
    items: list[tuple[Item, Table]] = []
    for path in sorted((seed_dir / "stories").glob("*.toml")):
        items += _load_story(path, outlets)
    if (seed_dir / "extras.toml").exists():
        items += _load_extras(seed_dir / "extras.toml", outlets)
    seen_ids: dict[str, str] = {}
    paths: dict[tuple[str, str], Item] = {}
    for item, table in items:
        if item.id in seen_ids:
            raise table.error(f"the id is used already by {seen_ids[item.id]}")
        seen_ids[item.id] = table.where
        twin = paths.setdefault((item.outlet, item.path), item)
        if twin is not item:
            raise table.error(f"has the same address as {twin.id!r} ({item.outlet} {item.path}); change its title")
    ordered = sorted((item for item, _ in items), key=lambda item: (item.hours, bool(item.copy_of), item.id))
    return World(outlets=outlets, items=tuple(ordered), _paths=paths)


def _key(table: Table, key: str) -> str:
    value = table.text(key)
    if not _KEY.fullmatch(value):
        raise table.error(f"{key!r} is {value!r}; use lower-case letters, digits and single hyphens")
    return value


def _tables(raw: object, *, file: Path, what: str) -> list[Table]:
    """Wrap a list of tables; each is labelled by its id or key when it has one, else by its place."""
    if not isinstance(raw, list) or not raw:
        raise Table({}, file=file, label=f"[[{what}]]").error("there must be at least one")
    wrapped = []
    for place, values in enumerate(raw, 1):
        name = values.get("id", values.get("key")) if isinstance(values, dict) else None
        label = f"{what} {name!r}" if isinstance(name, str) else f"{what} number {place}"
        wrapped.append(Table(values, file=file, label=label))
    return wrapped


def _load_outlets(path: Path) -> dict[str, Outlet]:
    top = Table(read_toml(path), file=path, label="top level")
    outlets: dict[str, Outlet] = {}
    for table in _tables(top.table("outlet"), file=path, what="outlet"):
        outlet = _read_outlet(table, path)
        if outlet.key in outlets:
            raise table.error("the key is used twice")
        outlets[outlet.key] = outlet
    top.done()
    return outlets


def _read_outlet(table: Table, path: Path) -> Outlet:
    article_path = table.text("article_path")
    if not article_path.startswith("/") or not _PLACEHOLDERS.search(article_path):
        raise table.error("'article_path' must begin with / and hold {slug} or {number}")
    outlet = Outlet(
        key=_key(table, "key"),
        name=table.text("name"),
        tagline=table.text("tagline"),
        language=table.text("language"),
        template=_key(table, "template"),
        article_path=article_path,
        feed=_read_feed(Table(table.table("feed"), file=path, label=f"{table.where.partition(': ')[2]}, feed")),
        credit=table.text("credit", ""),
        charset=table.choice("charset", ("utf-8", "windows-1252"), "utf-8"),
        captions=table.strings("captions"),
        comments=table.strings("comments"),
    )
    table.done()
    return outlet


def _read_feed(table: Table) -> FeedShape:
    feed = FeedShape(
        path=table.text("path"),
        format=table.choice("format", ("rss2", "atom", "rss1")),
        text=table.choice("text", ("full", "line", "title")),
        dates=table.choice("dates", ("right", "future", "none", "mest", "local"), "right"),
        guids=table.choice("guids", ("permalink", "number", "same"), "permalink"),
        order=table.choice("order", ("newest", "oldest"), "newest"),
        relative_links=table.flag("relative_links"),
        tracking=table.flag("tracking"),
        section_name=table.text("section_name", ""),
        section_path=table.text("section_path", ""),
    )
    if bool(feed.section_name) != bool(feed.section_path):
        raise table.error("'section_name' and 'section_path' go together")
    if not all(path.startswith("/") for path in (feed.path, feed.section_path or "/")):
        raise table.error("a feed's path must begin with /")
    table.done()
    return feed


def _load_story(path: Path, outlets: Mapping[str, Outlet]) -> list[tuple[Item, Table]]:
    """Read one story file. A file without a story of its own (`singles.toml`) names one in each article."""
    top = Table(read_toml(path), file=path, label="top level")
    story = top.text("story") if top.has("story") else ""
    tables = _tables(top.table("article"), file=path, what="article")
    top.done()
    originals: dict[str, Item] = {}
    found: list[tuple[Item, Table]] = []
    reprints: list[Table] = []
    for table in tables:
        if table.has("copy_of"):
            reprints.append(table)
            continue
        item = _read_article(table, outlets, story=story, paragraphs=_paragraphs(table.text("body")))
        originals.setdefault(item.id, item)
        found.append((item, table))
    for table in reprints:
        found.append((_read_reprint(table, outlets, story, originals), table))
    return found


def _read_reprint(table: Table, outlets: Mapping[str, Outlet], story: str, originals: Mapping[str, Item]) -> Item:
    copy_of = table.text("copy_of")
    original = originals.get(copy_of)
    if table.has("body"):
        raise table.error("has both 'body' and 'copy_of'; a reprint takes its original's body")
    if original is None or original.outlet != AGENCY:
        raise table.error(f"'copy_of' is {copy_of!r}, which is no article of {AGENCY} in this file")
    item = _read_article(table, outlets, story=story, paragraphs=original.paragraphs, copy_of=copy_of)
    if item.hours < original.hours:
        raise table.error(f"comes out at hour {item.hours:g}, before its original {copy_of!r} ({original.hours:g})")
    if item.story != original.story:
        raise table.error(f"has the story {item.story!r}, its original {copy_of!r} has {original.story!r}")
    return item


def _read_article(
    table: Table, outlets: Mapping[str, Outlet], *, story: str, paragraphs: tuple[str, ...], copy_of: str = ""
) -> Item:
    own_story = table.text("story") if table.has("story") or not story else story
    item = _read_item(table, outlets, paragraphs=paragraphs, story=own_story, copy_of=copy_of)
    table.done()
    return item


def _load_extras(path: Path, outlets: Mapping[str, Outlet]) -> list[tuple[Item, Table]]:
    top = Table(read_toml(path), file=path, label="top level")
    found = []
    for table in _tables(top.table("extra"), file=path, what="extra"):
        kind = table.choice("kind", KINDS)
        expected = table.choice("expected", ("rejected", "dead"))
        readable = kind in ("paywall", "video")  # the kinds that are shown as a page of their own with some text
        paragraphs = _paragraphs(table.text("body") if readable else table.text("body", ""))
        found.append((_read_item(table, outlets, paragraphs=paragraphs, kind=kind, expected=expected), table))
        table.done()
    top.done()
    return found


def _read_item(
    table: Table,
    outlets: Mapping[str, Outlet],
    *,
    paragraphs: tuple[str, ...],
    kind: str = "article",
    story: str = "",
    copy_of: str = "",
    expected: str = "",
) -> Item:
    key = table.choice("outlet", outlets.keys())
    item_id, title = _key(table, "id"), table.text("title")
    return Item(
        id=item_id,
        outlet=key,
        hours=table.number("hours", low=0.0, high=LAST_HOUR),
        title=title,
        path=_item_path(outlets[key], kind, item_id, title),
        paragraphs=paragraphs,
        kind=kind,
        story=story,
        authors=table.strings("authors"),
        copy_of=copy_of,
        expected=expected,
    )


def _item_path(outlet: Outlet, kind: str, item_id: str, title: str) -> str:
    if kind == "pdf":
        return f"/documents/{slug(title)}.pdf"
    if kind == "section-front":
        return f"/section/{slug(title)}/"
    values = {"slug": slug(title), "number": str(stable_number(item_id))}
    return _PLACEHOLDERS.sub(lambda match: values[match.group(1)], outlet.article_path)


def _paragraphs(body: str) -> tuple[str, ...]:
    """Return a body's paragraphs, which blank lines part; line ends inside one are spaces."""
    return tuple(_joined(body))


def _joined(body: str) -> Iterable[str]:
    for block in re.split(r"\n[ \t]*\n", body):
        text = " ".join(block.split())
        if text:
            yield text
