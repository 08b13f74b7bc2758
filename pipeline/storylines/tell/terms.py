"""Texts as vectors of weighed words: the common ground on which sentences, days and episodes are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.storylines.evidence import words

Matrix = npt.NDArray[np.float32]


def matrix(texts: Sequence[str], *, most_terms: int = 6_000) -> Matrix:
    """(n, terms) TF-IDF of the texts among one another, rows of length 1 (of length 0 without words).

    Words of one text only are left out, since they make nothing alike; with fewer than three texts they stay. Of more
    than `most_terms` the commonest are kept.
    """
    counts = [Counter(words(text)) for text in texts]
    spread = Counter(term for count in counts for term in count)
    least = 2 if len(texts) > 2 else 1
    kept = [term for term, n in spread.most_common(most_terms) if n >= least]
    place = {term: i for i, term in enumerate(kept)}
    made = np.zeros((len(texts), len(kept)), np.float32)
    for row, count in enumerate(counts):
        for term, n in count.items():
            if term in place:
                made[row, place[term]] = n
    rarity = np.log((1 + len(texts)) / np.array([spread[term] for term in kept], np.float32))
    return unit((np.sqrt(made) * rarity).astype(np.float32))


def unit(rows: Matrix) -> Matrix:
    """The rows with length 1; empty ones stay empty."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
