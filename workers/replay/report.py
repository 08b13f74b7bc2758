"""What a replay tells: figures, and the storylines and articles that would change, with their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.ledger import Ledger, archive
from pipeline.ledger.archive import Span, Standing
from pipeline.storylines.options import FilingOptions
from workers.replay import compare
from workers.replay.compare import Changed

if TYPE_CHECKING:
    from workers.replay.run import Counts

STRONGEST = 3  # reasons told of each article


def of(
    live: Ledger,
    beside: Ledger,
    window: Span,
    standing: Standing,
    counts: Counts,
    options: FilingOptions,
    limit: int,
    first: int,
) -> dict[str, Any]:
    """The whole report, as JSON has it; `first` is the first position that was filed anew."""
    with beside.read() as tx:
        where = archive.where(tx, first)
    ids = standing.articles.tolist()
    there = np.array([one in where for one in ids], bool)
    articles, homes, pinned = standing.articles[there], standing.storylines[there], standing.pinned[there]
    filed = np.array([where[one] for one in articles.tolist()], np.int64)
    found = compare.changed(homes, filed, pinned, counts.known)
    names = _Names(live, beside, found, counts.known)
    free = ~pinned
    return {
        "since": window.since,
        "until": window.until,
        "settings": _settings(options),
        "articles": {
            "window": window.count,
            "filed": len(articles),
            "not_filed": counts.copied - len(articles),
            "without_text": counts.without_text,
            "gone": max(window.count - counts.copied - counts.without_text, 0),
            "remembered": counts.remembered,
            "before_without_text": counts.before_without_text,
            "without_vector": counts.without_vector,
            "by_people": found.by_people,
            "by_people_elsewhere": found.people_elsewhere,
        },
        "declared_within": counts.declared_within,
        "live": compare.shape(homes),
        "replay": compare.shape(filed),
        "agreement": compare.agreement(homes[free], filed[free]),
        "merged": names.merged(limit),
        "split": names.split(limit),
        "moved": _moved(names, found, articles, homes, filed, limit),
        "seconds": {"remembering": round(counts.remembering_seconds, 1), "filing": round(counts.filing_seconds, 1)},
        "disk_bytes": counts.disk_bytes,
    }


def _settings(options: FilingOptions) -> dict[str, Any]:
    """Those that differ from the shipped ones."""
    shipped = FilingOptions()
    every = ((one.name, getattr(options, one.name)) for one in fields(FilingOptions))
    return {name: value for name, value in every if value != getattr(shipped, name)}


def _moved(
    names: _Names, found: Changed, articles: compare.Ids, homes: compare.Ids, filed: compare.Ids, limit: int
) -> dict[str, Any]:
    places = found.single[:limit]
    chosen = articles[places].tolist()
    with names.live.read() as tx:
        titles = archive.titles(tx, chosen)
    with names.beside.read() as tx:
        reasons = archive.reasons(tx, chosen)
    names.learn(homes[places].tolist(), filed[places].tolist())
    shown = [
        {
            "article": article,
            "title": titles.get(article, ""),
            "from": names.of_live(home),
            "to": names.of_replay(now),
            "why": _why(reasons.get(article, {})),
        }
        for article, home, now in zip(chosen, homes[places].tolist(), filed[places].tolist(), strict=True)
    ]
    return {"articles": len(found.single), "shown": shown}


def _why(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The reason in the replay: the score and what was needed, and the strongest evidence for it."""
    rows = sorted(recorded.get("evidence", ()), key=lambda one: -abs(one["contribution"]))
    return {
        "opened": recorded.get("storyline") is None,
        "copy_of": recorded.get("copy_of"),
        "score": recorded.get("score"),
        "threshold": recorded.get("threshold"),
        "evidence": [{"name": one["name"], "contribution": one["contribution"]} for one in rows[:STRONGEST]],
    }


class _Names:
    """Storylines of either side by their names, which are read when they are shown."""

    def __init__(self, live: Ledger, beside: Ledger, found: Changed, known: set[int]) -> None:
        self.live, self.beside = live, beside
        self._found, self._known = found, known
        self._live_names: dict[int, str] = {}
        self._replay_names: dict[int, str] = {}

    def learn(self, lives: Iterable[int], replays: Iterable[int]) -> None:
        """Read the names of these storylines, and of those that the replay's stand for."""
        new = set(replays) - self._replay_names.keys()
        stand = {self._found.stands_for[one] for one in new if one in self._found.stands_for}
        with self.beside.read() as tx:
            self._replay_names |= archive.headlines(tx, new)
        with self.live.read() as tx:
            self._live_names |= archive.headlines(tx, (set(lives) | stand) - self._live_names.keys())

    def of_live(self, storyline: int) -> dict[str, Any]:
        articles = self._found.sizes.get(storyline, 0)
        return {"id": storyline, "headline": self._live_names.get(storyline, ""), "articles": articles}

    def of_replay(self, storyline: int) -> dict[str, Any]:
        """The live storyline for which one of the replay stands, with its articles live; without an id where it is a
        new one, with its articles in the replay."""
        if storyline in self._found.stands_for:
            return self.of_live(self._found.stands_for[storyline])
        headline, articles = self._replay_names.get(storyline, ""), self._found.replay_sizes.get(storyline, 0)
        return {"id": None, "headline": headline, "articles": articles}

    def merged(self, limit: int) -> dict[str, Any]:
        every = self._found.merged
        self.learn({part.live for one in every[:limit] for part in one.parts}, {one.replay for one in every[:limit]})
        shown = [
            {
                "into": self.of_replay(one.replay),
                "storylines": [self.of_live(part.live) | {"come": part.articles} for part in one.parts[: limit + 1]],
                "more": max(len(one.parts) - limit - 1, 0),
            }
            for one in every[:limit]
        ]
        return {"storylines": len(every), "articles": sum(one.moved for one in every), "shown": shown}

    def split(self, limit: int) -> dict[str, Any]:
        every = self._found.split
        self.learn(
            {one.live for one in every[:limit]}, {part.replay for one in every[:limit] for part in one.parts[:limit]}
        )
        shown = [
            {
                "storyline": self.of_live(one.live),
                "stay": one.stay,
                "parts": [{"articles": part.articles, "to": self.of_replay(part.replay)} for part in one.parts[:limit]],
                "more": max(len(one.parts) - limit, 0),
            }
            for one in every[:limit]
        ]
        return {"storylines": len(every), "articles": sum(one.moved for one in every), "shown": shown}
