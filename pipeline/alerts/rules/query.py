"""What a rule's text means: a tree of conditions, each with the place in the text where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Number = Literal["pace", "outlets", "articles"]
Comparison = Literal[">=", "<=", ">", "<", "="]


@dataclass(frozen=True, slots=True)
class Words:
    """Words that follow one another; `prefix`: the last one is the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name, written with capitals where the script has them."""

    words: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet whose name has these words."""

    words: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Language:
    """A language in which it is told, a short code."""

    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class State:
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """A sentence, and by how many standard deviations a storyline must be nearer to it than unrelated articles are."""

    sentence: str
    least: float
    text: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure of the storyline, compared."""

    what: Number
    comparison: Comparison
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Trouble of a feed or of the pipeline: `subject` is `feed` or `pipeline`."""

    subject: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


Leaf = Words | Name | Outlet | Language | State | Meaning | Amount | Trouble
Node = Leaf | Not | And | Or


def leaves(node: Node) -> Iterator[Leaf]:
    """All conditions of a tree, from left to right."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def asks(node: Node) -> bool:
    """Whether something must be there for it to hold: what only says what must not be would hold of everything."""
    if isinstance(node, Not):
        return False
    if isinstance(node, And):
        return any(map(asks, node.parts))
    if isinstance(node, Or):
        return all(map(asks, node.parts))
    return True
