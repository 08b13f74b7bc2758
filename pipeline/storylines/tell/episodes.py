"""Parts of a long storyline: what it was about in turn.

Average-link clustering of the articles (Sokal and Michener 1958) over weighed words of titles and first lines, where
two articles are less alike the more time lies between them. Of a long storyline a sample is clustered, and the others
go to the nearest part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.records import Article
from pipeline.storylines.tell import terms
from pipeline.storylines.tell.coverage import outlet_of
from pipeline.storylines.tell.headlines import headline, worth
from pipeline.storylines.tell.records import Episode
from pipeline.storylines.tell.timeline import title_of
from pipeline.storylines.tell.when import when

MOST = 8
SAMPLE = 120
"""Articles that are clustered: the cost grows with the square."""
_LEAST_ARTICLES = 10  # originals below which a storyline has no parts worth telling
_LEAST_DAYS = 3  # with coverage: what happens within two days is one event with many sides
_LEAST_SIZE = 3
_LEAST_TOLD = 0.5  # share of the articles that must be in some part
_LEAST_LIKE = 0.085  # mean likeness from which two parts are one
_FADES_DAYS = 6.0  # time between two articles after which their likeness is 1/e
_KEPT = 0.35  # of the likeness stays however long that is
_TEXT_CHARS = 500
_LISTED = 10

Likeness = npt.NDArray[np.float64]


def sample(originals: Sequence[Article]) -> list[Article]:
    """At most `SAMPLE` originals, spread evenly over their order in time."""
    ordered = sorted(originals, key=lambda a: (when(a), a.id))
    if len(ordered) <= SAMPLE:
        return ordered
    places = np.linspace(0, len(ordered) - 1, SAMPLE).round().astype(int)
    return [ordered[i] for i in dict.fromkeys(places.tolist())]


def episodes(originals: Sequence[Article]) -> tuple[Episode, ...]:
    """The parts of a storyline in the order in which they began; none where it is short or all of one piece.

    `originals` are its articles, with the beginnings of the texts of those in `sample` where they are known. A part
    has three originals or more; articles that belong to none are in none.
    """
    if len(originals) < _LEAST_ARTICLES or len({when(a).date() for a in originals}) < _LEAST_DAYS:
        return ()
    some = sample(originals)
    texts = [f"{title_of(a)}. {title_of(a)}. {a.text[:_TEXT_CHARS]}" for a in some]
    weighed = terms.matrix(texts)
    hours = np.array([when(a).timestamp() / 3600.0 for a in some])
    groups = [g for g in _cluster(_alike(weighed, hours)) if len(g) >= _LEAST_SIZE]
    if len(groups) < 2 or sum(map(len, groups)) < _LEAST_TOLD * len(some):
        return ()
    groups = sorted(groups, key=len, reverse=True)[:MOST]
    members = _all_members(originals, some, groups, weighed)
    made = [_episode(articles) for articles in members]
    return tuple(sorted(made, key=lambda one: (one.first, one.article)))


def _alike(weighed: terms.Matrix, hours: npt.NDArray[np.float64]) -> Likeness:
    apart = np.abs(hours[:, None] - hours[None, :]) / 24.0
    return np.asarray((weighed @ weighed.T) * (_KEPT + (1 - _KEPT) * np.exp(-apart / _FADES_DAYS)), np.float64)


def _cluster(alike: Likeness) -> list[list[int]]:
    """Groups by average linkage, joined while the likest two are like enough."""
    near = alike.copy()
    np.fill_diagonal(near, -1.0)
    groups: dict[int, list[int]] = {i: [i] for i in range(len(near))}
    while len(groups) > 1:
        at = int(near.argmax())
        a, b = divmod(at, len(near))
        if near[a, b] < _LEAST_LIKE:
            break
        size_a, size_b = len(groups[a]), len(groups[b])
        mixed = (size_a * near[a] + size_b * near[b]) / (size_a + size_b)
        near[a], near[:, a] = mixed, mixed
        near[b], near[:, b] = -1.0, -1.0
        near[a, a] = -1.0
        gone = [i for i in range(len(near)) if i not in groups]
        groups[a] += groups.pop(b)
        near[a, gone] = near[gone, a] = -1.0
    return list(groups.values())


def _all_members(
    originals: Sequence[Article], some: Sequence[Article], groups: Sequence[Sequence[int]], weighed: terms.Matrix
) -> list[list[Article]]:
    """The articles of each group; those that were not in the sample go with the nearest sampled in time that is in a
    group and shares a word of its title."""
    members = [[some[i] for i in group] for group in groups]
    if len(some) == len(originals):
        return members
    taken = {a.id for a in some}
    place = {some[i].id: g for g, group in enumerate(groups) for i in group}
    ordered = sorted(originals, key=lambda a: (when(a), a.id))
    marks = [(n, place[a.id]) for n, a in enumerate(ordered) if a.id in place]
    at = np.array([n for n, _ in marks])
    known = [set(title_of(a).casefold().split()) for a in ordered]
    for n, article in enumerate(ordered):
        if article.id in taken:
            continue
        right = int(np.searchsorted(at, n))
        beside = marks[max(0, right - 3) : right + 3]
        best = max(beside, key=lambda mark: (len(known[n] & known[mark[0]]), -abs(mark[0] - n)))
        if known[n] & known[best[0]]:
            members[best[1]].append(article)
    return members


def _episode(articles: Sequence[Article]) -> Episode:
    ordered = sorted(articles, key=lambda a: (when(a), a.id))
    step = max(1, len(ordered) // 20)
    label = headline(ordered[::step][:20]) or title_of(ordered[0])
    told = next((a for a in ordered if title_of(a) == label), ordered[0])
    others = sorted((a for a in ordered if a is not told), key=lambda a: (-worth(title_of(a)), when(a), a.id))
    return Episode(
        title=label,
        article=told.id,
        first=when(ordered[0]),
        last=when(ordered[-1]),
        originals=len(ordered),
        outlets=len({outlet_of(a) for a in ordered}),
        lang=told.lang,
        articles=(told.id, *(a.id for a in others[: _LISTED - 1])),
    )
