"""The constants of filing: one setting for every stream, language and outlet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingOptions:
    """What the decision weighs and how much is remembered.

    The defaults are the shipped ones. They were chosen on six labelled streams that differ in kind (titles only, full
    text, three-day bursts, three thin years, one without times), all with this one setting.
    """

    threshold: float = 0.34
    """An article joins the best storyline that scores at least this; below it, it opens one."""
    window_hours: float = 120.0
    """A storyline to which nobody added for five days is no candidate for a dated article."""

    nearness_weight: float = 0.06
    """Per standard deviation by which the article is nearer to the storyline than to what else was written lately."""
    title_weight: float = 0.11
    body_weight: float = 0.17
    member_weight: float = 0.15
    """For the best single recent member, so that a storyline that moved on takes in what follows its last turn."""
    names_weight: float = 0.18
    """Names and numbers tell two strikes or two shootings apart, where vectors find them alike."""
    silence_weight: float = 0.014
    """Taken off per natural logarithm of hours since the storyline's last article."""
    lexical_stand_in: float = 0.5
    """Where a vector is missing on either side, the words vouch for the nearness: this share of what they give."""

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
