"""The headline of a storyline: the title that says most of what the other titles say."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from pipeline.records import Article
from pipeline.storylines.evidence import short_lang, words
from pipeline.storylines.titles import strip_outlet

_RECENT = 20  # originals; the headline follows a developing story, and costs the same for a storyline of thousands
_BETTER = 1.25  # a new headline must be this much more central than the one that stands, or it would change all day
_LEAST_WORDS = 3  # that carry meaning; "Maduro" or "Explained" is a rubric
_MOST_CHARS = 160  # a longer title is a paragraph that landed in the wrong field

# What marks a title as one of a kind that says little of what happened: running coverage, promises, rubrics.
_ODD = re.compile(
    r"[?？؟]\s*$|[?？؟]\s+\w.{0,40}$"  # a question, also one with a tag behind it
    r"|^(?:live|liveblog|liveticker|ticker|watch|video|photos?|in pictures|opinion|analysis|explainer|explained|podcast"
    r"|newsletter|quiz|letters?|editorial|kommentar|en direct|en vivo|ao vivo|diretta|briefing)\s*[:|–—-]"
    r"|^live (?:from|at|in|on)\b"
    r"|\b(?:live (?:updates?|blog)|as it happened|liveblog|liveticker|en direct|en vivo|minuto a minuto|ao vivo)\b"
    r"|^(?:what (?:we|you|to) know|what to watch|everything (?:we|you)|(?:here['’]?s|this is) (?:what|why|how)"
    r"|why|how|\d+ (?:things|takeaways|reasons|ways|facts))\b"
    r"|\b(?:what we know(?: so far)?|you need to know|you won(?:'|’)?t believe|things to know|key takeaways)\b",
    re.IGNORECASE,
)
_ODD_WORTH = 0.55
_SHORT_WORTH = 0.6
_FOREIGN_WORTH = 0.5


def headline(articles: Sequence[Article], *, current: str = "") -> str:
    """The most central of the recent titles, without outlets' names; empty when there is no title.

    `articles` are a storyline's originals (no reprints), oldest first. `current` is the headline that stands; it stays
    while its article is among the recent ones and no other title is clearly more central. Of equals the older wins.
    Centrality is the mean cosine of word counts with the other titles, rare words weighing more. Questions, running
    coverage, rubrics and titles in another language than most are worth less, and are taken where there is nothing
    better.
    """
    recent = [(strip_outlet(a.title, outlet=a.outlet, url=a.url), short_lang(a.lang)) for a in articles[-_RECENT:]]
    recent = [(title, lang) for title, lang in recent if title]
    if not recent:
        return current
    titles = [title for title, _ in recent]
    main = Counter(lang for _, lang in recent).most_common(1)[0][0]
    fit = [worth(title) * (1.0 if lang == main else _FOREIGN_WORTH) for title, lang in recent]
    # One title has no others to be near to; the small constant lets fitness decide where nothing is near to anything.
    central = [(near + 0.01) * factor for near, factor in zip(_centrality(titles), fit, strict=True)]
    best = max(range(len(titles)), key=lambda i: (central[i], -i))
    if current in titles and central[best] < _BETTER * central[titles.index(current)]:
        return current
    return titles[best]


def worth(title: str) -> float:
    """How fit a title is to stand for others, 0..1."""
    odd = _ODD_WORTH if _ODD.search(title) else 1.0
    bare = _SHORT_WORTH if len(words(title)) < _LEAST_WORDS or len(title) > _MOST_CHARS else 1.0
    return odd * bare


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
