"""An endless wire made from real articles: stories that never were, told in the words of news.

A synthetic story takes an article of a labelled stream, and of other articles of its label the coverage that follows.
Within a story the same words are exchanged for the same others everywhere, and the vectors are moved by the same amount
towards the same other article. So coverage of one story belongs together as it did before, and two stories made from
one article are as far from each other as two articles of one kind are.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from pipeline.embedding import Embedder, prepare
from pipeline.records import Article
from pipeline.storylines.copies import signature
from pipeline.storylines.evidence import Features, hashed, names, pack_features, stored, words
from pipeline.storylines.titles import strip_outlet

START = datetime(2026, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"\w+")
_SHARE = 0.55  # of the words that carry meaning, those that a story exchanges
_TURNED = 0.75  # how much of another article's vector is added to a story's
_LONGEST = 10_000  # characters of a text
_COVERAGE = (1, 1, 1, 1, 1, 1, 2, 2, 3, 12)  # articles of a story, each as likely; fewer where its label has fewer
_AT_A_TIME = 400  # stories that are being told at a time


@dataclass(frozen=True)
class Labelled:
    """A labelled stream: articles with vectors in order of arrival, and their labels."""

    name: str
    articles: list[Article]
    labels: list[str]


def load(path: Path, folder: Path | None) -> Labelled:
    """Read a stream; a URL that came before is left out. Vectors come from `folder`/vec_NAME.npy or from the model."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    kept = folder / f"vec_{path.stem}.npy" if folder else None
    if kept is not None and kept.exists():
        dense = np.load(kept)
    else:
        dense = Embedder(threads=1).encode([prepare(row["title"], row["text"]) for row in rows])
    articles, labels, known = [], [], set[str]()
    for number, (row, vector) in enumerate(zip(rows, dense, strict=True), 1):
        url = row.get("url") or ""
        if url and url in known:
            continue
        known.add(url)
        published = datetime.fromisoformat(row["published"].replace("Z", "+00:00")) if row.get("published") else None
        articles.append(
            Article(
                id=number, title=row["title"], text=row["text"], seen=START, url=url, outlet=row.get("source") or "",
                lang=row.get("lang"), vector=vector,
                published=published and (published if published.tzinfo else published.replace(tzinfo=UTC)),
            )
        )  # fmt: skip
        labels.append(row["story"])
    return Labelled(path.stem, articles, labels)


@dataclass(frozen=True)
class _Read:
    """The words of an article, as filing counts them."""

    title: list[str]
    body: list[str]
    names: Counter[str]


class Wire:
    """Articles one by one, each with the number of its story. `per_hour` is how fast simulated time goes on."""

    def __init__(self, streams: Sequence[Labelled], *, per_hour: float, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        groups: defaultdict[tuple[str, str], list[Article]] = defaultdict(list)
        for stream in streams:
            for article, label in zip(stream.articles, stream.labels, strict=True):
                groups[stream.name, label].append(article)
        self._groups = list(groups.values())
        self._words = sorted({w for group in self._groups for a in group for w in words(a.title) if len(w) > 3})
        self._read: dict[int, _Read] = {}
        self._open: list[Iterator[tuple[Article, int]]] = []
        self._per_hour, self._count, self._stories = per_hour, 0, 0
        self.in_full = False
        """Whether articles come with their text, as from a worker; else with features and signature alone, which fills
        a state many times as fast with the same numbers."""

    def __iter__(self) -> Iterator[tuple[Article, int]]:
        while True:
            while len(self._open) < _AT_A_TIME:
                self._open.append(self._story())
            place = self._rng.randrange(len(self._open))
            told = next(self._open[place], None)
            if told is None:
                self._open[place] = self._open[-1]
                self._open.pop()
                continue
            self._count += 1
            time = START + timedelta(hours=self._count / self._per_hour)
            yield replace(told[0], id=self._count, seen=time, published=time), told[1]

    def _story(self) -> Iterator[tuple[Article, int]]:
        self._stories += 1
        story, group = self._stories, self._rng.choice(self._groups)
        coverage = self._rng.sample(group, min(len(group), self._rng.choice(_COVERAGE)))
        other = self._rng.choice(self._rng.choice(self._groups)).vector
        exchange = _Exchange(story, self._words)
        for article in coverage:
            vector = article.vector
            if vector is not None and other is not None:
                vector = vector + np.float32(_TURNED) * other
                vector = (vector / max(1e-6, float(np.linalg.norm(vector)))).astype(np.float32)
            made = replace(
                article, url=f"https://{article.outlet or 'wire'}.example/{story}/{article.id}", vector=vector
            )
            yield (self._told if self.in_full else self._counted)(made, exchange), story

    def _told(self, article: Article, exchange: _Exchange) -> Article:
        title, text = exchange.text(article.title), exchange.text(article.text[:_LONGEST])
        return replace(
            article, title=title, text=text, signature=signature(text),
            features=stored(title, text, article.lang, article.outlet, article.url),
        )  # fmt: skip

    def _counted(self, article: Article, exchange: _Exchange) -> Article:
        read = self._read.get(id(article.text))
        if read is None:
            title = strip_outlet(article.title, outlet=article.outlet, url=article.url)
            body = words(title) * 2 + words(article.text[:_LONGEST])[:400]
            read = self._read[id(article.text)] = _Read(words(title), body, names(title, article.text))
        phrases: Counter[str] = Counter()
        for name, count in read.names.items():
            phrases[" ".join(map(exchange.word, name.split()))] += count
        shown = Features(
            hashed(Counter(map(exchange.word, read.title))), hashed(Counter(map(exchange.word, read.body))),
            hashed(phrases), None, "", bool(read.title),
        )  # fmt: skip
        mark = np.random.default_rng(exchange.story * 1000 + article.id % 1000).bytes(512) if article.text else None
        return replace(article, title="", text="", features=pack_features(shown), signature=mark)


class _Exchange:
    """Exchanges a story's words for others, the same one always for the same one."""

    def __init__(self, story: int, vocabulary: Sequence[str]) -> None:
        self.story = story
        self._vocabulary = vocabulary
        self._salt = zlib.crc32(str(story).encode())
        self._known: dict[str, str] = {}

    def word(self, word: str) -> str:
        other = self._known.get(word)
        if other is None:
            lot = zlib.crc32(word.encode(), self._salt)
            taken = (lot & 0xFFFF) < _SHARE * 0x10000
            other = self._known[word] = self._vocabulary[(lot >> 8) % len(self._vocabulary)] if taken else word
        return other

    def text(self, text: str) -> str:
        return _WORD.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        word = found.group()
        folded = word.casefold()
        if not words(folded):
            return word
        other = self.word(folded)
        return other.capitalize() if word[0].isupper() else other
