"""Which of ten thousand rules are worth a look: each stands under what it cannot do without.

A rule is filed under the rarest of the words, names, outlets, sentences or states that have to be there for it to hold
(under one of each branch, where it has an OR); one that needs nothing of the kind, such as `outlets>=5`, is always
looked at. So an event costs as much as its storyline's words have rules under them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipeline.alerts.rules.match import Rule
from pipeline.alerts.rules.query import And, Language, Leaf, Meaning, Name, Node, Not, Or, Outlet, State, Trouble, Words
from pipeline.alerts.rules.view import View

Usual = Callable[[str], float]
Key = tuple[str, str]
_WORD, _PREFIX, _OUTLET, _LANG, _STATE, _MEANING, _TROUBLE = (
    "word",
    "prefix",
    "outlet",
    "lang",
    "state",
    "meaning",
    "trouble",
)

# Shares of storylines that have such a thing, about: what is needed is only which of two is rarer.
_RARE_WORD = 0.001
_OF_PREFIX = 0.02
_OF_OUTLET = 0.05
_OF_LANG = 0.5
_OF_MEANING = 0.005
_OF_STATE = {"surging": 0.02, "closed": 0.05, "quiet": 0.1}


@dataclass(frozen=True, slots=True)
class _Needs:
    """Keys of which one at least has to be there, and about how often one is."""

    keys: frozenset[Key]
    share: float


class Index:
    """Rules by number, found by what they need. `usual` gives the share of storylines that have a word."""

    def __init__(self, rules: Mapping[int, Rule], usual: Usual = lambda _word: 0.0) -> None:
        self.rules = dict(rules)
        self._under: dict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._of_trouble: defaultdict[str, list[int]] = defaultdict(list)
        self._always: list[int] = []
        for number, rule in rules.items():
            for trouble in rule.troubles:
                self._of_trouble[trouble].append(number)
            needs = _needs(rule.query, usual)
            if needs is None:
                self._always.append(number)
            else:
                for kind, key in needs.keys:
                    self._under[kind][key].append(number)
        self._lengths = sorted({len(prefix) for prefix in self._under[_PREFIX]})

    def candidates(self, view: View, sentences: Iterable[str] = ()) -> set[int]:
        """The rules that may hold of `view`; `sentences` are those that it is near enough to for some rule."""
        if view.trouble is not None:
            return set(self._of_trouble.get(":".join(view.trouble), ()))
        found = set(self._always)
        self._add(found, _WORD, view.words() & self._under[_WORD].keys())
        if self._lengths:
            beginnings = {word[:length] for word in view.all_words() for length in self._lengths}
            self._add(found, _PREFIX, beginnings & self._under[_PREFIX].keys())
        if self._under[_OUTLET]:
            self._add(found, _OUTLET, {word for outlet in view.outlets for word in outlet.split()})
        self._add(found, _LANG, view.langs)
        self._add(found, _STATE, view.states)
        self._add(found, _MEANING, sentences)
        return found

    def _add(self, found: set[int], kind: str, keys: Iterable[str]) -> None:
        under = self._under[kind]
        for key in keys:
            if key in under:
                found.update(under[key])


def _needs(node: Node, usual: Usual) -> _Needs | None:
    """What a tree cannot hold without; None where there is no such thing."""
    if isinstance(node, And):
        parts = [needs for part in node.parts if (needs := _needs(part, usual)) is not None]
        return min(parts, key=lambda needs: needs.share, default=None)
    if isinstance(node, Or):
        each = [_needs(part, usual) for part in node.parts]
        if any(needs is None for needs in each):
            return None
        there = [needs for needs in each if needs is not None]
        return _Needs(frozenset().union(*(needs.keys for needs in there)), sum(needs.share for needs in there))
    if isinstance(node, Trouble):  # of a storyline it never holds
        return _Needs(frozenset(), 0.0)
    return None if isinstance(node, Not) else _key(node, usual)


def _key(leaf: Leaf, usual: Usual) -> _Needs | None:
    found: tuple[str, str, float] | None = None
    if isinstance(leaf, Words | Name):
        whole = leaf.words[:-1] if isinstance(leaf, Words) and leaf.prefix else leaf.words
        if whole:
            # Of two that are equally rare the longer one: most words that nobody counted yet are names.
            rarest = min(whole, key=lambda word: (usual(word), -len(word)))
            found = (_WORD, rarest, _RARE_WORD + usual(rarest))
        else:
            found = (_PREFIX, leaf.words[-1], _OF_PREFIX)
    elif isinstance(leaf, Outlet):
        found = (_OUTLET, max(leaf.words, key=len), _OF_OUTLET)
    elif isinstance(leaf, Language):
        found = (_LANG, leaf.lang, _OF_LANG)
    elif isinstance(leaf, State):
        found = (_STATE, leaf.state, _OF_STATE.get(leaf.state, _OF_LANG))
    elif isinstance(leaf, Meaning):
        found = (_MEANING, leaf.sentence, _OF_MEANING)
    return _Needs(frozenset(((found[0], found[1]),)), found[2]) if found else None
