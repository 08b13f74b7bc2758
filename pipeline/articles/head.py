"""What a page's head and its outer markup say, gathered in one pass over the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml.html import HtmlElement

from pipeline.articles import jsonld
from pipeline.articles.wording import squeeze

MAX_VALUE_CHARS = 5_000


@dataclass(frozen=True, slots=True)
class Head:
    """Everything by name, as found: `meta` by lower-case name or property (first values first), `links` by rel."""

    url: str
    meta: dict[str, list[str]]
    links: dict[str, list[str]]
    title: str
    h1: tuple[str, ...]
    html_lang: str
    nodes: Sequence[jsonld.Node]
    article: jsonld.Node | None
    times: tuple[tuple[str, str], ...] = field(default=())
    """`datetime` (or text) of each `<time>` and itemprop date, with what its surroundings call it."""

    def first(self, *names: str) -> tuple[str, str]:
        """Give the first non-empty value among the named metas, and its name; two empty strings if none."""
        for name in names:
            for value in self.meta.get(name, ()):
                if value:
                    return value, name
        return "", ""


def read(tree: HtmlElement, url: str, nodes: Sequence[jsonld.Node]) -> Head:
    """Read the tree before anything is pruned from it. `nodes` is the page's JSON-LD."""
    meta: dict[str, list[str]] = {}
    links: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or element.get("http-equiv")
        if name and (content := element.get("content")):
            meta.setdefault(name.strip().lower(), []).append(squeeze(content[:MAX_VALUE_CHARS]))
    for element in tree.iter("link"):
        if (rel := element.get("rel")) and (href := element.get("href")):
            for kind in rel.lower().split():
                links.setdefault(kind, []).append(href.strip())
    title = next((squeeze(element.text_content()[:MAX_VALUE_CHARS]) for element in tree.iter("title")), "")
    h1 = (squeeze(element.text_content()[:MAX_VALUE_CHARS]) for element in tree.iter("h1"))
    return Head(
        url=url,
        meta=meta,
        links=links,
        title=title,
        h1=tuple(dict.fromkeys(text for text in h1 if text))[:8],
        html_lang=(tree.get("lang") or tree.get("xml:lang") or "").strip(),
        nodes=nodes,
        article=jsonld.article(nodes, url),
        times=tuple(_times(tree))[:20],
    )


def _times(tree: HtmlElement) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for element in tree.iter("time", "span", "abbr", "p", "div"):  # by hand: XPath takes three times as long
        if element.tag == "time":
            value = element.get("datetime") or element.text_content()
        elif element.get("itemprop") in ("datePublished", "dateModified"):
            value = element.get("content") or element.get("datetime") or element.text_content()
        elif element.get("class") in ("published", "dtstamp"):  # hAtom
            value = element.get("title") or element.text_content()
        else:
            continue
        value = squeeze(value[:100])
        if value:
            parent = element.getparent()
            context = (element, parent) if parent is not None else (element,)
            names = (near.get(key) for near in context for key in ("class", "itemprop", "id"))
            found.append(
                (value, " ".join(name for name in names if name).lower() + (" pubdate" * ("pubdate" in element.attrib)))
            )
    return found
