"""What a row of the list shows beside its words: the pace as a small chart, and the names. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pipeline.ledger import pace
from pipeline.ledger.words import folded
from pipeline.records import Article
from pipeline.storylines.tell.names import names as told_names

BARS, HOURS = 24, 2  # two days in bars of two hours
WIDTH, HEIGHT = 96.0, 24.0
NAMES = 4
_TEXT_CHARS = 600


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of the pace: the path of its area in a box of 96 by 24, how many articles it stands for, and in words."""

    path: str
    articles: int
    said: str


def charts(paces: Sequence[Sequence[int]], now: datetime) -> list[Chart]:
    """One chart for each storyline, all on one scale. Heights follow the square root: beside a storyline of hundreds
    one of three would be a flat line otherwise."""
    counts = [pace.recent(kept, now, bars=BARS, hours=HOURS) for kept in paces]
    most = max((max(one) for one in counts), default=0)
    return [_chart(one, most) for one in counts]


def _chart(counts: Sequence[int], most: int) -> Chart:
    articles, lately = sum(counts), sum(counts[-3:])
    said = f"{articles} in the last two days, {lately} of them in the last six hours" if articles else "none lately"
    if not articles:
        return Chart("", 0, said)
    step = WIDTH / BARS
    parts = []
    for place, count in enumerate(counts):
        if count:
            height = max(2.0, HEIGHT * math.sqrt(count / most))
            parts.append(f"M{place * step:g} {HEIGHT:g}v-{height:.1f}h{step - 1:g}v{height:.1f}z")
    return Chart("".join(parts), articles, said)


def names(row: Mapping[str, Any]) -> Sequence[str]:
    """The names in the headline and lead of a storyline, in the order in which they stand there."""
    lead = (row["lead"] or "")[:_TEXT_CHARS]
    for outlet in row["outlets"]:  # a dateline names the one that wrote it, which is no name of the matter
        lead = lead.replace(f"({outlet})", "")
    return _names(row["headline"] or row["title"], lead, row["lang"])


@lru_cache(maxsize=4_096)  # most rows of a list are those of the moment before
def _names(headline: str, lead: str, lang: str | None) -> tuple[str, ...]:
    article = Article(id=0, title=headline, text=lead, seen=pace.EPOCH, lang=lang)
    found = [one.name for one in told_names([article], most=3 * NAMES)]
    quiet = [name for name in found if not (name.isupper() and len(name.split()) > 2)]  # a headline in capitals
    whole = folded(f"{headline} {lead}")
    return tuple(sorted(quiet, key=lambda name: (whole.find(folded(name)) % len(whole), name))[:NAMES])
