"""Lines of an extracted text that are not the article's: its own title again, forms, share bars, promotion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from pipeline.articles import dates, phrases
from pipeline.articles.wording import SENTENCE_END, fold, squeeze

MAX_LINES = 5_000
"""Of a text; the longest of 281 news pages has 600. Looking at 20,000 takes seconds."""
HEAD_LINES = 8
"""Bylines, dates and breadcrumbs stand among the first lines, if they were taken with the text at all."""
MAX_FURNITURE_CHARS, MAX_NOTE_CHARS = 300, 420
MAX_AROUND_CHARS = 60
"""What stands around a title in a line that is one: breadcrumbs, the outlet."""
LEAST_TAGS = 2  # commas between them
TAIL_SHARE = 0.45
"""A heading such as "Leave a Reply" ends the article when what follows is at most this share of it."""

# A share bar read as text: nothing but these words and counts, at least one of them of the first kind.
_SHARING = frozenset(
    """share shares sharing tweet tweets pin email e-mail print facebook twitter whatsapp telegram linkedin pinterest
    reddit tumblr flipboard messenger instagram youtube bluesky mastodon threads viber weibo xing skype copy follow
    like save teilen partager compartir compartilhar condividi delen imprimer imprimir drucken""".split()
)
_BESIDE = frozenset(
    """this it on via with to by and a an us the article story post page friends click send mail sms link url opens in
    new window more x line vk rss pocket whats app linked comment comments likes views now your for or bookmark
    sur par auf em no na su en""".split()
)
_WORD = re.compile(r"[\w.,-]*\w")
_COUNT = re.compile(r"\d+(?:[.,]\d+)*[km]?")


def tidy(lines: Iterable[str], titles: Sequence[str], *, authors: Sequence[str] = ()) -> list[str]:
    """Give the paragraphs that are the article's own.

    `titles` are all forms of the title: a line that is one of them goes wherever it stands, since no sentence of the
    article is its title. Repeated paragraphs go as well: pages show teasers and pull quotes twice.
    """
    known = {folded for title in titles if len(folded := fold(title)) >= 8}
    longest = max(map(len, known), default=0) + MAX_AROUND_CHARS
    people = {folded for author in authors if (folded := fold(author))}
    paragraphs = _without_tags(_without_form([squeeze(line) for line in islice(lines, MAX_LINES)]))
    kept: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(paragraphs):
        # No line so long is a title, whatever is left of it without blanks and signs; it is told from others as it is.
        key = line if len(line) > 2 * longest else fold(line)
        if not key or _is_title(line, key, known) or is_furniture(line):
            continue
        if number < HEAD_LINES and _is_byline(line, key, people):
            continue
        if _is_prompt(line) and not any("cookie" in title for title in known):
            continue
        if len(key) >= 60 and not line.startswith("- ") and SENTENCE_END.search(line):
            if key in seen:
                continue
            seen.add(key)
        kept.append(line)
    return kept


def _is_byline(line: str, key: str, people: set[str]) -> bool:
    if key in people or key.removeprefix("by") in people or phrases.BYLINE.fullmatch(line):
        return True
    return len(line) <= 60 and not line.endswith(".") and dates.parse(line) is not None


def _is_prompt(line: str) -> bool:
    """A cookie notice, or a paywall's offer: short, and never without its wording."""
    cookies = len(line) < 600 and "cookie" in line.casefold() and phrases.COOKIES.search(line) is not None
    return cookies or (len(line) < 200 and phrases.PAYWALL.search(line) is not None)


def is_furniture(line: str) -> bool:
    """Whether a line belongs to a form, a share bar or a promotion rather than to any text."""
    bare = line.strip(" -–—*|•·#>»")
    if len(bare) > MAX_NOTE_CHARS:
        return False
    if len(bare) <= MAX_FURNITURE_CHARS and (
        phrases.COMMENT_FORM.fullmatch(bare) or phrases.PROMOTION.fullmatch(bare) or _is_share_bar(bare)
    ):
        return True
    low = bare.casefold()
    return any(hint in low for hint in phrases.NOTE_HINTS) and phrases.NOTE.fullmatch(bare) is not None


def _is_share_bar(line: str) -> bool:
    shares = False
    for found in _WORD.finditer(line.casefold()):
        word = found.group()
        if word in _SHARING:
            shares = True
        elif word not in _BESIDE and not _COUNT.fullmatch(word):
            return False  # prose, and nearly always at its first word
    return shares


def _is_title(line: str, key: str, known: set[str]) -> bool:
    if key in known:
        return True
    if SENTENCE_END.search(line) and not re.search(r"[|»›]", line):
        return False  # a first sentence often begins with the words of its title
    for title in known:
        # "Home » News » The title", "The title | The Outlet", "You are here: The title"
        more = len(key) - len(title)
        if len(title) >= 20 and more <= MAX_AROUND_CHARS and (key.startswith(title) or key.endswith(title)):
            return more <= 25 or re.search(r"[|»›>/]", line) is not None
    return False


def _without_form(lines: list[str]) -> list[str]:
    total = sum(map(len, lines))
    for number, line in enumerate(lines):
        if number and phrases.COMMENT_FORM_HEADING.fullmatch(line.strip(" -–—*|•·#")):
            rest = sum(map(len, lines[number:]))
            if rest <= TAIL_SHARE * total:
                return lines[:number]
    return lines


def _without_tags(lines: list[str]) -> list[str]:
    """Without a heading such as "Tags" and the list of words below it."""
    dropped: set[int] = set()
    for number, line in enumerate(lines):
        if phrases.TAG_HEADING.fullmatch(line.strip(" -–—*|•·#:")):
            dropped.add(number)
            below = lines[number + 1] if number + 1 < len(lines) else ""
            if below.count(",") >= LEAST_TAGS and not SENTENCE_END.search(below):
                dropped.add(number + 1)
    return [line for number, line in enumerate(lines) if number not in dropped]
