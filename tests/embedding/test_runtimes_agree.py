"""Whatever runs the model, the vectors are those of sentence-transformers in float32."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.embedding import Embedder, Wanted, query_embedder, version
from pipeline.embedding.files import packaged
from pipeline.embedding.preparation import TOKENS
from tests.embedding.writing import TEXTS, cosines, model_in

LEAST = 0.999
CLOSE = 0.99999  # float32 in another order of sums


def plain(path: Path, *, tokens: int = 0) -> npt.NDArray[np.float32]:
    """What sentence-transformers itself makes of the texts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    model.max_seq_length = tokens or model.max_seq_length
    made = model.encode(list(TEXTS), convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(made, np.float32)


@pytest.fixture(scope="module")
def reference() -> npt.NDArray[np.float32]:
    return plain(packaged(), tokens=TOKENS)


@pytest.mark.parametrize(
    ("runtime", "least"), [("onnx", CLOSE), ("torch", LEAST), ("torch-bf16", LEAST), ("auto", LEAST)]
)
def test_each_runtime_makes_the_vectors_of_plain_float32(
    reference: npt.NDArray[np.float32], runtime: Wanted, least: float
) -> None:
    embedder = Embedder(runtime=runtime)
    made = embedder.encode(TEXTS)
    assert made.dtype == np.float32
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-5)
    assert cosines(made, reference).min() >= least
    assert embedder.version == version() == "all-MiniLM-L6-v2@53aa5117/title+120w"


def test_likeness_between_texts_is_the_same_in_every_runtime(reference: npt.NDArray[np.float32]) -> None:
    made = query_embedder().encode(TEXTS)
    assert np.abs(made @ made.T - reference @ reference.T).max() < 1e-4


def test_a_text_gets_the_same_vector_alone_and_in_a_batch() -> None:
    embedder = query_embedder()
    together = embedder.encode(TEXTS)
    alone = np.concatenate([embedder.encode([text]) for text in TEXTS])
    assert cosines(together, alone).min() > CLOSE
    assert embedder.encode([]).shape == (0, 384)


def test_a_model_that_pools_by_its_first_token_comes_out_the_same(tmp_path: Path) -> None:
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    folder = model_in(tmp_path / "own", pooling=pooling, sentence_bert_config={"max_seq_length": 40})
    embedder = Embedder(str(folder), runtime="onnx")
    assert cosines(embedder.encode(TEXTS), plain(folder)).min() > CLOSE
    assert embedder.version == version(str(folder)) != version()


def test_numbers_that_do_not_suit_a_model_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.embedding.with_torch.COSINE", 0.9999999)
    embedder = Embedder(runtime="torch-bf16")
    assert "so float32 it is" in embedder.runtime
    exact = Embedder(runtime="onnx").encode(TEXTS)
    assert cosines(embedder.encode(TEXTS), exact).min() > CLOSE
