"""Which texts ONNX Runtime is given together: like with like, and never more than fit a core's cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedding.with_onnx import RUN_TOKENS, runs

lengths_ = st.lists(st.integers(1, 512), max_size=40)


@given(lengths_, st.integers(1, 16))
def test_every_text_goes_once_and_no_run_is_too_large(lengths: list[int], most: int) -> None:
    made = runs(lengths, most)
    assert sorted(number for run in made for number in run) == list(range(len(lengths)))
    for run in made:
        assert len(run) <= most
        assert len(run) == 1 or len(run) * max(lengths[number] for number in run) <= RUN_TOKENS


@given(lengths_)
def test_runs_hold_texts_of_like_length(lengths: list[int]) -> None:
    in_order = [lengths[number] for run in runs(lengths, 8) for number in run]
    assert in_order == sorted(lengths)


def test_long_texts_go_alone_and_titles_together() -> None:
    assert runs([170, 12, 168, 15, 14, 13], 8) == [[1, 5, 4, 3], [2], [0]]
