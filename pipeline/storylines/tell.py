"""How a storyline is told: for now by the headline that says most of what the others say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from pipeline.records import Article
from pipeline.storylines.evidence import words
from pipeline.storylines.titles import strip_outlet

__all__ = ["headline", "strip_outlet"]

_RECENT = 20  # originals; the headline follows a developing story, and costs the same for a storyline of thousands
_BETTER = 1.25  # a new headline must be this much more central than the one that stands, or it would change all day


def headline(articles: Sequence[Article], *, current: str = "") -> str:
    """The most central of the recent titles, without outlets' names; empty when there is no title.

    `articles` are a storyline's originals (no reprints), oldest first. `current` is the headline that stands; it stays
    while its article is among the recent ones and no other title is clearly more central. Of equals the older wins.
    Centrality is the mean cosine of word counts with the other titles, rare words weighing more.
    """
    titles = [strip_outlet(a.title, outlet=a.outlet, url=a.url) for a in articles[-_RECENT:]]
    titles = [title for title in titles if title]
    if not titles:
        return current
    central = _centrality(titles)
    best = max(range(len(titles)), key=lambda i: (central[i], -i))
    if current in titles and central[best] < _BETTER * central[titles.index(current)]:
        return current
    return titles[best]


def _centrality(titles: Sequence[str]) -> list[float]:
    counts = [Counter(words(title)) for title in titles]
    spread = Counter(word for count in counts for word in count)
    weighed = [{w: n * (1 + math.log(len(titles) / spread[w])) for w, n in count.items()} for count in counts]
    lengths = [math.sqrt(sum(x * x for x in vector.values())) or 1.0 for vector in weighed]
    others = max(1, len(titles) - 1)
    return [
        sum(
            sum(x * weighed[j].get(w, 0.0) for w, x in weighed[i].items()) / (lengths[i] * lengths[j])
            for j in range(len(titles))
            if j != i
        )
        / others
        for i in range(len(titles))
    ]
