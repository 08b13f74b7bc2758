"""Which storylines the clusterer has second thoughts about, and when.

A storyline is looked at a while after it got an article, or as soon as nothing waits to be filed: what came next often
tells. What is due is in memory only; a rebuild has those looked at that got an article last.
"""

from __future__ import annotations

from collections import OrderedDict

PATIENCE = 64  # articles filed between one that a storyline got and the look at it
AT_ONCE = 8  # looks in a step that files: some 20 ms each, and a second where a large storyline is split
GROWTH = 8  # one that is large is looked at when an eighth has come to it
MOST_DUE = 10_000  # storylines that wait for a look; what was touched before them has settled by now
MOST = 300_000  # storylines of which the size at the last look is kept


class Hindsight:
    """Which storylines are due to be looked at again."""

    def __init__(self) -> None:
        self._filed = 0
        self._due: OrderedDict[int, int] = OrderedDict()  # storyline -> when, as a count of articles filed
        self._sizes: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._due)

    def touched(self, storyline: int) -> None:
        """An article was filed there."""
        self._filed += 1
        self._wait(storyline)

    def again(self, storyline: int) -> None:
        """It was changed, so it is looked at once more whatever its size."""
        self._sizes.pop(storyline, None)
        self._wait(storyline)

    def due(self, *, idle: bool) -> list[int]:
        """The storylines to look at now, at most `AT_ONCE`; all that wait are due when the clusterer is `idle`."""
        found: list[int] = []
        while self._due and len(found) < AT_ONCE:
            storyline, when = next(iter(self._due.items()))
            if not idle and when > self._filed:
                break
            del self._due[storyline]
            found.append(storyline)
        return found

    def grown(self, storyline: int, size: int) -> bool:
        """Whether enough has come to it since the last look for another; takes note of the look."""
        before = self._sizes.get(storyline, 0)
        if size - before < max(1, before // GROWTH):
            return False
        self._sizes[storyline] = size
        self._sizes.move_to_end(storyline)
        if len(self._sizes) > MOST:
            self._sizes.popitem(last=False)
        return True

    def _wait(self, storyline: int) -> None:
        self._due.setdefault(storyline, self._filed + PATIENCE)
        if len(self._due) > MOST_DUE:
            self._due.popitem(last=False)
