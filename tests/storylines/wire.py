"""Small made-up coverage and a made-up model: the vector of a text is that of the topics it is said to be about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from pipeline.records import Article, Vector
from pipeline.storylines.filing import Decision, Filing

START = datetime(2025, 12, 1, 6, tzinfo=UTC)
DIMENSION = 64


@lru_cache(maxsize=4096)
def topic(name: str) -> Vector:
    """A fixed direction for each name; unrelated ones are nearly at right angles."""
    seed = int.from_bytes(name.encode(), "little") % (2**63)
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def about(*topics: str, noise: str = "", share: float = 0.3) -> Vector:
    """The unit vector of a text on these topics, with some noise of its own."""
    mix = sum((topic(name) / np.linalg.norm(topic(name)) for name in topics), np.zeros(DIMENSION, np.float32))
    if noise:
        mix = mix + share * topic(noise) / np.linalg.norm(topic(noise))
    return (mix / np.linalg.norm(mix)).astype(np.float32)


class Desk:
    """Takes articles in one by one as the clusterer does, allotting storyline ids from 100."""

    def __init__(self, filing: Filing | None = None) -> None:
        self.filing = Filing() if filing is None else filing  # an empty one is falsy
        self.next = 100
        self.history: list[tuple[Article, int, int | None]] = []

    def take(self, article: Article) -> Decision:
        decision = self.filing.decide(article)
        storyline = decision.storyline
        if storyline is None:
            storyline, self.next = self.next, self.next + 1
        self.filing.file(article, storyline, copy_of=decision.copy_of)
        self.history.append((article, storyline, decision.copy_of))
        return decision

    def take_all(self, articles: Sequence[Article]) -> list[int]:
        before = len(self.history)
        for article in articles:
            self.take(article)
        return [storyline for _, storyline, _ in self.history[before:]]


def article(
    number: int,
    title: str,
    text: str = "",
    *,
    vector: Vector | None = None,
    hours: float | None = 0.0,
    outlet: str = "",
    url: str | None = None,
    lang: str | None = "en",
    seen_hours: float | None = None,
) -> Article:
    """`hours` after START it was published (None: unknown); seen then too, unless said otherwise."""
    seen = seen_hours if seen_hours is not None else (hours or 0.0)
    return Article(
        id=number,
        title=title,
        text=text,
        seen=START + timedelta(hours=seen),
        url=f"https://{outlet or 'outlet'}.example/{number}" if url is None else url,
        outlet=outlet,
        lang=lang,
        published=None if hours is None else START + timedelta(hours=hours),
        vector=vector,
    )


# Coverage of things that never happened, to fill the wire: what is ordinary is learnt from these.
FILLER: tuple[tuple[str, str, str], ...] = (
    (
        "Brindle Bakery wins national bread prize",
        "The sourdough of a family bakery in Ostwick won over the jury of the national bread prize on "
        "Tuesday, ahead of 400 loaves from all over the country.",
        "bread",
    ),
    (
        "Harbour tunnel in Port Alder to close for repairs",
        "Drivers in Port Alder face detours from Monday, when the harbour tunnel closes for nine weeks so "
        "that its ventilation can be replaced, the roads office said.",
        "tunnel",
    ),
    (
        "Scientists find new frog in cloud forest",
        "A frog no longer than a fingernail has been described by biologists of the University of Cordela, "
        "who heard its call in a cloud forest before they saw it.",
        "frog",
    ),
    (
        "Central bank of Norland holds rate at 3.25 percent",
        "The central bank of Norland left its main rate at 3.25 percent on Thursday. Governor Elise Maron "
        "said that inflation was falling more slowly than hoped.",
        "bank",
    ),
    (
        "Champion Okoro retires from sprinting at 34",
        "Olympic champion Amara Okoro ends her career after the season. The sprinter, 34, told reporters that"
        " her knee had decided for her.",
        "sprint",
    ),
    (
        "Gallery returns painting to heirs",
        "The Vellin Gallery has given a portrait back to the heirs of a collector from whom it was taken in "
        "1938, after a commission had studied its history for six years.",
        "painting",
    ),
    (
        "Storm Gerda leaves 20,000 homes without power",
        "Storm Gerda tore down power lines along the western coast during the night. About 20,000 homes were "
        "still dark at noon, the grid operator Westnet said.",
        "storm",
    ),
    (
        "Carmaker Tavo recalls 90,000 vans over brakes",
        "Tavo calls 90,000 vans back to the workshops because a brake hose may leak. No accident is known, "
        "the company from Stellin said.",
        "vans",
    ),
)


def filler(first: int = 900_000, *, hours: float = 0.0, vectors: bool = True) -> list[Article]:
    return [
        article(first + i, title, text, vector=about(name, noise=f"f{i}") if vectors else None, hours=hours)
        for i, (title, text, name) in enumerate(FILLER)
    ]
