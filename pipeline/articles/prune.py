"""Taking from the tree what surrounds an article: navigation, forms, boxes, bars. What holds prose stays."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from pipeline.articles.wording import squeeze

PROSE_CHARS = 500
"""An element with this much in long paragraphs is part of the article whatever it is called (about three sentences
each; newsletter and comment boxes stay below)."""
PARAGRAPH_CHARS = 80
MAX_PAGE_SHARE = 0.3
"""A box by its name is not taken for one when it holds more of the page's text than this."""

_FRAMES = ("nav", "footer", "aside", "form", "button", "dialog", "fieldset", "select", "menu")
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
      | screen-reader-text | visually-?hidden | sr-only
    )(?:$|[\s_-])""",
    re.IGNORECASE | re.VERBOSE,
)


def prune(tree: HtmlElement) -> None:
    """Cut frames and boxes out of `tree`, in place; text that follows them stays."""
    total = max(1, len(squeeze("".join(tree.itertext()))))
    for element in list(tree.iter(*_FRAMES)):
        if element.getparent() is None:
            continue
        if prose_chars(element) < PROSE_CHARS and not (element.tag in _UNWRAPPED and _is_page(element, total)):
            element.drop_tree()
        elif element.tag in _UNWRAPPED:
            element.tag = "div"  # whole pages live in one form; extractors drop forms unseen
    for element in list(tree.iter(*_BOXED)):
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if len(name) < 3 or not _BOX.search(name) or element.getparent() is None:
            continue
        if element.find(".//h1") is None and prose_chars(element) < PROSE_CHARS and not _is_page(element, total):
            element.drop_tree()


def prose_chars(element: HtmlElement) -> int:
    """Characters in paragraphs long enough to be sentences and not made of links."""
    chars = 0
    for paragraph in element.iter("p"):
        text = squeeze("".join(paragraph.itertext()))
        if len(text) >= PARAGRAPH_CHARS:
            linked = sum(len("".join(link.itertext())) for link in paragraph.iter("a"))
            chars += len(text) if linked < len(text) * 0.5 else 0
    return chars


def _is_page(element: HtmlElement, total: int) -> bool:
    return len(squeeze("".join(element.itertext()))) > MAX_PAGE_SHARE * total
