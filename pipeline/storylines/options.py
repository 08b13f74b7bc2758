"""The constants of filing: one setting for every stream, language and outlet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingOptions:
    """What the decision weighs and how much is remembered.

    The defaults are the shipped ones, one setting for every stream. Weights are log-odds that an article belongs to a
    storyline rather than to a new one, learned from six labelled streams that differ in kind (titles only, full text,
    three-day bursts, three thin years, one without times) by the method of `benchmarks/train_filing.py`. The threshold,
    `undated_silence_hours` and `unconfirmed_weight` were set by running filing on those streams and on the demo.
    """

    threshold: float = 4.15
    """An article joins the best storyline that scores at least this; below it, it opens one. Less by 0.7 than was
    learned, because learning sees no split as worse than a wrong joining, and a split never mends by itself."""
    window_hours: float = 120.0
    """A storyline to which nobody added for five days is no candidate for a dated article."""

    nearness_weight: float = 0.74
    """Per standard deviation by which the article is nearer to the storyline than to what else was written lately."""
    cohesion_weight: float = 0.84
    """Taken off per standard deviation by which the storyline's members are nearer to one another than that: who is
    near to a close circle, but not as near as its members are, belongs next door."""
    usual_cohesion: float = 2.2
    """What a storyline of one article counts with, in standard deviations."""
    title_weight: float = 1.77
    body_weight: float = 1.76
    member_weight: float = 2.38
    """For the best single recent member, so that a storyline that moved on takes in what follows its last turn."""
    names_weight: float = 3.46
    """Names and numbers tell two strikes or two shootings apart, where vectors find them alike."""
    own_names_weight: float = 0.007
    own_words_weight: float = 0.10
    """For names and words that are the storyline's own (`hallmarks`): up to 20 and 30 in a large stream."""
    headline_weight: float = 2.95
    """For the share of the storyline's headlines that the article tells as well."""
    length_weight: float = 1.02
    """Taken off per natural logarithm of the article's different words: a long text shares more with anything."""
    silence_weight: float = 0.49
    """Taken off per natural logarithm of hours since the storyline's last article."""
    unconfirmed_weight: float = 0.09
    """Where a vector is missing on either side, nothing confirms the words: this share of what they give comes off."""

    undated_silence_hours: float = 3.0
    """What does not say when it was written counts as this long silent: most news follows within hours, and without
    anything taken off, undated streams would join what dated ones keep apart."""
    declared_silence_hours: float = 24.0
    """A declared storyline counts as silent for one day at least and at most: it never expires, and has no lead over
    a storyline that is being written about now."""

    recent_members: int = 30
    """Members of a storyline that are compared one by one; a live blog's thousandth page costs no more than the
    thirtieth."""
    dense_candidates: int = 12
    lexical_candidates: int = 12
    common_postings: int = 400
    """A title word that more storylines than this share does not propose candidates."""

    background_articles: int = 1000
    background_prior: float = 3.0
    """Articles that the assumed background weighs against the observed one while few have been seen."""
    background_languages: int = 40
    """Languages with a background of their own; what comes after shares one (feeds put any text into that field)."""

    max_storylines: int = 30_000
    """Beyond this the one that was longest without an article is dropped: about 46 MB of centroids."""

    copy_similarity: float = 0.8
    copy_window_hours: float = 168.0
    """Agency copy is still reprinted by weeklies a week later."""
    max_originals: int = 30_000

    @property
    def horizon(self) -> timedelta:
        """How long filing remembers: forget what was seen before now minus this."""
        return timedelta(hours=max(self.window_hours, self.copy_window_hours))
