"""The unit vectors of many storylines, in groups around pivots: the nearest to an article are looked for in the groups
that are nearest to it (an inverted file: Sivic and Zisserman 2003, "Video Google"; Jégou et al. 2011).

Few vectors are one group, and the search is exact. From `EXACT` on there are about 4 * sqrt(n) groups, whose pivots are
two rounds of k-means over a sample. When three times as many vectors have come as there were then, new pivots are
found, and the vectors move to their groups, both bit by bit as vectors come, so that neither growth nor the news of
another year makes the search worse. Everything costs the same whatever came and went before: nothing is left behind by
what is removed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.records import Vector
from pipeline.storylines.pivots import find

EXACT = 4_096
"""Up to so many vectors all are looked at: 6 MB, half a millisecond."""
_SCANNED = 4_000  # vectors looked at in one search, or one group more
_MOST_GROUPS, _FEWEST_GROUPS = 16, 6  # groups looked at
_MOVED_AT_ONCE = 32
_GROWN = 3

Places = npt.NDArray[np.int32]


class _Group:
    """Vectors (n, d) and the places they belong to (n,), with room to grow."""

    __slots__ = ("count", "places", "units")

    def __init__(self, dimension: int) -> None:
        self.units = np.empty((4, dimension), np.float32)
        self.places = np.empty(4, np.int32)
        self.count = 0

    def append(self, place: int, unit: Vector) -> int:
        if self.count == len(self.places):
            room = self.count + max(4, self.count // 4)
            # `resize` moves pages of large arrays instead of copying them; nothing else holds a view of these.
            self.units.resize((room, self.units.shape[1]), refcheck=False)
            self.places.resize(room, refcheck=False)
        self.units[self.count], self.places[self.count] = unit, place
        self.count += 1
        return self.count - 1

    def take(self, slot: int) -> int:
        """Remove a slot; returns the place that fills it, or -1."""
        self.count -= 1
        if slot == self.count:
            return -1
        self.units[slot], self.places[slot] = self.units[self.count], self.places[self.count]
        return int(self.places[slot])


class Nearest:
    """Unit vectors by place (a row number of the caller's)."""

    def __init__(self) -> None:
        self.dimension: int | None = None
        self.pivots: npt.NDArray[np.float32] | None = None
        self._old_pivots: npt.NDArray[np.float32] | None = None
        self.generation = 0
        """How often pivots were found; a vector's group means something with those of its generation only."""
        self.came = 0
        """Vectors that came since then."""
        self._there = 0  # vectors there were then
        self._groups: dict[tuple[int, int], _Group] = {}
        self._group = np.zeros(256, np.int32)
        self._of = np.zeros(256, np.int32)  # generation
        self._slot = np.full(256, -1, np.int32)
        self._name = np.zeros(256, np.int64)
        self._finding: Iterator[npt.NDArray[np.float32] | None] | None = None
        self._to_move: deque[tuple[int, int]] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, place: int) -> bool:
        return place < len(self._slot) and self._slot[place] >= 0

    def holds(self, places: Places) -> npt.NDArray[np.bool_]:
        """(n,) which of these places have a vector."""
        held: npt.NDArray[np.bool_] = self._slot[np.minimum(places, len(self._slot) - 1)] >= 0
        return held & (places < len(self._slot))

    def group(self, place: int) -> tuple[int, int]:
        """Generation and group of a vector."""
        return int(self._of[place]), int(self._group[place])

    def units(self, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """The vectors (n, d) of some places."""
        if not len(places):
            return np.empty((0, self.dimension or 0), np.float32)
        groups, slots = self._groups, self._slot[places].tolist()
        keys = zip(self._of[places].tolist(), self._group[places].tolist(), strict=True)
        rows = [groups[key].units[slot] for key, slot in zip(keys, slots, strict=True)]
        return np.concatenate(rows).reshape(len(rows), -1)

    def restore(self, pivots: npt.NDArray[np.float32] | None, generation: int, came: int, there: int) -> None:
        """Go on with these pivots, before vectors are put."""
        self.pivots, self.generation, self.came, self._there = pivots, generation, came, there

    @property
    def there(self) -> int:
        """Vectors there were when pivots were found."""
        return self._there

    def put(self, place: int, unit: Vector, name: int, *, again: bool, group: tuple[int, int] | None = None) -> None:
        """Add a vector or change it; `again`: it has changed so much that its group must be found anew. `name` is
        what tells it from others whatever its place; `group` is where it was in a state that is restored."""
        self.dimension = len(unit)
        while place >= len(self._slot):
            self._group = np.concatenate((self._group, np.zeros_like(self._group)))
            self._of = np.concatenate((self._of, np.zeros_like(self._of)))
            self._name = np.concatenate((self._name, np.zeros_like(self._name)))
            self._slot = np.concatenate((self._slot, np.full_like(self._slot, -1)))
        if self._slot[place] >= 0:
            if not again:
                self._groups[self.group(place)].units[self._slot[place]] = unit
                return
            self._take(place)
        elif group is None:
            self.came += 1
        self._name[place] = name
        known = group is not None and group[0] == self.generation
        self._append(place, unit, group[1] if known and group is not None else self._home(unit))
        if group is None:
            self._tend()

    def remove(self, place: int) -> None:
        """Forget a vector; one that is not there is no error."""
        if place in self:
            self._take(place)

    def search(self, vector: Vector) -> tuple[Places, npt.NDArray[np.float32]]:
        """Places (n,) worth a look, and their vectors' cosines with this one (n,)."""
        places, near = [], []
        for key in self._probed(vector):
            group = self._groups.get(key)
            if group is not None and group.count:
                places.append(group.places[: group.count])
                near.append(group.units[: group.count] @ vector)
        if not places:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        return np.concatenate(places), np.concatenate(near)

    def _probed(self, vector: Vector) -> list[tuple[int, int]]:
        if self.pivots is None or self._count <= EXACT:
            return list(self._groups)
        near = self.pivots @ vector
        most = min(_MOST_GROUPS, len(near))
        best = np.argpartition(-near, most - 1)[:most]
        found, scanned = [], 0
        for number in best[np.argsort(-near[best], kind="stable")].tolist():
            key = (self.generation, number)
            if (group := self._groups.get(key)) is None:
                continue
            found.append(key)
            scanned += group.count
            if scanned >= _SCANNED and len(found) >= _FEWEST_GROUPS:
                break
        return found + self._left_behind(vector)

    def _left_behind(self, vector: Vector) -> list[tuple[int, int]]:
        """While vectors move to new groups: the old groups that are worth a look."""
        if not self._to_move:
            return []
        if self._old_pivots is None:
            return [(self.generation - 1, 0)]
        near = self._old_pivots @ vector
        most = min(_FEWEST_GROUPS * 2, len(near))
        return [(self.generation - 1, number) for number in np.argpartition(-near, most - 1)[:most].tolist()]

    def _home(self, unit: Vector) -> int:
        return 0 if self.pivots is None else int(np.argmax(self.pivots @ unit))

    def _append(self, place: int, unit: Vector, number: int) -> None:
        key = (self.generation, number)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(len(unit))
        self._of[place], self._group[place] = key
        self._slot[place] = group.append(place, unit)
        self._count += 1

    def _take(self, place: int) -> None:
        key, slot = self.group(place), int(self._slot[place])
        moved = self._groups[key].take(slot)
        if moved >= 0:
            self._slot[moved] = slot
        self._slot[place] = -1
        self._count -= 1
        if not self._groups[key].count:
            del self._groups[key]

    def _tend(self) -> None:
        if self._to_move:
            self._move()
        elif self._count <= EXACT:
            self._finding = None
        elif self._finding is not None:
            pivots = next(self._finding)
            if pivots is not None:
                self._regroup(pivots)
        elif self.pivots is None or self.came >= _GROWN * self._there:
            taken = np.flatnonzero(self._slot >= 0)
            names = self._name[taken]

            def units(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
                places = taken[chosen]
                there = (self._slot[places] >= 0) & (self._name[places] == names[chosen])
                return self.units(places[there].tolist())

            self._finding = find(names, 1 << int(np.log2(4 * self._count**0.5)), self.generation, units)

    def _regroup(self, pivots: npt.NDArray[np.float32]) -> None:
        self._finding, self._old_pivots = None, self.pivots
        # In 16 bits, as they are stored: so a loaded state has the same ones.
        self.pivots = pivots.astype(np.float16).astype(np.float32)
        self._to_move = deque(sorted(self._groups))
        self.generation, self.came, self._there = self.generation + 1, 0, self._count

    def _move(self) -> None:
        """A few vectors to their new groups."""
        moved = 0
        while self._to_move and moved < _MOVED_AT_ONCE:
            group = self._groups.get(self._to_move[0])
            if group is None:
                self._to_move.popleft()
                continue
            count = min(group.count, _MOVED_AT_ONCE - moved)
            places = group.places[group.count - count : group.count].tolist()
            units = group.units[group.count - count : group.count].copy()
            homes = np.argmax(units @ self.pivots.T, axis=1).tolist() if self.pivots is not None else [0] * count
            for place, unit, home in zip(places[::-1], units[::-1], homes[::-1], strict=True):
                self._take(place)
                self._append(place, unit, home)
            moved += count
