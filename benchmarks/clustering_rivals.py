"""What filing is held against: other ways to put articles together as they come, on the same vectors."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN  # type: ignore[import-untyped, unused-ignore]

from pipeline.records import Article

_THRESHOLD = 0.66  # the best one cosine for all of the labelled streams
_WINDOW, _STEP = 1_000, 250  # articles that HDBSCAN looks at, and after how many new ones
FIRST = 400
"""Articles of each stream that river's methods are given: they take a dictionary of 384 numbers for each article, and
half a second where there are some hundred clusters."""

Matrix = npt.NDArray[np.float32]
Method = Callable[[Sequence[Article]], list[int]]


def methods() -> dict[str, Method]:
    """Online methods by name; river's only where it is installed."""
    found: dict[str, Method] = {"single pass, cosine to centroid": single_pass, "HDBSCAN, each window": hdbscan}
    if importlib.util.find_spec("river"):
        found |= {f"river {name}, first {FIRST}": _river(name) for name in ("DBSTREAM", "DenStream", "STREAMKMeans")}
    return found


def missing() -> list[str]:
    """What to do about methods that could not be run."""
    return [] if importlib.util.find_spec("river") else ["\nriver is not installed: pip install river"]


def vectors(articles: Sequence[Article]) -> Matrix:
    """(n, d) unit vectors; zeros where there is none."""
    width = next(len(a.vector) for a in articles if a.vector is not None)
    rows = np.stack([np.zeros(width, np.float32) if a.vector is None else a.vector for a in articles])
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def single_pass(articles: Sequence[Article]) -> list[int]:
    """Each article joins the storyline with the nearest centroid if its cosine reaches the threshold."""
    rows = vectors(articles)
    sums, found, count = np.zeros_like(rows), list[int](), 0
    for row in rows:
        lengths = np.maximum(np.linalg.norm(sums[:count], axis=1), 1e-6)
        near = sums[:count] @ row / lengths
        best = int(np.argmax(near)) if count else -1
        if best < 0 or near[best] < _THRESHOLD:
            best, count = count, count + 1
        sums[best] += row
        found.append(best)
    return found


def hdbscan(articles: Sequence[Article]) -> list[int]:
    """Every so many articles the last thousand are clustered anew; a new article goes where most of its cluster's known
    ones are. What belongs to no cluster is a storyline of its own."""
    rows, found, following = vectors(articles), list[int](), 0
    for end in range(_STEP, len(rows) + _STEP, _STEP):
        start = max(0, min(end, len(rows)) - _WINDOW)
        labels = HDBSCAN(min_cluster_size=2, copy=True).fit_predict(rows[start:end]).tolist()
        storylines: dict[int, int] = {}
        for label in set(labels) - {-1}:
            known = Counter(s for s, other in zip(found[start:], labels, strict=False) if other == label)
            if known:
                storylines[label] = known.most_common(1)[0][0]
        for label in labels[len(found) - start :]:
            if label == -1 or label not in storylines:
                following += 1
                if label != -1:
                    storylines[label] = following
            found.append(following if label == -1 else storylines[label])
    return found


def _river(name: str) -> Method:
    from river import cluster  # type: ignore[import-not-found, unused-ignore]

    made: dict[str, Callable[[], object]] = {
        # Unit vectors at a cosine of 0.66 are 0.82 apart; a cluster begins with one article and does not fade.
        "DBSTREAM": lambda: cluster.DBSTREAM(
            clustering_threshold=0.82, fading_factor=1e-4, cleanup_interval=10_000, intersection_factor=0.3,
            minimum_weight=1.0,
        ),
        "DenStream": lambda: cluster.DenStream(
            decaying_factor=1e-4, beta=0.5, mu=2.1, epsilon=0.41, n_samples_init=100
        ),
        "STREAMKMeans": lambda: cluster.STREAMKMeans(chunk_size=50, n_clusters=50, halflife=0.5, sigma=0.1, seed=1),
    }  # fmt: skip

    def run(articles: Sequence[Article]) -> list[int]:
        model: object = made[name]()
        found = []
        for number, row in enumerate(vectors(articles[:FIRST])):
            point = dict(enumerate(row.tolist()))
            model.learn_one(point)  # type: ignore[attr-defined, unused-ignore]
            try:
                found.append(int(model.predict_one(point)))  # type: ignore[attr-defined, unused-ignore]
            except (KeyError, IndexError, ValueError):  # no cluster yet: it stands alone
                found.append(-1 - number)
        return found

    return run
