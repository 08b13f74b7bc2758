"""Runs of capitalised words in a text: what may be a name. Which of them are is decided over many articles (`names`).

Scripts without capitals give none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_](?:[\w'’-]|\.(?=\w))*\.?|\d[\d.,]*|\n|[^\w\s]")
_POSSESSIVE = re.compile(r"['’]s$|['’]$")
_BREAKS = frozenset('.!?:;\n…|•"“”„«»()[]')
_LINKS = frozenset("of de del della di da do dos das la le du des van von der den bin ibn al el y".split())
_SECOND = frozenset(("the", "la", "los", "las", "les"))  # Cartel of the Suns
_TITLE_CASE = 0.62  # share of a line's words with a capital from which all of them have one by habit


@dataclass(slots=True)
class Phrases:
    """What was found in one text: its folded words; runs of capitalised words, each with whether it began a sentence;
    how often each folded word stood with a small letter, and with a capital where nothing asks for one."""

    words: list[str] = field(default_factory=list)
    runs: list[tuple[tuple[str, ...], bool]] = field(default_factory=list)
    small: Counter[str] = field(default_factory=Counter)
    tall: Counter[str] = field(default_factory=Counter)
    after_article: Counter[str] = field(default_factory=Counter)


@lru_cache(maxsize=50_000)  # words recur
def fold(word: str) -> str:
    """A word without capitals, accents and possessive: "Nicolás’s" is "nicolas"."""
    bare = plain(word).replace("’", "'").strip("'-.")
    if bare.isascii():
        return bare.lower()
    parts = unicodedata.normalize("NFKD", bare.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def plain(word: str) -> str:
    """A word without its possessive."""
    return _POSSESSIVE.sub("", word)


@lru_cache(maxsize=2048)  # the headlines of the day are looked at with each storyline that is told
def words_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folded words of a short text, and those among them that stand with a small first letter."""
    tokens = [token for token in _TOKEN.findall(text) if token[0].isalnum()]
    return tuple(map(fold, tokens)), tuple(fold(token) for token in tokens if token[0].islower())


def spaced(words: Iterable[str]) -> str:
    """Folded words with one blank around each, in which `" new york "` can be looked for."""
    return f" {' '.join(words)} "


def title_case(line: str) -> bool:
    """Whether a line writes most of its words with a capital, as headlines of many outlets do."""
    words = [w for w in line.split() if w[0].isalpha() and w[0].lower() != w[0].upper()]
    return len(words) >= 3 and sum(w[0].isupper() for w in words) >= _TITLE_CASE * len(words)


def read(text: str, determiners: Iterable[str] = ()) -> Phrases:
    """The words and the runs of a text; lines in title case have no runs. `determiners` are small words whose place
    before a word is counted, for languages that write common nouns with a capital."""
    found = Phrases()
    known = frozenset(determiners)
    for line in text.split("\n"):
        tokens = list(_tokens(line))
        folded = [fold(token) if token[0].isalnum() else "" for token in tokens]
        found.words += filter(None, folded)
        if not title_case(line):
            _read_line(tokens, folded, found, known)
    return found


def _read_line(tokens: Sequence[str], folded: Sequence[str], found: Phrases, determiners: frozenset[str]) -> None:
    run: list[str] = []
    links: list[str] = []
    initial, fresh, before = False, True, ""
    for token, bare in zip(tokens, folded, strict=True):
        tall = token[0].isupper()
        if tall:
            if not run:
                initial = fresh
            run += [*links, plain(token)]
            if not fresh:
                found.tall[bare] += 1
                found.after_article[bare] += before in determiners
            links = []
            if _POSSESSIVE.search(token):  # "Japan's Hokkaido" is two names
                found.runs.append((tuple(run), initial))
                run = []
        elif run and token in (_SECOND if links else _LINKS) and len(links) < 2:
            links.append(token)
        else:
            if run:
                found.runs.append((tuple(run), initial))
            run, links = [], []
        if token[0].islower():
            found.small[bare] += 1
        fresh = token in _BREAKS
        before = token.lower()
    if run:
        found.runs.append((tuple(run), initial))


def _tokens(line: str) -> Iterator[str]:
    """Words and signs; the point behind a word is a sign of its own unless the word has points inside (U.S.) or is one
    letter (J.)."""
    for token in _TOKEN.findall(line):
        if len(token) > 2 and token.endswith(".") and "." not in token[:-1]:
            yield token[:-1]
            yield "."
        else:
            yield token
