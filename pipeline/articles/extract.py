"""The text of an article from its page: trafilatura with a prepared tree, and a ladder for when it finds too little.

Method: A. Barbaresi, "Trafilatura: A Web Scraping Library and Command-Line Tool for Text Discovery and Extraction",
ACL 2021. Precision mode gives the better text on news, and without a comparison with readability, which often prefers
a cookie notice or a list of other texts; its default mode is for pages on which that finds little.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache

import trafilatura
from lxml.html import HtmlElement
from trafilatura.settings import Extractor

from pipeline.articles import jsonld, prose
from pipeline.articles.markup import strip
from pipeline.articles.prune import prune
from pipeline.articles.tables import unwrap

FEW_CHARS = 300
"""Below this the default mode is tried as well: a news item of three sentences has more."""
TOO_FEW_CHARS = 200
"""Below this the body in JSON-LD is taken, if there is one: it is often cut, so it is no first choice."""
PROSE_CHARS = 500
"""With less prose the page is left as it is: nothing says then where the article stands."""
LEFT_OUT_SHARE = 0.1
"""Of the text that was found: with as much in paragraphs of the same kind left out, it was one piece of several."""
JOINED_LEAST, JOINED_MOST = 0.5, 1.5
"""By how much the whole must be longer, in terms of what was left out: with less it is another part of the page, with
more it brought others along."""

_BREAKS = re.compile(r"</?(?:p|div|br|li|h[1-6]|blockquote|tr)\b[^<>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")


def extract(tree: HtmlElement, article: jsonld.Node | None) -> tuple[list[str], str]:
    """Give the lines of the text and where they came from (`page` or `json-ld`); `tree` is pruned in place."""
    unwrap(tree)
    prune(tree)
    prose.wrap_bare_text(tree)
    found = prose.paragraphs(tree)
    prose.flatten(found)
    if prose.size(found) < PROSE_CHARS:
        found = []
    elif (middle := prose.holder(found)) is not None:
        prose.clear_around(middle, found)
    lines = _run(tree, precise=True)
    if _size(lines) < FEW_CHARS:
        other = _run(tree, precise=False)
        if _size(other) > _size(lines):
            lines = other
    lines = _completed(tree, found, prose.taken(found, lines), lines)
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


def _completed(
    tree: HtmlElement, found: Sequence[prose.Paragraph], inside: Sequence[bool], lines: list[str]
) -> list[str]:
    """The whole text where `lines` is the first of several elements of one kind over which an article is split, or
    where none of what holds most of the page's prose was taken, because of its name."""
    missing = prose.left_out(found, inside)
    hidden = [] if missing else prose.unseen(found, inside)
    missing = missing or hidden
    more = prose.size(missing)
    if more < LEFT_OUT_SHARE * max(1, _size(lines)):
        return lines
    homes = {paragraph.home for paragraph in missing}
    kin = [paragraph for paragraph in found if paragraph.home in homes]
    whole = prose.holder(kin, 1.0)
    articles = {next(paragraph.element.iterancestors("article"), None) for paragraph in kin}
    if whole is None or len(articles) > 1 or len(whole.findall(".//h1")) > 1:
        return lines  # several articles below one another
    with prose.named_text(whole, hidden):
        joined = _run(tree, precise=True)
    longer = _size(joined) - _size(lines)
    return joined if JOINED_LEAST * more <= longer <= JOINED_MOST * more else lines


def _run(tree: HtmlElement, *, precise: bool) -> list[str]:
    text = trafilatura.extract(tree, options=_options(precise))
    return [line for line in (text or "").splitlines() if line.strip()]


@cache
def _options(precise: bool) -> Extractor:
    return Extractor(output_format="txt", comments=False, precision=precise, fast=precise)


def _size(lines: Sequence[str]) -> int:
    return sum(map(len, lines))
