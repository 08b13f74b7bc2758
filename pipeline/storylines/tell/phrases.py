"""Runs of capitalised words in a text: what may be a name. Which of them are is decided over many articles (`names`).

Scripts without capitals give none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_](?:[\w'’-]|\.(?=\w))*\.?|\d[\d.,]*|\n|[^\w\s]")
_POSSESSIVE = re.compile(r"['’]s$|['’]$")
_BREAKS = frozenset('.!?:;\n…|•"“”„«»()[]')
_LINKS = frozenset("of de del della di da do dos das la le du des van von der den bin ibn al el y".split())
_TITLE_CASE = 0.62  # share of a line's words with a capital from which all of them have one by habit


@dataclass(slots=True)
class Phrases:
    """What was found in one text: runs of capitalised words, each with whether it began a sentence, and how often each
    folded word stood with a small letter, and with a capital where nothing asks for one."""

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


def small_words(text: str) -> Counter[str]:
    """How often each folded word stands with a small first letter."""
    return Counter(fold(token) for token in _TOKEN.findall(text) if token[0].islower())


def all_words(text: str) -> str:
    """The folded words of a text, one blank around each, in which `" new york "` can be looked for."""
    return " " + " ".join(fold(t) for t in _TOKEN.findall(text) if t[0].isalnum()) + " "


def title_case(line: str) -> bool:
    """Whether a line writes most of its words with a capital, as headlines of many outlets do."""
    words = [w for w in line.split() if w[0].isalpha() and w[0].lower() != w[0].upper()]
    return len(words) >= 3 and sum(w[0].isupper() for w in words) >= _TITLE_CASE * len(words)


def read(text: str, determiners: Iterable[str] = ()) -> Phrases:
    """The runs of a text; lines in title case are skipped. `determiners` are small words whose place before a word is
    counted, for languages that write common nouns with a capital."""
    found = Phrases()
    known = frozenset(determiners)
    for line in text.split("\n"):
        if line.strip() and not title_case(line):
            _read_line(line, found, known)
    return found


def _read_line(line: str, found: Phrases, determiners: frozenset[str]) -> None:
    run: list[str] = []
    links: list[str] = []
    initial, fresh, before = False, True, ""
    for token in _tokens(line):
        tall = token[0].isupper()
        if tall:
            if not run:
                initial = fresh
            run += [*links, plain(token)]
            if not fresh:
                found.tall[fold(token)] += 1
                found.after_article[fold(token)] += before in determiners
            links = []
            if _POSSESSIVE.search(token):  # "Japan's Hokkaido" is two names
                found.runs.append((tuple(run), initial))
                run = []
        elif run and token in _LINKS and not links:
            links = [token]
        else:
            if run:
                found.runs.append((tuple(run), initial))
            run, links = [], []
        if token[0].islower():
            found.small[fold(token)] += 1
        fresh = token in _BREAKS
        before = token
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
