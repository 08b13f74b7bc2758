"""How well a filing agrees with labels. Pure functions over two sequences of equal length: the labels, and what was
found, one entry per document; entries are compared by equality only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.errors import InputError


@dataclass(frozen=True, slots=True)
class Score:
    """All three in 0..1; f1 is the harmonic mean of the other two."""

    precision: float
    recall: float
    f1: float


def bcubed(gold: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """BCubed (Bagga and Baldwin 1998, "Entity-Based Cross-Document Coreferencing Using the Vector Space Model").

    For each document the share of its found storyline that has its label (precision), and the share of its label that
    is in its found storyline (recall); means over documents. Raises InputError when the lengths differ or are 0.
    """
    cells, by_gold, by_found = _table(gold, found)
    n = len(gold)
    precision = sum(c * c / by_found[f] for (_, f), c in cells.items()) / n
    recall = sum(c * c / by_gold[g] for (g, _), c in cells.items()) / n
    return _score(precision, recall)


def pairwise(gold: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """Pairs of documents: precision is the share of found pairs that have one label, recall the share of labelled
    pairs that were found together (Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 16.3).

    Where there is no pair to find, or none was found, that side is 1: nothing was done wrong. Raises as `bcubed`.
    """
    cells, by_gold, by_found = _table(gold, found)
    both, in_gold, in_found = (_pairs(counts.values()) for counts in (cells, by_gold, by_found))
    return _score(both / in_found if in_found else 1.0, both / in_gold if in_gold else 1.0)


def ari(gold: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985, "Comparing partitions"): 1 when equal, about 0 by chance.

    Raises as `bcubed`.
    """
    cells, by_gold, by_found = _table(gold, found)
    both, in_gold, in_found = (_pairs(counts.values()) for counts in (cells, by_gold, by_found))
    every = _pairs([len(gold)])
    chance = in_gold * in_found / every if every else 0.0
    most = (in_gold + in_found) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def ami(gold: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Adjusted mutual information with the arithmetic mean of the entropies (Vinh, Epps and Bailey 2010,
    "Information Theoretic Measures for Clusterings Comparison"): 1 when equal, about 0 by chance. Raises as `bcubed`.
    """
    # Slow to import, and only an evaluation needs it.
    from sklearn.metrics import adjusted_mutual_info_score  # type: ignore[import-untyped, unused-ignore]

    _table(gold, found)
    return float(adjusted_mutual_info_score(_numbered(gold), _numbered(found)))


def largest(found: Sequence[Hashable]) -> int:
    """Documents in the largest storyline: BCubed alone overlooks a giant. 0 for none."""
    return max(Counter(found).values(), default=0)


def _table(
    gold: Sequence[Hashable], found: Sequence[Hashable]
) -> tuple[Counter[tuple[Hashable, Hashable]], Counter[Hashable], Counter[Hashable]]:
    if len(gold) != len(found):
        raise InputError(f"{len(gold)} labels cannot be compared with {len(found)} filed documents")
    if not gold:
        raise InputError("there is no document to score")
    return Counter(zip(gold, found, strict=True)), Counter(gold), Counter(found)


def _pairs(counts: Iterable[int]) -> float:
    return sum(c * (c - 1) / 2 for c in counts)


def _score(precision: float, recall: float) -> Score:
    total = precision + recall
    return Score(precision, recall, 2 * precision * recall / total if total else 0.0)


def _numbered(labels: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.int64)
