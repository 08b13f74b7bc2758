"""Whatever an article lacks, it is filed by what is left."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.records import Vector
from pipeline.storylines.evidence import Features, features, names, tells_of_title, usable_vector, words
from pipeline.storylines.filing import Filing
from pipeline.storylines.titles import strip_outlet
from tests.storylines.wire import Desk, about, article, filler


@pytest.mark.parametrize(
    "vector",
    [None, np.zeros(64, np.float32), np.full(64, np.nan, np.float32), np.full(64, np.inf, np.float32),
     np.empty(0, np.float32)],
    ids=["none", "zeros", "nan", "infinite", "empty"],
)  # fmt: skip
def test_a_vector_that_says_nothing_leaves_the_words(vector: Vector | None) -> None:
    assert usable_vector(vector) is None
    desk = Desk()
    desk.take_all(filler())
    title, text = "Freighter Maribel blocks Tessin", "The Maribel ran aground at the mouth of the Tessin on Friday."
    desk.take(article(1, title, text, vector=vector))
    decision = desk.take(article(2, "Tessin still blocked by Maribel", text, vector=about("harbour"), hours=2.0))
    assert decision.storyline == desk.history[-2][1]
    assert np.isfinite(decision.score)
    assert decision.evidence[0].name == "no vector confirms the words"


def test_a_vector_is_brought_to_length_one() -> None:
    unit = usable_vector(np.array([3, 4], np.float32))
    assert unit is not None
    assert unit.tolist() == pytest.approx([0.6, 0.8])


def test_vectors_of_two_models_never_meet() -> None:
    filing = Filing()
    filing.file(article(1, "One", vector=about("one")), 1)
    with pytest.raises(InputError, match="3 dimensions came among vectors of 64"):
        filing.decide(article(2, "Two", vector=np.ones(3, np.float32)))


def test_nothing_at_all_is_filed_alone() -> None:
    desk = Desk()
    found = desk.take_all([article(i, "", "", lang=None, hours=None) for i in (1, 2)])
    assert found == [100, 101]


def test_titles_alone() -> None:
    desk = Desk()
    desk.take_all(filler())
    found = desk.take_all(
        [
            article(1, "Freighter Maribel blocks harbour of Port Alder", vector=about("harbour", noise="1")),
            article(2, "Port Alder harbour blocked by freighter Maribel - Alder Gazette", vector=about("harbour")),
        ]
    )
    assert found[0] == found[1]


def test_text_alone() -> None:
    desk = Desk()
    desk.take_all(filler())
    text = "The freighter Maribel blocks the harbour of Port Alder since Friday, and eleven ships wait outside."
    assert len(set(desk.take_all([article(1, "", text), article(2, "", text + " Tugs failed.")]))) == 1


STORIES = {
    "hi": (
        "वेनेज़ुएला के राष्ट्रपति से फ़ोन पर बातचीत",
        "राष्ट्रपति ने रविवार को पुष्टि की कि उन्होंने वेनेज़ुएला के राष्ट्रपति से फ़ोन पर बात की थी।",
        "राष्ट्रपति ने वेनेज़ुएला से फ़ोन पर बातचीत की पुष्टि की",
        "बंदरगाह में मालवाहक जहाज़ फँसा",
    ),
    "zh": (
        "美国总统证实与马杜罗通电话",
        "美国总统周日在空军一号上证实，他曾与委内瑞拉总统马杜罗通电话。",
        "总统证实曾与委内瑞拉总统马杜罗通话",
        "货轮在港口搁浅",
    ),
    "ar": (
        "الرئيس يؤكد مكالمة هاتفية مع مادورو",
        "أكد الرئيس يوم الأحد أنه تحدث هاتفيا مع رئيس فنزويلا مادورو.",
        "الرئيس يؤكد أنه تحدث هاتفيا مع مادورو",
        "سفينة شحن تغلق ميناء المدينة",
    ),
    "ru": (
        "Президент подтвердил разговор с Мадуро",
        "Президент в воскресенье подтвердил телефонный разговор с Николасом Мадуро.",
        "Подтверждён телефонный разговор с Николасом Мадуро",
        "Сухогруз сел на мель у входа в порт",
    ),
}


@pytest.mark.parametrize("lang", STORIES)
def test_any_script_by_words_alone(lang: str) -> None:
    title, text, follow, other = STORIES[lang]
    desk = Desk()
    desk.take_all(filler())
    found = desk.take_all(
        [
            article(1, title, text, lang=lang),
            article(2, other, other, lang=lang),
            article(3, follow, text, lang=lang, hours=2.0),
        ]
    )
    assert found[0] == found[2] != found[1]


def test_a_model_that_finds_a_language_all_alike_makes_no_giant() -> None:
    desk = Desk()
    desk.take_all([page for i in range(12) for page in filler(1000 + 10 * i, hours=float(i))])
    foreign = [
        article(i, f"tin{i} báo{i} số{i}", f"nội{i} dung{i} của{i} bài{i}", lang="vi", hours=12.0,
                vector=about("vietnamese", noise=f"v{i}", share=0.7))
        for i in range(60)
    ]  # fmt: skip
    found = desk.take_all(foreign)
    assert max(found.count(s) for s in set(found)) <= 10


def test_words_of_scripts() -> None:
    assert words("The President's call") == ["president", "call"]
    assert words("हिन्दी में") == ["हिन्दी", "में"]
    assert words("马杜罗") == ["马杜", "杜罗"]
    assert words("Nicola\u0301s") == words("Nicolás")  # letters and accents written apart


def test_names_are_phrases_their_parts_and_numbers() -> None:
    found = names("Strike at Port Alder", "The Port Alder harbour lost 14 ships. He left.\nÉlise Maron’s tugs came.")
    assert {"port alder", "port", "alder", "14", "strike", "élise maron", "maron"} <= set(found)
    assert not {"the", "he", "the port alder", "harbour", "left"} & set(found)


def test_a_text_that_does_not_speak_of_its_title() -> None:
    def shown(title: str, text: str) -> Features:
        return features(article(1, title, text))

    assert tells_of_title(shown("Harbour blocked", "The harbour is blocked by a ship."))
    assert not tells_of_title(shown("Minister Ruland resigns", "Thank you for registering."))
    assert not tells_of_title(shown("Minister Ruland resigns", ""))
    assert tells_of_title(shown("", "Thank you for registering."))


def test_a_url_that_is_none_names_no_outlet() -> None:
    assert strip_outlet("The call - The Beacon", outlet="Beacon", url="http://[x") == "The call"
    assert strip_outlet("Maduro - the call", outlet="Beacon", url="http://[x") == "Maduro - the call"
