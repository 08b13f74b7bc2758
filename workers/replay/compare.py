"""Two filings of the same articles compared: pure functions over where each article is in the one and in the other.

A storyline of the replay stands for a live one when each has most of its articles in common with the other; one that
was there before stands for itself. An article changes when it is not in the one that stands for its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.storylines import scores

Ids = npt.NDArray[np.int64]
MOST_FOR_AMI = 500_000_000  # pairs of storylines; 49 million take 2.7 s of a core, and more than this half a minute


@dataclass(frozen=True, slots=True)
class Part:
    """So many articles of live storyline `live` that are in `replay`."""

    live: int
    replay: int
    articles: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Live storylines that are one in the replay. Of the first it has most articles: it stands for that one, or takes
    in a part that leaves it. `moved` is how many articles come from the others."""

    replay: int
    parts: tuple[Part, ...]
    moved: int


@dataclass(frozen=True, slots=True)
class Split:
    """A live storyline that is several in the replay: what leaves it, the largest part first."""

    live: int
    stay: int
    parts: tuple[Part, ...]
    moved: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs. `single` are the places (m,) of articles that change alone, the largest storylines' first.
    `by_people` counts the articles that people put where they are, `people_elsewhere` those of them that would be
    elsewhere; these are in none of the figures before. `stands_for` names the live storyline of
    those of the replay that stand for one, `sizes` and `replay_sizes` are the articles of each."""

    merged: tuple[Merge, ...]
    split: tuple[Split, ...]
    single: Ids
    by_people: int
    people_elsewhere: int
    stands_for: Mapping[int, int]
    sizes: Mapping[int, int]
    replay_sizes: Mapping[int, int]


def changed(live: Ids, replay: Ids, pinned: npt.NDArray[np.bool_], known: Collection[int]) -> Changed:
    """What a replay changed: (n,) storylines of the same articles, live and in the replay, and whether a person put
    them there. `known` are storylines that were there before and have the same id in both."""
    lives, replays, cell_of, every, counted = _cells(live, replay, pinned)
    home, lead = _mains(lives, replays, every, set(known))
    sizes, replay_sizes = _totals(lives, every), _totals(replays, every)
    joins: dict[int, list[Part]] = {}
    leaves: dict[int, list[Part]] = {}
    alone, elsewhere = np.zeros(len(lives), bool), np.zeros(len(lives), bool)
    for place, (a, r, count) in enumerate(zip(lives, replays, counted, strict=True)):
        if home[a] == r and lead[r] == a:
            continue
        elsewhere[place] = True
        alone[place] = count == 1
        if count > 1 and home[a] == r:
            joins.setdefault(r, []).append(Part(a, r, count))
        elif count > 1:
            leaves.setdefault(a, []).append(Part(a, r, count))
    shared = {(a, r): count for a, r, count in zip(lives, replays, counted, strict=True)}
    single = np.flatnonzero(alone[cell_of] & ~pinned)
    order = np.argsort([-sizes[one] for one in live[single].tolist()], kind="stable")
    return Changed(
        merged=_by_size(_merge(r, lead[r], parts, shared) for r, parts in joins.items()),
        split=_by_size(_split(a, shared.get((a, home[a]), 0), parts) for a, parts in leaves.items()),
        single=single[order].astype(np.int64),
        by_people=int(pinned.sum()),
        people_elsewhere=int((elsewhere[cell_of] & pinned).sum()),
        stands_for={r: a for r, a in lead.items() if home.get(a, a) == r},
        sizes=sizes,
        replay_sizes=replay_sizes,
    )


def _cells(
    live: Ids, replay: Ids, pinned: npt.NDArray[np.bool_]
) -> tuple[list[int], list[int], Ids, list[int], list[int]]:
    """The pairs of storylines that have articles in common, the pair of each article (n,), and how many articles each
    has, with and without those that people put there."""
    lives, of_live = np.unique(live, return_inverse=True)
    replays, of_replay = np.unique(replay, return_inverse=True)
    keys, cell_of, every = np.unique(of_live * len(replays) + of_replay, return_inverse=True, return_counts=True)
    counted = np.bincount(cell_of[~pinned], minlength=len(keys))
    first, second = lives[keys // len(replays)], replays[keys % len(replays)]
    return first.tolist(), second.tolist(), cell_of, every.tolist(), counted.tolist()


def _totals(storylines: list[int], counts: list[int]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for one, count in zip(storylines, counts, strict=True):
        totals[one] = totals.get(one, 0) + count
    return totals


def _mains(
    lives: list[int], replays: list[int], every: list[int], known: set[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Where most of each live storyline is, and which live one each of the replay has most articles of; among equals
    the smallest id. Those that were there before are and stand for themselves."""
    home: dict[int, int] = {}
    lead: dict[int, int] = {}
    for a, r, _ in sorted(zip(lives, replays, every, strict=True), key=lambda cell: (-cell[2], cell[0], cell[1])):
        home.setdefault(a, a if a in known else r)
        lead.setdefault(r, r if r in known else a)
    return home, lead


def _merge(replay: int, lead: int, parts: list[Part], shared: Mapping[tuple[int, int], int]) -> Merge:
    ordered = sorted(parts, key=lambda part: (-part.articles, part.live))
    first = Part(lead, replay, shared.get((lead, replay), 0))
    return Merge(replay, (first, *ordered), sum(part.articles for part in parts))


def _split(live: int, stay: int, parts: list[Part]) -> Split:
    ordered = sorted(parts, key=lambda part: (-part.articles, part.replay))
    return Split(live, stay, tuple(ordered), sum(part.articles for part in parts))


def _by_size(found: Any) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda one: -one.moved))


def shape(assigned: Ids) -> dict[str, int]:
    """How many storylines there are, how many of one article, and how many articles the largest has."""
    sizes = np.unique(assigned, return_counts=True)[1]
    return {"storylines": len(sizes), "singles": int((sizes == 1).sum()), "largest": int(sizes.max(initial=0))}


def agreement(live: Ids, replay: Ids) -> dict[str, Any] | None:
    """BCubed, pairwise and AMI of the replay against what is live; None without articles. AMI is None beyond
    MOST_FOR_AMI."""
    if not len(live):
        return None
    one, other = live.tolist(), replay.tolist()
    steps = len(np.unique(live)) * len(np.unique(replay))
    found = {name: score(one, other) for name, score in (("bcubed", scores.bcubed), ("pairwise", scores.pairwise))}
    plain = {
        name: {"precision": round(s.precision, 4), "recall": round(s.recall, 4), "f1": round(s.f1, 4)}
        for name, s in found.items()
    }
    return {**plain, "ami": round(scores.ami(one, other), 4) if steps <= MOST_FOR_AMI else None}
