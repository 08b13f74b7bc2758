"""A page's markup on its way to a tree: what carries no text is cut out first, since parsing it costs most of the time.

The scan is linear in the length of the page whatever is in it, and what it leaves is capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree
from lxml.html import HtmlComment, HtmlElement, HTMLParser, HtmlProcessingInstruction, document_fromstring

MAX_CHARS = 3_000_000
MAX_TAGS = 40_000
"""After stripping, end tags counted too; of 281 news pages the largest has 620,000 characters and 9,700 tags. What is
longer is cut, not refused: the article stands at the beginning, and this much takes about three seconds to read."""
MAX_TAG_CHARS = 20_000
"""A hundred thousand attributes on one tag keep libxml2 busy for 25 seconds; such a tag loses them all."""

_SKIPPED = re.compile(r"<(?:(!--)|(script|style|svg)(?=[\s/>]))", re.IGNORECASE)
_ENDS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style", "svg")}
_JSON_LD = re.compile(r"""\btype\s*=\s*["']?\s*application/ld\+json""", re.IGNORECASE)
_TAG_START = re.compile(r"<[a-zA-Z]")
# Possessive, so that a tag that never ends costs one look ahead and no backtracking.
_WHOLE_TAG = re.compile(r"""<([a-zA-Z][\w:-]*)(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_ENDLESS_TAGS = 8
"""After so many tags without an end the rest of a stretch is left to the parser: looking on would be quadratic."""
# libxml2 takes `<html .../>` for an empty document, and trips over a slash in the doctype.
_EMPTY_HTML = re.compile(r"(<html\b[^<>]*?)\s*/>", re.IGNORECASE)
_DOCTYPE = re.compile(r"^\s*(?:<\?xml[^>]*\?>\s*)?<!\s*doctype[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stripped:
    """Markup without scripts, styles, drawings and comments, and the JSON-LD blocks that stood in it."""

    html: str
    json_ld: tuple[str, ...]
    cut: bool = False


# One class for all elements: the lookup by name that lxml.html brings is a Python call for each element met.
_CLASSES = etree.ElementDefaultClassLookup(element=HtmlElement, comment=HtmlComment, pi=HtmlProcessingInstruction)


def strip(text: str) -> Stripped:
    """Cut out what holds no prose. `cut` is True when the page was longer than the limits allow."""
    kept: list[str] = []
    blocks: list[str] = []
    position = 0
    never: set[str] = set()  # ends that do not come any more: looking for them again would make the scan quadratic
    while found := _SKIPPED.search(text, position):
        kept.append(text[position : found.start()])
        position = _after_comment(text, found.end(), never) if found[1] else _after(text, found, never, blocks)
    kept.append(text[position:])
    plain = _DOCTYPE.sub("", "".join(kept), count=1)
    plain = _EMPTY_HTML.sub(r"\1>", plain[:4096]) + plain[4096:]
    short = _shorten_tags(plain[:MAX_CHARS])
    end = _position_of_tag(short, MAX_TAGS)
    return Stripped(short[:end], tuple(blocks), cut=len(plain) > MAX_CHARS or end < len(short))


def parse(html: str) -> HtmlElement | None:
    """Give the tree of `html`, or None when there is nothing in it."""
    if not html.strip():
        return None
    # `huge_tree`: without it text nested deeper than about 250 levels is lost without a word.
    parser = HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False)
    parser.set_element_class_lookup(_CLASSES)
    try:
        return document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        return None


def _after_comment(text: str, start: int, never: set[str]) -> int:
    if text.startswith(">", start):  # `<!-->` is a whole comment
        return start + 1
    end = -1 if "!--" in never else text.find("-->", start)
    if end < 0:
        never.add("!--")
        return start  # unclosed: what follows is shown rather than lost
    return end + 3


def _after(text: str, found: re.Match[str], never: set[str], blocks: list[str]) -> int:
    name = found[2].lower()
    opened = text.find(">", found.end())
    if opened < 0:
        return len(text)
    if name == "svg" and text[opened - 1] == "/":
        return opened + 1
    closing = None if name in never else _ENDS[name].search(text, opened)
    if closing is None:
        never.add(name)
        return opened + 1 if name == "svg" else len(text)  # browsers read on to the end of the page as well
    if name == "script" and _JSON_LD.search(text, found.end(), opened):
        blocks.append(text[opened + 1 : closing.start()])
    return closing.end()


def _shorten_tags(text: str) -> str:
    """Take the attributes from tags that are too long; only stretches without an end tag can hold one."""
    if len(text) <= MAX_TAG_CHARS:
        return text
    parts = text.split("</")
    if max(map(len, parts)) <= MAX_TAG_CHARS:
        return text
    return "</".join(_shorten(part) if len(part) > MAX_TAG_CHARS else part for part in parts)


def _shorten(part: str) -> str:
    kept: list[str] = []
    position = looked = endless = 0
    while endless < _ENDLESS_TAGS and (start := _TAG_START.search(part, looked)):
        whole = _WHOLE_TAG.match(part, start.start())
        looked = whole.end() if whole else start.end()
        if whole is None:
            endless += 1
        elif len(whole[0]) > MAX_TAG_CHARS:
            kept += (part[position : whole.start()], f"<{whole[1]}>")
            position = whole.end()
    return "".join([*kept, part[position:]])


def _position_of_tag(text: str, number: int) -> int:
    """Where tag `number` begins (end tags counted too), or the end of the text."""
    if text.count("<") <= number:
        return len(text)
    for count, found in enumerate(re.finditer("<", text), 1):
        if count > number:
            return found.start()
    return len(text)
