"""A model that finds any two texts of a language alike: decisions lean on words there, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records import Article, Vector
from pipeline.storylines.background import Ordinary
from pipeline.storylines.decide import leaning
from pipeline.storylines.filing import Filing, FilingOptions
from pipeline.storylines.scores import bcubed, largest
from tests.storylines.wire import DIMENSION, article, topic

OPTIONS = FilingOptions()


def alike(seed: int, share: float = 0.25) -> Vector:
    """Vectors that are all near to one another, whatever they are about."""
    common = topic("anything") / np.linalg.norm(topic("anything"))
    own = np.random.default_rng(seed).normal(size=DIMENSION)
    mixed = common + share * own / np.linalg.norm(own)
    return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def report(number: int, story: int, lang: str = "vi") -> Article:
    """Forty stories with a name and a few words of their own among words that all of them use."""
    rng = np.random.default_rng(number)
    own = " ".join(f"riêng{story}từ{n}" for n in rng.choice(12, 6, replace=False))
    common = " ".join(f"chung{n}" for n in rng.choice(40, 15, replace=False))
    title = f"Xã Tân{story} khánh thành {own.split()[0]}"
    return article(number, title, f"Người dân Tân{story} vui mừng. {own} {common}", vector=alike(number), lang=lang)


def wire(count: int) -> list[tuple[Article, int]]:
    rng = np.random.default_rng(7)
    return [(report(n + 1, story), story) for n, story in enumerate(rng.integers(0, 40, count).tolist())]


def test_how_much_follows_from_how_alike_unrelated_articles_are() -> None:
    assert leaning(Ordinary(middle=0.05), OPTIONS) == 0.0
    assert leaning(Ordinary(middle=OPTIONS.leaning_from), OPTIONS) == 0.0
    assert 0.4 < leaning(Ordinary(middle=(OPTIONS.leaning_from + OPTIONS.leaning_full) / 2), OPTIONS) < 0.6
    assert leaning(Ordinary(middle=0.8), OPTIONS) == 1.0


def run(options: FilingOptions) -> tuple[float, int]:
    """BCubed F1 of a wire of 400 articles, and its largest storyline."""
    filing, found, gold = Filing(options), list[int](), list[int]()
    for one, story in wire(400):
        storyline = filing.decide(one).storyline or 10_000 + one.id
        filing.file(one, storyline)
        found.append(storyline)
        gold.append(story)
    return bcubed(gold, found).f1, largest(found)


def test_words_tell_stories_apart_where_vectors_cannot() -> None:
    leaning_on_words, biggest = run(OPTIONS)
    as_if_the_vector_counted, _ = run(replace(OPTIONS, leaning_from=2.0, leaning_full=3.0))
    assert leaning_on_words > as_if_the_vector_counted
    assert leaning_on_words > 0.9
    assert biggest <= 3 * 20


def test_the_reason_says_so() -> None:
    filing = Filing()
    for one, story in wire(100):
        filing.file(one, 1 + story)
    evidence = {e.name: e for e in filing.decide(report(999, 3)).evidence}
    assert evidence["the vector says little"].contribution < 0
    assert evidence["text"].value > 0


def test_other_languages_of_the_same_wire_are_judged_as_ever() -> None:
    """Background is kept for each language: English is measured as if there were no Vietnamese."""
    filing = Filing()
    for one, story in wire(100):
        filing.file(one, 1 + story)
    rng = np.random.default_rng(3)
    for n in range(100):
        vector = rng.normal(size=DIMENSION).astype(np.float32)
        filing.file(article(5_000 + n, f"Item {n}", f"About item {n}", vector=vector), 500 + n)
    names = {e.name for e in filing.decide(article(9_999, "Item 3", "About item 3", vector=vector)).evidence}
    assert "the vector says little" not in names
    assert "text" not in names
