"""When the vectors of another model, made in the background for what filing remembers, are taken up.

After a change of the model, articles are filed by their words until they have a vector of it. A mixture is no good
state to go on from for long: what has none is compared by words with what has one. So memory is built anew once, when
nothing lacks a vector any more, or when all that is left has been left for so long that the model cannot read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

LOOK_EVERY = timedelta(minutes=1)
AGAIN_AFTER = timedelta(hours=1)
"""Between two rebuilds: while some workers still have the old model, there is always something that lacks a vector."""
GIVEN_UP_AFTER = timedelta(minutes=30)  # three rounds of the janitor
FEW = 20  # articles that may be given up
NEVER = datetime.min.replace(tzinfo=UTC)


class Uptake:
    """Asked now and then with what lacks a vector, says when memory is to be built anew."""

    def __init__(self) -> None:
        self._looked = self._taken_up = NEVER
        self._left: tuple[int, ...] = ()
        self._since = NEVER

    def is_time(self, moment: datetime) -> bool:
        """Whether to look at what lacks a vector."""
        return abs(moment - self._looked) >= LOOK_EVERY and abs(moment - self._taken_up) >= AGAIN_AFTER

    def is_due(self, lacking: Sequence[int], moment: datetime) -> bool:
        """Whether to build memory anew; `lacking` are some articles without a vector, more than `FEW` if there are."""
        self._looked, left = moment, tuple(lacking)
        if left != self._left:
            self._left, self._since = left, moment
        given_up = len(left) <= FEW and moment - self._since >= GIVEN_UP_AFTER
        if left and not given_up:
            return False
        self._taken_up = moment
        return True
