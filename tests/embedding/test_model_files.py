"""Models that ONNX Runtime is not given, files that are broken, and what is said about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedding import Embedder, files, query_embedder
from pipeline.embedding.files import WEIGHTS, packaged, read_bert
from pipeline.embedding.graph import build
from pipeline.errors import ModelError
from tests.embedding.writing import TEXTS, cosines, model_in


def test_the_packaged_model_is_understood() -> None:
    bert = read_bert(packaged())
    assert (bert.layers, bert.heads, bert.width, bert.tokens, bert.first_only) == (6, 12, 384, 256, False)
    assert len(build(bert)) < 100_000, "the weights are not in it"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"config": {"model_type": "xlm-roberta"}}, "model_type is 'xlm-roberta'"),
        ({"config": {"hidden_act": "relu"}}, "hidden_act is 'relu'"),
        ({"config": {"position_embedding_type": "relative_key"}}, "position_embedding_type"),
        ({"pooling": {"pooling_mode_max_tokens": True}}, "pooling by max_tokens, mean_tokens"),
        ({"pooling": {"pooling_mode_mean_tokens": False}}, "pooling by nothing"),
        ({"config_sentence_transformers": {"default_prompt_name": "query"}}, "prompt"),
        ({"sentence_bert_config": {"do_lower_case": True}}, "lower case"),
        ({"config": {"hidden_size": None}}, "not understood"),
    ],
)
def test_what_the_graph_does_not_compute_is_refused(
    tmp_path: Path, changed: dict[str, dict[str, Any]], words: str
) -> None:
    folder = model_in(tmp_path / "own", **changed)
    with pytest.raises(ModelError, match=words):
        read_bert(folder)
    with pytest.raises(ModelError, match="SLUGLINE_EMBED_RUNTIME=torch"):
        query_embedder(str(folder))


def test_such_a_model_runs_in_torch_by_itself(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "own", sentence_bert_config={"do_lower_case": True})
    embedder = Embedder(str(folder))
    assert embedder.choice.library == "torch"
    assert cosines(embedder.encode(TEXTS[:4]), query_embedder().encode(TEXTS[:4])).min() > 0.999


def header(tensors: dict[str, Any]) -> bytes:
    made = json.dumps(tensors).encode()
    return len(made).to_bytes(8, "little") + made


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read|no tensor"),
        (b"\xff" * 64, "no safetensors file"),
        (header({"__metadata__": {}})[:-4], "cannot be read"),
        (
            header({"embeddings.word_embeddings.weight": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}),
            "float32",
        ),
        (header({"embeddings.word_embeddings.weight": {"dtype": "F32"}}), "cannot be read"),
        (header([1, 2]), "cannot be read"),  # type: ignore[arg-type]
    ],
)
def test_broken_weights_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    folder = model_in(tmp_path / "own")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match=words):
        build(read_bert(folder))
    with pytest.raises(ModelError, match=r"cannot be loaded.*SLUGLINE_MODEL"):
        Embedder(str(folder))


def test_weights_that_end_too_soon_are_refused(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "own")
    (folder / WEIGHTS).unlink()
    with (packaged() / WEIGHTS).open("rb") as file:
        (folder / WEIGHTS).write_bytes(file.read(1_000_000))
    with pytest.raises(ModelError, match="cannot be run by ONNX Runtime"):
        query_embedder(str(folder))


def test_a_directory_that_is_none_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded.*SLUGLINE_MODEL takes"):
        Embedder(str(tmp_path / "missing"))


def test_packaged_weights_that_are_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="install the package again"):
        Embedder()
    monkeypatch.setattr(files, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelError, match="no-such-package-of-weights is missing"):
        Embedder()
