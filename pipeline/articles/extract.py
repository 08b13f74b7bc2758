"""The text of an article from its page: trafilatura with a prepared tree, and a ladder for when it finds too little.

Method: A. Barbaresi, "Trafilatura: A Web Scraping Library and Command-Line Tool for Text Discovery and Extraction",
ACL 2021. Precision mode gives the better text on news; its default mode is for pages on which that finds little.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import trafilatura
from lxml.html import HtmlElement

from pipeline.articles import jsonld
from pipeline.articles.markup import strip
from pipeline.articles.prune import prune
from pipeline.articles.tables import unwrap

FEW_CHARS = 300
"""Below this the default mode is tried as well: a news item of three sentences has more."""
TOO_FEW_CHARS = 200
"""Below this the body in JSON-LD is taken, if there is one: it is often cut, so it is no first choice."""

_BREAKS = re.compile(r"</?(?:p|div|br|li|h[1-6]|blockquote|tr)\b[^<>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")


def extract(tree: HtmlElement, article: jsonld.Node | None) -> tuple[list[str], str]:
    """Give the lines of the text and where they came from (`page` or `json-ld`); `tree` is pruned in place."""
    unwrap(tree)
    prune(tree)
    lines = _run(tree, precise=True)
    if _size(lines) < FEW_CHARS:
        other = _run(tree, precise=False)
        if _size(other) > _size(lines):
            lines = other
    if _size(lines) < TOO_FEW_CHARS:
        stated = plain_lines(str((article or {}).get("articleBody") or ""))
        if _size(stated) > _size(lines):
            return stated, "json-ld"
    return lines, "page"


def plain_lines(text: str) -> list[str]:
    """Give the lines of a text that may hold HTML, as in feeds and in JSON-LD."""
    if "<" in text and _TAGS.search(text):
        stripped = strip(text).html
        text = html.unescape(_TAGS.sub(" ", _BREAKS.sub("\n", stripped)))
    elif "&" in text:
        text = html.unescape(text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _run(tree: HtmlElement, *, precise: bool) -> list[str]:
    text = trafilatura.extract(tree, include_comments=False, favor_precision=precise)
    return [line for line in (text or "").splitlines() if line.strip()]


def _size(lines: Sequence[str]) -> int:
    return sum(map(len, lines))
