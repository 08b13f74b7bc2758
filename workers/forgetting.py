"""Forgetting articles: what the command line does at once, and what the clusterer does in its turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pipeline import urls
from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles, forgotten, redaction, removals, roles
from pipeline.ledger.forgotten import Erased
from pipeline.records import ArticleState
from workers.telling import RECENT, Telling

AT_WORK = timedelta(minutes=1)  # a transaction of the clusterer that was open at that moment began no earlier


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


def take_out(tx: Connection, payload: Mapping[str, object], now: datetime) -> dict[str, int | None]:
    """The clusterer's part: the storyline is told and counted without the article. Harmless when done twice.

    Raises InputError when the article was not forgotten.
    """
    article_id = payload.get("article")
    named = isinstance(article_id, int) and not isinstance(article_id, bool)
    row = articles.one(tx, int(str(article_id))) if named else None
    if row is None or (row["state"], row["reason"]) != (ArticleState.REJECTED, forgotten.REASON):
        raise InputError(f"article {article_id} was not forgotten, so it stays in its storyline")
    storyline = removals.leave(tx, row["id"])
    if storyline is None:
        return {"storyline": None}
    told = Telling()
    for original in removals.recent_originals(tx, storyline, RECENT):
        told.add(original, storyline, copy_of=None)
    headline, lead = told.tell(storyline)
    given = payload.get("redacted")
    before = {one for one in given if isinstance(one, int)} if isinstance(given, list) else set()
    stale = redaction.redact_headlines(tx, storyline, removals.titles(tx, storyline), row["due"] - AT_WORK)
    redacted = sorted(before.union(stale))
    removals.retell(tx, storyline, row["id"], headline=headline, lead=lead, redacted=redacted, now=now)
    return {"storyline": storyline}


def _article(tx: Connection, target: str) -> int:
    article_id = int(target)
    if article_id >= 2**63 or articles.one(tx, article_id) is None:
        raise InputError(
            f"there is no article {target}; give its URL, or its id as `slugline storyline ID --json` shows"
        )
    return article_id
