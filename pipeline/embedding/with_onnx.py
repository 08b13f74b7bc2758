"""A BERT model in ONNX Runtime, float32: no torch in memory, loaded in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from pipeline.embedding.files import Bert
from pipeline.embedding.graph import build
from pipeline.errors import ModelError

RUN_TOKENS = 256  # padding included
ERRORS_ONLY = 3  # onnxruntime's severity: its warnings speak of devices that are not there


class OnnxEncoder:
    """A model ready to run. Safe for several threads at once, each with its own call."""

    def __init__(self, model: Bert, batch: int, threads: int = 1) -> None:
        """Load `model`, to run `batch` texts at a time, those of like length together.

        Raises ModelError when its files are not what the graph needs.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(model.weights.parent)
        )
        try:
            self._session = onnxruntime.InferenceSession(build(model), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
        except ModelError:
            raise
        except Exception as error:  # both libraries raise Exception itself
            raise ModelError(f"{model.folder} cannot be run by ONNX Runtime ({error})") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model.tokens)
        self._width, self._batch = model.width, batch

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (len(texts), width), of no particular length."""
        ids = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(ids), self._width), np.float32)
        for chosen in runs([len(row) for row in ids], self._batch):
            vectors[chosen] = self._run([ids[number] for number in chosen])
        return vectors

    def _run(self, rows: list[list[int]]) -> npt.NDArray[np.float32]:
        tokens = np.zeros((len(rows), max(map(len, rows))), np.int32)
        mask = np.zeros_like(tokens)
        for number, row in enumerate(rows):
            tokens[number, : len(row)] = row
            mask[number, : len(row)] = 1
        (made,) = self._session.run(["vector"], {"ids": tokens, "mask": mask, "padded": np.array(not mask.all())})
        return np.asarray(made, np.float32)


def runs(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Which texts go through the model together, by their numbers; `lengths` in tokens, none of them 0.

    Those of like length, as many as `most` and `RUN_TOKENS` allow: short texts in one run share the reading of the
    weights, which is most of their time, while a long one fills a core's cache by itself.
    """
    made: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        last = made[-1] if made else []
        if last and len(last) < most and (len(last) + 1) * lengths[number] <= RUN_TOKENS:
            last.append(number)
        else:
            made.append([number])
    return made
