"""Second thoughts: storylines that turned out to be one, and those that hold two, soon after the fact.

Filing decides with what it knows at that moment; a storyline that has grown meanwhile may have become the home of one
that opened too soon, and one that two affairs had in common at first may have come apart. The measure is the same as
for filing: an article of one, held against the other, on the scale of `FilingOptions.threshold`. Merging by the mean
over members is average linkage (Sokal and Michener 1958), which neither chains as single linkage does nor splits as
complete linkage.

Nothing here changes anything. What it proposes, the clusterer does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.records import Article
from pipeline.storylines.constraints import Constraints
from pipeline.storylines.filing import Filing

PROBES = 4
"""Articles of a storyline that look for storylines like it."""
PARTNERS = 4
"""Storylines that are looked at more closely then."""
SAMPLE = 8
"""Articles of each that are held against the other."""
SPLIT_SAMPLE = 14
"""Articles of a storyline among which two camps are looked for."""
LEAST_TO_SPLIT, MOST_TO_SPLIT = 3, 300
"""Articles of a storyline: two cannot be told from one that goes on, and more than this would take too long."""
_NEAR = 2.0
"""Below the threshold: a storyline that no probe comes nearer to than that is no partner."""
_BOTH = 0.5
"""Below the threshold: enough where the members of both fit the other, in the mean of both directions."""
_NEITHER = 0.5
"""Below the threshold: what two camps must score less than, each held against the other, to be two storylines."""
_CROSS = 2.5
"""Below the threshold: what articles of two camps must score less than, held against one another one by one."""

Read = Callable[[int, int], Sequence[Article]]
"""At most so many originals of a storyline, spread evenly over it, oldest first."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Two storylines that are one: `score` is what the members of one score with the other in the mean, `back` the
    other way round."""

    loser: int
    winner: int
    score: float
    back: float

    def why(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {"score": round(self.score, 4), "back": round(self.back, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A storyline that holds two: `articles` leave it. `score` and `back` are what either part's members score with
    the other in the mean, `cross` what articles of both score with one another."""

    storyline: int
    articles: tuple[int, ...]
    score: float
    back: float
    cross: float

    def why(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {"score": round(self.score, 4), "back": round(self.back, 4), "cross": round(self.cross, 4)}


def second_thought(
    storyline: int,
    filing: Filing,
    constraints: Constraints,
    read: Read,
    parted: Collection[int] = (),
    *,
    whole: bool = False,
) -> Merge | Split | None:
    """What is to be done about a storyline, if anything; it is not merged with those from which it was `parted`, and
    not split if it is to stay `whole`.

    Costs at most some 50 comparisons of an article with a few storylines each, and a few hundred where a large one is
    split.
    """
    if storyline in constraints.locked:
        return None
    merge = _merge(storyline, filing, constraints, read, parted)
    return merge or (None if whole else _split(storyline, filing, constraints, read))


def _merge(
    storyline: int, filing: Filing, constraints: Constraints, read: Read, parted: Collection[int]
) -> Merge | None:
    mine = read(storyline, SAMPLE)
    found = (one for one in _partners(storyline, filing, mine) if one not in parted)
    partners = [one for one in found if constraints.may_merge(storyline, one)]
    if not partners:
        return None
    threshold = filing.options.threshold
    there = np.array([filing.scores(article, partners) for article in mine]).clip(0.0).mean(axis=0)
    best: tuple[float, Merge] | None = None
    for partner, score in zip(partners, there.tolist(), strict=True):
        theirs = read(partner, SAMPLE)
        if not theirs:
            continue
        back = float(np.mean([max(0.0, filing.scores(article, [storyline])[0]) for article in theirs]))
        surplus = max(max(score, back) - threshold, (score + back) / 2 - (threshold - _BOTH))
        if surplus >= 0 and max(score, back) >= threshold - _NEITHER and (best is None or surplus > best[0]):
            loser, winner = _direction(storyline, partner, constraints)
            best = (surplus, Merge(loser=loser, winner=winner, score=score, back=back))
    return best[1] if best else None


def _partners(storyline: int, filing: Filing, mine: Sequence[Article]) -> list[int]:
    """The storylines that some articles of this one come nearest to."""
    nearest: dict[int, float] = {}
    for article in spread(mine, PROBES):
        for other, score in filing.ranked(article):
            if other != storyline:
                nearest[other] = max(score, nearest.get(other, score))
    found = sorted(nearest, key=lambda other: (-nearest[other], other))[:PARTNERS]
    return [other for other in found if nearest[other] >= filing.options.threshold - _NEAR]


def _direction(one: int, other: int, constraints: Constraints) -> tuple[int, int]:
    """Loser and winner: what people declared or named stays, else the older one."""
    winner = min(one, other, key=constraints.rank)
    return (other if winner == one else one), winner


def _split(storyline: int, filing: Filing, constraints: Constraints, read: Read) -> Split | None:
    if storyline in constraints.declared:  # people said what it is about
        return None
    sample = read(storyline, SPLIT_SAMPLE)
    if len(sample) < LEAST_TO_SPLIT:
        return None
    camps, cross = _camps(_affinity(storyline, filing, sample))
    threshold = filing.options.threshold
    if cross >= threshold - _CROSS:
        return None
    small, large = ([sample[n] for n in camp] for camp in camps)
    score = float(np.mean(filing.against(small, storyline, [large])))
    back = float(np.mean(filing.against(large, storyline, [small])))
    if max(score, back) >= threshold - _NEITHER:
        return None
    leaving = _leaving(storyline, filing, read(storyline, MOST_TO_SPLIT + 1), small, large)
    if not leaving or not constraints.may_split(storyline, leaving):
        return None
    return Split(storyline=storyline, articles=tuple(leaving), score=score, back=back, cross=cross)


def _affinity(storyline: int, filing: Filing, articles: Sequence[Article]) -> Floats:
    """(n, n) what each article scores with each other one, both ways round in the mean."""
    scores = np.array(filing.against(articles, storyline, [[article] for article in articles]))
    mean: Floats = (scores + scores.T) / 2
    return mean


def _camps(affinity: Floats) -> tuple[tuple[list[int], list[int]], float]:
    """The two that average linkage leaves last, the smaller first, and the mean affinity between them."""
    camps = [[n] for n in range(len(affinity))]
    while len(camps) > 2:
        pairs = ((one, other) for one in range(len(camps)) for other in range(one + 1, len(camps)))
        one, other = max(pairs, key=lambda pair: _between(affinity, camps[pair[0]], camps[pair[1]]))
        camps[one] += camps.pop(other)
    small, large = sorted(camps, key=len)
    return (small, large), _between(affinity, small, large)


def _between(affinity: Floats, one: Sequence[int], other: Sequence[int]) -> float:
    return float(affinity[np.ix_(one, other)].mean())


def _leaving(
    storyline: int, filing: Filing, members: Sequence[Article], small: Sequence[Article], large: Sequence[Article]
) -> list[int]:
    """The articles that go: those of the smaller camp, and whoever is nearer to it of those outside the sample. Where
    that is more than half of all, the others go. None go where there are too many to look at."""
    if len(members) > MOST_TO_SPLIT:
        return []
    camp = {article.id: True for article in small} | {article.id: False for article in large}
    others = [article for article in members if article.id not in camp]
    nearer = filing.against(others, storyline, [small, large])
    camp |= {
        article.id: with_small > with_large for article, (with_small, with_large) in zip(others, nearer, strict=True)
    }
    leaving = [article.id for article in members if camp[article.id]]
    staying = [article.id for article in members if not camp[article.id]]
    return leaving if len(leaving) <= len(staying) else staying


def spread(articles: Sequence[Article], most: int) -> list[Article]:
    """At most so many of them, evenly spread, the first and the last among them."""
    if len(articles) <= most:
        return list(articles)
    return [articles[int(place)] for place in np.linspace(0, len(articles) - 1, most)]
