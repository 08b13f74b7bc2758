"""The index of rules finds every rule that holds, and few that do not; meaning is one product."""

from __future__ import annotations

import random

import numpy as np

from pipeline.alerts.rules import compile_rule
from pipeline.alerts.rules.index import Index
from pipeline.alerts.rules.near import FAR, Sentences
from pipeline.alerts.rules.view import trouble_view
from tests.alerts.test_rule_matching import piece, view

WORDS = "dam fire call vote strike phone maduro trump union court flood match goal virus cable bridge".split()


def leaf(rng: random.Random) -> str:
    word = rng.choice(WORDS)
    return rng.choice(
        [
            word,
            word[:3] + "*",
            f'"{word} {rng.choice(WORDS)}"',
            f'"{word} {rng.choice(WORDS)[:2]}*"',
            f"name:{word}",
            f"outlet:{rng.choice(['paper', 'herald', 'nowhere'])}",
            f"lang:{rng.choice(['en', 'es'])}",
            f"state:{rng.choice(['surging', 'developing'])}",
            f"outlets>={rng.randint(1, 4)}",
            "feed:failing",
        ]
    )


def rule(rng: random.Random, depth: int = 3) -> str:
    if not depth or rng.random() < 0.3:
        return leaf(rng)
    a, b = rule(rng, depth - 1), rule(rng, depth - 1)
    return rng.choice([f"({a} OR {b})", f"({a} AND {b})", f"({a} AND NOT {b})"])


def test_no_rule_that_holds_is_missed_whatever_its_shape() -> None:
    rng = random.Random(7)
    rules = {n: compile_rule(rule(rng)) for n in range(600)}
    index = Index(rules, lambda word: 0.5 if word in WORDS[:4] else 0.0)
    held = looked = 0
    for number in range(40):
        articles = [
            piece(
                n,
                " ".join(w.title() if rng.random() < 0.5 else w for w in rng.choices(WORDS, k=4)),
                " ".join(rng.choices(WORDS, k=rng.randint(0, 3))),
                outlet=rng.choice(["The Paper", "Herald"]),
                lang=rng.choice(["en", "es"]),
            )
            for n in range(rng.choice([1, 3, 25]))
        ]
        seen = view(*articles, state=rng.choice(["surging", "developing"]), head=rng.choice(WORDS))
        if number % 10 == 0:
            seen = trouble_view("feed/3", ("feed", "failing"), rng.choice(WORDS))
        candidates = index.candidates(seen)
        expected = {n for n, one in rules.items() if one.match(seen)}
        assert expected <= candidates
        held += len(expected)
        looked += len(candidates)
    assert held > 500
    assert looked < 40 * 600  # few words, of which all storylines have most; the next test shows what it spares


def test_a_rule_stands_under_the_rarest_word_that_it_needs() -> None:
    rules = {n: compile_rule(f"president word{n} outlets>=1") for n in range(1000)}
    index = Index(rules, lambda word: 0.3 if word == "president" else 0.0)
    assert index.candidates(view(piece(1, "President says word17"))) == {17}
    assert index.candidates(view(piece(1, "President says nothing"))) == set()


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_meaning_is_measured_in_standard_deviations_from_unrelated_articles() -> None:
    rules = {
        1: compile_rule('meaning:"a call"'),
        2: compile_rule('meaning:"a call">=7 maduro'),
        3: compile_rule('meaning:"a dam"'),
        4: compile_rule('meaning:"unknown" OR meaning:"a dam">=1'),
    }
    sentences = Sentences(rules.values(), {"a call": unit(1, 0, 0), "a dam": unit(0, 1, 0)})
    middle, spread = np.array([0.1, 0.1], np.float32), np.array([0.1, 0.1], np.float32)
    near = sentences.nearness(np.array([0.6, 0.3, 0.0], np.float32), middle, spread)
    assert np.isclose(near("a call") or 0, 5.0)
    assert np.isclose(near("a dam") or 0, 2.0)
    assert near("unknown") is None
    assert near.hits == ("a call", "a dam")  # a dam: near enough for the fourth rule
    index = Index(rules)
    assert index.candidates(view(piece(1, "x")), near.hits) == {1, 3, 4}  # the second stands under its name
    assert sentences.nearness(None, middle, spread).hits == FAR.hits == ()
