"""What an edit changed in substance, and what is a detail."""

from __future__ import annotations

import pytest

from pipeline.articles.versions import compare

SENTENCES = [
    f"Sentence {number} tells what the council of town {number * 7} said about harbour {number * 3} on that day."
    for number in range(30)
]
TEXT = "\n\n".join(SENTENCES)
TITLE = "The harbour plan is agreed"


def test_the_same_is_the_same() -> None:
    change = compare((TITLE, TEXT), (TITLE, TEXT))
    assert (change.same, change.changed, change.similarity) == (True, (), 1.0)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n\n", "\n"),
        TEXT.upper(),
        TEXT.replace(".", "!"),
        TEXT.replace("town 203", "Town 204"),
        TEXT + " One more sentence at the end.",
    ],
    ids=["paragraphs", "case", "punctuation", "a figure", "a sentence at the end"],
)
def test_details_are_kept_but_are_no_news(text: str) -> None:
    change = compare((TITLE, TEXT), (TITLE, text))
    assert (change.same, change.changed) == (False, ())


@pytest.mark.parametrize(
    "text",
    [
        "A court has stopped the plan for the harbour an hour ago, it became known.\n\n" + TEXT,
        "\n\n".join(SENTENCES[:15]),
        TEXT + " " + " ".join(sentence.replace("council", "mayor").replace("said", "wrote") for sentence in SENTENCES),
        "Something else altogether, told in very different words than those of before.",
        "",
    ],
    ids=["news on top", "half of it gone", "twice as long", "another text", "nothing left"],
)
def test_a_text_changes_in_substance(text: str) -> None:
    assert compare((TITLE, TEXT), (TITLE, text)).changed == ("text",)


def test_a_title_changes_with_its_words_not_with_their_look() -> None:
    assert compare((TITLE, TEXT), (TITLE.upper() + "!", TEXT)).changed == ()
    assert compare((TITLE, TEXT), ("The harbour plan is stopped", TEXT)).changed == ("title",)
    assert compare((TITLE, TEXT), ("Other", "Other.")).changed == ("title", "text")


def test_scripts_without_blanks_are_compared_by_their_characters() -> None:
    text = "".join(chr(0x4E00 + number * 37) for number in range(200)) + "春。"
    assert compare(("港", text), ("港", text.replace("春", "夏"))).changed == ()
    assert compare(("港", text), ("港", "大阪府の議会は計画を否決した。")).changed == ("text",)


def test_texts_without_words_can_be_compared() -> None:
    assert compare(("", ""), ("", "...")).changed == ()


def test_a_very_long_text_is_compared_in_bounded_time() -> None:
    long = "word " * 2_000_000
    assert compare((TITLE, long), (TITLE, long + "end")).similarity == 1.0
