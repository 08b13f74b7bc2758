"""What rules hold of: storylines in several languages by words, names, outlets, figures and meaning; and troubles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.alerts.rules import compile_rule
from pipeline.alerts.rules.view import NOTHING, Piece, View, is_fresh, read_article, storyline_view, trouble_view

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def piece(
    number: int,
    title: str,
    text: str = "",
    *,
    outlet: str = "",
    lang: str = "en",
    minutes: float = 0,
    original: bool = True,
    fresh: bool = True,
) -> Piece:
    when = NOON - timedelta(minutes=minutes)
    return Piece(
        id=number,
        seen=when,
        filed=when,
        outlet=outlet or f"Outlet {number}",
        url="",
        lang=lang,
        original=original,
        fresh=fresh,
        read=read_article(title, text) if original else None,
    )


def view(*pieces: Piece, state: str = "developing", head: str = "", near: dict[str, float] | None = None) -> View:
    told = {"id": 7, "state": state, "articles": len(pieces)}
    return storyline_view(told, pieces, NOON, head=(head,), nearness=(near or {}).get)


def holds(rule: str, seen: View) -> bool:
    return compile_rule(rule).match(seen) is not None


CALL = view(
    piece(1, "Trump and Maduro spoke by phone", "Nicolás Maduro phoned the White House. A phone-call of ten minutes."),
    piece(2, "Llamada entre Trump y Maduro", "El presidente de Venezuela, Nicolás Maduro, habló.", lang="es"),
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("maduro", True),
        ("MADURO", True),
        ("madur", False),  # whole words
        ("madur*", True),
        ('"phone call"', True),
        ('"call phone"', False),
        ('"spoke by phone Nicolás"', False),  # a phrase does not reach from the title into the text
        ("maduro AND (phoned OR rang) AND NOT football", True),
        ("maduro NOT phoned", False),
        ("habló", True),
        ("hablo", True),
        ('name:"Nicolas Maduro"', True),
        ("name:phoned", False),  # there, but no name
        ("name:Venezuela", True),
        ('name:"Venezuela Nicolás"', False),  # a comma stands between
        ("lang:es lang:en", True),
        ("lang:fr", False),
        ("outlet:outlet", True),
        ('outlet:"Outlet 3"', False),
        ("outlets=2 articles<=2", True),
        ("outlets>2", False),
        ("state:developing", True),
        ("state:surging", False),
        ("pipeline:stalled OR feed:failing", False),
    ],
)
def test_conditions_on_a_storyline(rule: str, expected: bool) -> None:
    assert holds(rule, CALL) is expected


@pytest.mark.parametrize(
    ("text", "rule", "not_there"),
    [
        ("Die Wähler in Österreich entscheiden über die Straße", "wahler strasse osterreich*", "wahl"),
        ("Les députés s'opposent à l'œuvre", 'deputes oeuvre "l\'œuvre"', "depute"),
        ("Prezydent Łódź i Kraków", "lodz krakow", "krak"),
        ("Tổng thống Đức gặp Thủ tướng", '"tong thong duc" thu', "tong-duc"),
        ("İstanbul'da ısı artıyor", "istanbul isi", "istan"),
        ("Президент Йемена посетил Орёл", "президент иемена орел", "прези"),
        ("Ο πρωθυπουργός της Ελλάδας", "ΠΡΩΘΥΠΟΥΡΓΟΣ ελλαδας", "πρωθ"),
        ("أعلَنت وزارة الصحة عن حملة", "اعلنت الصحة", "صحة"),
        ("किसानों ने प्रदर्शन किया", "किसानों प्रदर्शन", "किस"),
        ("马杜罗与特朗普通电话", "马杜罗 通电话", "马特"),
        ("マドゥロ大統領が電話会談", "マドゥロ 電話会談", "マトゥロ"),
        ("마두로 대통령이 전화했다", "마두로 대통령*", "대통"),
        ("ประธานาธิบดีโทรศัพท์", "โทรศัพท์", "โทรทัศน์"),
    ],
)
def test_words_of_many_languages_without_regard_to_case_and_accents(text: str, rule: str, not_there: str) -> None:
    seen = view(piece(1, text))
    assert holds(rule, seen)
    assert not holds(not_there, seen)


def test_a_mention_in_one_of_many_articles_is_not_what_the_storyline_is_about() -> None:
    articles = [
        piece(n, "The dam holds", "A trade union was mentioned." if n == 0 else "", outlet="A") for n in range(20)
    ]
    assert holds("dam", view(*articles))
    assert not holds("union", view(*articles))
    assert holds("dam NOT union", view(*articles))
    assert holds("union", view(*articles, head="The union and the dam"))
    assert holds("union", view(articles[0]))


def test_only_the_latest_originals_are_read_and_reprints_are_no_outlets_of_their_own() -> None:
    early = [piece(n, "The dam breaks", outlet="A", minutes=300) for n in range(30)]
    late = [piece(n, "The trial begins", outlet="B", minutes=5) for n in range(30, 60)]
    copies = [piece(n, "", outlet=f"C{n}", original=False) for n in range(60, 70)]
    seen = view(*early, *late, *copies)
    assert holds("trial", seen)
    assert not holds("dam", seen)
    assert holds("outlets=2 outlet:c65", seen)


def test_pace_counts_fresh_originals_of_the_last_hour() -> None:
    seen = view(
        *(piece(n, "x", minutes=59 - n) for n in range(4)),
        piece(5, "x", minutes=61),
        piece(6, "x", fresh=False),
        piece(7, "x", original=False),
    )
    assert holds("pace=4", seen)


def test_meaning_is_met_from_its_standard_deviations_on_and_never_where_it_is_not_known() -> None:
    seen = view(piece(1, "x"), near={"a phone call": 4.2})
    assert holds('meaning:"a phone call"', seen)
    assert holds('meaning:"a phone call">=4.2', seen)
    assert not holds('meaning:"a phone call">=4.3', seen)
    assert not holds('meaning:"another thing">=0', seen)


def test_a_match_says_which_conditions_made_it_so_and_by_what() -> None:
    rule = compile_rule('maduro (phoned OR nothing OR "spoke by") NOT football outlets>=2')
    found = rule.match(CALL)
    assert found is not None
    assert [(one.condition, one.found) for one in found.why] == [
        ("maduro", "in 2 of 2 articles"),
        ("phoned", "in 1 of 2 articles"),
        ('"spoke by"', "in 1 of 2 articles"),
        ("outlets>=2", "2"),
    ]


def test_troubles_are_met_by_rules_that_ask_for_them_only() -> None:
    failing = trouble_view("feed/3", ("feed", "failing"), "Reuters World", "https://reuters.example/world.xml")
    assert holds("feed:failing", failing)
    assert holds("feed:failing reuters NOT sport", failing)
    assert not holds("feed:failing sport", failing)
    assert not holds("feed:silent", failing)
    assert not holds("reuters", failing)
    assert not holds("reuters OR pipeline:stalled NOT state:quiet", trouble_view("feed/3", ("feed", "silent")))
    assert not holds("feed:failing outlets<5", failing)
    assert not holds("reuters NOT feed:silent", failing)
    assert not holds("reuters OR feed:silent", failing)
    assert holds("pipeline:stalled", trouble_view("pipeline", ("pipeline", "stalled")))


def test_an_article_of_a_first_poll_or_written_long_ago_is_not_fresh() -> None:
    assert is_fresh(seen=NOON, written=None, backfill=False)
    assert is_fresh(seen=NOON, written=NOON - timedelta(hours=47), backfill=False)
    assert not is_fresh(seen=NOON, written=NOON - timedelta(hours=49), backfill=False)
    assert not is_fresh(seen=NOON, written=NOON, backfill=True)


def test_a_view_as_of_an_earlier_moment_knows_nothing_later() -> None:
    early, late = piece(1, "A dam", minutes=30), piece(2, "A trial", minutes=5)
    told = {"id": 7, "state": "emerging", "articles": 1}
    before = storyline_view(told, [early, late], NOON - timedelta(minutes=20))
    assert holds("dam outlets=1", before)
    assert not holds("trial", before)
    assert before.head == NOTHING
