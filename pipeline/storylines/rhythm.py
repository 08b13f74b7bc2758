"""How this stream goes on with its storylines: after which pauses, and whether an outlet comes back to one.

Both differ between streams by more than any fixed weight allows for. An editors' round-up files each event within a
day; reports of crimes go on for weeks, with the arrest and the trial. An outlet's second report on a thing is rare in
a round-up and the rule in local news. So both are counted as articles are filed and blended with what is usual, as
record linkage learns the worth of a match from the file itself (Fellegi and Sunter 1969, "A Theory for Record
Linkage"). Everything follows from what was filed, so a rebuild counts the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_KINDS = (1.0, 12.0, 36.0, 60.0, 84.0, 180.0, 348.0)
"""Hours from which a pause is of the next kind. From 12 on they stand between multiples of a day, since many articles
tell their day only."""
_USUAL = (0.50, 0.16, 0.14, 0.05, 0.03, 0.05, 0.03, 0.04)
"""Shares of the kinds of pause, about the mean over five labelled streams."""
_USUAL_PAUSES, _USUAL_RETURNS = 40.0, 10.0  # articles that the usual weighs against what was counted
_HALVE_AT = 4_000.0  # from then on older counts fade
_MOST_OUTLETS = 5_000


class Rhythm:
    """Counts of pauses, of outlets, and of outlets that came back to a storyline they had reported on."""

    def __init__(self) -> None:
        self._pauses = [_USUAL_PAUSES * share for share in _USUAL]
        self._came_back = self._expected = _USUAL_RETURNS
        self._articles_of: Counter[str] = Counter()
        self._articles = 0

    def pause(self, hours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n,) natural logarithms of how much more often storylines go on after such pauses here than is usual."""
        every = sum(self._pauses)
        worth = [math.log(count / every / usual) for count, usual in zip(self._pauses, _USUAL, strict=True)]
        return np.array(worth)[np.searchsorted(_KINDS, hours, side="right")]

    def returns(self) -> float:
        """Natural logarithm of how often outlets come back to a storyline, against what chance would have; 0 at most.

        More than chance is no evidence: it is the outlet's beat, and two things on one beat are easily confused.
        """
        return min(0.0, math.log(self._came_back / self._expected))

    def add(self, pause: float | None, outlet: str, *, members: int, came_back: bool) -> None:
        """Count one article: the hours its storyline had paused (None: it opens one, or there is no date), its outlet
        (empty: unknown), and the members there were, of which one may be the outlet's own."""
        if pause is not None:
            self._pauses[bisect_right(_KINDS, pause)] += 1
            if sum(self._pauses) > _HALVE_AT:
                self._pauses = [count / 2 for count in self._pauses]
        if not outlet:
            return
        if members and self._articles:
            share = self._articles_of[outlet] / self._articles
            self._expected += 1.0 - (1.0 - share) ** members
            self._came_back += came_back
            if self._expected > _HALVE_AT:
                self._expected, self._came_back = self._expected / 2, self._came_back / 2
        self._articles_of[outlet] += 1
        self._articles += 1
        if len(self._articles_of) > _MOST_OUTLETS:
            self._articles_of = Counter({name: count // 2 for name, count in self._articles_of.items() if count > 1})
            self._articles = self._articles_of.total()

    def state(self) -> dict[str, Any]:
        """All that was counted, as plain values."""
        return {
            "pauses": self._pauses,
            "came_back": self._came_back,
            "expected": self._expected,
            "outlets": dict(self._articles_of),
            "articles": self._articles,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Rhythm:
        """One that goes on from `state`."""
        made = cls()
        made._pauses, made._came_back, made._expected = list(state["pauses"]), state["came_back"], state["expected"]
        made._articles_of, made._articles = Counter(state["outlets"]), state["articles"]
        return made
