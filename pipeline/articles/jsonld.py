"""What a page says of itself in JSON-LD (schema.org), read leniently: many of these blocks are not quite JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.errors import InputError
from pipeline.urls import canonical

Node = dict[str, Any]

MAX_CHARS = 1_000_000
"""Of all blocks together: ten megabytes of JSON make more than a gigabyte of Python objects."""
MAX_NODES = 2_000
MAX_DEPTH = 12

_WRAPPING = re.compile(
    r"^\s*(?:<!--|/\*\s*<!\[CDATA\[\s*\*/|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|/\*\s*\]\]>\s*\*/|//\s*\]\]>|\]\]>)\s*;?\s*$"
)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_ARTICLE = re.compile(r"(?:\w*Article|BlogPosting|LiveBlogPosting|SocialMediaPosting|Report|Review)", re.IGNORECASE)
_NEWS = re.compile(r"(?:\w*NewsArticle|ReportageNewsArticle|LiveBlogPosting)", re.IGNORECASE)


def read(blocks: Sequence[str]) -> list[Node]:
    """Give all objects of all blocks, outermost first, nested ones included; broken blocks are left out."""
    nodes: list[Node] = []
    room = MAX_CHARS
    for block in blocks:
        if len(block) > room:
            continue
        room -= len(block)
        for node in _walk(_loads(block), 0):
            nodes.append(node)
            if len(nodes) >= MAX_NODES:
                return nodes
    return nodes


def types(node: Node) -> set[str]:
    """Give a node's schema.org types without their namespace."""
    return {str(kind).rstrip("/").rpartition("/")[2].rpartition(":")[2] for kind in as_list(node.get("@type"))}


def article(nodes: Sequence[Node], url: str) -> Node | None:
    """Give the node of the article that the page at `url` is about, if it is clear which: the one that names this URL,
    or the first with a headline that is news rather than any article. A page that lists several is about none."""
    found = [node for node in nodes if any(_ARTICLE.fullmatch(kind) for kind in types(node))]
    address = _plain(url)
    own = [node for node in found if address and _names(node, address)]
    news = [node for node in found if any(_NEWS.fullmatch(kind) for kind in types(node))]
    for candidates in (own, news, found):
        titled = [node for node in candidates if text(node.get("headline") or node.get("name"))]
        headlines = {text(node.get("headline") or node.get("name")) for node in titled}
        if titled and (len(headlines) <= 2 or candidates is own):
            return max(titled, key=_fullness)
    return own[0] if own else None


def text(value: object) -> str:
    """Give a plain string from a string, a `{"@value": …}`, or the first of a list; empty for anything else."""
    if isinstance(value, list):
        value = next((item for item in value if item), "")
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or ""
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else ""


def as_list(value: object) -> list[Any]:
    """Give a list: JSON-LD lets one value stand without brackets."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _fullness(node: Node) -> int:
    return sum(1 for name in ("headline", "datePublished", "author", "publisher", "articleBody") if node.get(name))


def _names(node: Node, address: str) -> bool:
    page = node.get("mainEntityOfPage")
    page_id = page.get("@id") or page.get("url") if isinstance(page, dict) else page
    links = {link for link in (page_id, node.get("url"), node.get("@id")) if isinstance(link, str)}
    return any(_plain(link) == address for link in links)


def _plain(link: str) -> str:
    """A link as two are compared; empty when it is none."""
    try:
        return canonical(link).rstrip("/")
    except InputError:
        return ""


def _loads(block: str) -> object:
    block = _WRAPPING.sub("", block.strip()).strip()
    for attempt in (block, _TRAILING_COMMA.sub("", block), html.unescape(block)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _walk(value: object, depth: int) -> Iterator[Node]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, depth + 1)
    elif isinstance(value, dict):
        if "@type" in value:
            yield value
        for name, item in value.items():
            # What an article mentions, or lists beside itself, is not the article.
            if isinstance(item, dict | list) and name not in (
                "isPartOf",
                "mentions",
                "about",
                "citation",
                "itemListElement",
            ):
                yield from _walk(item, depth + 1)
