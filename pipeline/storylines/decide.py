"""Is this the same story? A pure function of what was measured, with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.storylines.background import Ordinary
from pipeline.storylines.options import FilingOptions

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
class Likeness:
    """What was measured between an article and one storyline. Cosines lie in 0..1 for words; `nearness` is the mean
    of the vector's cosines to the centroid and to the nearest member, None without vectors; `names` is None where
    the article has neither names nor numbers; `silence` is in hours; `pause` and `returns` are those of
    `rhythm.Rhythm`; `own_names`, `own_words` and `headline` are those of `hallmarks`; `cohesion` is the mean cosine
    between members, None for fewer than two, and `doubt` how little to believe it; `nearer` recent articles of other
    storylines are as near as the nearest member; `terms` are the article's different words."""

    storyline: int
    nearness: float | None
    title: float
    names: float | None
    silence: float
    own_names: float
    own_words: float
    headline: float
    cohesion: float | None
    doubt: float
    pause: float
    returns: float
    nearer: int
    terms: int


def weigh(likeness: Likeness, ordinary: Ordinary, options: FilingOptions) -> tuple[Evidence, ...]:
    """The evidence for one storyline.

    Nearness counts in standard deviations above what is ordinary for this article, since no fixed cosine parts same
    from different on every stream. Square roots
    lift the small cosines of sparse vectors, where the difference lies, and keep what is a storyline's own from growing
    with the stream: a rare word is rarer among more articles.
    """
    title = Evidence(name="title", value=_root(likeness.title), weight=options.title_weight)
    if likeness.names is not None:
        names = Evidence(name="names", value=_root(likeness.names), weight=options.names_weight)
    else:  # a script without capitals: what the other words say stands for them, or it could never reach the threshold
        names = Evidence(name="names (none: as the title)", value=title.value, weight=options.names_weight)
    lexical = (
        title,
        names,
        Evidence(name="its names", value=_root(likeness.own_names), weight=options.own_names_weight),
        Evidence(name="its words", value=_root(likeness.own_words), weight=options.own_words_weight),
        Evidence(name="its headlines", value=likeness.headline, weight=options.headline_weight),
        Evidence(name="length", value=_length(likeness), weight=-options.length_weight),
    )
    vectors: tuple[Evidence, ...]
    if likeness.nearness is not None:
        unit = ordinary.spread + _SPREAD_FLOOR
        value = (likeness.nearness - ordinary.middle) / unit
        vectors = (
            Evidence(name="nearness", value=value, weight=options.nearness_weight),
            Evidence(name="cohesion", value=_cohesion(likeness, ordinary, options), weight=-options.cohesion_weight),
            Evidence(name="crowd", value=math.log1p(likeness.nearer), weight=-options.crowd_weight),
        )
    else:
        total = sum(e.contribution for e in lexical)
        vectors = (Evidence(name="no vector confirms the words", value=total, weight=-options.unconfirmed_weight),)
    silence = Evidence(name="silence", value=math.log1p(max(0.0, likeness.silence)), weight=-options.silence_weight)
    rhythm = (
        Evidence(name="pause", value=likeness.pause, weight=options.pause_weight),
        Evidence(name="outlet again", value=likeness.returns, weight=options.return_weight),
    )
    return (*vectors, *lexical, silence, *rhythm)


def judge(compared: Sequence[tuple[int, tuple[Evidence, ...]]], options: FilingOptions) -> Decision:
    """The best storyline if it reaches the threshold, else a new one; of equals the older storyline (smaller id)."""
    ranked = sorted(
        ((sum(e.contribution for e in evidence), storyline, evidence) for storyline, evidence in compared),
        key=lambda found: (-found[0], found[1]),
    )
    if not ranked:
        return Decision(
            storyline=None,
            score=0.0,
            threshold=options.threshold,
            evidence=(),
            runner_up=None,
            runner_up_score=None,
            copy_of=None,
        )
    score, best, evidence = ranked[0]
    joins = score >= options.threshold
    second = ranked[0] if not joins else ranked[1] if len(ranked) > 1 else None
    return Decision(
        storyline=best if joins else None,
        score=score,
        threshold=options.threshold,
        evidence=evidence,
        runner_up=second[1] if second else None,
        runner_up_score=second[0] if second else None,
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


def _length(likeness: Likeness) -> float:
    """Logarithm of the article's terms against a usual number. Without vectors a short text is not favoured: a few
    words that two affairs have in common would be all there is."""
    length = math.log(max(_LEAST_TERMS, 1 + likeness.terms) / _USUAL_TERMS)
    return length if likeness.nearness is not None else max(0.0, length)


def _cohesion(likeness: Likeness, ordinary: Ordinary, options: FilingOptions) -> float:
    """How near the members are to one another, in the same unit as the article's nearness to them.

    Few members say little of it, so it is blended with a usual one (`Strand.doubt`).
    """
    usual = options.usual_cohesion
    if likeness.cohesion is None:
        return usual
    own = (likeness.cohesion - ordinary.middle) / (ordinary.spread + _SPREAD_FLOOR)
    return (1 - likeness.doubt) * own + likeness.doubt * usual


def _root(cosine: float) -> float:
    return math.sqrt(max(0.0, cosine))
