"""What is a storyline's own: words and names that its articles share and that others hardly use.

A cosine of all names dilutes the one that matters. A café below the dam has its own cast of people, and of the dam's
story only the dam's name; but that name stands in nearly all of its articles and in no other storyline's. Names that a
whole neighbourhood of storylines shares, such as one president's, are nobody's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.storylines.evidence import Weights

NAMES, WORDS = 6, 10
"""The best so many count: a long article would else collect them by its length."""

Floats = npt.NDArray[np.float64]


def hallmarks(
    inside: npt.NDArray[np.float32], overall: Weights, rarity: Weights, members: Floats, *, best: int
) -> Floats:
    """(c,) how much of its own an article shows of each of c storylines; 0 for nothing, about 1.5 for one rare name of
    every member.

    `inside` (c, n) is in how many members of each storyline each of the article's terms stands, `overall` (n,) in how
    many articles at all, `rarity` (n,) their inverse document frequency, `members` (c,) how many each storyline has. A
    term counts by the share of its usage that lies in this storyline (the article itself being one usage elsewhere),
    times the share of the members that have it, times its rarity; the `best` are added up.
    """
    within = np.minimum(inside / (overall + np.float32(1.0)), np.float32(1.0))
    share = np.minimum(inside / np.maximum(members, 1.0).astype(np.float32)[:, None], np.float32(1.0))
    worth = within * share * rarity
    if worth.shape[1] > best:
        worth = np.partition(worth, worth.shape[1] - best, axis=1)[:, -best:]
    return np.asarray(worth.sum(axis=1), np.float64)
