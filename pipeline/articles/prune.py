"""Taking from the tree what surrounds an article: navigation, forms, boxes, bars. What holds prose stays."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from lxml import etree
from lxml.html import HtmlElement

from pipeline.articles.wording import SENTENCE_END, squeeze

PROSE_CHARS = 500
"""An element with this much in long paragraphs is part of the article whatever it is called (about three sentences
each; newsletter and comment boxes stay below)."""
PARAGRAPH_CHARS = 80
LEAST_ITEMS, HEADLINE_CHARS, LINKED_SHARE = 2, 20, 0.8
"""A list of so many items or more, each so long and to this share a link, is one of other articles."""
MAX_QUOTES, WRAPPERS = 100, 4
MAX_NAME_CHARS = 300
LEAST_TEASER_CHARS, MAX_TEASER_CHARS = 40, 600
"""A paragraph so long that is nearly all link and no sentence is the headline of another article, or several."""
MAX_PAGE_SHARE = 0.3
"""A box by its name is not taken for one when it holds more of the page's text than this."""
MAX_ASIDE_SHARE = 0.5
"""Dialogs and lists of sources go up to this share: some articles name more works than they say words."""

_FRAMES = ("nav", "footer", "aside", "form", "button", "dialog", "fieldset", "select", "menu")
_TEXTLESS = (
    "link", "meta", "img", "picture", "source", "track", "iframe", "object", "embed", "video", "audio", "canvas",
    "input", "textarea", "map", "area", "template",
)  # fmt: skip
_LEAVES = ("div", "span", "a", "li", "p", "i", "section", "figure", "noscript", "ul")
_NAMES = frozenset(("class", "id", "style", "role", "itemprop", "aria-hidden"))
_UNWRAPPED = ("form", "fieldset")
_BOXED = ("div", "section", "ul", "ol", "p", "span", "header", "table", "dl", "details")
_BOX = re.compile(
    r"""(?:^|[\s_-])(?:
        comment-?respond | comment-?form | comments-?area | comments-?section | comment-?list | respond | disqus\w*
      | share-?(?:bar|box|buttons?|links?|tools?|this|post|icons?) | sharing | sharedaddy | addtoany\w* | addthis\w*
      | social-?(?:share|sharing|links?|icons?|media|bar|buttons?|follow)
      | newsletter\w* | subscribe-?(?:box|form|block) | mailchimp | mc4wp[\w-]* | email-?sign-?up
      | related-?(?:posts?|articles?|stories|content|news|links?|items?|topics)? | jp-relatedposts | yarpp[\w-]*
      | read-?(?:also|next) | more-?(?:stories|news|from) | recommended\w* | recommendations? | trending
      | most-?(?:read|popular)
      | popular-?(?:posts?|articles?|stories) | outbrain\w* | taboola\w*
      | cookie-?(?:banner|bar|consent|notice|law|policy|popup|message)\w* | consent-?(?:banner|manager|popup)
      | cc-window | gdpr\w* | onetrust[\w-]* | cmplz[\w-]* | cookiebot | borlabs[\w-]*
      | breadcrumbs? | post-?navigation | posts-?navigation | nav-?links | pagination | skip-?link
      | advert\w* | ad-?(?:slot|unit|container|wrapper|banner|label) | sponsored | dfp-ad
      | author-?(?:bio|box|info|card) | about-?(?:the-?)?author | tag-?(?:list|cloud) | post-?tags | article-?tags
      | screen-reader-text | visually-?hidden | sr-only | rollover[\w-]* | tooltip[\w-]* | popover[\w-]*
    )(?:$|[\s_-])""",
    re.IGNORECASE | re.VERBOSE,
)


_ASIDES = ("div", "section", "ul", "ol", "dl", "details")
# What no article is written in, however much prose it holds: dialogs that wait for a click, and lists of sources.
_ASIDE = re.compile(
    r"(?:^|[\s_-])(?:\w*modal | lightbox | popup | sources | references | citations | footnotes | bibliography)"
    r"(?:$|[\s_-])",
    re.IGNORECASE | re.VERBOSE,
)
_EMBEDDED = re.compile(r"twitter|tweet|instagram|tiktok|bluesky|mastodon|fb-|text-post-media", re.IGNORECASE)


def prune(tree: HtmlElement) -> None:
    """Cut frames, boxes and lists of links out of `tree`, in place; text that follows them stays."""
    total = max(1, _chars(tree))
    etree.strip_elements(tree, *_TEXTLESS, with_tail=False)
    _free_quotes(tree)
    for element in list(tree.iter(*_FRAMES)):
        if element.getparent() is None:
            continue
        if prose_chars(element) < PROSE_CHARS and not (element.tag in _UNWRAPPED and _is_page(element, total)):
            element.drop_tree()
        elif element.tag in _UNWRAPPED:
            element.tag = "div"  # whole pages live in one form; extractors drop forms unseen
    _drop_boxes(tree, total)
    _drop_idle(tree, total)


def _drop_boxes(tree: HtmlElement, total: int) -> None:
    prose = 0  # of the whole page, once it is asked for
    for element, aside in _boxes(tree):
        if element.getparent() is None or element.find(".//h1") is not None:
            continue
        own = prose_chars(element)
        if own < PROSE_CHARS and not _is_page(element, total):
            element.drop_tree()
        elif aside:
            prose = prose or prose_chars(tree)
            # Most of the page, and of its prose, stands elsewhere.
            if own <= MAX_ASIDE_SHARE * prose and _chars(element) <= MAX_ASIDE_SHARE * total:
                element.drop_tree()


def _drop_idle(tree: HtmlElement, total: int) -> None:
    """Drop what says nothing of the article: elements left empty, spans without a name, links to other articles."""
    for element in reversed(list(tree.iter(*_LEAVES))):
        if not len(element) and not (element.text or "").strip() and element.getparent() is not None:
            element.drop_tree()
    for element in [element for element in tree.iter("span") if not _is_named(element)]:
        element.drop_tag()
    for element in list(tree.iter("ul", "ol")):
        if element.getparent() is not None and _lists_links(element) and not _is_page(element, total):
            element.drop_tree()
    for element in [element for element in tree.iter("p") if _is_teaser(element)]:
        element.drop_tree()


def _boxes(tree: HtmlElement) -> list[tuple[HtmlElement, bool]]:
    """Give the elements that are boxes by their names, and whether they are asides whatever they hold."""
    found = []
    for element in tree.iter(*_BOXED):
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if len(name) >= 3 and (kind := _kind(name)):
            found.append((element, kind == "aside" and element.tag in _ASIDES))
    return found


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    if _ASIDE.search(name[:MAX_NAME_CHARS]):
        return "aside"
    return "box" if _BOX.search(name[:MAX_NAME_CHARS]) else ""


def _is_teaser(paragraph: HtmlElement) -> bool:
    """Whether a paragraph says nothing but what other articles are called."""
    links = paragraph.findall(".//a")
    parent = paragraph.getparent()
    if not links or parent is None or parent.tag in ("li", "td"):
        return False
    text = squeeze(paragraph.text_content())
    if not LEAST_TEASER_CHARS <= len(text) <= MAX_TEASER_CHARS or SENTENCE_END.search(text):
        return False
    return sum(len(squeeze(link.text_content())) for link in links) >= LINKED_SHARE * len(text)


def _free_quotes(tree: HtmlElement) -> None:
    """Take the names from posts of social networks that an article quotes, and from what is wrapped around them: by
    these names extractors know share bars."""
    for quote in islice(tree.iter("blockquote"), MAX_QUOTES):
        if not _EMBEDDED.search(quote.get("class") or ""):
            continue
        size = len(squeeze("".join(quote.itertext())))
        for element in (quote, *islice(quote.iterancestors("div", "figure", "section"), WRAPPERS)):
            if len(squeeze(element.text_content())) > size * 1.5 + 40:
                break
            for key in ("class", "id"):
                element.attrib.pop(key, None)
            if element.tag == "figure":
                element.tag = "div"


def _is_named(element: HtmlElement) -> bool:
    """Whether an extractor has something to know an element by; one without it only costs its looking."""
    return not _NAMES.isdisjoint(element.attrib)


def _lists_links(element: HtmlElement) -> bool:
    """Whether each item of a list is a link as long as a headline: what else there is to read."""
    items = [item for item in element if item.tag == "li"]
    if len(items) < LEAST_ITEMS:
        return False
    for item in items:
        size = len(squeeze("".join(item.itertext())))
        linked = sum(len(squeeze(link.text_content())) for link in item.iter("a"))
        if size < HEADLINE_CHARS or linked < LINKED_SHARE * size:
            return False
    return True


def prose_chars(element: HtmlElement) -> int:
    """Characters in paragraphs long enough to be sentences and not made of links."""
    chars = 0
    for paragraph in element.iter("p"):
        text = squeeze("".join(paragraph.itertext()))
        if len(text) >= PARAGRAPH_CHARS:
            linked = sum(len(link.text_content()) for link in paragraph.iter("a"))
            chars += len(text) if linked < len(text) * 0.5 else 0
    return chars


def _is_page(element: HtmlElement, total: int) -> bool:
    return _chars(element) > MAX_PAGE_SHARE * total


def _chars(element: HtmlElement) -> int:
    return sum(map(len, element.text_content().split()))
