"""Lines that a host sets around all of its articles: imprints, slogans, calls to subscribe that no markup tells apart.

Which lines a host repeats is counted elsewhere; here a line gets the key under which it is counted, and a text loses
the lines whose keys are known. Only the edges of a text are looked at, for that is where templates put such lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from hashlib import blake2b

from pipeline.articles.wording import fold

OFTEN = 3
"""A line seen in so many other articles of a host is the host's and not the article's."""
MAX_LINE_CHARS = 240
"""Longer ones are prose: a paragraph of background that a newspaper prints in each report on one matter."""
HEAD_PARAGRAPHS, TAIL_PARAGRAPHS = 3, 8
MAX_SHARE = 0.5
LEAST_CHARS = 200
"""What is taken away is at most this share of a text, and this much stays (as for a page to be an article at all)."""

_VARIABLE = re.compile(
    r"\d+|\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\b",
    re.IGNORECASE,
)


def key(line: str) -> str:
    """Give the key of a line, 16 hexadecimal digits: the same whatever numbers, days and months stand in it. Empty
    for a line without letters."""
    plain = fold(_VARIABLE.sub("0", line))
    return blake2b(plain.encode(), digest_size=8).hexdigest() if plain.strip("0") else ""


def keys(text: str) -> tuple[str, ...]:
    """Give the keys of the short lines at the edges of a text (paragraphs parted by a blank line), sorted; at most
    eleven."""
    paragraphs = text.split("\n\n")
    return tuple(sorted({found for number in _edges(paragraphs) if (found := key(paragraphs[number]))}))


def body_key(text: str) -> str:
    """Give the key of the longest paragraph. Two texts that share it are one text printed twice, so that lines they
    have in common say nothing about the host."""
    return key(max(text.split("\n\n"), key=len))


def without(paragraphs: Sequence[str], known: Set[str]) -> list[str]:
    """Give the paragraphs without those at the edges whose keys are `known`, from the end towards the beginning, as
    long as the limits above allow."""
    total = sum(map(len, paragraphs))
    spare = min(int(total * MAX_SHARE), total - LEAST_CHARS) if known else 0
    dropped = set()
    for number in reversed(_edges(paragraphs)):
        size = len(paragraphs[number])
        if size <= spare and key(paragraphs[number]) in known:
            dropped.add(number)
            spare -= size
    return [paragraph for number, paragraph in enumerate(paragraphs) if number not in dropped]


def _edges(paragraphs: Sequence[str]) -> list[int]:
    first, last = range(HEAD_PARAGRAPHS), range(len(paragraphs) - TAIL_PARAGRAPHS, len(paragraphs))
    short = (number for number in range(len(paragraphs)) if number in first or number in last)
    return [number for number in short if len(paragraphs[number]) <= MAX_LINE_CHARS]
