"""What is no article, each kind under its own name: pages of this sort look alike across outlets, and taken for
articles they would make one false giant of a storyline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.articles import jsonld
from pipeline.articles.head import Head
from pipeline.errors import RejectedError

MIN_CHARS = 200
"""Shorter texts say too little to be filed: two sentences have about as much."""
MIN_CHARS_STATED = 120
"""Of a page that says of itself that it is an article and when it was published: news flashes are short."""
MIN_CHARS_DENSE = 70
"""In scripts without blanks, where one character is worth about three."""
WALL_CHARS = 1_200
"""Walls and errors are short: a longer text that mentions a login is an article about logins."""
STUB_CHARS = 600
"""What a paywall leaves to be read, when it leaves too little."""

_MAGIC = (
    (b"%PDF-", "pdf"), (b"\x89PNG\r\n", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"RIFF", "media"),
    (b"ID3", "media"), (b"OggS", "media"), (b"\x1a\x45\xdf\xa3", "media"), (b"fLaC", "media"), (b"\x00\x00\x01\xba", "media"),
    (b"PK\x03\x04", "binary"), (b"\x1f\x8b", "binary"), (b"7z\xbc\xaf", "binary"), (b"Rar!", "binary"), (b"\x7fELF", "binary"),
    (b"\xd0\xcf\x11\xe0", "binary"), (b"wOFF", "binary"), (b"wOF2", "binary"), (b"MZ", "binary"),
)  # fmt: skip
_TYPES = (
    ("application/pdf", "pdf"), ("image/", "image"), ("video/", "media"), ("audio/", "media"), ("font/", "binary"),
    ("application/zip", "binary"), ("application/gzip", "binary"), ("application/msword", "binary"),
    ("application/vnd.", "binary"), ("application/rss", "feed"), ("application/atom", "feed"), ("application/rdf", "feed"),
    ("application/json", "not-html"), ("application/javascript", "not-html"), ("text/javascript", "not-html"),
    ("text/css", "not-html"), ("text/csv", "not-html"), ("text/calendar", "not-html"),
)  # fmt: skip
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|title|meta|div|p|article)\b", re.IGNORECASE)
_FEED = re.compile(rb"^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:rss|feed|rdf:RDF)\b", re.DOTALL)

_I = re.IGNORECASE
_CHALLENGE_TITLE = re.compile(
    r"just a moment|attention required|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|are you a (?:robot|human)"
    r"|access (?:to this page has been )?denied|request blocked|security check|ddos.guard|pardon our interruption|captcha"
    r"|human verification|bot (?:detection|check)",
    _I,
)
_CHALLENGE_TEXT = re.compile(
    r"checking (?:if the site connection is secure|your browser before accessing)|enable javascript and cookies to continue"
    r"|verify(?:ing)? (?:that )?you(?:'re| are) (?:not a (?:ro)?bot|(?:a )?human)|unusual (?:traffic|activity) from your"
    r"|please (?:complete|solve) the captcha|cloudflare ray id|you have been blocked|why have i been blocked|incident id\b",
    _I,
)
_ERROR_TITLE = re.compile(
    r"(?:error\s*)?(?:40[0-9]|410|429|50[0-9])\b.{0,60}|.{0,40}\b(?:page|article|story|content|file|document) (?:not|could not be|cannot be|can't be)"
    r" (?:found|available|accessible).{0,40}|not found.{0,30}|.{0,30}\bpage (?:is )?(?:unavailable|missing|doesn'?t exist|does not exist).{0,30}"
    r"|(?:bad gateway|service (?:temporarily )?unavailable|internal server error|forbidden|gateway time-?out|server error).{0,40}"
    r"|(?:seite|artikel) (?:wurde )?nicht gefunden.{0,40}|page (?:non trouvée|introuvable).{0,40}|página no encontrada.{0,40}"
    r"|página não encontrada.{0,40}|pagina non trovata.{0,40}|pagina niet gevonden.{0,40}|(?:site |under )maintenance.{0,30}|oops.{0,60}",
    _I,
)
_ERROR_TEXT = re.compile(
    r"(?:page|article|story|content)\b.{0,40}\b(?:could not be|cannot be|can't be|was not|no longer|does not|doesn't|isn't)"
    r" (?:found|available|exists?|existing)|(?:may|might) have (?:been )?(?:moved|removed|deleted|expired)|404 (?:error|not found)"
    r"|the requested url|this domain (?:is|may be) for sale|buy this domain|nicht (?:mehr )?(?:gefunden|verfügbar)"
    r"|n'existe (?:pas|plus)|ya no (?:existe|está disponible)",
    _I,
)
_LOGIN = re.compile(
    r"\b(?:log ?in|sign ?in|log on) (?:to|with|using) (?:your|an?|continue|access|view|read)\b|\b(?:forgot|reset) (?:your )?password\b"
    r"|\bplease (?:log|sign) ?in\b|\bremember me\b|\bcreate an account\b|\bdon't have an account\b|\benter your (?:e-?mail|password|username)\b"
    r"|\bpasswort vergessen\b|\bmot de passe oublié\b|\bolvid\w+ (?:tu|su) contraseña\b|\besqueceu (?:a )?sua senha\b",
    _I,
)
_LOGIN_TITLE = re.compile(
    r"(?:log ?in|sign ?in|log on|anmelden|anmeldung|connexion|iniciar sesión|register|sign up)\b.{0,40}", _I
)
_CONSENT = re.compile(
    r"\b(?:we|our partners|we and our (?:\d+ )?partners|this (?:web)?site)\b.{0,60}\b(?:cookies|store (?:and|or|and/or) access information)\b"
    r"|\baccept (?:all|cookies)\b|\breject all\b|\bmanage (?:options|preferences|settings|choices)\b|\bwithdraw (?:your )?consent\b"
    r"|\b(?:your|with your) (?:privacy )?(?:consent|choices)\b|\blegitimate interest\b|\bprecise geolocation data\b|\bprivacy (?:policy|settings|center)\b"
    r"|\bdatenschutzerklärung\b|\balle akzeptieren\b|\btout accepter\b|\baceptar todas?\b|\bwerbefrei\b|\bpur-abo\b",
    _I,
)
_PAYWALL = re.compile(
    r"\bsubscribe (?:now )?(?:to|for) (?:continue|keep|read|access|unlock|full|unlimited|this)\b|\balready (?:a|an) (?:subscriber|member)\b"
    r"|\b(?:this|the full) (?:article|story|content|page) is (?:only )?(?:available )?(?:exclusively )?(?:for|to|reserved for)\b.{0,30}\b(?:subscribers|members)\b"
    r"|\b(?:subscribers?|members?|premium)[- ]only\b|\bto (?:continue|keep) reading\b|\bcontinue reading with\b|\bunlock (?:this|the full) (?:article|story)\b"
    r"|\bstart (?:your )?(?:free )?trial\b|\bread the (?:full|whole) (?:article|story) (?:with|by subscribing)\b|\bfree articles? (?:left|remaining|this month)\b"
    r"|\breached your (?:limit|article limit)\b|\bjetzt (?:weiterlesen|abonnieren)\b|\bbereits abonnent\b|\bexklusiv für abonnenten\b"
    r"|\bréservé (?:à nos|aux) abonnés\b|\bdéjà abonné\b|\bpara suscriptores\b|\bya (?:eres|es) suscriptor\b|\bexclusivo para assinantes\b|\bper gli abbonati\b",
    _I,
)
_FRONT_TYPES = {"CollectionPage", "ItemList", "SearchResultsPage", "ProfilePage", "AboutPage", "ContactPage"}
_FRONT_PATH = re.compile(
    r"/(?:tags?|topics?|themen?|category|categories|section|author|authors|archive|search|page|newsletters?|about|contact|privacy|"
    r"terms|login|account|subscribe)(?:/[^/]*){0,2}/?$",
    _I,
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
    if _MARKUP.search(body[:4096]) or b"<\x00" in body[:200] or b"\x00<" in body[:200]:
        return
    for prefix, reason in _TYPES:
        if kind.startswith(prefix):
            raise RejectedError(f"the address leads to {kind}, not to a page", reason=reason)
    if not _MARKUP.search(body):
        raise RejectedError(f"there is no HTML in what came ({kind or 'no content type'})", reason="not-html")


def check_article(head: Head, tree: HtmlElement, title: str, paragraphs: Sequence[str], raw: str) -> None:
    """Refuse a page that is no article. `paragraphs` is its text as tidied; `raw` as extracted, with the lines that
    betray a wall. Raises RejectedError: `challenge`, `error-page`, `login`, `consent`, `paywall`, `section-front` or
    `too-short`."""
    size = sum(map(len, paragraphs))
    for name in (_challenge, _error_page, _login, _consent, _paywall):
        if reason := name(head, title, raw, size):
            raise RejectedError(reason[1], reason=reason[0])
    if _is_front(head, tree, size):
        raise RejectedError("the page lists articles and is none itself", reason="section-front")
    least = _least(head, "".join(paragraphs))
    if size < least:
        raise RejectedError(f"only {size} characters of text were found ({least} are needed)", reason="too-short")


def _least(head: Head, text: str) -> int:
    if len(_DENSE.findall(text)) > len(text) * 0.3:
        return MIN_CHARS_DENSE
    return (
        MIN_CHARS_STATED if is_stated(head) and head.first("article:published_time")[0] or head.article else MIN_CHARS
    )


def is_stated(head: Head) -> bool:
    """Whether the page calls itself an article."""
    return head.article is not None or head.first("og:type")[0].lower() in ("article", "news", "newsarticle", "blog")


Reason = tuple[str, str] | None


def _challenge(head: Head, title: str, raw: str, size: int) -> Reason:
    if size < WALL_CHARS and (
        _CHALLENGE_TITLE.match(head.title) or len(_CHALLENGE_TEXT.findall(raw)) >= 1 and size < 600
    ):
        if head.article is None:
            return "challenge", "the host wants proof that a person asks"
    return None


def _error_page(head: Head, title: str, raw: str, size: int) -> Reason:
    if size >= WALL_CHARS or head.article is not None:
        return None
    named = any(_ERROR_TITLE.match(text) for text in (head.title, title, *head.h1[:1]))
    if (named and (size < 600 or _ERROR_TEXT.search(raw))) or (size < 400 and _ERROR_TEXT.search(raw)):
        return "error-page", "the page says that there is nothing here, with status 200"
    return None


def _login(head: Head, title: str, raw: str, size: int) -> Reason:
    hits = len(_LOGIN.findall(raw))
    titled = any(_LOGIN_TITLE.match(text) for text in (head.title, title))
    if (size < WALL_CHARS and titled and (hits or size < MIN_CHARS)) or (size < STUB_CHARS and hits >= 2):
        return "login", "the page asks for a login"
    return None


def _consent(head: Head, title: str, raw: str, size: int) -> Reason:
    hits = len(_CONSENT.findall(raw))
    per_chars = hits / max(1, len(raw)) * 1_000
    if (
        (size < MIN_CHARS and hits >= 1)
        or (hits >= 3 and per_chars >= 1.5 and head.article is None)
        or (size < 800 and hits >= 3)
    ):
        return "consent", "the page asks for consent to cookies and shows nothing else"
    return None


def _paywall(head: Head, title: str, raw: str, size: int) -> Reason:
    closed = any(
        str(node.get("isAccessibleForFree")).lower() == "false" for node in (head.article, *head.nodes[:20]) if node
    )
    tier = head.first("article:content_tier")[0].lower() in ("locked", "metered")
    if size < STUB_CHARS and (_PAYWALL.search(raw) or ((closed or tier) and size < STUB_CHARS / 2)):
        return "paywall", f"a paywall left {size} characters to read"
    return None


def _is_front(head: Head, tree: HtmlElement, size: int) -> bool:
    kinds = set().union(*(jsonld.types(node) for node in head.nodes)) if head.nodes else set()
    path = urlsplit(head.url).path
    if head.article is not None and path not in ("", "/"):
        return False
    signs = 0
    signs += path in ("", "/") or bool(_FRONT_PATH.search(path))
    signs += bool(kinds & _FRONT_TYPES)
    signs += head.first("og:type")[0].lower() in ("website", "profile", "object")
    signs += len(tree.findall(".//article")) >= 6
    signs += _teasers(tree) >= 10
    return signs >= (2 if size < 2_500 else 3) and not (is_stated(head) and path not in ("", "/"))


def _teasers(tree: HtmlElement) -> int:
    """Headings that are links: a page of teasers has many, an article a few beside or below it."""
    return sum(
        1 for tag in ("h2", "h3", "h4") for heading in tree.iter(tag)
        if heading.find(".//a") is not None or (heading.getparent() is not None and heading.getparent().tag == "a")
    )  # fmt: skip
