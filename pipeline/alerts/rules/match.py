"""Whether a rule holds of a storyline or a trouble, and why."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.alerts.rules.parse import parse
from pipeline.alerts.rules.query import (
    Amount,
    And,
    Language,
    Leaf,
    Meaning,
    Name,
    Node,
    Not,
    Or,
    Outlet,
    State,
    Trouble,
    Words,
    leaves,
)
from pipeline.alerts.rules.view import Read, View

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition as the rule has it, and what met it."""

    condition: str
    found: str


@dataclass(frozen=True, slots=True)
class Match:
    """That a rule holds, with the conditions that made it so."""

    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that has been read, with the sentences that it asks the meaning of, and troubles such as feed:failing."""

    text: str
    query: Node
    sentences: tuple[str, ...]
    of_states: bool
    troubles: frozenset[str]

    def match(self, view: View, *, also: str | None = None) -> Match | None:
        """Whether it holds, and why. `also` is a state in which the storyline counts as well.

        Of a trouble it holds only where it asks for that one: no rule on a word is about a feed of that name.
        """
        if also is not None:
            view = replace(view, states=view.states | {also})
        why: list[Reason] = []
        if not _holds(self.query, view, why):
            return None
        asked = view.trouble is None or any(reason.condition in self.troubles for reason in why)
        return Match(tuple(why)) if asked else None


def compile_rule(text: str) -> Rule:
    """Read a rule. Raises RuleError, which names the place and what was expected there."""
    query = parse(text)
    there = list(leaves(query))
    return Rule(
        text=text,
        query=query,
        sentences=tuple(dict.fromkeys(leaf.sentence for leaf in there if isinstance(leaf, Meaning))),
        of_states=any(isinstance(leaf, State) for leaf in there),
        troubles=frozenset(f"{leaf.subject}:{leaf.kind}" for leaf in there if isinstance(leaf, Trouble)),
    )


def _holds(node: Node, view: View, why: list[Reason]) -> bool:
    """Whether a tree holds; the reasons are added to `why`, and are of no use where it does not."""
    if isinstance(node, Not):
        return not _holds(node.part, view, [])
    if isinstance(node, And):
        return all(_holds(part, view, why) for part in node.parts)
    if isinstance(node, Or):
        held = False
        for part in node.parts:  # all that hold are told, not only the first
            reasons: list[Reason] = []
            if _holds(part, view, reasons):
                held = True
                why += reasons
        return held
    found = _found(node, view)
    if found is not None:
        why.append(Reason(node.text, found))
    return found is not None


def _found(leaf: Leaf, view: View) -> str | None:
    """What meets a condition, as a phrase; None where nothing does."""
    if isinstance(leaf, Trouble):
        return f"the {leaf.subject} is {leaf.kind}" if view.trouble == (leaf.subject, leaf.kind) else None
    if isinstance(leaf, Words):
        end = "" if leaf.prefix else " "
        return _in_texts(view, f" {' '.join(leaf.words)}{end}", lambda read: read.text)
    if isinstance(leaf, Name):
        return _in_texts(view, f" {' '.join(leaf.words)} ", lambda read: read.names)
    return _of_storyline(leaf, view) if view.trouble is None else None


def _of_storyline(leaf: Outlet | Language | State | Meaning | Amount, view: View) -> str | None:
    found: str | None = None
    if isinstance(leaf, Outlet):
        needle = f" {' '.join(leaf.words)} "
        found = "among its outlets" if any(needle in outlet for outlet in view.outlets) else None
    elif isinstance(leaf, Language):
        count = view.langs.get(leaf.lang, 0)
        found = f"{count} of {len(view.reads)} articles" if count >= view.least else None
    elif isinstance(leaf, State):
        found = leaf.state if leaf.state in view.states else None
    elif isinstance(leaf, Meaning):
        near = view.nearness(leaf.sentence)
        found = f"{near:.1f} standard deviations" if near is not None and near >= leaf.least else None
    else:
        value = view.amounts[leaf.what]
        found = f"{value:g}" if _COMPARE[leaf.comparison](value, leaf.value) else None
    return found


def _in_texts(view: View, needle: str, part: Callable[[Read], str]) -> str | None:
    count = sum(needle in part(read) for read in view.reads)
    if needle in part(view.head):
        return "in its headline" if view.trouble is None else "in its name"
    return f"in {count} of {len(view.reads)} articles" if count >= view.least else None
