"""Pivots for groups of many vectors: two rounds of k-means over a sample, a few milliseconds at a time.

At 300,000 vectors this is 26 thousand million multiplications, a second or two in one go. Whoever files articles takes
a step with each of them instead, and goes on with the old pivots meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

_PER_PIVOT, _ROUNDS = 8, 2  # vectors of the sample for each pivot; rounds of k-means
_READ_AT_ONCE = 512  # rows of the sample that are copied in one step
_COMPARED_AT_ONCE = 1 << 16  # cosines of one step: 25 million multiplications at 384 dimensions, about 2 ms

Units = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


def drawn(names: npt.NDArray[np.int64], most: int, seed: int) -> Places:
    """Where about `most` of these names stand, in an order that follows from names and seed alone, whatever the order
    in which they are given."""
    # SplitMix64 (Steele, Lea and Flood 2014), whose numbers are as good as drawn.
    lot = names.astype(np.uint64) + np.uint64(((seed + 1) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        lot = (lot ^ (lot >> np.uint64(shift))) * np.uint64(factor)
    lot ^= lot >> np.uint64(31)
    chosen = np.flatnonzero(lot < np.uint64(int(min(1.0, most / max(1, len(names))) * (2**64 - 1))))
    return chosen[np.argsort(lot[chosen])]


def find(
    names: npt.NDArray[np.int64], wanted: int, seed: int, units: Callable[[Places], Units]
) -> Iterator[Units | None]:
    """Pivots (wanted, d) for the vectors of these names, at least `wanted` of them; None after each step before.

    `units` gives the vectors (n, d) at some of the names' places, fewer where some are gone by then.
    """
    chosen, pieces = drawn(names, _PER_PIVOT * wanted, seed), list[Units]()
    for start in range(0, len(chosen), _READ_AT_ONCE):
        pieces.append(units(chosen[start : start + _READ_AT_ONCE]))
        yield None
    sample = np.concatenate(pieces)
    pivots = sample[:wanted]
    step = max(1, _COMPARED_AT_ONCE // max(1, len(pivots)))
    for _ in range(_ROUNDS):
        sums = np.zeros_like(pivots)
        for start in range(0, len(sample), step):
            rows = sample[start : start + step]
            np.add.at(sums, np.argmax(rows @ pivots.T, axis=1), rows)
            yield None
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        pivots = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), pivots)  # one without vectors stays
    yield pivots
