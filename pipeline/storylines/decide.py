"""Is this the same story? A pure function of what was measured, with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.storylines.background import Ordinary
from pipeline.storylines.options import FilingOptions

Floats = npt.NDArray[np.float64]

_USUAL_TERMS = 150  # different words of an article's first 400; only fixes where the evidence of length is zero
_LEAST_TERMS = 10  # bare titles
_SPREAD_FLOOR = 0.02  # a stream of one topic has hardly any spread; without a floor its noise would count as nearness


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason for or against: it contributes `value * weight` to the score."""

    name: str
    value: float
    weight: float

    @property
    def contribution(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where an article belongs and why. `storyline` None: it opens one, and score, evidence and runner-up are those
    of the storyline that came nearest. `copy_of` is the article of which this is a reprint; the storyline is then
    that article's, and the score is the estimated share of common text."""

    storyline: int | None
    score: float
    threshold: float
    evidence: tuple[Evidence, ...]
    runner_up: int | None
    runner_up_score: float | None
    copy_of: int | None

    def why(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {
            "storyline": self.storyline,
            "score": round(self.score, 4),
            "threshold": self.threshold,
            "evidence": [
                {
                    "name": e.name,
                    "value": round(e.value, 4),
                    "weight": round(e.weight, 4),
                    "contribution": round(e.contribution, 4),
                }
                for e in self.evidence
            ],
            "runner_up": self.runner_up,
            "runner_up_score": None if self.runner_up_score is None else round(self.runner_up_score, 4),
            "copy_of": self.copy_of,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Likenesses:
    """What was measured between an article and each of c storylines, (c,) where not said otherwise. Cosines lie in
    0..1 for words; `nearness` is the mean of the vector's cosines to the centroid and to the nearest member, NaN
    without vectors; `names` is None where the article has neither names nor numbers; `silence` is in hours; `pause` and
    `returns` are those of `rhythm.Rhythm`; `own_names`, `own_words` and `headline` are what the article shows of a
    storyline's own (`hallmarks`) and of its titles; `cohesion` is the mean cosine between members, NaN for fewer than
    two, and `doubt` how little to believe it; `nearer` recent articles of other storylines are as near as the nearest
    member; `body` are cosines of the words of whole texts, None where the vector says enough (`leaning`); `terms` are
    the article's different words."""

    storylines: Sequence[int]
    nearness: Floats
    title: Floats
    names: Floats | None
    silence: Floats
    own_names: Floats
    own_words: Floats
    headline: Floats
    cohesion: Floats
    doubt: Floats
    pause: Floats
    returns: Floats
    nearer: Floats
    body: Floats | None
    terms: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """Evidence for c storylines: `near` (c,) says for which there are vectors. `values` has a row (c,) for each name of
    `_NAMES`, of which only those hold that apply to a storyline; `weights` are as many."""

    storylines: Sequence[int]
    near: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    values: Floats
    weights: tuple[float, ...]
    scores: Floats

    def evidence(self, n: int) -> tuple[Evidence, ...]:
        """The reasons for and against the n-th storyline; what they contribute adds up to its score."""
        left_out = (_UNCONFIRMED if self.near[n] else _WITH_VECTORS) + (() if self.weights[-1] else _LEANING)
        return tuple(
            Evidence(name=name, value=value, weight=weight)
            for place, (name, value, weight) in enumerate(
                zip(self.names, self.values[:, n].tolist(), self.weights, strict=True)
            )
            if place not in left_out
        )


_NAMES = (
    "nearness", "cohesion", "crowd", "no vector confirms the words", "title", "names", "its names", "its words",
    "its headlines", "length", "silence", "pause", "outlet again", "text", "the vector says little",
)  # fmt: skip
_WITH_VECTORS, _UNCONFIRMED, _LEXICAL = (0, 1, 2), (3,), slice(4, 10)
_LEANING = (13, 14)
_ROOTS, _LOGARITHMS = [4, 5, 6, 7, 13], [2, 10]


def leaning(ordinary: Ordinary, options: FilingOptions) -> float:
    """How much a decision has to lean on words, 0..1: a model that finds any two texts of a language alike says little
    of which belong together."""
    span = options.leaning_full - options.leaning_from
    return min(1.0, max(0.0, (ordinary.middle - options.leaning_from) / span))


def weigh(found: Likenesses, ordinary: Ordinary, options: FilingOptions) -> Weighing:
    """The evidence for each storyline.

    Nearness counts in standard deviations above what is ordinary for this article, since no fixed cosine parts same
    from different on every stream. Square roots lift the small cosines of sparse vectors, where the difference lies,
    and keep what is a storyline's own from growing with the stream: a rare word is rarer among more articles.
    """
    near = ~np.isnan(found.nearness)
    unit = ordinary.spread + _SPREAD_FLOOR
    names: tuple[str, ...] = _NAMES
    if found.names is None:  # a script without capitals
        # What the other words say stands for them, or it could never reach the threshold.
        names = tuple("names (none: as the title)" if n == "names" else n for n in _NAMES)
    lean = leaning(ordinary, options)
    weights = (
        options.nearness_weight, -options.cohesion_weight, -options.crowd_weight, -options.unconfirmed_weight,
        options.title_weight + lean * options.leaning_title_weight,
        options.names_weight + lean * options.leaning_names_weight,
        options.own_names_weight, options.own_words_weight - lean * options.leaning_own_words_weight,
        options.headline_weight, -options.length_weight, -options.silence_weight, options.pause_weight,
        options.return_weight, lean * options.leaning_text_weight, -lean * options.leaning_bar,
    )  # fmt: skip
    values = np.zeros((len(_NAMES), len(near)))
    values[0] = (found.nearness - ordinary.middle) / unit
    values[1] = _cohesion(found, ordinary, options)
    values[2] = found.nearer
    values[4:8] = found.title, found.title if found.names is None else found.names, found.own_names, found.own_words
    values[8] = found.headline
    values[9] = _length(found.terms, near)
    values[10] = found.silence
    values[11] = found.pause
    values[12] = found.returns
    values[13] = 0.0 if found.body is None else found.body
    values[14] = 1.0
    values[_ROOTS] = np.sqrt(np.maximum(0.0, values[_ROOTS]))
    values[_LOGARITHMS] = np.log1p(np.maximum(0.0, values[_LOGARITHMS]))
    column = np.array(weights)[:, None]
    weighted = values * column
    values[3] = weighted[_LEXICAL].sum(axis=0)
    weighted[3] = np.where(near, 0.0, values[3] * weights[3])
    weighted[:3] = np.where(near, weighted[:3], 0.0)
    scores = weighted.sum(axis=0)
    return Weighing(found.storylines, near, names, values, weights, scores)


def judge(weighing: Weighing | None, options: FilingOptions) -> Decision:
    """The best storyline if it reaches the threshold, else a new one; of equals the older storyline (smaller id).
    None: there was nothing to compare with."""
    if weighing is None:
        return Decision(
            storyline=None,
            score=0.0,
            threshold=options.threshold,
            evidence=(),
            runner_up=None,
            runner_up_score=None,
            copy_of=None,
        )
    ranked = np.lexsort((np.array(weighing.storylines), -weighing.scores)).tolist()
    best = ranked[0]
    score = float(weighing.scores[best])
    joins = score >= options.threshold
    second = best if not joins else ranked[1] if len(ranked) > 1 else None
    return Decision(
        storyline=weighing.storylines[best] if joins else None,
        score=score,
        threshold=options.threshold,
        evidence=weighing.evidence(best),
        runner_up=None if second is None else weighing.storylines[second],
        runner_up_score=None if second is None else float(weighing.scores[second]),
        copy_of=None,
    )


def reprint(original: int, storyline: int, similarity: float, options: FilingOptions) -> Decision:
    """The decision for a near-copy: it goes where its original is, whatever else it resembles."""
    return Decision(
        storyline=storyline,
        score=similarity,
        threshold=options.copy_similarity,
        evidence=(Evidence(name="common text", value=similarity, weight=1.0),),
        runner_up=None,
        runner_up_score=None,
        copy_of=original,
    )


def _length(terms: int, near: npt.NDArray[np.bool_]) -> Floats:
    """Logarithm of the article's terms against a usual number. Without vectors a short text is not favoured: a few
    words that two affairs have in common would be all there is."""
    length = math.log(max(_LEAST_TERMS, 1 + terms) / _USUAL_TERMS)
    return np.where(near, length, max(0.0, length))


def _cohesion(found: Likenesses, ordinary: Ordinary, options: FilingOptions) -> Floats:
    """How near the members are to one another, in the same unit as the article's nearness to them.

    Few members say little of it, so it is blended with a usual one (`Strand.doubt`).
    """
    usual = options.usual_cohesion
    own = (found.cohesion - ordinary.middle) / (ordinary.spread + _SPREAD_FLOOR)
    return np.where(np.isnan(found.cohesion), usual, (1 - found.doubt) * own + found.doubt * usual)
