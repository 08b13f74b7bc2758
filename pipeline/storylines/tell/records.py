"""What an analyst is told of a storyline. Plain records, which the API gives as JSON as they stand.

Times are aware and in UTC; days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySentence:
    """A sentence that says much of what the others say, as its article has it. `outlets` counts those that print it."""

    text: str
    article: int
    title: str
    url: str
    outlet: str
    lang: str | None
    at: datetime
    outlets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name in its fullest common form, with the number of articles and outlets read that have it, in any form."""

    name: str
    articles: int
    outlets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with what it counts ("83 people"), and how many outlets state it."""

    text: str
    outlets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What one outlet printed, and its first report."""

    outlet: str
    originals: int
    reprints: int
    first: datetime
    article: int
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """`lang` is a short code, empty where it is not known."""

    lang: str
    articles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of coverage. `title` is that of the article which says what was new, None for a day of reprints;
    `fresh` are names and numbers in it that no earlier day had. `new` is false when it says only what was known."""

    day: date
    originals: int
    reprints: int
    outlets: int
    article: int | None
    title: str
    url: str
    outlet: str
    lang: str | None
    new: bool
    fresh: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A part of a storyline that is about one thing. `articles` are ids of originals, the most telling first and at
    most ten of them; `originals` is how many there are."""

    title: str
    article: int
    first: datetime
    last: datetime
    originals: int
    outlets: int
    lang: str | None
    articles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another storyline and why it is named: names in common, and how often filing had to choose between the two
    (`here`: it came second for articles of this one; `there`: this one did for articles of it)."""

    id: int
    headline: str
    lang: str | None
    articles: int
    last_article: datetime | None
    names: tuple[str, ...]
    here: int
    there: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A storyline that may be related, as the ledger knows it. `here` and `there` are as in `Related`; `nearest` is
    the greatest score with which it came second, as a share of what was needed; None where it never did."""

    id: int
    headline: str
    text: str
    lang: str | None = None
    articles: int = 0
    last_article: datetime | None = None
    here: int = 0
    there: int = 0
    nearest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """All that is told of a storyline beside its headline. `read` is the number of its articles that this rests on,
    the latest ones; `texts` of how many of them the text was read."""

    read: int = 0
    texts: int = 0
    sentences: tuple[KeySentence, ...] = ()
    names: tuple[Name, ...] = ()
    figures: tuple[Figure, ...] = ()
    outlets: tuple[Outlet, ...] = ()
    languages: tuple[Language, ...] = ()
    days: tuple[Day, ...] = ()
    episodes: tuple[Episode, ...] = ()
    related: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What else is written now: how many other storylines were looked at, in how many each folded word stands, and
    how often each word is written with a small first letter."""

    storylines: int = 0
    spread: Mapping[str, int] = field(default_factory=dict)
    small: Mapping[str, int] = field(default_factory=dict)
