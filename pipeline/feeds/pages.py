"""What came instead of a feed, named for what it is: a challenge, a parked domain, a consent or login page, an error.

Nothing here looks at a document that is a feed: an article about captchas in a real feed is an article. Of web pages
only those are named that carry the marks of their kind (a script of the protecting service, the name of the parking
company, a title) and have hardly any text of their own; any other page is a web page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import FeedError
from pipeline.feeds import marks
from pipeline.urls import absolute, mask

LOOKED_AT = 400_000
"""Characters of a page that are looked through; challenge and parking pages have up to about 200,000 (scripts)."""
LITTLE_TEXT = 2_500
"""Characters of visible text that a page may have to be named by a mark that ordinary pages could carry as well."""

_EMBEDDED = re.compile(r"<(?:rss|feed|rdf:RDF)\s[^<>]{0,500}(?:xmlns|version)\s*=")
_SKIPPED = (("<!--", "-->"), ("<?", "?>"))
_NAME = re.compile(r"<([A-Za-z_][\w.:-]{0,60})")
_PAGE_TAGS = frozenset(
    ("html", "head", "body", "script", "meta", "title", "div", "table", "p", "center", "h1", "img", "span", "br")
)
_LINK = re.compile(r"<link\b[^<>]{1,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z-]{1,20})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{0,300})", re.IGNORECASE)
_HEADING = re.compile(r"<h[12]\b[^<>]{0,300}>\s*([^<]{0,200})", re.IGNORECASE)
_HIDDEN = ("script", "style", "noscript", "template", "svg")
_MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a page is: `reason` is the short name under which it is counted, `what` says it in words (`a challenge page
    of Cloudflare`), `way_out` what can be done about it."""

    reason: str
    what: str
    way_out: str


def refuse_other_documents(text: str, url: str, headers: Mapping[str, str]) -> None:
    """Raise FeedError when `text` is a page or a list of feeds; return when it may be a feed.

    The reason is `challenge`, `parked`, `consent`, `login`, `error-page` or `not-a-feed`. `headers` are those of the
    answer, with lower-case names; `url` is where it came from, after redirects.
    """
    first = root(text)
    kind = next((kind for start, kind in marks.FILES if text.startswith(start)), None)
    if kind is not None:
        raise FeedError(f"{mask(url)} is {kind}, not a feed", reason="not-a-feed")
    if first == "opml":
        words = "is a list of feeds (OPML), not a feed; import it with `slugline feeds import`"
        raise FeedError(f"{mask(url)} {words}", reason="not-a-feed")
    if first != "html" or _EMBEDDED.search(text):
        return
    feeds = list(alternates(text, url))
    found = recognise(text, url, headers)
    # A front page may ask for consent or a login in a layer above; it names its feeds all the same.
    if found is not None and (not feeds or found.reason in ("challenge", "parked")):
        raise refusal(found, url)
    way = (
        f"it names {'this feed' if len(feeds) == 1 else 'these feeds'}: {', '.join(map(mask, feeds[:5]))}"
        if feeds
        else "and it names no feed; look for the address of its RSS or Atom feed"
    )
    raise FeedError(f"{mask(url)} is a web page, not a feed; {way}", reason="not-a-feed")


def refusal(found: Finding, url: str) -> FeedError:
    """The error that says what `url` answered with instead of a feed, and the way out."""
    return FeedError(f"{mask(url)} answered with {found.what} instead of a feed; {found.way_out}", reason=found.reason)


def recognise(text: str, url: str, headers: Mapping[str, str]) -> Finding | None:
    """Name the kind of the page `text`, or None for an ordinary page. It may have come with any status.

    In the order of certainty: what the headers say, scripts that only such pages have, then titles and wording, which
    count only on pages with hardly any text.
    """
    page = text[:LOOKED_AT]
    lower = page.lower()
    service = _by_headers(headers) or _first(marks.CHALLENGE_SCRIPTS, lower)
    if service is not None:
        return _challenge(service)
    company = _first(marks.PARKING_SCRIPTS, lower)
    if company is not None:
        return _parked(company)
    title = _words(_TITLE.search(page))
    if _visible_exceeds(page, LITTLE_TEXT):
        return None
    return _by_wording(lower, title, _words(_HEADING.search(page)), url)


def _by_headers(headers: Mapping[str, str]) -> str | None:
    """The service that says in the headers that this is a challenge."""
    said = ((value in headers.get(name, "").lower(), service) for name, value, service in marks.CHALLENGE_HEADERS)
    return next((service for is_said, service in said if is_said), None)


def _by_wording(lower: str, title: str, heading: str, url: str) -> Finding | None:
    service = _first(marks.CHALLENGE_WORDS, title or heading)
    if service is not None:
        return _challenge(service)
    if marks.PARKED_WORDS.search(title) or marks.PARKED_WORDS.search(_MARKUP.sub(" ", _without_scripts(lower))):
        return _parked("")
    host, path = _place(url)
    if marks.CONSENT_TITLE.search(title) or marks.CONSENT_HOST.search(host) or marks.CONSENT_SCRIPT.search(lower):
        return Finding("consent", "a consent page", marks.CONSENT_WAY)
    is_login = marks.LOGIN_TITLE.search(title) or marks.LOGIN_PATH.search(path) or marks.LOGIN_HOST.search(host)
    if is_login and marks.LOGIN_FORM.search(lower):
        return Finding("login", "a login page", marks.LOGIN_WAY)
    # Behind the others, because login pages have captchas too.
    service = _first(marks.SMALL_CHALLENGES, lower)
    return _error_page(title, heading) if service is None else _challenge(service)


def _error_page(title: str, heading: str) -> Finding | None:
    words = next((words for words in (title, heading) if marks.ERROR_TITLE.search(words)), None)
    if words is not None:
        return Finding("error-page", f"an error page (“{words[:80]}”)", marks.ERROR_WAY)
    if marks.EMPTY_SERVER.search(title):
        return Finding("error-page", f"the page of an empty web server (“{title[:80]}”)", marks.ERROR_WAY)
    return None


def _challenge(service: str) -> Finding:
    of = f" of {service}" if service else ""
    return Finding("challenge", f"a challenge page{of} that only a browser can pass", marks.CHALLENGE_WAY)


def _parked(company: str) -> Finding:
    of = f" ({company})" if company else ""
    return Finding("parked", f"the page of a parked domain or one that is for sale{of}", marks.PARKED_WAY)


def _first(table: tuple[tuple[str, re.Pattern[str]], ...], lower: str) -> str | None:
    return next((name for name, pattern in table if pattern.search(lower)), None)


def _words(match: re.Match[str] | None) -> str:
    return " ".join(html.unescape(match[1]).split()) if match else ""


def _place(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.path.lower()
    except ValueError:
        return "", ""


def _without_scripts(page: str) -> str:
    """`page` without what is never shown; each kind is looked for in one pass, so that it takes linear time."""
    for name in _HIDDEN:
        kept: list[str] = []
        position = 0
        while (start := page.find(f"<{name}", position)) >= 0:
            kept.append(page[position:start])
            end = page.find(f"</{name}", start)
            position = len(page) if end < 0 else end
        page = "".join([*kept, page[position:]])
    return page


def _visible_exceeds(page: str, limit: int) -> bool:
    shown = _MARKUP.sub(" ", _without_scripts(page.lower()))
    return len(" ".join(shown.split())) > limit


def root(text: str) -> str:
    """The name of the first element, lower-case, as it is written; `html` as well for what begins like a page."""
    head = text[:20_000]
    position = 0
    while (start := head.find("<", position)) >= 0:
        skipped = next((end for begin, end in _SKIPPED if head.startswith(begin, start)), None)
        if head[start : start + 14].lower().startswith("<!doctype html"):
            return "html"
        if skipped is None and (match := _NAME.match(head, start)):
            name = match[1].lower()
            return "html" if name in _PAGE_TAGS else name
        end = head.find(skipped or ">", start)
        if end < 0:
            break
        position = end + 1
    return ""


def alternates(page: str, url: str) -> Iterator[str]:
    """The feeds that a page names in its head (`<link rel="alternate" type="application/rss+xml" href=…>`)."""
    for link in _LINK.finditer(page[:LOOKED_AT]):
        pairs = _ATTRIBUTE.findall(link.group(0))
        attributes = {name.lower(): html.unescape(a or b or c) for name, a, b, c in pairs}
        kind = attributes.get("type", "").split(";")[0].strip().lower()
        if "alternate" in attributes.get("rel", "").lower().split() and kind in _FEED_TYPES:
            found = absolute(url, attributes.get("href", ""))
            if found:
                yield found


def what_it_is(text: str) -> str:
    """Words for a document that is neither a feed nor a page: its first element, or how it begins."""
    first = root(text)
    if first:
        return f"its first element is <{first}>"
    words = " ".join(text[:200].split())[:80]
    return f"it has no XML or JSON in it; it begins “{words}”" if words.isprintable() else "it has no XML or JSON in it"
