"""How near a storyline is to the sentences of rules, in standard deviations from unrelated articles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from pipeline.alerts.rules.match import Rule
from pipeline.alerts.rules.query import Meaning, leaves

Floats = npt.NDArray[np.float32]


class Sentences:
    """The sentences of all rules with their vectors, compared with a storyline in one product.

    A storyline's vector is the mean of its articles' unit vectors, as it is: the cosine with it is the mean cosine of
    its articles, and so is measured by what single articles of the background have.
    """

    def __init__(self, rules: Iterable[Rule], vectors: Mapping[str, Floats]) -> None:
        """`vectors` (d,) of length 1, by sentence; sentences without one are near to nothing."""
        least: dict[str, float] = {}
        for rule in rules:
            for leaf in leaves(rule.query) if rule.sentences else ():
                if isinstance(leaf, Meaning) and leaf.sentence in vectors:
                    least[leaf.sentence] = min(leaf.least, least.get(leaf.sentence, leaf.least))
        self.sentences = tuple(least)
        self._place = {sentence: place for place, sentence in enumerate(self.sentences)}
        self._least = np.array(list(least.values()), np.float32)
        self.matrix = np.stack([vectors[one] for one in self.sentences]) if least else np.empty((0, 0), np.float32)
        """(sentences, d)."""

    def nearness(self, vector: Floats | None, middle: Floats, spread: Floats) -> Near:
        """How near a storyline with this vector (d,) is, where cosines of unrelated articles with each sentence have
        this `middle` (sentences,) and `spread` (sentences,)."""
        if vector is None or not self.sentences or len(vector) != self.matrix.shape[1]:
            return Near({}, np.empty(0, np.float32), ())
        scores = ((self.matrix @ vector - middle) / spread).astype(np.float32)
        return Near(self._place, scores, tuple(self.sentences[n] for n in np.flatnonzero(scores >= self._least)))


class Near:
    """Standard deviations by sentence. `hits` are the sentences to which it is near enough for some rule."""

    def __init__(self, place: Mapping[str, int], scores: Floats, hits: tuple[str, ...]) -> None:
        self._place, self._scores, self.hits = place, scores, hits

    def __call__(self, sentence: str) -> float | None:
        place = self._place.get(sentence)
        return None if place is None else float(self._scores[place])


FAR = Near({}, np.empty(0, np.float32), ())
