"""What of an article is embedded."""

from __future__ import annotations

from pipeline.embedding import prepare, version
from pipeline.embedding.preparation import CHARACTERS


def test_title_and_the_first_120_words_are_taken() -> None:
    made = prepare("The title", " ".join(f"w{number}" for number in range(500)))
    assert made.startswith("The title. w0 w1 ")
    assert made.endswith(" w119")
    assert prepare("Only a title", "") == "Only a title. "


def test_a_text_without_blanks_is_cut_before_it_is_tokenised() -> None:
    made = prepare("題", "字" * 1_000_000)
    assert len(made) == CHARACTERS


def test_models_of_like_name_have_versions_of_their_own() -> None:
    assert version("/a/final") != version("/b/final")
    assert version("/a/final").startswith("final@")
    assert version("/a/final") == version("/a/final")
