"""Numbers on which outlets agree: how many, how much."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from pipeline.records import Article
from pipeline.storylines.evidence import words
from pipeline.storylines.tell.coverage import outlet_of
from pipeline.storylines.tell.phrases import fold
from pipeline.storylines.tell.records import Figure

MOST = 5
_TEXT_CHARS = 2_000
_LEAST_OUTLETS = 2
_LEAST_SHARE = 0.2  # of the outlets read: a number that two of forty have is a detail
_SCALE = r"(?:percent|per cent|million|billion|trillion|millones|milliards?|millions?|Millionen|Milliarden|milhões)"
_FIGURE = re.compile(
    rf"(?<![\w.,:/-])([$€£¥]?\d(?:[\d.,]*\d)?%?)(?:[ -]({_SCALE}))?(?: ([^\W\d_][\w-]{{2,24}}))?(?![\w:/-]|,\d|\.\d)"
)
_YEAR = re.compile(r"(?:19|20)\d\d$")
_NO_UNIT = frozenset(
    """am pm gmt utc jan feb mar apr jun jul aug sep sept oct nov dec january february march april may june july august
    september october november december januar februar märz mai juni juli oktober dezember enero febrero marzo abril
    mayo junio julio agosto septiembre octubre noviembre diciembre janvier février mars avril juin juillet août
    septembre octobre novembre décembre time times minutes hours days weeks months photo photos comments shares
    views""".split()
)


def figures(articles: Sequence[Article], *, most: int = MOST) -> tuple[Figure, ...]:
    """At most `most` numbers with what they count ("83 people"), those that most outlets state first.

    `articles` are originals with the beginnings of their texts. Years, dates, clocks and spans of time are left out,
    as is a number that fewer than two outlets state. Two outlets with different numbers are two figures: that they
    do not agree is worth knowing.
    """
    said: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    forms: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    read = set()
    for article in articles:
        outlet = outlet_of(article)
        read.add(outlet)
        for number, scale, unit in _FIGURE.findall(f"{article.title}. {article.text[:_TEXT_CHARS]}"):
            if (key := _key(number, scale, unit)) is not None:
                said[key].add(outlet)
                forms[key][" ".join(part for part in (number, scale, unit if key[2] else "") if part)] += 1
    least = max(_LEAST_OUTLETS, round(_LEAST_SHARE * len(read)))
    agreed = [(key, outlets) for key, outlets in said.items() if len(outlets) >= least]
    agreed.sort(key=lambda one: (-len(one[1]), one[0]))
    return tuple(Figure(text=forms[key].most_common(1)[0][0], outlets=len(outlets)) for key, outlets in agreed[:most])


def _key(number: str, scale: str, unit: str) -> tuple[str, str, str] | None:
    """What makes two mentions one figure; None for what is no figure."""
    meant = bool(unit) and not unit[0].isupper() and unit.lower() not in _NO_UNIT and bool(words(unit))
    money = number[0] in "$€£¥" or number.endswith("%")
    if _YEAR.match(number) or unit.lower() in _NO_UNIT or not (meant or money or scale):
        return None
    if money or scale:  # the sum says enough; what follows it differs from text to text
        return (number, fold(scale), "")
    return (number, "", fold(unit)[:5])
