"""Vectors of rules' sentences, from the model that is loaded when there are some and let go of when they are done."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alerts.rules.near import Floats


class Embedding:
    """Vectors (n, d) of sentences, of length 1. Raises ModelError when the model cannot be loaded."""

    def __init__(self, model: str) -> None:
        self._model = model

    def __call__(self, sentences: Sequence[str]) -> Floats:
        from pipeline.embedding import query_embedder

        return query_embedder(self._model).encode(list(sentences))
