"""What `slugline doctor` says about the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.embedding import version
from pipeline.settings import Settings
from workers.doctor import examine


@pytest.mark.parametrize(("runtime", "words"), [("onnx", "ONNX Runtime, float32 on cpu: as set"), ("auto", " on c")])
def test_the_runtime_and_the_reason_for_it_are_told(tmp_path: Path, runtime: str, words: str) -> None:
    found = {name: (said, good) for name, said, good in examine(Settings(data_dir=tmp_path, embed_runtime=runtime))}
    said, good = found["model"]
    assert good
    assert version() in said
    assert words in said


def test_a_model_that_is_not_there_is_told_with_the_way_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, model=str(tmp_path / "missing"))
    said, good = next((said, good) for name, said, good in examine(settings) if name == "model")
    assert not good
    assert "SLUGLINE_MODEL takes the name or directory" in said
