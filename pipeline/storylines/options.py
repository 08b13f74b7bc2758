"""The constants of filing: one setting for every stream, language and outlet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingOptions:
    """What the decision weighs and how much is remembered.

    The defaults are the shipped ones, one setting for every stream. Weights are log-odds that an article belongs to a
    storyline rather than to a new one, learned from six labelled streams that differ in kind (titles only, full text,
    three-day bursts, three thin years, one without times) and the demo by the method of `benchmarks/train_filing.py`.
    The threshold, `return_weight`, `undated_silence_hours`, `declared_silence_hours` and `unconfirmed_weight` were set
    by running filing on those streams and on the demo.
    """

    threshold: float = 4.0
    """An article joins the best storyline that scores at least this; below it, it opens one. More by 0.1 than
    was learned: a little more keeps look-alikes apart on every stream, and still more splits the demo's storylines."""
    window_hours: float = 720.0
    """A storyline to which nobody added for thirty days is no candidate for a dated article. Of the articles that go on
    with a labelled storyline up to a quarter come after more than five days."""

    nearness_weight: float = 0.447
    """Per standard deviation by which the article is nearer to the storyline than to what else was written lately."""
    cohesion_weight: float = 0.535
    """Taken off per standard deviation by which the storyline's members are nearer to one another than that: who is
    near to a close circle, but not as near as its members are, belongs next door."""
    usual_cohesion: float = 2.2
    """What a storyline of one article counts with, in standard deviations."""
    title_weight: float = 0.86
    names_weight: float = 0.687
    """Names and numbers tell two strikes or two shootings apart, where vectors find them alike."""
    own_names_weight: float = 0.539
    own_words_weight: float = 0.846
    """For square roots of the names and words that are the storyline's own (`hallmarks`): up to 4 and 5 in a large
    stream. What bodies have in common beyond that, their cosines, was learned to add nothing."""
    headline_weight: float = 3.238
    """For the share of the storyline's headlines that the article tells as well."""
    length_weight: float = 1.062
    """Taken off per natural logarithm of the article's different words: a long text shares more with anything."""
    silence_weight: float = 0.436
    """Taken off per natural logarithm of hours since the storyline's last article."""
    crowd_weight: float = 0.370
    """Taken off per natural logarithm of how many recent articles of other storylines are as near as the nearest
    member: where the whole neighbourhood is about one kind of thing, being near says little."""
    pause_weight: float = 1.182
    return_weight: float = 0.7
    """For how this stream goes on with its storylines (`rhythm`)."""
    unconfirmed_weight: float = 0.09
    """Where a vector is missing on either side, nothing confirms the words: this share of what they give comes off."""

    leaning_from: float = 0.5
    leaning_full: float = 0.65
    """Median cosine of unrelated articles of a language from which on decisions lean on words, and at which they do so
    fully. English is at 0.05 to 0.45 under the packaged model, Vietnamese at 0.75."""
    leaning_title_weight: float = 6.0
    leaning_names_weight: float = 2.3
    leaning_text_weight: float = 6.0
    leaning_own_words_weight: float = 0.45
    """What titles, names and the cosine of whole texts count more then, and a storyline's own words less: without
    vectors the streams with full texts want 5 to 7 for the latter."""
    leaning_bar: float = 7.3
    """Taken off then, so that the threshold stays one for all."""

    undated_silence_hours: float = 3.0
    """What does not say when it was written counts as this long silent: most news follows within hours, and without
    anything taken off, undated streams would join what dated ones keep apart."""
    declared_silence_hours: float = 240.0
    """A declared storyline counts as silent for ten days at least and at most: it never expires, and has no lead over
    a storyline that is being written about now."""

    second_thoughts: bool = True
    """Whether storylines that turned out to be one are merged, and those that hold two are split."""

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

    max_storylines: int = 300_000
    """Beyond this the one that was longest without an article is dropped: that many take about 2.4 GB."""

    copy_similarity: float = 0.8
    copy_window_hours: float = 168.0
    """Agency copy is still reprinted by weeklies a week later."""
    max_originals: int = 30_000

    @property
    def horizon(self) -> timedelta:
        """How long filing remembers: forget what was seen before now minus this."""
        return timedelta(hours=max(self.window_hours, self.copy_window_hours))
