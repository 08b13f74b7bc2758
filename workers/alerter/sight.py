"""What rules see of an event: the storyline that it tells of as it was then, read from the ledger, or the trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from pipeline.alerts.rules.near import FAR, Floats, Near, Sentences
from pipeline.alerts.rules.view import (
    READ,
    READ_CHARS,
    Piece,
    View,
    is_fresh,
    read_article,
    storyline_view,
    trouble_view,
)
from pipeline.ledger import covered, storylines, told
from pipeline.records import Event, Storyline, Vector
from pipeline.storylines.background import Background
from pipeline.storylines.options import FilingOptions

MOST_MEMBERS = 300  # the latest articles of a storyline by which outlets and pace are counted
BACKGROUND = 1_500  # the latest originals, of all languages, that say what is ordinary
COVERAGE = ("storyline.opened", "storyline.grew")
TURNS = tuple(f"storyline.{state}" for state in ("emerging", "developing", "surging", "quiet", "closed"))
LINEAGE = ("storyline.merged", "storyline.split", "storyline.opened")
TROUBLES = {
    "feed.failing": ("feed", "failing"),
    "feed.silent": ("feed", "silent"),
    "feed.recovered": ("feed", "recovered"),
    "pipeline.stalled": ("pipeline", "stalled"),
    "pipeline.recovered": ("pipeline", "recovered"),
}
READS = (*dict.fromkeys((*COVERAGE, *TURNS, *LINEAGE, *TROUBLES)),)
"""The types of events that rules are about."""

Embed = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A storyline with its latest articles, and the vectors of those that were read."""

    storyline: Storyline
    pieces: tuple[Piece, ...]
    vectors: Mapping[int, Vector]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event as rules see it. `subject` is that of the storyline which has the articles now; `coverage` says that
    somebody wrote about it just now, else only rules that ask for a state are about it."""

    event: Event
    view: View
    hits: tuple[str, ...]
    subject: str
    storyline: int | None
    coverage: bool


class Sight:
    """Makes views of events, as long as the rules are the same. `version` is that of the vectors to compare with."""

    def __init__(self, version: str, sentences: Sentences, background: Background) -> None:
        self._version, self._sentences, self._background = version, sentences, background
        self._ordinary: dict[str, tuple[Floats, Floats]] = {}

    def of(self, tx: Connection, event: Event, known: dict[int, Known]) -> Seen | None:
        """What rules see of an event; None where it rings nobody, as with what a feed's first poll brought.

        `known` remembers storylines from one event to the next, as long as the caller keeps it.
        """
        if event.type in TROUBLES:
            return self._trouble(event)
        if not self.may_ring(event):
            return None
        number = int(event.data["storyline"]["id"])
        if number not in known:
            found = look_up(tx, number, self._version if self._sentences.sentences else None)
            if found is None:
                return None
            known[number] = found
        return self.seen(event, known[number])

    @staticmethod
    def may_ring(event: Event) -> bool:
        """Whether an event of a storyline can ring at all, by what it says itself."""
        if event.data.get("backfill"):
            return False
        # Without an article a storyline was declared or split off, and nobody wrote anything.
        return event.type in TURNS or (event.type in COVERAGE and bool(event.data.get("article")))

    def seen(self, event: Event, known: Known) -> Seen | None:
        """The same for an event of a storyline that was looked up before."""
        coverage = event.type in COVERAGE
        if coverage and not _is_fresh(event, known.pieces):
            return None
        near = self._near(event.time, known)
        one = known.storyline
        head = (str(event.data["storyline"]["headline"]), *((one.title, one.text[:READ_CHARS]) if one.declared else ()))
        view = storyline_view(event.data["storyline"], known.pieces, event.time, head=head, nearness=near)
        return Seen(
            event=event,
            view=view,
            hits=near.hits,
            subject=f"storyline/{one.id}",
            storyline=one.id,
            coverage=coverage,
        )

    def _trouble(self, event: Event) -> Seen:
        feed = event.data.get("feed") or {}
        texts = [str(feed[name]) for name in ("title", "url") if feed.get(name)]
        view = trouble_view(event.subject, TROUBLES[event.type], *texts)
        return Seen(event=event, view=view, hits=(), subject=event.subject, storyline=None, coverage=True)

    def _near(self, at: datetime, known: Known) -> Near:
        if not self._sentences.sentences:
            return FAR
        told_by = [piece for piece in known.pieces if piece.original and piece.filed <= at][-READ:]
        rows = [known.vectors[piece.id] for piece in told_by if piece.id in known.vectors]
        if not rows:
            return FAR
        langs = [(piece.lang or "").split("-", 1)[0].lower() for piece in told_by]
        return self._sentences.nearness(np.mean(rows, axis=0), *self._usual(max(sorted(set(langs)), key=langs.count)))

    def _usual(self, lang: str) -> tuple[Floats, Floats]:
        if lang not in self._ordinary:
            self._ordinary[lang] = self._background.measure_all(self._sentences.matrix, lang)
        return self._ordinary[lang]


def look_up(tx: Connection, storyline_id: int, version: str | None, *, read: int = READ) -> Known | None:
    """A storyline, or the one that it is part of now, with its `read` latest originals, and vectors of that version
    where one is given. None where there is none, or people muted it."""
    found = storylines.one(tx, storyline_id)
    if found is None or covered.is_muted(tx, found.id):
        return None
    originals = {one.id: read_article(one.title, one.text) for one in told.originals(tx, found.id, read, READ_CHARS)}
    pieces = tuple(
        Piece(
            id=row["id"],
            seen=row["seen"],
            filed=row["filed"],
            outlet=row["outlet"],
            url=row["url"],
            lang=row["lang"],
            original=row["kind"] == "original",
            fresh=is_fresh(seen=row["seen"], written=row["published"], backfill=row["backfill"]),
            read=originals.get(row["id"]),
        )
        for row in covered.members(tx, found.id, MOST_MEMBERS)
    )
    vectors = covered.vectors_of(tx, list(originals), version) if version else {}
    return Known(storyline=found, pieces=pieces, vectors=vectors)


def background(tx: Connection, version: str) -> Background:
    """What is ordinary here: the latest originals of all storylines."""
    options = FilingOptions()
    made = Background(options.background_articles, options.background_prior, options.background_languages)
    for vector, lang, storyline in covered.recent(tx, version, BACKGROUND):
        made.add(vector, (lang or "").split("-", 1)[0].lower(), storyline)
    return made


def changes_hands(event: Event) -> tuple[int, int, bool] | None:
    """Which storyline inherits what another one rang for: from whom, to whom, and whether that one is gone. Told of
    both, it is taken from the event of the one that inherits."""
    data: Mapping[str, Any] = event.data
    own = int(data["storyline"]["id"]) if "storyline" in data else 0
    if event.type == "storyline.merged" and data.get("winner") == own:
        return int(data["loser"]), own, True
    if event.type == "storyline.opened" and data.get("target") == own and data.get("source"):
        return int(data["source"]), own, False
    return None


def _is_fresh(event: Event, pieces: Sequence[Piece]) -> bool:
    """Whether the article of an event says that its storyline goes on."""
    article = event.data["article"]
    for piece in reversed(pieces):
        if piece.id == article["id"]:
            return piece.fresh
    written = datetime.fromisoformat(article["published"]) if article.get("published") else None
    return is_fresh(seen=event.time, written=written, backfill=bool(event.data.get("backfill")))
