"""Which storylines are worth comparing with an article: the nearest by vector, and those that share rare title words.

Exact for now: one matrix product over all storylines that are remembered. An approximate index takes the place of
`_nearest` when that gets too slow; nothing outside this module would notice.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from pipeline.errors import InputError
from pipeline.records import Vector
from pipeline.storylines.evidence import Ids, SparseVec
from pipeline.storylines.members import Strand
from pipeline.storylines.options import FilingOptions

_FIRST_PLACES = 256


class StorylineIndex:
    """Places (row numbers) of storylines with centroid and span, and postings of title words."""

    def __init__(self, options: FilingOptions) -> None:
        self._options = options
        self._place: dict[int, int] = {}
        self._storyline = np.full(_FIRST_PLACES, -1, np.int64)
        self._first = np.zeros(_FIRST_PLACES)
        self._last = np.zeros(_FIRST_PLACES)
        self._has_vector = np.zeros(_FIRST_PLACES, np.bool_)
        self._units: npt.NDArray[np.float32] | None = None
        self._free: list[int] = list(range(_FIRST_PLACES - 1, -1, -1))
        self._used = 0
        self._postings: defaultdict[int, set[int]] = defaultdict(set)
        self._terms: dict[int, set[int]] = {}

    def __len__(self) -> int:
        return len(self._place)

    def check(self, vector: Vector) -> None:
        """Raise InputError when the vector has another number of dimensions than those before it."""
        if self._units is not None and len(vector) != self._units.shape[1]:
            raise InputError(
                f"a vector of {len(vector)} dimensions came among vectors of {self._units.shape[1]}: vectors of two "
                "models never meet in one index; embed these articles again with the model in use"
            )

    def put(self, strand: Strand, title_terms: Ids) -> None:
        """Add or refresh a storyline; `title_terms` are added to those it is found by."""
        if strand.storyline not in self._place:
            if not self._free:
                self._grow()
            place = self._place[strand.storyline] = self._free.pop()
            self._used = max(self._used, place + 1)
            self._storyline[place] = strand.storyline
            self._terms[strand.storyline] = set()
        place = self._place[strand.storyline]
        # An undated or declared storyline is open at any time; minus and plus infinity say so without a special case.
        open_ended = strand.last is None or strand.seed is not None
        self._first[place] = -np.inf if open_ended else strand.first
        self._last[place] = np.inf if open_ended else strand.last
        centroid = strand.centroid()
        self._has_vector[place] = centroid is not None
        if centroid is not None:
            if self._units is None:
                self._units = np.zeros((len(self._storyline), len(centroid)), np.float32)
            self._units[place] = centroid
        for term in title_terms.tolist():
            self._postings[term].add(place)
            self._terms[strand.storyline].add(term)

    def remove(self, storyline: int) -> None:
        """Forget a storyline; one that is not there is no error."""
        place = self._place.pop(storyline, None)
        if place is None:
            return
        self._storyline[place] = -1
        self._has_vector[place] = False
        self._free.append(place)
        for term in self._terms.pop(storyline):
            self._postings[term].discard(place)
            if not self._postings[term]:
                del self._postings[term]

    def terms(self, storyline: int) -> Ids:
        """The title words by which a storyline is found."""
        return np.fromiter(sorted(self._terms.get(storyline, ())), np.int32)

    def candidates(self, title: SparseVec, vector: Vector | None, written: float | None) -> list[int]:
        """Storylines to compare, at most `dense_candidates + lexical_candidates`, in ascending order.

        `written` is in hours since 1970; None makes every remembered storyline eligible.
        """
        if not self._used:
            return []
        eligible = self._storyline[: self._used] >= 0
        if written is not None:
            window = self._options.window_hours
            eligible &= (self._last[: self._used] >= written - window) & (self._first[: self._used] <= written + window)
        return sorted(self._nearest(vector, eligible) | self._sharing(title, eligible))

    def cosines(self, storylines: list[int], vector: Vector) -> list[float | None]:
        """Cosine of each storyline's centroid with `vector`; None where it has no centroid."""
        if self._units is None:
            return [None] * len(storylines)
        places = [self._place[s] for s in storylines]
        near = self._units[places] @ vector
        return [float(c) if self._has_vector[p] else None for c, p in zip(near, places, strict=True)]

    def _nearest(self, vector: Vector | None, eligible: npt.NDArray[np.bool_]) -> set[int]:
        if vector is None or self._units is None:
            return set()
        open_places = eligible & self._has_vector[: self._used]
        k = min(self._options.dense_candidates, int(open_places.sum()))
        if not k:
            return set()
        near = np.where(open_places, self._units[: self._used] @ vector, -np.inf)
        top = np.argpartition(-near, k - 1)[:k]
        return set(self._storyline[top].tolist())

    def _sharing(self, title: SparseVec, eligible: npt.NDArray[np.bool_]) -> set[int]:
        shared = np.zeros(self._used)
        for term, weight in zip(title.ids.tolist(), title.values.tolist(), strict=True):
            postings = self._postings.get(term)
            if postings and len(postings) <= self._options.common_postings:
                shared[np.fromiter(postings, np.intp, len(postings))] += weight
        places = np.flatnonzero((shared > 0) & eligible)
        storylines = self._storyline[places]
        order = np.lexsort((storylines, -shared[places]))  # of equals the older storyline
        return set(storylines[order[: self._options.lexical_candidates]].tolist())

    def _grow(self) -> None:
        old = len(self._storyline)
        self._storyline = np.concatenate((self._storyline, np.full(old, -1, np.int64)))
        self._first = np.concatenate((self._first, np.zeros(old)))
        self._last = np.concatenate((self._last, np.zeros(old)))
        self._has_vector = np.concatenate((self._has_vector, np.zeros(old, np.bool_)))
        if self._units is not None:
            self._units = np.concatenate((self._units, np.zeros_like(self._units)))
        self._free += range(2 * old - 1, old - 1, -1)
