"""Where a page's prose stands: its paragraphs, the element that holds nearly all of them, and what lies around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import cast

from lxml import etree
from lxml.etree import XPath
from lxml.html import HtmlElement

from pipeline.articles.tables import INLINE, make_paragraphs
from pipeline.articles.wording import squeeze

PARAGRAPH_CHARS = 80
"""A run of text this long, not made of links, is prose."""
LINK_SHARE = 0.5
MOSTLY = 0.6
"""The holder of so much of a page's prose holds the article; what is left are comments, teasers and notices."""
MOST = 0.5
"""Share of the prose by which elements of one kind are where the article stands, and of theirs that must lie between
what was taken."""
MAX_DEPTH = 60
"""Ancestors of a paragraph that are counted: nested markup would make the walk quadratic."""
MAX_BLOCKS = 400
KEY_CHARS = 60
"""Of a paragraph, without blanks, by which it is found again."""

_SET_OFF = ("a", "abbr", "b", "cite", "em", "font", "i", "mark", "q", "s", "small", "strong", "sub", "sup", "time", "u")
_BARE = XPath(
    "//*[self::div or self::section or self::article or self::main or self::td or self::center]"
    f"[text()[string-length(normalize-space()) >= {PARAGRAPH_CHARS}]]"
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of prose, and its `home`: tag and class of the element around it, which a template gives alike to
    all the pieces of one text."""

    element: HtmlElement
    text: str
    home: tuple[str, str]


def wrap_bare_text(tree: HtmlElement) -> None:
    """Make paragraphs of text that stands bare between blocks or line breaks: extractors take it for something
    behind a figure or a box, and drop it with them."""
    for block in cast("list[HtmlElement]", _BARE(tree))[:MAX_BLOCKS]:
        if any(child.tag == "br" or child.tag not in INLINE for child in block):
            make_paragraphs(block)


def paragraphs(tree: HtmlElement) -> list[Paragraph]:
    """Give the paragraphs that are prose, in their order."""
    return list(_paragraphs(tree))


def _paragraphs(tree: HtmlElement) -> Iterator[Paragraph]:
    for element in tree.iter("p"):
        text = squeeze(element.text_content())
        if len(text) < PARAGRAPH_CHARS:
            continue
        if sum(len(link.text_content()) for link in element.iter("a")) >= len(text) * LINK_SHARE:
            continue
        parent = element.getparent()
        home = (str(parent.tag), parent.get("class") or "") if parent is not None else ("", "")
        yield Paragraph(element, text, home)


def flatten(found: Iterable[Paragraph]) -> None:
    """Make plain text of what is linked or set off in paragraphs of prose: with a link in it, an extractor takes the
    box around a short paragraph for a bar and drops both, and each element more costs its looking."""
    for paragraph in found:
        if len(paragraph.element):
            etree.strip_tags(paragraph.element, *_SET_OFF)


def holder(found: Sequence[Paragraph], share: float = MOSTLY) -> HtmlElement | None:
    """Give the innermost element with at least `share` (more than half) of the prose in it; None without prose."""
    held: dict[HtmlElement, int] = {}
    for paragraph in found:
        for around in islice(paragraph.element.iterancestors(), MAX_DEPTH):
            held[around] = held.get(around, 0) + len(paragraph.text)
    least = share * size(found)
    # They lie one within the other, and from each paragraph outwards they were met: the innermost first of its size.
    rich = [element for element, chars in held.items() if chars >= least]
    return min(rich, key=held.__getitem__, default=None)


def clear_around(middle: HtmlElement, found: Sequence[Paragraph]) -> None:
    """Drop what stands around `middle` and is made of links or of next to nothing: menus, teasers, bars."""
    prose = {around for paragraph in found for around in islice(paragraph.element.iterancestors(), MAX_DEPTH)}
    prose.update(paragraph.element for paragraph in found)
    inner = middle
    for outer in islice(middle.iterancestors(), MAX_DEPTH):
        for child in list(outer):
            if child is not inner and child not in prose and child.tag != "head" and _is_links(child):
                child.drop_tree()
        inner = outer


def _is_links(element: HtmlElement) -> bool:
    chars = len(element.text_content().strip())
    return not chars or sum(len(link.text_content()) for link in element.iter("a")) >= chars * LINK_SHARE


def taken(found: Sequence[Paragraph], lines: Sequence[str]) -> list[bool]:
    """Say of each paragraph whether it is among `lines`."""
    text = "".join("".join(lines).split())
    return ["".join(paragraph.text[: 2 * KEY_CHARS].split())[:KEY_CHARS] in text for paragraph in found]


def left_out(found: Sequence[Paragraph], inside: Sequence[bool]) -> list[Paragraph]:
    """Give the paragraphs that were not taken although they stand in elements like those that were."""
    pairs = list(zip(found, inside, strict=True))
    homes = {paragraph.home for paragraph, there in pairs if there and paragraph.home[1]}
    return [paragraph for paragraph, there in pairs if not there and paragraph.home in homes]


def unseen(found: Sequence[Paragraph], inside: Sequence[bool]) -> list[Paragraph]:
    """Give the paragraphs in elements of the kind that holds most of the prose, if none of them was taken and most of
    them stand between others that were."""
    held: Counter[tuple[str, str]] = Counter()
    for paragraph in found:
        held[paragraph.home] += len(paragraph.text)
    home, chars = held.most_common(1)[0] if held else (("", ""), 0)
    places = [place for place, there in enumerate(inside) if there]
    if not places or not home[1] or any(found[place].home == home for place in places):
        return []
    between = size(paragraph for paragraph in found[places[0] : places[-1]] if paragraph.home == home)
    if chars < MOST * size(found) or between < MOST * chars:
        return []
    return [paragraph for paragraph in found if paragraph.home == home]


@contextmanager
def named_text(whole: HtmlElement, found: Iterable[Paragraph]) -> Iterator[None]:
    """Make `whole` the first thing by which an extractor knows the text, and take the names from what lies between it
    and its paragraphs; afterwards all is as before."""
    between = {whole}
    for paragraph in found:
        for around in islice(paragraph.element.iterancestors(), MAX_DEPTH):
            if around in between:
                break
            between.add(around)
    before = [(element, dict(element.attrib)) for element in between]
    for element in between:
        element.attrib.clear()
    whole.set("itemprop", "articleBody")
    try:
        yield
    finally:
        for element, attributes in before:
            element.attrib.clear()
            element.attrib.update(attributes)


def size(found: Iterable[Paragraph]) -> int:
    """Characters in paragraphs."""
    return sum(len(paragraph.text) for paragraph in found)
