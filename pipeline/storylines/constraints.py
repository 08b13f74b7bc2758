"""What people said of storylines, which second thoughts must respect: held in memory, kept in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable


class Constraints:
    """Storylines that are locked, declared or to be kept apart, and articles that stay where people put them.

    Ids of storylines are living ones, none that was merged away: `merged` hands on what was said of the one that goes.
    """

    def __init__(
        self,
        *,
        locked: Iterable[int] = (),
        declared: Iterable[int] = (),
        renamed: Iterable[int] = (),
        pinned: Iterable[int] = (),
        apart: Iterable[tuple[int, int]] = (),
    ) -> None:
        self.locked, self.declared, self.pinned = set(locked), set(declared), set(pinned)
        self.renamed = set(renamed)
        self._apart: defaultdict[int, set[int]] = defaultdict(set)
        for a, b in apart:
            self.keep_apart(a, b)

    def may_merge(self, a: int, b: int) -> bool:
        """Whether second thoughts may make one of these two. A declared one has to be the winner."""
        return self.against_merge(a, b) is None

    def against_merge(self, a: int, b: int) -> str | None:
        """Why they may not, as a sentence; None when they may."""
        for storyline in (a, b):
            if storyline in self.locked:
                return f"storyline {storyline} is locked"
        if b in self._apart.get(a, ()):
            return f"people took storylines {a} and {b} apart"
        if a in self.declared and b in self.declared:
            return f"storylines {a} and {b} were both declared"
        if a in self.renamed | self.declared and b in self.renamed | self.declared:
            return f"people gave storylines {a} and {b} each a name"
        return None

    def rank(self, storyline: int) -> tuple[int, int]:
        """Which of two becomes part of the other: the smallest remains. What people declared or named stays."""
        return (storyline not in self.declared) + (storyline not in self.renamed | self.declared), storyline

    def may_split(self, storyline: int, articles: Collection[int]) -> bool:
        """Whether second thoughts may take these articles out of the storyline."""
        return self.against_split(storyline, articles) is None

    def against_split(self, storyline: int, articles: Collection[int]) -> str | None:
        """Why they may not, as a sentence; None when they may."""
        if storyline in self.locked:
            return f"storyline {storyline} is locked"
        held = self.pinned.intersection(articles)
        return f"people put article {min(held)} there" if held else None

    def apart_from(self, storyline: int) -> frozenset[int]:
        """The storylines that it must not become one with."""
        return frozenset(self._apart.get(storyline, ()))

    def keep_apart(self, a: int, b: int) -> None:
        if a != b:
            self._apart[a].add(b)
            self._apart[b].add(a)

    def merged(self, loser: int, winner: int) -> None:
        """What was said of the loser holds for the winner, whose lock and title are its own."""
        for other in self._apart.pop(loser, set()):
            self._apart[other].discard(loser)
            self.keep_apart(other, winner)
        self.locked.discard(loser)
        self.declared.discard(loser)
        self.renamed.discard(loser)
