"""The text of a rule to its tree, by recursive descent.

rule  = any            any = all { "OR" all }        all  = one { ["AND"] one }
one   = "NOT" one | "(" any ")" | words | field      words = word["*"] | "phrase"
field = name:VALUE | name (>= | <= | > | < | =) NUMBER
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

from pipeline.alerts.rules.query import (
    Amount,
    And,
    Comparison,
    Language,
    Meaning,
    Name,
    Node,
    Not,
    Number,
    Or,
    Outlet,
    State,
    Trouble,
    Words,
    asks,
)
from pipeline.alerts.rules.wording import tokens
from pipeline.errors import InputError

MOST_CHARS, MOST_CONDITIONS, MOST_DEPTH = 2_000, 200, 40
NEAR = 4.0
"""Standard deviations from which a storyline means what a sentence says, where the rule does not say."""
STATES = ("emerging", "developing", "surging", "quiet", "closed")
TROUBLES: Mapping[str, tuple[str, ...]] = {
    "feed": ("failing", "silent", "recovered"),
    "pipeline": ("stalled", "recovered"),
}
AMOUNTS = ("pace", "outlets", "articles")
FIELDS = ("name", "outlet", "lang", "state", "meaning", *TROUBLES)
_A_CONDITION = "a word, a phrase in quotes, a field such as lang:en, NOT or ("
_MORE = "AND, OR, another condition, or the end"
_QUOTES = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}  # as text editors write them
_TOKEN = re.compile(
    r'(?P<blank>\s+)|(?P<open>\()|(?P<close>\))|(?P<phrase>"[^"]*")|(?P<unclosed>"[^"]*$)'
    r"|(?P<field>[a-z]+:)|(?P<number>[a-z]+(?:>=|<=|[<>=]))|(?P<compare>>=|<=|[<>=])|(?P<word>[^\s()\"<>=]+)"
)
_FIGURE = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
_LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*")


class RuleError(InputError):
    """A rule that cannot be read. `column` counts from 1; `expected` says what would have been right there."""

    def __init__(self, text: str, at: int, expected: str, found: str = "") -> None:
        self.column, self.expected, self.rule = at + 1, expected, text
        said = f", not {found}" if found else ""
        super().__init__(f"the rule cannot be read at column {self.column}: expected {expected}{said}")

    def pointed(self) -> str:
        """The part of the rule around the place, and below it a caret."""
        start = max(0, self.column - 1 - 60)
        shown = "".join(c if c.isprintable() else " " for c in self.rule[start : start + 100])
        return f"  {shown}\n  {' ' * (self.column - 1 - start)}^"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of a rule. Raises RuleError, which names the place and what was expected there."""
    if len(text) > MOST_CHARS:
        raise RuleError(text, MOST_CHARS, f"the end: a rule has {MOST_CHARS} characters at most")
    made = _Parser(text).rule()
    if not asks(made):
        raise RuleError(text, 0, "a condition without NOT that every match has to meet")
    return made


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        plain = "".join(_QUOTES.get(c, c) for c in text)
        self._tokens = [
            _Token(str(found.lastgroup), found[0], found.start())
            for found in _TOKEN.finditer(plain)
            if found.lastgroup != "blank"
        ]
        self._place = self._conditions = self._depth = 0

    def rule(self) -> Node:
        made = self._any()
        if (token := self._next()) is not None:
            self._fail(token, _MORE)
        return made

    def _any(self) -> Node:
        parts = [self._all()]
        while self._is_word("OR"):
            self._place += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while (token := self._next()) is not None and token.kind != "close" and not self._is_word("OR"):
            if self._is_word("AND"):
                self._place += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        token = self._take(_A_CONDITION)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            self._fail(token, f"no more than {MOST_DEPTH} conditions inside one another", said=False)
        if token.kind == "word" and token.text == "NOT":
            made: Node = Not(self._one())
        elif token.kind == "open":
            made = self._any()
            closing = self._take(") to close the ( at column " + str(token.at + 1))
            if closing.kind != "close":
                self._fail(closing, f"{_MORE} or )")
        else:
            made = self._condition(token)
        self._depth -= 1
        return made

    def _condition(self, token: _Token) -> Node:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            self._fail(token, f"no more than {MOST_CONDITIONS} conditions", said=False)
        if token.kind == "unclosed":
            raise RuleError(self._text, len(self._text), f'" to close the phrase that begins at column {token.at + 1}')
        following = self._next()
        if token.text in AMOUNTS and following is not None and following.kind == "compare":  # pace >= 5
            self._place += 1
            return self._amount(_Token("number", token.text + following.text, token.at))
        if token.kind == "phrase" or (token.kind == "word" and token.text not in ("AND", "OR")):
            return self._words(token)
        if token.kind == "field":
            return self._field(token)
        if token.kind == "number":
            return self._amount(token)
        return self._fail(token, _A_CONDITION)

    def _words(self, token: _Token) -> Words:
        bare = token.text.strip('"')
        found = tuple(tokens(bare))
        if not found:
            self._fail(token, "a word with a letter or a digit")
        star = bare.rstrip().find("*")
        if 0 <= star < len(bare.rstrip()) - 1:
            raise RuleError(self._text, token.at + star, "* at the end of a word only")
        if star >= 0 and len(found[-1]) < 2:
            self._fail(token, "two letters or more before *")
        return Words(found, star >= 0, token.text)

    def _field(self, token: _Token) -> Node:
        name = token.text[:-1]
        if name in AMOUNTS:
            self._fail(token, f"a comparison, such as {name}>=3")
        if name not in FIELDS:
            self._fail(token, f"a field that there is ({', '.join(f'{one}:' for one in FIELDS)})")
        choices = STATES if name == "state" else TROUBLES.get(name)
        value = self._value(token, " or ".join(choices) if choices else _VALUES[name])
        bare = value.text.strip('"').strip()
        text = f"{token.text}{value.text}"
        if choices:
            if bare not in choices:
                self._fail(value, " or ".join(choices))
            return State(bare, text) if name == "state" else Trouble(name, bare, f"{name}:{bare}")
        if name == "lang":
            if not _LANG.fullmatch(bare):
                self._fail(value, _VALUES[name])
            return Language(bare.split("-", 1)[0].lower(), text)
        words = tuple(tokens(bare))
        if not words:
            self._fail(value, _VALUES[name])
        if name == "meaning":
            return self._meaning(bare, text)
        return Name(words, text) if name == "name" else Outlet(words, text)

    def _value(self, token: _Token, expected: str) -> _Token:
        """What stands right behind a field's colon."""
        value = self._next()
        if value is None or value.at != token.at + len(token.text):
            raise RuleError(self._text, token.at + len(token.text), f"{expected} right behind {token.text}")
        if value.kind not in ("word", "phrase"):
            if value.kind == "unclosed":
                self._condition(value)
            self._fail(value, expected)
        self._place += 1
        return value

    def _meaning(self, sentence: str, text: str) -> Meaning:
        sign = self._next()
        if sign is None or sign.kind != "compare":
            return Meaning(sentence, NEAR, text)
        if sign.text != ">=":
            self._fail(sign, ">= and how many standard deviations")
        self._place += 1
        value = self._figure("how many standard deviations, such as 4")
        return Meaning(sentence, value, f"{text}>={value:g}")

    def _amount(self, token: _Token) -> Amount:
        name = token.text.rstrip("<>=")
        comparison = token.text[len(name) :]
        if name not in AMOUNTS:
            self._fail(token, f"a figure that there is ({', '.join(AMOUNTS)})")
        value = self._figure("a number, such as 3")
        return Amount(cast("Number", name), cast("Comparison", comparison), value, f"{token.text}{value:g}")

    def _figure(self, expected: str) -> float:
        value = self._take(expected)
        if value.kind != "word" or not _FIGURE.fullmatch(value.text):
            self._fail(value, expected)
        return float(value.text)

    def _next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self, expected: str) -> _Token:
        token = self._next()
        if token is None:
            raise RuleError(self._text, len(self._text.rstrip()), expected, "the end")
        self._place += 1
        return token

    def _is_word(self, word: str) -> bool:
        token = self._next()
        return token is not None and token.kind == "word" and token.text == word

    def _fail(self, token: _Token, expected: str, *, said: bool = True) -> NoReturn:
        raise RuleError(self._text, token.at, expected, token.text[:40] if said else "")


_VALUES = {
    "name": 'a name, such as name:"Nicolás Maduro",',
    "outlet": "an outlet's name, such as outlet:Reuters,",
    "lang": "the short code of a language, such as lang:es,",
    "meaning": "a sentence in quotes",
}
