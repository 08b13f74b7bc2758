"""Which storylines are worth comparing with an article: the nearest by vector, and those that share rare title words.

What it says follows from the storylines that are remembered, not from the order in which they came and went, as long as
they are few enough for an exact search (`nearest.EXACT`).
"""

from __future__ import annotations

import itertools
import math
from array import array

import numpy as np
import numpy.typing as npt

from pipeline.errors import InputError
from pipeline.records import Vector
from pipeline.storylines.evidence import Ids, SparseVec
from pipeline.storylines.members import FIGURES, TITLE, Strand, centroid
from pipeline.storylines.nearest import Nearest
from pipeline.storylines.options import FilingOptions

_FIRST_PLACES = 256
_MOST_POSTINGS = 3_000  # entries of the rarest title words' lists that are added up for one article
_MORE = 8  # storylines beyond the nearest wanted whose cosines are computed exactly, so that rounding is no matter
_NO_PLACES: list[int] = []
_INT = np.dtype(np.int32)

Floats = npt.NDArray[np.float64]


class StorylineIndex:
    """Places (row numbers) of storylines with centroid and span, and postings of title words."""

    def __init__(self, options: FilingOptions) -> None:
        self._options = options
        self._place: dict[int, int] = {}
        self._storyline = np.full(_FIRST_PLACES, -1, np.int64)
        self._first = np.zeros(_FIRST_PLACES)
        self._last = np.zeros(_FIRST_PLACES)
        self._shared = np.zeros(_FIRST_PLACES)
        self._figures = np.zeros((_FIRST_PLACES, FIGURES))
        self._free: list[int] = list(range(_FIRST_PLACES - 1, -1, -1))
        self._postings: dict[int, array[int] | int] = {}
        self.nearest = Nearest()

    def __len__(self) -> int:
        return len(self._place)

    def check(self, vector: Vector) -> None:
        """Raise InputError when the vector has another number of dimensions than those before it."""
        if self.nearest.dimension is not None and len(vector) != self.nearest.dimension:
            raise InputError(
                f"a vector of {len(vector)} dimensions came among vectors of {self.nearest.dimension}: vectors of two "
                "models never meet in one index; embed these articles again with the model in use"
            )

    def put(self, strand: Strand, title_terms: Ids, *, group: tuple[int, int] | None = None) -> None:
        """Add or refresh a storyline; `title_terms` are added to those it is found by, and must be among its terms.
        `group` is its vector's generation and group, where they are known."""
        place = self._place.get(strand.storyline)
        new = place is None
        if place is None:
            place = self._new_place(strand.storyline)
        # An undated or declared storyline is open at any time; minus and plus infinity say so without a special case.
        open_ended = strand.first is None or strand.last is None or strand.seed is not None
        self._first[place] = -math.inf if open_ended or strand.first is None else strand.first
        self._last[place] = math.inf if open_ended or strand.last is None else strand.last
        total = strand.sum_of_vectors()
        self._figures[place] = strand.figures(total)
        self._put_vector(strand, place, centroid(total), group)
        for term in title_terms.tolist():
            held = self._postings.get(term)
            if held is None:
                self._postings[term] = place  # most terms have one storyline: an array for each would take 80 bytes
            elif isinstance(held, int):
                if held != place:
                    self._postings[term] = array("i", (held, place))
            elif new or _at(held, place) < 0:
                held.append(place)

    def remove(self, storyline: int, terms: Ids) -> None:
        """Forget a storyline that is found by these terms; one that is not there is no error."""
        place = self._place.pop(storyline, None)
        if place is None:
            return
        self._drop(place, terms)
        self._storyline[place] = -1
        self.nearest.remove(place)
        self._free.append(place)

    def drop(self, storyline: int, terms: Ids) -> None:
        """The storyline is no longer found by these terms."""
        place = self._place.get(storyline)
        if place is not None:
            self._drop(place, terms)

    def group(self, storyline: int) -> tuple[int, int]:
        """Generation and group of a storyline's vector; zeros where it has none."""
        place = self._place[storyline]
        return self.nearest.group(place) if place in self.nearest else (0, 0)

    def candidates(
        self, title: SparseVec, vector: Vector | None, written: float | None
    ) -> tuple[list[int], Floats, Floats]:
        """Storylines to compare, at most `dense_candidates + lexical_candidates`, in ascending order, their
        `Strand.figures` (n, FIGURES), and the cosines (n,) of their centroids with the vector, NaN where there is none.

        `written` is in hours since 1970; None makes every remembered storyline eligible.
        """
        near = _NO_PLACES if vector is None else self._nearest(vector, written)
        sharing = self._sharing(title, written)
        extra = [place for place in sharing if place not in set(near)]
        places = np.array([*near, *extra], np.int32)
        if not len(places):
            return [], np.empty((0, FIGURES)), np.empty(0)
        storylines, cosines = self._storyline[places], self._cosines(places, vector)
        # Of those that are about as near, the nearest, and of equals the older storyline.
        order = np.lexsort((storylines[: len(near)], -cosines[: len(near)]))
        taken = set(sharing)
        nearest = order[: self._options.dense_candidates].tolist()
        beyond = [n for n in order[self._options.dense_candidates :].tolist() if near[n] in taken]
        chosen = np.array([*nearest, *beyond, *range(len(near), len(places))], np.intp)
        chosen = chosen[np.argsort(storylines[chosen])]
        return storylines[chosen].tolist(), self._figures[places[chosen]], cosines[chosen]

    def _cosines(self, places: npt.NDArray[np.int32], vector: Vector | None) -> npt.NDArray[np.float64]:
        """Row by row: what a matrix product gives for a row depends on the rows around it, in the last digit."""
        found = np.full(len(places), np.nan)
        if vector is not None and (held := np.flatnonzero(self.nearest.holds(places))).size:
            found[held] = np.einsum("nd,d->n", self.nearest.units(places[held].tolist()), vector)
        return found

    def _put_vector(self, strand: Strand, place: int, unit: Vector | None, group: tuple[int, int] | None) -> None:
        if unit is None:
            self.nearest.remove(place)
            return
        # With every doubling a storyline may have moved on to another group; in between its centroid hardly moves.
        again = strand.members & (strand.members - 1) == 0
        self.nearest.put(place, unit, strand.storyline, again=again, group=group)

    def _eligible(self, places: npt.NDArray[np.int32], written: float) -> npt.NDArray[np.bool_]:
        window = self._options.window_hours
        eligible: npt.NDArray[np.bool_] = self._last.take(places) >= written - window
        return eligible & (self._first.take(places) <= written + window)

    def _nearest(self, vector: Vector, written: float | None) -> list[int]:
        """Places of a few more than the wanted number: their order is settled with exact cosines."""
        every, near = self.nearest.search(vector)
        wanted = self._options.dense_candidates + _MORE
        for looked_at in (3 * wanted, len(every)):  # nearly always enough of the first few are eligible
            places, cosines = _best(every, near, looked_at)
            if written is not None:
                eligible = self._eligible(places, written)
                places, cosines = places[eligible], cosines[eligible]
            if len(places) >= wanted:
                break
        found: list[int] = _best(places, cosines, wanted)[0].tolist()
        return found

    def _sharing(self, title: SparseVec, written: float | None) -> list[int]:
        lists: list[tuple[int, float, int | array[int]]] = []
        for term, weight in zip(title.ids.tolist(), title.values.tolist(), strict=True):
            held = self._postings.get(term)
            if held is not None:
                count = 1 if isinstance(held, int) else len(held)
                if count <= self._options.common_postings:
                    lists.append((count, weight, held))
        if not lists:
            return []
        if sum(count for count, _, _ in lists) > _MOST_POSTINGS:
            lists.sort(key=lambda found: (found[0], -found[1]))  # the rarest first
            ends = itertools.accumulate(count for count, _, _ in lists)
            lists = [found for found, end in zip(lists, ends, strict=True) if end <= _MOST_POSTINGS]
        places = np.concatenate([_places(held) for _, _, held in lists])
        added = np.repeat([weight for _, weight, _ in lists], [count for count, _, _ in lists])
        np.add.at(self._shared, places, added)
        weights = self._shared.take(places)
        self._shared[places] = 0.0
        if written is not None:
            eligible = self._eligible(places, written)
            places, weights = places[eligible], weights[eligible]
        most = self._options.lexical_candidates
        if len(places) > most * len(lists):  # each place stands there once for a list at most
            best = weights >= np.partition(weights, -most * len(lists))[-most * len(lists)]
            places, weights = places[best], weights[best]
        places, first = np.unique(places, return_index=True)
        order = np.lexsort((self._storyline[places], -weights[first]))  # of equals the older storyline
        found: list[int] = places[order[:most]].tolist()
        return found

    def _drop(self, place: int, terms: Ids) -> None:
        for term in terms.tolist():
            held = self._postings.get(term)
            if held == place:
                del self._postings[term]
            elif isinstance(held, array) and (at := _at(held, place)) >= 0:
                held[at] = held[-1]
                held.pop()
                if len(held) == 1:
                    self._postings[term] = held[0]

    def _new_place(self, storyline: int) -> int:
        if not self._free:
            self._grow()
        place = self._place[storyline] = self._free.pop()
        self._storyline[place] = storyline
        return place

    def _grow(self) -> None:
        # By a fifth, and in place: at 300,000 storylines twice the room, copied, takes tens of milliseconds.
        old, more = len(self._storyline), max(_FIRST_PLACES, len(self._storyline) // 5)
        for numbers in (self._storyline, self._first, self._last, self._shared):
            numbers.resize(old + more, refcheck=False)
        self._figures.resize((old + more, FIGURES), refcheck=False)
        self._storyline[old:] = -1
        self._free += range(old + more - 1, old - 1, -1)


def _best(
    places: npt.NDArray[np.int32], cosines: npt.NDArray[np.float32], most: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    if len(places) <= most:
        return places, cosines
    best = np.argpartition(cosines, len(cosines) - most)[len(cosines) - most :]
    return places[best], cosines[best]


def _places(held: int | array[int]) -> npt.NDArray[np.int32]:
    return np.array((held,), _INT) if isinstance(held, int) else np.frombuffer(held, _INT)


def _at(held: array[int], place: int) -> int:
    """Where a place stands in a list; -1 if it does not."""
    found = (np.frombuffer(held, _INT) == place).nonzero()[0]
    return int(found[0]) if len(found) else -1


def title_terms(strand: Strand) -> Ids:
    """The title words by which a storyline is found."""
    own = strand.sums.kind(TITLE).ids
    return own if strand.seed is None else np.union1d(own, strand.seed.title.ids)
