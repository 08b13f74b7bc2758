"""The language of rules: what is understood, and what a rule that cannot be read is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.rules import RuleError, compile_rule
from pipeline.alerts.rules.query import Amount, And, Language, Meaning, Name, Not, Or, Outlet, State, Trouble, Words


def word(text: str, *, prefix: bool = False) -> Words:
    return Words(tuple(text.strip('"*').lower().split()), prefix, text)


def test_a_rule_with_everything_in_it_is_read() -> None:
    text = (
        'maduro AND ("phone call" OR phon*) AND NOT football outlets>=3 lang:es-MX state:surging '
        'name:"Nicolás Maduro" meaning:"phone conversation with Caracas\' leader" pace > 5 outlet:reuters'
    )
    assert compile_rule(text).query == And(
        (
            word("maduro"),
            Or((word('"phone call"'), word("phon*", prefix=True))),
            Not(word("football")),
            Amount("outlets", ">=", 3.0, "outlets>=3"),
            Language("es", "lang:es-MX"),
            State("surging", "state:surging"),
            Name(("nicolas", "maduro"), 'name:"Nicolás Maduro"'),
            Meaning(
                "phone conversation with Caracas' leader", 4.0, 'meaning:"phone conversation with Caracas\' leader"'
            ),
            Amount("pace", ">", 5.0, "pace>5"),
            Outlet(("reuters",), "outlet:reuters"),
        )
    )


def test_and_binds_closer_than_or_and_not_closest() -> None:
    assert compile_rule("a1 b1 OR NOT c1 AND d1").query == Or(
        (And((word("a1"), word("b1"))), And((Not(word("c1")), word("d1"))))
    )


def test_troubles_a_nearness_of_ones_own_and_printed_quotes() -> None:
    assert compile_rule("feed:failing OR pipeline:stalled").query == Or(
        (Trouble("feed", "failing", "feed:failing"), Trouble("pipeline", "stalled", "pipeline:stalled"))
    )
    assert compile_rule('meaning:"a strike" >= 5.5').query == Meaning("a strike", 5.5, 'meaning:"a strike">=5.5')
    assert compile_rule("“phone call”").query == word('"phone call"')


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 1, "a word, a phrase in quotes"),
        ("maduro AND", 11, "a word, a phrase in quotes"),
        ("maduro AND OR phoned", 12, "a word, a phrase in quotes"),
        ("(maduro OR phoned", 18, ") to close the ( at column 1"),
        ("maduro) phoned", 7, "AND, OR, another condition, or the end"),
        ('maduro "phone call', 19, '" to close the phrase that begins at column 8'),
        ("maduro outlets:3", 8, "a comparison, such as outlets>=3"),
        ("maduro outlets>=three", 17, "a number"),
        ("maduro outlets>=", 17, "a number"),
        ("maduro speed>=3", 8, "a figure that there is (pace, outlets, articles)"),
        ("colour:red", 1, "a field that there is"),
        ("state:hot", 7, "emerging or developing or surging or quiet or closed"),
        ("state: surging", 7, "emerging or developing or surging or quiet or closed right behind state:"),
        ("feed:stalled", 6, "failing or silent or recovered"),
        ("lang:english", 6, "the short code of a language"),
        ("m*duro", 2, "* at the end of a word only"),
        ("m*", 1, "two letters or more before *"),
        ("maduro …", 8, "a word with a letter or a digit"),
        ("meaning:strike >= much", 19, "how many standard deviations"),
        ("meaning:strike < 3", 16, ">= and how many standard deviations"),
        ("NOT football", 1, "a condition without NOT"),
        ("maduro OR NOT football", 1, "a condition without NOT"),
        ("a1 " * 201, 601, "no more than 200 conditions"),
        ("(" * 50 + "a1", 41, "no more than 40 conditions"),
        ("x" * 2001, 2001, "the end: a rule has 2000 characters at most"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place_and_what_was_expected(
    text: str, column: int, expected: str
) -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule(text)
    assert caught.value.column == column
    assert expected in caught.value.expected
    assert f"at column {column}: expected {caught.value.expected}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_caret_stands_below_the_place() -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule("maduro AND (phoned OR )")
    rule, caret = caught.value.pointed().split("\n")
    assert rule[caret.index("^")] == ")"
    with pytest.raises(RuleError) as caught:
        compile_rule("maduro " * 100 + "state:hot")
    rule, caret = caught.value.pointed().split("\n")
    assert rule[caret.index("^") :].startswith("hot")


@given(st.text(alphabet='maduro "()*:<>=ANDORT 3«é马\n\t\x00', max_size=60))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    error = refused(text)
    if error is not None:
        assert 1 <= error.column <= len(text) + 1
        assert error.expected


def refused(text: str) -> RuleError | None:
    try:
        compile_rule(text)
    except RuleError as error:
        return error
    return None
