"""What is a storyline's own: words and names that its articles share and that others hardly use.

A cosine of all names dilutes the one that matters. A café below the dam has its own cast of people, and of the dam's
story only the dam's name; but that name stands in nearly all of its articles and in no other storyline's. Names that a
whole neighbourhood of storylines shares, such as one president's, are nobody's own.
"""

from __future__ import annotations

import numpy as np

from pipeline.storylines.evidence import SparseVec, Weights
from pipeline.storylines.members import Strand

NAMES, WORDS = 6, 10
"""The best so many count: a long article would else collect them by its length."""


def hallmarks(inside: Weights, overall: Weights, rarity: Weights, members: int, *, best: int) -> float:
    """How much of its own an article shows of a storyline; 0 for nothing, about 1.5 for one rare name of every member.

    `inside` (n,) is in how many members each of the article's terms stands, `overall` (n,) in how many articles at all,
    and `rarity` (n,) their inverse document frequency. A term counts by the share of its usage that lies in this
    storyline (the article itself being one usage elsewhere), times the share of the members that have it, times its
    rarity; the `best` are added up.
    """
    if not members or not len(inside):
        return 0.0
    within = np.minimum(inside / (overall + 1.0), 1.0)
    worth = within * np.minimum(inside / members, 1.0) * rarity
    if len(worth) > best:
        worth = np.partition(worth, len(worth) - best)[-best:]
    return float(worth.sum())


def headline_told(strand: Strand, body: SparseVec) -> float:
    """Share (0..1) of what the storyline's titles say, by weight, that stands in the article's title or text."""
    titles = [strand.title.total] if len(strand.title.total) else []
    if strand.seed is not None:
        titles.append(strand.seed.title)
    return max((_covered(title, body) for title in titles), default=0.0)


def _covered(title: SparseVec, body: SparseVec) -> float:
    weight = float(title.values.sum())
    return float(title.values[body.at(title.ids) > 0].sum()) / weight if weight else 0.0
