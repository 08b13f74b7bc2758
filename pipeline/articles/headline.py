"""The headline in a page's `<title>`, for pages that say it nowhere else, and the date that stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from lxml.html import HtmlElement

from pipeline.articles import dates
from pipeline.articles.dates import Moment
from pipeline.articles.wording import fold, squeeze

LEAST_CHARS = 12
MAX_AROUND_CHARS = 80
"""What a template puts before or behind a headline: outlet, section, slogan. More is part of the headline."""
MAX_CANDIDATES = 300
"""Headings and bold texts looked at: the headline stands near the top."""
CHUNKS_AFTER = 12
"""Pieces of text behind the headline in which its date is looked for: byline, place, section, date, share bar."""
MAX_CHUNKS = 5_000
MAX_DATE_LINE_CHARS = 80

# One character for one, so that positions stay.
_PLAIN = str.maketrans("‘’‚‛“”„«»‐‑‒–—―\u00a0", '\'\'\'\'"""""------ ')
_ENDS_BEFORE = re.compile(r"(?:^|[:|>·•»›~]\s*|\s[-/]+\s+)$")
# No colon here: what a headline says before a colon may well stand alone on the page, as its rubric.
_BEGINS_AFTER = re.compile(r"\s*$|\s*[|<·•«‹~(\[]|\s+[-/]+\s")
_DAYS = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_SURE = re.compile(
    rf"\b{_DAYS}\b\.?,? |\b(?:posted|published|filed|first (?:broadcast|published)|date)\b|\d{{1,2}}[:.]\d{{2}}",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:was|were|is|are|has|have|had|will|said|since|until)\b|^\W*(?:last )?(?:updat|modif)", re.IGNORECASE
)
"""A sentence, or the time of a change."""


def within(title: str, headline: str) -> str:
    """Give `headline` as `title` spells it when the rest of the title is something put before or behind it; else an
    empty string. A headline that is cut off with an ellipsis is none."""
    wanted = squeeze(headline).translate(_PLAIN).lower()
    plain = title.translate(_PLAIN).lower()
    start = plain.find(wanted) if len(wanted) >= LEAST_CHARS and len(plain) == len(title) else -1
    if start < 0 or wanted.endswith(("…", "...")) or len(title) - len(wanted) > MAX_AROUND_CHARS:
        return ""
    end = start + len(wanted)
    whole = _ENDS_BEFORE.search(title[:start]) and _BEGINS_AFTER.match(title[end:])
    return title[start:end] if whole else ""


def shown(tree: HtmlElement, title: str) -> str:
    """Give the headline that the page shows as a heading or in bold and that `title` holds, alone or with something
    around it; an empty string if there is none. What is less than half of the title may be the outlet's name."""
    texts = (
        squeeze("".join(islice(element.itertext(), 20)))
        for element in islice(tree.iter("h1", "h2", "h3", "b", "strong", "big"), MAX_CANDIDATES)
    )
    found = (within(title, text) for text in texts if max(LEAST_CHARS, len(title) / 2) <= len(text) <= len(title))
    return max(found, key=len, default="")


def date(tree: HtmlElement, titles: Iterable[str]) -> Moment | None:
    """Read a date that stands as plain text right behind the headline ("Wednesday, 18 November 2026. Posted 05:30").

    Only a short piece of text counts that is no sentence, has the month as a word, and shows by a weekday, a label or
    a clock, or by holding nothing else, that it dates the article.
    """
    keys = {folded for title in titles if len(folded := fold(title)) >= LEAST_CHARS}
    left = 0
    for chunk in islice(tree.itertext(), MAX_CHUNKS) if keys else ():
        if chunk.isspace():
            continue
        text = squeeze(chunk[:500])
        if fold(text) in keys:
            left = CHUNKS_AFTER
        elif left:
            left -= 1
            if found := _stated(text):
                return found
    return None


def _stated(text: str) -> Moment | None:
    if not any(char.isalpha() for char in text) or len(text) > MAX_DATE_LINE_CHARS:
        return None
    found = dates.parse(text.strip(" ,.|–—-"))
    if found is None or (not _SURE.search(text) and len(text) > 30) or _OTHER.search(text):
        return None
    return found
