"""What a rule sees: a storyline by its latest originals, or trouble of a feed or of the pipeline."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from pipeline.alerts.rules.wording import name_tokens, tokens

READ = 30
"""The latest originals that are read: what was written about long ago no longer says what a storyline is about."""
READ_CHARS = 1_500  # of each text: who, what and where stand in the first paragraphs
_SHARE = 0.1  # of the articles read that must have a word: a mention in one of thirty is background
_PACE = timedelta(hours=1)
LATE = timedelta(hours=48)
"""Written longer than this before it was seen, an article is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An article of a storyline as rules read it; `read` is None for a reprint, and for an original beyond the latest
    `READ`. Its `outlet` may be empty."""

    id: int
    seen: datetime
    filed: datetime
    outlet: str
    url: str
    lang: str | None
    original: bool
    fresh: bool
    read: Read | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A text ready to be asked for words: them all with one blank around each, its different ones, and its names."""

    text: str
    words: frozenset[str]
    names: str

    @classmethod
    def of(cls, *parts: str) -> Read:
        """Texts read one after the other; no phrase reaches from one into the next."""
        found = [tokens(part) for part in parts]
        return cls(
            text="".join(map(_spaced, found)),
            words=frozenset(word for words in found for word in words),
            names="".join(_spaced(word or "|" for word in name_tokens(part)) for part in parts),
        )


NOTHING = Read("", frozenset(), "")


@lru_cache(maxsize=4_000)
def read_article(title: str, text: str) -> Read:
    """Title and beginning of an article. Remembered, since a storyline is looked at again with each article it gets."""
    return Read.of(title, text)


def _spaced(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "


def _unknown(_sentence: str) -> float | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A storyline, or a trouble, as rules see it at one moment.

    `head` is what it is called and was declared with, `reads` its latest originals. `outlets` are folded words with
    blanks around them. `nearness` gives, for a sentence, by how many standard deviations it is nearer to it than
    unrelated articles are; None where that is not known. `trouble` is such as ("feed", "failing"), None for a
    storyline; `states` is empty then.
    """

    subject: str
    head: Read = NOTHING
    reads: tuple[Read, ...] = ()
    outlets: tuple[str, ...] = ()
    langs: Mapping[str, int] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    amounts: Mapping[str, float] = field(default_factory=dict)
    nearness: Callable[[str], float | None] = _unknown
    trouble: tuple[str, str] | None = None

    @property
    def least(self) -> int:
        """How many of the articles read must have a word for the storyline to have it."""
        return max(1, math.ceil(_SHARE * len(self.reads)))

    def all_words(self) -> set[str]:
        """Every word that stands in one of its texts."""
        return set(self.head.words).union(*(read.words for read in self.reads))

    def words(self) -> set[str]:
        """The words that it has: those in its headline, and those in as many of its articles as are needed."""
        least = self.least
        if least == 1:
            return self.all_words()
        counts = Counter(itertools.chain.from_iterable(read.words for read in self.reads))
        return {word for word, count in counts.items() if count >= least} | self.head.words


def storyline_view(
    storyline: Mapping[str, object],
    pieces: Sequence[Piece],
    at: datetime,
    *,
    head: Sequence[str] = (),
    nearness: Callable[[str], float | None] = _unknown,
) -> View:
    """A storyline as an event tells of it (`id`, `state`, `articles`), with what was filed under it until then
    (`pieces`, oldest first); `head` are its headline and, where it was declared, its title and text."""
    there = [piece for piece in pieces if piece.filed <= at]
    originals = [piece for piece in there if piece.original]
    told = [piece for piece in originals[-READ:] if piece.read is not None]
    return View(
        subject=f"storyline/{storyline['id']}",
        head=Read.of(*head),
        reads=tuple(piece.read for piece in told if piece.read is not None),
        outlets=tuple(_spaced(tokens(name)) for name in sorted({_outlet(piece) for piece in there})),
        langs=Counter((piece.lang or "").split("-", 1)[0].lower() for piece in told),
        states=frozenset((str(storyline["state"]),)),
        amounts={
            "pace": sum(piece.fresh and piece.seen > at - _PACE for piece in originals),
            "outlets": len({_outlet(piece) for piece in originals}),
            "articles": float(str(storyline["articles"])),
        },
        nearness=nearness,
    )


def trouble_view(subject: str, trouble: tuple[str, str], *texts: str) -> View:
    """Trouble of a feed, with its title and URL as `texts`, or of the pipeline."""
    return View(subject=subject, head=Read.of(*texts), trouble=trouble)


def is_fresh(*, seen: datetime, written: datetime | None, backfill: bool) -> bool:
    """Whether an article says that its storyline goes on now."""
    return not backfill and (written is None or seen - written <= LATE)


def _outlet(piece: Piece) -> str:
    """The outlet's name, else the host of its URL."""
    if piece.outlet:
        return piece.outlet
    try:
        return (urlsplit(piece.url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
