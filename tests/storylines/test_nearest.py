"""Among many vectors the nearest are found in few groups, whatever came and went before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.storylines.nearest import EXACT, Nearest

DIMENSION = 48


def units(count: int, seed: int) -> npt.NDArray[np.float32]:
    """Vectors around 200 topics."""
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(0).normal(size=(200, DIMENSION))
    made = topics[rng.integers(0, 200, count)] + 0.8 * rng.normal(size=(count, DIMENSION))
    unit: npt.NDArray[np.float32] = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def recall(nearest: Nearest, held: npt.NDArray[np.float32], seed: int) -> float:
    """Share of the twelve nearest that are found, over 100 searches; row n of `held` has place n."""
    rng, found = np.random.default_rng(seed), 0
    for row in rng.integers(0, len(held), 100):
        query = held[row] + 0.1 * rng.normal(size=DIMENSION).astype(np.float32)
        exact = np.argsort(-(held @ query))[:12]
        found += len(set(exact.tolist()) & set(nearest.search(query)[0].tolist()))
    return found / 1200


def test_few_vectors_are_all_looked_at() -> None:
    nearest, held = Nearest(), units(EXACT, 1)
    for place, unit in enumerate(held):
        nearest.put(place, unit, place, again=False)
    assert len(nearest.search(held[0])[0]) == EXACT
    assert nearest.pivots is None


def test_many_are_found_in_few_groups_and_turnover_makes_it_no_worse() -> None:
    nearest, held = Nearest(), units(3 * EXACT, 1)
    for place, unit in enumerate(held):
        nearest.put(place, unit, place, again=False)
    assert recall(nearest, held, 1) > 0.8
    assert len(nearest.search(held[0])[0]) < len(held) / 2
    for turn in range(3):
        held = units(len(held), 10 + turn)
        for place, unit in enumerate(held):
            nearest.remove(place)
            nearest.put(place, unit, 100_000 * (turn + 1) + place, again=False)
    assert len(nearest) == len(held)
    assert nearest.generation > 1
    assert recall(nearest, held, 2) > 0.8
    for place in range(len(held)):
        nearest.remove(place)
    assert len(nearest) == 0
    assert len(nearest.search(held[0])[0]) == 0


def test_a_vector_that_changed_is_found_where_it_is_now() -> None:
    nearest, held = Nearest(), units(2 * EXACT, 1)
    for place, unit in enumerate(held):
        nearest.put(place, unit, place, again=False)
    moved = -held[7]
    nearest.put(7, moved, 7, again=True)
    places, near = nearest.search(moved)
    assert places[int(np.argmax(near))] == 7
    assert nearest.units([7])[0].tolist() == moved.tolist()
