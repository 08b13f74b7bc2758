"""Title, authors, times, language, outlet and addresses of an article: for each field a ladder of sources.

What publishers write for machines (JSON-LD, Open Graph, meta) stands above what they show to people, with one
exception: the headline that readers see is the title, once something else confirms it. Microdata and vocabularies:
schema.org, ogp.me, Dublin Core, parse.ly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.articles import dates, headline, jsonld, names
from pipeline.articles.dates import Moment
from pipeline.articles.head import Head
from pipeline.articles.wording import alike, fold, squeeze, without_outlet
from pipeline.errors import InputError
from pipeline.urls import absolute, canonical, registrable_domain

MAX_TITLE_CHARS = 500
_FEED_NAME_PARTS = re.compile(r"\s+[-–—|>»·:/]+\s+|:\s+")
_TITLE_METAS = ("og:title", "twitter:title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title")
_AUTHOR_METAS = (
    "author", "article:author_name", "article:author", "og:article:author", "parsely-author", "sailthru.author",
    "dc.creator", "dc.creator.name", "dcterms.creator", "byl", "byline", "citation_author", "twitter:data1",
)  # fmt: skip
_PUBLISHED_METAS = (
    "article:published_time", "og:article:published_time", "article:published", "og:published_time", "datepublished",
    "parsely-pub-date", "sailthru.date", "publishdate", "publish_date", "publish-date", "pubdate", "published_at",
    "date.issued", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date", "article.published",
    "citation_publication_date", "cxenseparse:recs:publishtime", "article_date_original", "rnews:datepublished",
    "originalpublicationdate", "date",
)  # fmt: skip
_MODIFIED_METAS = (
    "article:modified_time", "og:updated_time", "article:updated_time", "datemodified", "lastmod", "last-modified",
    "dcterms.modified", "dc.date.modified", "revision_date",
)  # fmt: skip
_OUTLET_METAS = ("og:site_name", "application-name", "apple-mobile-web-app-title", "dc.publisher", "article:publisher")
MAX_BYLINES = 5
MAX_SEARCHED = 12_000
"""Elements; the largest of 281 news pages has 5,000. On 50,000 lines like dates htmldate is busy for a minute."""
_OTHER_TIME = re.compile("modif|updated|related|teaser|card|comment")
_LANG = re.compile(r"([a-z]{2,3})(?:[-_][A-Za-z0-9]+)*$")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was found; `sources` names where. Times are aware UTC; `published_exact` is False for a bare day."""

    title: str = ""
    titles: tuple[str, ...] = ()
    """Every form of the title that the page uses, for finding it at the head of the text."""
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    published_exact: bool = True
    modified: datetime | None = None
    lang: str | None = None
    outlet: str = ""
    description: str = ""
    canonical_url: str | None = None
    image_url: str | None = None
    sources: dict[str, str] = field(default_factory=dict)


def read(head: Head, tree: HtmlElement, *, feed_title: str = "") -> Metadata:
    """Climb the ladders. `tree` is only searched where the head says nothing (bylines; headline; htmldate for a date).

    `feed_title` is what a feed called the article: it tells the headline in a `<title>` from what is put around it.
    """
    sources: dict[str, str] = {}

    def note(name: str, source: str) -> None:
        if source:
            sources[name] = source

    outlet, source = _outlet(head)
    note("outlet", source)
    hosts = _host_names(head.url)
    title, source, titles = _title(head, (outlet, *hosts))
    if source == "title":
        title, source = _headline(tree, title, feed_title, hosts)
        titles = tuple(dict.fromkeys((title, *titles)))
    note("title", source)
    people, source = _authors(head, tree, (outlet, *hosts))
    note("authors", source)
    published, source = _published(head, tree, titles)
    note("published", source)
    modified, source = _first_date(head, "dateModified", _MODIFIED_METAS, "modif|updated")
    note("modified", source)
    lang, source = _lang(head)
    note("lang", source)
    address, source = _canonical(head)
    note("canonical_url", source)
    image, source = _image(head)
    note("image_url", source)
    description, source = _description(head)
    note("lead", source)
    return Metadata(
        title=title,
        titles=titles,
        authors=people,
        published=published.at if published else None,
        published_exact=published.exact if published else True,
        modified=modified.at if modified else None,
        lang=lang,
        outlet=outlet or (hosts[-1] if hosts else ""),
        description=description,
        canonical_url=address,
        image_url=image,
        sources=sources,
    )


def language_code(value: str | None) -> str | None:
    """Give the primary subtag of a language tag (BCP 47), or None for what is none."""
    found = _LANG.match((value or "").strip().replace("_", "-").lower())
    return found[1] if found and found[1] not in ("und", "mul", "zxx") else None


def _outlet(head: Head) -> tuple[str, str]:
    node = head.article or {}
    for publisher in jsonld.as_list(node.get("publisher")):
        if name := jsonld.text(_named(publisher, head)):
            return name[:100], "json-ld"
    value, _ = head.first(*_OUTLET_METAS)
    if value and not value.startswith("http"):
        return value[:100], "meta"
    return "", ""


def _host_names(url: str) -> tuple[str, ...]:
    """The names that a host gives its outlet: label before the suffix, and the whole registrable domain."""
    try:
        domain = registrable_domain(url).removeprefix("www.")  # a host without a public suffix comes whole
    except InputError:
        return ()
    return domain.partition(".")[0], domain


def named_by_feed(feed_name: str, domain: str) -> str:
    """The part of a feed's title that names the outlet (of "BBC News - World" at bbc.co.uk the first), else nothing.

    Titles of feeds name sections, columns and aggregators as well, so it must agree with the domain: one of the two
    holds the other, letters only.
    """
    label = _letters(domain.partition(".")[0])
    for part in _FEED_NAME_PARTS.split(squeeze(feed_name)):
        name = _letters(part)
        if min(len(name), len(label)) >= 3 and (name in label or label in name or name.removeprefix("the") == label):
            return part.strip()[:100]
    return ""


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, fold(text)))


def _title(head: Head, outlets: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    node = head.article or {}
    stated: list[tuple[str, str]] = []
    for value, source in (
        (jsonld.text(node.get("headline") or node.get("name")), "json-ld"),
        *((head.first(name)[0], "og" if name.startswith("og:") else "meta") for name in _TITLE_METAS),
        (head.title, "title"),
    ):
        cleaned = without_outlet(squeeze(value), *outlets)[:MAX_TITLE_CHARS]
        if cleaned and fold(cleaned) not in map(fold, outlets):
            stated.append((cleaned, source))
    shown = [text[:MAX_TITLE_CHARS] for text in head.h1 if len(text) >= 8 and fold(text) not in map(fold, outlets)]
    every = tuple(dict.fromkeys([text for text, _ in stated] + shown))
    for text in shown:
        for other, source in stated:
            if len(other) >= 20 and fold(text) != fold(other) and fold(text).endswith(fold(other)):
                return other, source, every  # the heading also holds a rubric: "Politics | …"
            if alike(text, other):
                return text, "h1", every
    if stated:
        return *stated[0], every
    return (shown[0], "h1", every) if shown else ("", "", ())


def _headline(tree: HtmlElement, title: str, feed_title: str, outlets: tuple[str, ...]) -> tuple[str, str]:
    """The headline in a `<title>` that nothing confirmed: as the feed or the page has it, else without the outlet."""
    if found := headline.within(title, feed_title):
        return found, "feed" if found != title else "title"
    if found := headline.shown(tree, title):
        return found, "title"
    before, colon, after = title.partition(": ")
    # Of one word the name may be what the article is about ("Apple: sales fall", on a host of that name).
    if colon and " " in before and len(after) >= 20 and without_outlet(f"{before} | {after}", *outlets) == after:
        return after, "title"
    return title, "title"


def _authors(head: Head, tree: HtmlElement, outlets: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    node = head.article or {}
    ladder: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("json-ld", lambda: _people(node.get("author") or node.get("creator"), head)),
        ("meta", lambda: next((head.meta[name] for name in _AUTHOR_METAS if _names_someone(head, name)), [])),
        ("byline", lambda: _bylines(tree)),
    )
    for source, values in ladder:
        if found := names.authors(values(), *outlets):
            return found, source
    return (), ""


def _names_someone(head: Head, name: str) -> bool:
    values = head.meta.get(name, ())
    if name == "twitter:data1":  # any label may stand beside it
        return any("written" in label.lower() or label.lower() == "by" for label in head.meta.get("twitter:label1", ()))
    return any(value and not value.startswith("http") for value in values)


def _people(value: object, head: Head) -> list[str]:
    named = [_named(person, head) for person in jsonld.as_list(value)]
    values = [jsonld.as_list(person.get("name") if isinstance(person, dict) else person) for person in named]
    return [text for group in values for name in group if (text := jsonld.text(name))]


def _named(value: object, head: Head) -> object:
    """The node that an `@id` without a name refers to, or the value itself."""
    if not isinstance(value, dict) or value.get("name") or not value.get("@id"):
        return value
    return next((node for node in head.nodes if node.get("@id") == value["@id"] and node.get("name")), value)


def _bylines(tree: HtmlElement) -> list[str]:
    """What stands in the elements that are most surely bylines, by what they call themselves."""
    kinds: dict[int, list[str]] = {}
    for element in tree.iter("*"):  # one pass: XPath would take one for each kind, and longer for it
        kind = _byline_kind(element)
        if kind is None or len(kinds.setdefault(kind, [])) >= MAX_BYLINES:
            continue
        named = element.findall('.//*[@itemprop="name"]') if kind == 1 else []
        for part in named[:MAX_BYLINES] or [element]:
            value = squeeze(part.text_content())
            if 3 <= len(value) <= 120:
                kinds.setdefault(0 if named else kind, []).append(value)
    return next((kinds[kind] for kind in sorted(kinds) if kinds[kind]), [])


def _byline_kind(element: HtmlElement) -> int | None:
    if element.get("itemprop") == "author":
        return 1  # 0 with a name in it: so the article's is told from the comments'
    if element.get("rel") == "author":
        return 2
    name = element.get("class")
    if not name:
        return None
    if "author-name" in name or "authorName" in name or "byline-name" in name:
        return 3
    if "byline" in name or "Byline" in name or name == "author":
        return 4
    return 5 if "author vcard" in name else None


def _first_date(head: Head, name: str, metas: tuple[str, ...], label: str) -> tuple[Moment | None, str]:
    node = head.article or {}
    if found := dates.parse(jsonld.text(node.get(name))):
        return found, "json-ld"
    for meta in metas:
        for value in head.meta.get(meta, ()):
            if found := dates.parse(value):
                return found, "og" if meta.startswith(("og:", "article:")) else "meta"
    for value, context in head.times:
        if re.search(label, context) and (found := dates.parse(value)):
            return found, "time"
    return None, ""


def _published(head: Head, tree: HtmlElement, titles: tuple[str, ...]) -> tuple[Moment | None, str]:
    found, source = _first_date(head, "datePublished", _PUBLISHED_METAS, "publi|posted|entry-date|pubdate")
    if found:
        return found, source
    for node in head.nodes:
        if {"WebPage", "ItemPage"} & jsonld.types(node) and (
            found := dates.parse(jsonld.text(node.get("datePublished")))
        ):
            return found, "json-ld"
    shown = [(value, context) for value, context in head.times if not re.search(_OTHER_TIME, context)]
    moments = [found for value, _ in shown if (found := dates.parse(value))]
    if day := dates.from_url(head.url):
        # A page has many times, of other articles and comments too; the one that agrees with its address is its own.
        near = [moment for moment in moments if abs(moment.at - day.at) < timedelta(hours=36)]
        return (near[0], "time") if near else (day, "url")
    return (moments[0], "time") if moments else _searched(tree, head.url, titles)


def _searched(tree: HtmlElement, url: str, titles: tuple[str, ...]) -> tuple[Moment | None, str]:
    """htmldate, the last rung: few news pages need it. Its extensive search is left out, since it would load
    dateparser's locales (more than a second and 40 MB) to find dates that are mostly those of other articles."""
    from htmldate import find_date

    if len(list(islice(tree.iter(), MAX_SEARCHED))) == MAX_SEARCHED:
        return None, ""
    value = find_date(tree, url=url, original_date=True, extensive_search=False)
    if found := dates.parse(value):
        return found, "htmldate"
    found = headline.date(tree, titles)
    return (found, "text") if found else (None, "")


def _lang(head: Head) -> tuple[str | None, str]:
    for value, source in (
        (head.html_lang, "html"),
        (head.first("content-language", "language", "dc.language", "dcterms.language")[0], "meta"),
        (jsonld.text((head.article or {}).get("inLanguage")), "json-ld"),
        (head.first("og:locale")[0], "og"),
    ):
        if code := language_code(value.partition(",")[0]):
            return code, source
    return None, ""


def _canonical(head: Head) -> tuple[str | None, str]:
    """The page's own word for its address, if it may speak for it: same owner, and not the front page."""
    for link, source in (
        *((link, "canonical") for link in head.links.get("canonical", ())),
        (head.first("og:url")[0], "og"),
    ):
        target = absolute(head.url, link) if link else None
        if target is None:
            continue
        try:
            same_owner = registrable_domain(target) == registrable_domain(head.url)
            bare = urlsplit(canonical(target)).path == "/" and not urlsplit(target).query
        except InputError:
            continue
        if same_owner and not bare:
            return target, source
    return None, ""


def _image(head: Head) -> tuple[str | None, str]:
    value, name = head.first("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
    if value and (address := absolute(head.url, value)):
        return address, "og" if name.startswith("og:") else "meta"
    for image in jsonld.as_list((head.article or {}).get("image")):
        link = (image.get("url") or image.get("contentUrl")) if isinstance(image, dict) else image
        if isinstance(link, str) and (address := absolute(head.url, link)):
            return address, "json-ld"
    return None, ""


def _description(head: Head) -> tuple[str, str]:
    if stated := jsonld.text((head.article or {}).get("description")):
        return stated, "json-ld"
    value, name = head.first("og:description", "description", "twitter:description")
    return value, ("og" if name.startswith("og:") else "meta") if value else ""
