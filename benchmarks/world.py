"""A made-up world of outlets: stories, the articles that cover them, real-sized pages and feeds. All from one seed.

Stories have a topic, a place, people, an organisation and figures of their own. Several outlets cover most of them,
each in words of its own; some print another's text as it is. Pages weigh 50 to 300 KB, as those of real outlets do, of
which the article is a few: around it stand menus, scripts, styles, teasers, comments and a footer.
"""

from __future__ import annotations

import heapq
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from itertools import count

OUTLETS = 30
FEED_ITEMS = 40  # entries that a feed shows
SMALLEST, LARGEST = 50_000, 300_000  # bytes of a page
COPIES = 0.15  # share of a story's articles that are reprints
STORY_SPAN = 400  # articles of the whole wire among which a story's own are spread
LEAST_WORDS, MOST_WORDS = 200, 900

SYLLABLES = "nor vik hal den mar ka tol bru sen ost li ber gan ro sha pe quin tar wel dor fen ashe mo rin".split()
FIRST = (
    "Ada Bela Clara Dario Elin Farid Greta Hugo Ines Jonas Kira Leon Mara Nils Olga Pavel Rosa Selim Tove Uwe".split()
)
BODIES = "Council Ministry Institute Union Court Company Agency Committee Federation University".split()
COMMON = (
    "the evening a meeting late plan several months new figures last report public hearing open letter long debate "
    "first vote clear answer joint statement early morning local people final draft next week higher costs small group "
    "careful "
    "review broad support sharp criticism difficult winter common goal written reply second reading independent study"
).split()
TOPICS = [
    line.split()
    for line in (
        "harbour ships dredging pilots quay containers tugboats cranes freight dockers tide cargo",
        "school pupils teachers timetable classroom exams headmaster lessons textbooks playground grades parents",
        "hospital nurses surgeons wards patients waiting-lists ambulances operations doctors beds clinic medicines",
        "election ballots candidates polling turnout recount campaign voters coalition constituency mandate runoff",
        "wildfire flames firefighters evacuation smoke hectares helicopters ridge embers drought shelters villages",
        "flood river dams sandbags rainfall embankment cellars pumps rescue water-level bridges meadows",
        "bank loans interest-rates deposits shareholders branches dividends mortgages regulator bonds liquidity audit",
        "football striker goalkeeper penalty league coach stadium fans transfer midfield referee defeat",
        "satellite rocket orbit launch engineers telescope payload countdown antenna spacecraft probe mission",
        "railway trains tracks signals commuters timetable locomotives platform tunnel derailment carriages freight",
        "museum paintings exhibition curator sculptures visitors restoration gallery forgery collectors auction",
        "strike workers unions wages pickets walkout bargaining shifts employers overtime contract assembly",
        "vaccine virus infections laboratory doses trial immunity outbreak epidemic researchers symptoms testing",
        "farm wheat harvest tractors drought farmers subsidies cattle fertiliser barley prices soil",
        "theatre actors premiere stage director audience rehearsal drama tickets ensemble orchestra curtain",
        "murder detectives suspect trial jury verdict witnesses prosecutor evidence sentence appeal prison",
        "software hackers passwords data-breach servers encryption ransom customers network firewall systems patch",
        "airport flights runway passengers airline delays pilots luggage terminal fuel departures security",
        "wolves forest rangers sheep hunters reserve species tracks biologists fences habitat pack",
        "housing rents tenants landlords flats construction mortgages estate planners shortage architects building",
        "treaty border negotiators ceasefire troops envoys sanctions summit peacekeepers talks ministers accord",
        "volcano ash eruption lava seismologists crater earthquake tremors islanders magma alert observatory",
        "brewery beer hops barrels brewers pubs taxes bottles recipe festival export exports",
        "cycling race stage peloton sprint mountains doping riders jersey climb team descent",
        "parliament budget deficit taxes opposition amendment spending minister debate pensions bill majority",
        "chess grandmaster tournament opening endgame board champion draw players match clock title",
        "power-plant turbines electricity grid reactor engineers outage megawatts cooling operators transmission coal",
        "mine miners shaft copper ore collapse rescue tunnels union safety smelter deposits",
        "festival musicians singers concert stage crowd headliner tents band guitar campers organisers",
        "glacier ice climate melting scientists sea-level cores expedition temperatures snow researchers polar",
    )
]
SENTENCES = (
    "{person} of the {org} told reporters in {place} on {day} that the {a} and the {b} would need {x} before the {c}.",
    "The {org} in {place} had said {y} ago that {n} {a} were affected by the {b}, and that {x} was to follow.",
    "After {x}, {person} called the {c} a question of {y} and asked for {n} million crowns for the {a}.",
    "“Nobody in {place} expected the {a} to end like this,” said {person}, who has followed the {b} for {m} years.",
    "According to {y} that this newspaper has seen, the {b} may cost {n} million crowns, most of it for the {c}.",
    "In {place} the {a} had already been the subject of {x}, and {other} warned of the {b} as early as {day}.",
    "{other} disagreed: without the {c}, she said, {y} would be lost, and with it the {a} of {m} years.",
    "It was the {m}th time that the {org} dealt with the {b}, but {x} gave the {a} a new turn.",
    "A spokesman for the {org} would not say whether {person} knew of the {c} when {y} was agreed.",
    "By {day} evening {n} people had signed a call for {x}, and the {a} were once more at the centre of it.",
    "What the {b} means for {place} is disputed; {other} speaks of {y}, {person} of {x}.",
    "For the {a}, the {c} of the past {m} months had been {y}, as {person} put it to the {org}.",
)
TITLES = (
    "{place} {a}: {person} promises {c} after {b}",
    "{org} looks into {a} and {b} in {place}",
    "{b} in {place}: {n} {a} affected, says {person}",
    "{person} and {other} at odds over {a} in {place}",
    "After the {b}: {place} argues about its {a}",
    "{org} of {place} to decide on {a} this {day}",
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SCRIPT = (
    "window.__q{n}=window.__q{n}||[];(function(d,s,i){{var e=d.createElement(s);e.async=1;e.id=i;e.dataset.slot='{w}';"
    "}})(document);"
)
STYLE = ".c-{w}-{n}{{display:flex;margin:{m}px 0;font:400 {m}px/1.4 sans-serif;color:#{n:06x}}}"
BODY_FORMS = (
    ("<article class=story><div class=story-body>", "</div></article>"),
    ("<main><div id=article-content class='entry-content'>", "</div></main>"),
    ("<div class=page><section class='article__body' itemprop=articleBody>", "</section></div>"),
    ("<div class=content><div class='text-block'>", "</div></div>"),
    ("<article itemscope itemtype='https://schema.org/NewsArticle'><div class=copy>", "</div></article>"),
)


@dataclass(frozen=True, slots=True)
class Story:
    number: int
    words: dict[str, str]
    outlets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One article of one outlet. `number` is its place on the whole wire."""

    number: int
    story: int
    outlet: int
    title: str
    author: str
    paragraphs: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/news/{self.number}-" + "".join(c if c.isalnum() else "-" for c in self.title.lower())[:60].strip("-")


@dataclass(slots=True)
class Outlet:
    """What all pages of an outlet have in common: the parts before the article, and those after it, ready-made."""

    number: int
    name: str
    before: Part
    after: Part
    form: tuple[str, str]
    pieces: list[tuple[Piece, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page and the same compressed, so that a page can be put together from compressed parts."""

    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, text: str, level: int = 6) -> Part:
        plain = text.encode()
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        return cls(plain, packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH))


def gzipped(parts: list[Part]) -> bytes:
    """A gzip file of the parts in order (RFC 1952; a full flush lets deflate streams follow each other)."""
    plain = b"".join(part.plain for part in parts)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    tail = b"\x03\x00" + zlib.crc32(plain).to_bytes(4, "little") + (len(plain) & 0xFFFFFFFF).to_bytes(4, "little")
    return head + b"".join(part.packed for part in parts) + tail


def address(outlet: int) -> str:
    """An address of its own, so that each outlet is a host of its own."""
    return f"127.8.{outlet}.1"


def name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 3))).capitalize()


def stories(seed: int) -> Iterator[Story]:
    chance = random.Random(f"stories {seed}")
    for number in count():
        a, b, c = chance.sample(chance.choice(TOPICS), 3)
        place = name(chance)
        words = {
            "a": a, "b": b, "c": c, "place": place, "n": str(chance.randint(3, 900)), "m": str(chance.randint(3, 40)),
            "person": f"{chance.choice(FIRST)} {name(chance)}", "other": f"{chance.choice(FIRST)} {name(chance)}",
            "org": f"{place if chance.random() < 0.5 else name(chance)} {chance.choice(BODIES)}",
        }  # fmt: skip
        covering = min(OUTLETS, 1 + int(chance.expovariate(1 / 3.0)))
        yield Story(number, words, tuple(chance.sample(range(OUTLETS), covering)))


def wire(seed: int) -> Iterator[Piece]:
    """All articles in the order in which they come out; about four to a story, stories side by side."""
    chance, source = random.Random(f"wire {seed}"), stories(seed)
    coming: list[tuple[float, int, int, Story]] = []  # when, tie-break, outlet, story
    first: dict[int, Piece] = {}
    for number in count():
        if not coming or coming[0][0] > number:
            story = next(source)
            for outlet in story.outlets[1:]:
                heapq.heappush(coming, (number + chance.uniform(5, STORY_SPAN), chance.getrandbits(40), outlet, story))
            outlet = story.outlets[0]
        else:
            *_, outlet, story = heapq.heappop(coming)
        original = first.get(story.number)
        if original is not None and chance.random() < COPIES:
            piece = Piece(number, story.number, outlet, original.title, "The Wire", original.paragraphs)
        else:
            piece = _written(chance, number, outlet, story)
        if len(story.outlets) > 1:
            first.setdefault(story.number, piece)
        yield piece


def _written(chance: random.Random, number: int, outlet: int, story: Story) -> Piece:
    def filled(template: str) -> str:
        x, y = (f"{' '.join(chance.sample(COMMON, 2))}" for _ in range(2))
        return template.format(**story.words, x=x, y=y, day=chance.choice(DAYS))

    wanted = int(min(MOST_WORDS, max(LEAST_WORDS, chance.lognormvariate(6.0, 0.45))))
    paragraphs, words = [], 0
    while words < wanted:
        paragraph = " ".join(filled(template) for template in chance.sample(SENTENCES, chance.randint(2, 4)))
        paragraphs.append(paragraph)
        words += len(paragraph.split())
    title = filled(chance.choice(TITLES))
    return Piece(
        number,
        story.number,
        outlet,
        title[0].upper() + title[1:],
        f"{chance.choice(FIRST)} {name(chance)}",
        tuple(paragraphs),
    )


def outlet(number: int, seed: int) -> Outlet:
    """An outlet and what surrounds its articles; sizes go evenly (by ratio) from the smallest to the largest."""
    chance = random.Random(f"outlet {seed} {number}")
    size = SMALLEST * (LARGEST / SMALLEST) ** (number / (OUTLETS - 1)) * 0.95  # the article and its teasers add to it
    title = f"{name(chance)} {chance.choice(('Times', 'Post', 'Courier', 'Herald', 'Echo', 'Gazette'))}"
    before = _styles(chance, size * 0.15) + _scripts(chance, size * 0.3)
    menu = _menu(chance, int(size / 2500))
    below = _comments(chance, size * 0.12) + _teasers(chance, size * 0.13) + _menu(chance, int(size / 5000))
    rest = size - len(before) - len(menu) - len(below)
    after = f"{below}<footer><p>© {title}. All rights reserved.</p></footer>{_scripts(chance, rest)}</body></html>"
    return Outlet(
        number, title, Part.of(f"{before}</head><body><header>{menu}</header>"), Part.of(after), BODY_FORMS[number % 5]
    )


def _styles(chance: random.Random, size: float) -> str:
    return f"<style>{_repeat(chance, STYLE, size)}</style>"


def _scripts(chance: random.Random, size: float) -> str:
    parts = max(1, int(size / 9000))
    return "".join(f"<script>{_repeat(chance, SCRIPT, size / parts)}</script>" for _ in range(parts))


def _repeat(chance: random.Random, template: str, size: float) -> str:
    made: list[str] = []
    while size > 0:
        made.append(template.format(n=chance.getrandbits(20), m=chance.randint(2, 40), w=name(chance).lower()))
        size -= len(made[-1])
    return "".join(made)


def _menu(chance: random.Random, links: int) -> str:
    items = "".join(
        f'<li class="menu-item"><a href="/{name(chance).lower()}/">{name(chance)}</a></li>' for _ in range(links)
    )
    return f"<nav><ul>{items}</ul></nav>"


def _teasers(chance: random.Random, size: float) -> str:
    form = (
        '<div class="teaser card"><a href="/news/{n}"><img src="/i/{n}.jpg" alt="" width=320 height=180>'
        "<h3>{w} is to see {m} more</h3></a><span class=time>{m} min ago</span></div>"
    )
    return f"<aside class=most-read><h2>Most read</h2>{_repeat(chance, form, size)}</aside>"


def _comments(chance: random.Random, size: float) -> str:
    form = (
        '<li class="comment"><div class="comment-author"><b>{w}</b> <time>{m} hours ago</time></div><p>I have lived in '
        "{w} for {m} years and never saw anything like it, number {n}.</p><a href=#>Reply</a></li>"
    )
    return f"<section id=comments class=comments><h2>Comments</h2><ol>{_repeat(chance, form, size)}</ol></section>"


def page(house: Outlet, piece: Piece, published: datetime, base: str) -> list[Part]:
    """The page of an article, in parts."""
    url, when = base + piece.path, published.isoformat()
    title, lead = escape(piece.title), escape(piece.paragraphs[0][:200])
    head = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | {house.name}</title>'
        f'<link rel="canonical" href="{url}"><meta name="description" content="{lead}">'
    ]
    if house.number % 6:
        head.append(
            f'<meta property="og:title" content="{title}"><meta property="og:type" content="article">'
            f'<meta property="og:site_name" content="{house.name}"><meta property="og:image" content="{base}/i/1.jpg">'
            f'<meta property="article:published_time" content="{when}">'
        )
    if house.number % 3:
        about = {
            "@context": "https://schema.org", "@type": "NewsArticle", "headline": piece.title, "datePublished": when,
            "author": [{"@type": "Person", "name": piece.author}], "mainEntityOfPage": url,
            "publisher": {"@type": "Organization", "name": house.name},
        }  # fmt: skip
        head.append(f'<script type="application/ld+json">{json.dumps(about)}</script>')
    opening, closing = house.form
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in piece.paragraphs)
    body = (
        f'{opening}<h1>{title}</h1><div class="byline">By <a rel=author href="/by/{piece.number % 50}">'
        f"{piece.author}</a> "
        f'<time datetime="{when}">{published:%d %B %Y, %H:%M}</time></div>{text}{closing}{_related(house, piece)}'
    )
    return [Part.of("".join(head), 1), house.before, Part.of(body, 1), house.after]


def _related(house: Outlet, piece: Piece) -> str:
    others = [other for other, _ in house.pieces[-13:] if other.number != piece.number]
    links = "".join(f'<li class=rel><a href="{other.path}">{escape(other.title)}</a></li>' for other in others)
    return f"<aside class=related><h2>Related</h2><ul>{links}</ul></aside>"


def feed(house: Outlet, base: str) -> bytes:
    """The outlet's feed: its latest articles, the newest first."""
    items = "".join(
        f"<item><title>{escape(piece.title)}</title><link>{base}{piece.path}</link><guid>{base}{piece.path}</guid>"
        f"<pubDate>{format_datetime(published, usegmt=True)}</pubDate>"
        f"<description>{escape(piece.paragraphs[0][:200])}…</description></item>"
        for piece, published in house.pieces[: -FEED_ITEMS - 1 : -1]
    )
    head = f"<title>{house.name}</title><link>{base}/</link><description>All of it</description>"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()
