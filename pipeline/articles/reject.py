"""What is no article, each kind under its own name: pages of this sort look alike across outlets, and taken for
articles they would make one false giant of a storyline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.articles import jsonld, phrases
from pipeline.articles.head import Head
from pipeline.articles.wording import SENTENCE_END, squeeze
from pipeline.errors import RejectedError

MIN_CHARS = 200
"""Shorter texts say too little to be filed: two sentences have about as much."""
MIN_CHARS_STATED = 120
"""Of a page that calls itself an article: news flashes are short."""
MIN_CHARS_DENSE = 70
"""In scripts without blanks, where one character is worth about three."""
STUB_CHARS = 400
"""What a paywall leaves to be read, when it leaves too little: a teaser of two or three sentences."""
VIDEO_CHARS = 800
"""A page that calls itself a video has its caption below this, a transcript or a report above."""
WALL_LINE_CHARS = 400
"""Paragraphs up to this length that speak of logins, consent or subscriptions do not count as text."""

MAX_PAGE_CHARS = 60_000
LONG_CHARS = 2_500
"""A page with as much prose needs one sign more to pass for a section front."""

_MAGIC = (
    (b"%PDF-", "pdf"), (b"\x89PNG\r\n", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"),
    (b"RIFF", "media"), (b"ID3", "media"), (b"OggS", "media"), (b"\x1a\x45\xdf\xa3", "media"), (b"fLaC", "media"),
    (b"PK\x03\x04", "binary"), (b"\x1f\x8b", "binary"), (b"7z\xbc\xaf", "binary"), (b"Rar!", "binary"),
    (b"\x7fELF", "binary"), (b"\xd0\xcf\x11\xe0", "binary"), (b"wOFF", "binary"), (b"wOF2", "binary"),
)  # fmt: skip
_TYPES = (
    ("application/pdf", "pdf"), ("image/", "image"), ("video/", "media"), ("audio/", "media"), ("font/", "binary"),
    ("application/zip", "binary"), ("application/gzip", "binary"), ("application/msword", "binary"),
    ("application/vnd.", "binary"), ("application/rss", "feed"), ("application/atom", "feed"),
    ("application/rdf", "feed"), ("application/json", "not-html"), ("application/javascript", "not-html"),
    ("text/javascript", "not-html"), ("text/css", "not-html"), ("text/csv", "not-html"), ("text/calendar", "not-html"),
)  # fmt: skip
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|title|meta|div|p|article)\b", re.IGNORECASE)
_FEED = re.compile(rb"^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF)\b", re.DOTALL)

_BINARY = bytes([*range(9), 11, *range(14, 27), *range(28, 32)])
"""Bytes of no text (WHATWG MIME Sniffing, "binary data byte")."""
SAMPLE_BYTES = 65_536
MAX_BINARY_SHARE = 0.03
"""Noise has 10 % of them; a page that a template damaged has a few."""

SENTENCE_CHARS, SENTENCE_CHARS_DENSE = 40, 15
"""A line that ends like a sentence and is at least so long is one; the ticker of a match has shorter ones."""
LEAST_SCORES = 5
"""Scores and minutes of play in a text without sentences, by which it is known for a ticker."""
_SCORE_TYPES = {"SportsEvent", "BroadcastEvent"}
_SCORE = re.compile(r"(?<![\w.:/-])(?:\d{1,3}\s?[-–]\s?\d{1,3}(?![\w.:/-])|\d{1,3}['’](?!\w))")

_FRONT_TYPES = {"CollectionPage", "ItemList", "SearchResultsPage", "ProfilePage", "AboutPage", "ContactPage"}
_FRONT_PATH = re.compile(
    r"/(?:tags?|topics?|themen?|category|categories|section|author|authors|archive|search|page|newsletters?|about|contact"
    r"|privacy|terms|login|account|subscribe)(?:/[^/]*){0,2}/?$",
    re.IGNORECASE,
)
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


def check_bytes(body: bytes, content_type: str | None) -> None:
    """Refuse what is no page before it is decoded. Raises RejectedError: `empty`, `pdf`, `image`, `media`, `binary`,
    `feed` or `not-html`. What the bytes say counts more than the header: PDF is served as `text/html` and pages as
    `application/octet-stream`."""
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if not head:
        raise RejectedError("the page is empty", reason="empty")
    for magic, reason in _MAGIC:
        if body.startswith(magic) or (reason == "pdf" and magic in body[:1024]):
            raise RejectedError(f"the address leads to a file ({reason}), not to a page", reason=reason)
    if body[4:8] == b"ftyp":
        raise RejectedError("the address leads to a video or audio file, not to a page", reason="media")
    if _FEED.match(head):
        raise RejectedError("the address leads to a feed, not to a page", reason="feed")
    kind = (content_type or "").partition(";")[0].strip().lower()
    if b"<\x00" in body[:200] or b"\x00<" in body[:200]:  # UTF-16
        return
    if _MARKUP.search(body[:4096]):
        _check_text(body)
        return
    for prefix, reason in _TYPES:
        if kind.startswith(prefix):
            raise RejectedError(f"the address leads to {kind}, not to a page", reason=reason)
    if not _MARKUP.search(body):
        raise RejectedError(f"there is no HTML in what came ({kind or 'no content type'})", reason="not-html")
    _check_text(body)


def _check_text(body: bytes) -> None:
    """Refuse what no text is made of, whatever markup stands in it: noise of some length has a `<p>` as well."""
    sample = body[:SAMPLE_BYTES]
    if len(sample) - len(sample.translate(None, _BINARY)) > MAX_BINARY_SHARE * len(sample):
        raise RejectedError("what came is no text, although it holds something like markup", reason="binary")


def check_article(head: Head, *, fronts: int, title: str, paragraphs: Sequence[str], extracted: str, page: str) -> None:
    """Refuse a page that is no article.

    `fronts` is what `front_signs` counted before the tree was pruned; `paragraphs` is its text as tidied, `extracted`
    the same before tidying (it betrays a paywall), `page` everything that can be read on it, which serves to name what
    is wrong once the text is too short. Raises RejectedError:
    `challenge`, `error-page`, `login`, `consent`, `paywall`, `video`, `section-front`, `live-score` or `too-short`.
    """
    size = _readable(paragraphs, LONG_CHARS if fronts else VIDEO_CHARS)
    if fronts >= (2 if size < LONG_CHARS else 3):
        raise RejectedError("the page lists articles and is none itself", reason="section-front")
    if size < STUB_CHARS and (phrases.PAYWALL.search(extracted) or _is_closed(head)):
        raise RejectedError(f"a paywall left {size} characters to read", reason="paywall")
    if size < VIDEO_CHARS and head.first("og:type")[0].lower().startswith("video"):
        raise RejectedError(f"a video with {size} characters of text", reason="video")
    titles = [text for text in (head.title, title, *head.h1[:1]) if text]
    least = _least(head, "".join(paragraphs))
    if size >= least and _shows_scores(head, titles, paragraphs, least):
        raise RejectedError("the page shows scores or figures and tells nothing", reason="live-score")
    if size < least or _is_error(titles, paragraphs):
        reason, said = _name(titles, squeeze(page[:MAX_PAGE_CHARS]))
        raise RejectedError(said or f"only {size} characters of text were found, {least} are needed", reason=reason)


def _readable(paragraphs: Sequence[str], enough: int) -> int:
    """Characters that are no wall's; not counted on once they are `enough`, for the looking costs."""
    size = 0
    for paragraph in sorted(paragraphs, key=len, reverse=True):
        if size >= enough:
            break
        size += 0 if _is_wall_line(paragraph) else len(paragraph)
    return size


def _is_wall_line(line: str) -> bool:
    walls = (phrases.LOGIN, phrases.CONSENT, phrases.PAYWALL, phrases.CHALLENGE_TEXT)
    return len(line) <= WALL_LINE_CHARS and any(wall.search(line) for wall in walls)


def _is_error(titles: Sequence[str], paragraphs: Sequence[str]) -> bool:
    """A talkative error page: its title says so (but "404 people rescued" is news) and so does its text."""
    text = " ".join(paragraphs)
    return len(text) < 1_000 and bool(
        any(phrases.ERROR_TITLE.fullmatch(title) for title in titles) and phrases.ERROR_TEXT.search(text)
    )


def _name(titles: Sequence[str], page: str) -> tuple[str, str]:
    """What a page without text is: its reason and a sentence (empty when it is only short)."""

    def titled(pattern: re.Pattern[str]) -> bool:
        return any(pattern.match(title) for title in titles)

    if titled(phrases.CHALLENGE_TITLE) or (len(page) < 3_000 and phrases.CHALLENGE_TEXT.search(page)):
        return "challenge", "the host wants proof that a person asks"
    if titled(phrases.ERROR_TITLE) or (len(page) < 1_500 and phrases.ERROR_TEXT.search(page)):
        return "error-page", "the page says, with status 200, that there is nothing here"
    if phrases.PAYWALL.search(page):
        return "paywall", "a paywall left nothing to read"
    if titled(phrases.LOGIN_TITLE) or len(phrases.LOGIN.findall(page)) >= 2:
        return "login", "the page asks for a login and shows nothing else"
    if len(phrases.CONSENT.findall(page)) >= 2:
        return "consent", "the page asks for consent to cookies and shows nothing else"
    return "too-short", ""


def _is_closed(head: Head) -> bool:
    """Whether the page declares itself to be behind a paywall (schema.org, "subscription and paywalled content")."""
    own = [node for node in (head.article, *head.nodes[:20]) if node is not None]
    return any(str(node.get("isAccessibleForFree")).lower() == "false" for node in own) or (
        head.first("article:content_tier")[0].lower() == "locked"
    )


def _shows_scores(head: Head, titles: Sequence[str], paragraphs: Sequence[str], least: int) -> bool:
    """Whether there are fewer sentences than an article needs, and something says that scores are what the page is
    for: its title, its data for machines, or the scores in its text."""
    dense = least == MIN_CHARS_DENSE
    sentence = SENTENCE_CHARS_DENSE if dense else SENTENCE_CHARS
    told = 0
    for line in paragraphs:
        told += len(line) if len(line) >= sentence and SENTENCE_END.search(line) else 0
        if told >= least:
            return False
    if any(phrases.SCORES_TITLE.search(title) for title in titles):
        return True
    if any(_SCORE_TYPES & jsonld.types(node) for node in head.nodes):
        return True
    return len(_SCORE.findall("\n".join(paragraphs))) >= LEAST_SCORES


def _least(head: Head, text: str) -> int:
    if len(_DENSE.findall(text)) > len(text) * 0.3:
        return MIN_CHARS_DENSE
    return MIN_CHARS_STATED if is_stated(head) else MIN_CHARS


def is_stated(head: Head) -> bool:
    """Whether the page calls itself an article."""
    return head.article is not None or head.first("og:type")[0].lower() in ("article", "news", "newsarticle", "blog")


def front_signs(head: Head, tree: HtmlElement) -> int:
    """Count what speaks for a section front, a search result or an index (0 to 5); 0 when the page states that it is
    an article and has a path."""
    path = urlsplit(head.url).path
    bare = path in ("", "/")
    if is_stated(head) and not bare:
        return 0
    kinds = {kind for node in head.nodes for kind in jsonld.types(node)}
    signs = (
        bare or _FRONT_PATH.search(path) is not None,
        bool(kinds & _FRONT_TYPES),
        head.first("og:type")[0].lower() in ("website", "profile", "object"),
        len(tree.findall(".//article")) >= 6,
        _teasers(tree) >= 10,
    )
    return sum(signs)


def _teasers(tree: HtmlElement) -> int:
    """Headings that are links: a page of teasers has many, an article a few beside or below it."""
    return sum(
        1 for tag in ("h2", "h3", "h4") for heading in tree.iter(tag)
        if heading.find(".//a") is not None or (heading.getparent() is not None and heading.getparent().tag == "a")
    )  # fmt: skip
