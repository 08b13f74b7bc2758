"""Forgetting articles: what the command line does at once; `clusterer.removal` is the clusterer's part, in its turn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles, forgotten, roles
from pipeline.ledger.forgotten import Erased


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request: the articles erased, and whether the URL is kept away from now on only (`barred`:
    nothing was known of it) or was so before (`before`). `told` says whether a clusterer is there to do its part."""

    erased: tuple[Erased, ...] = ()
    barred: bool = False
    before: bool = False
    told: bool = True

    def sentences(self) -> list[str]:
        """What to tell the person who asked for it."""
        if self.before:
            return ["was forgotten before"]
        if self.barred:
            return ["is kept away from now on; nothing was known of it"]
        said = []
        for one in self.erased:
            gone = f"article {one.article} is erased"
            if one.storyline is None:
                said.append(gone)
            elif self.told:
                said.append(f"{gone}; the clusterer takes it out of storyline {one.storyline}")
            else:
                said.append(
                    f"{gone}; storyline {one.storyline} is told without it as soon as a clusterer runs, until then its "
                    "headline and lead stand as they are: start one with `slugline up` or `slugline clusterer`"
                )
        left = self.reprints()
        if left:
            ids = ", ".join(map(str, left[:10])) + (", …" if len(left) > 10 else "")
            said.append(f"the same text stands in other places, as articles {ids}; --reprints forgets those as well")
        return said

    def reprints(self) -> list[int]:
        """Articles with the same text at other places that were not erased."""
        gone = {one.article for one in self.erased}
        return sorted({reprint for one in self.erased for reprint in one.reprints} - gone)


def forget(ledger: Ledger, target: str, now: datetime, *, reason: str = "", reprints: bool = False) -> Outcome:
    """Erase the article with this URL or id, with its `reprints` if asked for, in one transaction.

    Raises InputError when it is neither a URL nor the id of an article, or when a URL stands for several.
    """
    with ledger.write() as tx:
        ids = [_article(tx, target)] if target.isdecimal() else forgotten.find(tx, target)
        erased: list[Erased] = []
        while ids:
            one = forgotten.erase(tx, ids.pop(0), now, reason)
            if one is not None:
                erased.append(one)
                ids += one.reprints if reprints else ()
        barred = not target.isdecimal() and forgotten.bar(tx, target, now, reason)
        told = roles.holder(tx, "clusterer", now) is not None
    return Outcome(tuple(erased), barred and not erased, not erased and not barred, told)


def undo(ledger: Ledger, target: str) -> int:
    """Let an article (by URL or id) come in again. Returns how many of its names are free; 0: none was forgotten."""
    with ledger.write() as tx:
        if target.isdecimal():
            return forgotten.undo(tx, [], int(target))
        return forgotten.undo(tx, [urls.key(target)])


def _article(tx: Connection, target: str) -> int:
    article_id = int(target)
    if article_id >= 2**63 or articles.one(tx, article_id) is None:
        raise InputError(
            f"there is no article {target}; give its URL, or its id as `slugline storyline ID --json` shows"
        )
    return article_id
