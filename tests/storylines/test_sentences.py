"""Texts come apart at their sentences, and only sentences about the matter are kept."""

from __future__ import annotations

import time

import pytest

from pipeline.storylines.tell.sentences import MOST_CHARS, says_something, split, tidy


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        (
            "en",
            'Mr. Orlan met Dr. Vey at 5 p.m. on Sunday. "We agreed," he said. The U.S. pays $3.50.',
            [
                "Mr. Orlan met Dr. Vey at 5 p.m. on Sunday.",
                '"We agreed," he said.',
                "The U.S. pays $3.50.",
            ],
        ),
        (
            "en",
            "He came in at No. 5. She said no. Then St. Orsel Inc. won 3 prizes in 2025. Fine!",
            ["He came in at No. 5.", "She said no.", "Then St. Orsel Inc. won 3 prizes in 2025.", "Fine!"],
        ),
        ("fr", "M. Orlan est parti. Il a dit : « Non. »", ["M. Orlan est parti.", "Il a dit : « Non. »"]),
        (
            "de",
            "Am 3. Mai kam Dr. Vey z. B. nach Orsel. Er blieb.",
            ["Am 3. Mai kam Dr. Vey z. B. nach Orsel.", "Er blieb."],
        ),
        ("vi", "Công an TP. HCM đã đến. Ông nói vậy.", ["Công an TP. HCM đã đến.", "Ông nói vậy."]),
        ("zh", "委内瑞拉总统说：“我们谈过了。”他没有说更多。", ["委内瑞拉总统说：“我们谈过了。”", "他没有说更多。"]),
        ("ja", "大統領が来た。その後、会談した。", ["大統領が来た。", "その後、会談した。"]),
        ("hi", "डॉ. सिंह आए। उन्होंने फोन किया।", ["डॉ. सिंह आए।", "उन्होंने फोन किया।"]),
        ("ar", "قال الرئيس نعم. هل هذا صحيح؟", ["قال الرئيس نعم.", "هل هذا صحيح؟"]),
        (None, "One paragraph\n\nand\tanother.", ["One paragraph", "and another."]),
        ("xx-unknown", "It rained. It stopped.", ["It rained.", "It stopped."]),
        ("en", "", []),
    ],
)
def test_abbreviations_quotations_and_other_scripts(lang: str | None, text: str, expected: list[str]) -> None:
    assert split(text, lang, most=10) == expected


def test_only_the_first_ones_are_read() -> None:
    assert split("It rained. " * 50, "en", most=15) == ["It rained."] * 15


@pytest.mark.parametrize("text", ["word " * 200_000, "x" * 1_000_000, "A. " * 300_000, "a\n" * 500_000, "\ud800 half."])
def test_texts_without_sentences_cost_nothing(text: str) -> None:
    began = time.process_time()
    found = split(text, "en", most=15)
    assert time.process_time() - began < 0.5
    assert sum(map(len, found)) <= MOST_CHARS


@pytest.mark.parametrize(
    ("sentence", "bare"),
    [
        ("CARACAS, Dec 1 (Reuters) - The president spoke on Monday.", "The president spoke on Monday."),
        ("(CBS News) The president spoke on Monday.", "The president spoke on Monday."),
        ("HALMOUTH (Continental Wire) - Dockers walked out.", "Dockers walked out."),
        ("ALDERMOOR, Vale — Dockers walked out at dawn.", "Dockers walked out at dawn."),
        ("SAN JOSE, Costa Rica - Investigators came.", "Investigators came."),
        ("PORT-AU-PRINCE, Haiti — The toll rose.", "The toll rose."),
        ("OPEC met on Monday - and Caracas wrote.", "OPEC met on Monday - and Caracas wrote."),
        ("-- Police say four were held.", "Police say four were held."),
    ],
)
def test_datelines_go(sentence: str, bare: str) -> None:
    assert tidy(sentence) == bare


GOOD = "The old bridge over the Vell was closed on Monday after cracks were found."


def test_a_plain_sentence_is_kept() -> None:
    assert says_something(GOOD)
    assert says_something("委内瑞拉总统马杜罗说，两国领导人通了电话。")


@pytest.mark.parametrize(
    "notice",
    [
        "Sign up for our newsletter and never miss a story from our team.",
        "Reporting by Ilsa Brandt in Orsel; editing by Tomas Vey and others.",
        "A man walks past the bridge in this picture taken on the first of May.",
        "Image 4 of 9 The old bridge over the river was closed on Monday.",
        "For more information please follow us on our social channels every day.",
        "Photo by Ilsa Brandt shows the old bridge over the river on Monday.",
        "Orsel Bridge Closed As Mayor Tomas Vey Orders Inquiry Into Cracks.",
        "which the mayor said was the reason that the bridge had to be closed.",
        "The bridge was closed",
        "Closed on Monday.",
        "12 - 3, 14 - 7, 15:30, 17:45, 19:20 / 22.5 % (11) [8] {7} = 4 of the.",
        "See https://outlet.example/a for what the mayor said about it on Monday.",
        "The old bridge over the Vell was closed on Monday and the new one too 2.",
        "",
    ],
)
def test_notices_captions_lists_and_pieces_are_not(notice: str) -> None:
    assert not says_something(notice)
