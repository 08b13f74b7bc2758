"""A model in sentence-transformers: any that it can load, in bfloat16 or on a GPU too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding.choice import Choice
from pipeline.errors import ModelError

COSINE = 0.999  # to float32, at the least: below it vectors would need a version of their own
PROBES = (
    "Ferry service resumes. The harbour of Norrvik was open again on Tuesday after a week of storms.",
    "Parliament votes on the budget",
    "Ministerpräsident tritt zurück. Die Koalition in Stadtland ist am Montag zerbrochen.",
    "0:0",
    "Shares of the chip maker fell 12% in early trading. Analysts had expected quarterly sales of $4.1 billion, but "
    "the company reported 3.6 and lowered its outlook for the year, citing weak demand for phones and new duties. "
    "Two of its three largest customers are building up stocks of their own, the chief executive told reporters.",
    "東京で地震。気象庁によると津波の心配はない。",
)


class TorchEncoder:
    """A loaded model. Not for use after a fork: a child of a process that ran torch with threads may hang."""

    def __init__(self, path: str, choice: Choice, *, threads: int = 1, tokens: int = 0) -> None:
        """Load `path` (a name or directory), cut texts at `tokens` (0: where the model says).

        What has been downloaded before is used as it lies there, the network is only asked for what has not. Numbers
        other than float32 are kept if the probes come out the same in them; `note` says when they did not.
        Raises ModelError when the model cannot be loaded.
        """
        self._choice, self.note = choice, ""
        self._model = _load(path, choice.device, threads, tokens)
        if choice.numbers == "float32":
            return
        import torch

        exact = self._unit(PROBES)
        self._model.to(getattr(torch, choice.numbers))
        worst = float((exact * self._unit(PROBES)).sum(axis=1).min())
        if not worst >= COSINE:  # NaN as well
            self.note = (
                f"{choice.numbers} comes to a cosine of {worst:.4f} to float32 with this model, so float32 it is"
            )
            self._model = _load(path, choice.device, threads, tokens)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (len(texts), width), of no particular length."""
        import torch

        with torch.inference_mode():
            made = self._model.encode(
                list(texts), batch_size=self._choice.batch, convert_to_tensor=True, show_progress_bar=False
            )
            return np.asarray(made.float().cpu().numpy(), np.float32)

    def _unit(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        made = self.encode(texts)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def _load(path: str, device: str, threads: int, tokens: int) -> Any:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(threads)
        try:
            model = SentenceTransformer(path, device=device, local_files_only=True)
        except FileNotFoundError:  # a directory that is none
            raise
        except OSError:  # not downloaded yet
            model = SentenceTransformer(path, device=device)
        model.float()
    except Exception as error:  # what a model's own code raises cannot be foreseen
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the model {path} cannot be loaded ({reason}); SLUGLINE_MODEL takes the name or directory of a "
            "sentence-transformers model, unset it for the one that is included"
        ) from error
    if tokens:
        model.max_seq_length = tokens
    return model
