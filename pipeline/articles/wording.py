"""Small operations on titles, names and lines that metadata and text share."""

from __future__ import annotations

import html
import re
import unicodedata

SENTENCE_END = re.compile(r"[.!?…。！？][\"”»’')\]]*$")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u2060\ufeff]+")  # blanks that str.split does not know
_SEPARATORS = re.compile(r"\s+[|\-–—·•»:]+\s+|\s*\|\s*|\s+[»›]\s*")
_NOT_WORD = re.compile(r"[\W_]+")


def squeeze(text: str) -> str:
    """One line: blanks of all kinds to one space, HTML entities resolved (twice escaped ones as well), NFC."""
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if text.isascii():
        return " ".join(text.split())
    return unicodedata.normalize("NFC", " ".join(_INVISIBLE.sub(" ", text).split()))


def fold(text: str) -> str:
    """What two titles are compared by: letters and digits alone, without case, accents and typography."""
    if text.isascii():
        return _NOT_WORD.sub("", text.casefold())
    return _NOT_WORD.sub("", unicodedata.normalize("NFKD", text.casefold()))  # accents, parted off, are no word either


def words(text: str) -> set[str]:
    """The folded words of a text."""
    return {folded for word in text.split() if (folded := fold(word))}


def alike(one: str, other: str) -> bool:
    """Whether two titles say the same: equal when folded, one beginning the other, or two words of three shared."""
    a, b = fold(one), fold(other)
    if not a or not b:
        return False
    short, long = sorted((a, b), key=len)
    if long.startswith(short) and len(short) >= 12:
        return True
    mine, theirs = words(one), words(other)
    return a == b or (min(len(mine), len(theirs)) >= 3 and len(mine & theirs) >= 0.66 * len(mine | theirs))


def without_outlet(title: str, *outlets: str) -> str:
    """A title without the outlet's name at its end or beginning ("… - Reuters", "BBC News | …").

    `outlets` are the names and hosts by which it may go. What is not known as the outlet stays: a dash is also
    punctuation.
    """
    names = {folded for outlet in outlets if (folded := fold(outlet))}
    for _ in range(3):  # "Title | World | The Outlet"
        parts = list(_SEPARATORS.finditer(title))
        if not parts:
            break
        head, tail = title[: parts[0].start()], title[parts[-1].end() :]
        if _is_outlet(tail, names) and len(title[: parts[-1].start()]) >= 10:
            title = title[: parts[-1].start()].rstrip()
        elif _is_outlet(head, names) and len(title[parts[0].end() :]) >= 10:
            title = title[parts[0].end() :].lstrip()
        else:
            break
    return title


def _is_outlet(part: str, names: set[str]) -> bool:
    name = fold(part)
    if not name or len(part) > 50:
        return False
    bare = name.removeprefix("the")
    return any(
        name == known or bare == known.removeprefix("the") or (len(bare) >= 4 and (bare in known or known in bare))
        for known in names
        if len(known) >= 2
    ) and (len(name) <= 40)
