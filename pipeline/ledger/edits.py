"""Entries that were edited: how an edit is noticed, whether it is worth another look at the page, and how that begins.

A look opens a new generation of the article, which waits to be fetched behind all that is new. What it finds is decided
by the worker that fetches the page; `work` records it. Until then the version of before stands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from pipeline.ledger.schema import articles
from pipeline.records import ArticleState, Entry

LEAST_PAUSE = timedelta(minutes=15)
"""Between two looks at one page. Publishers correct typing errors within minutes; one look then has them all."""
MOST_DOUBLINGS = 10  # of the pause: ten days, which is longer than `OLDEST`
MOST_LOOKS = 16
"""At one article, whatever they found: a live blog is followed for four hours, then it is as well told by others."""
OLDEST = timedelta(days=7)
"""Since it was first seen. Later edits are mostly a publisher's software that touches its whole archive, and the
storylines of that time are closed."""

# Of a rejected page: there may have been too little of the article yet. A PDF stays a PDF, and robots.txt is not edited
# with the article.
MENDABLE = frozenset(
    "too-short paywall video no-title empty section-front live-score not-found error-page login consent"
    " challenge".split()
)

_FORM = "1"  # of the digest: one made in another way says nothing of an edit
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the decision is about: an article as it stands.

    `read` is when its page was looked at last, `reading` that it is at this moment. `looks` and `futile` are how many
    looks edits have led to, and how many of the latest of them found nothing of substance. `given`: it was imported.
    """

    state: ArticleState
    reason: str | None = None
    seen: datetime
    read: datetime | None = None
    reading: bool = False
    looks: int = 0
    futile: int = 0
    given: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the page is asked again now; if not, whether the edit is to be seen again `later`. `why` is a phrase."""

    now: bool
    later: bool
    why: str


def digest(entry: Entry) -> str:
    """What a feed shows of an entry, as one short word: another word is an edit.

    Title, summary and content without markup (whose attributes hold image sizes, counters and nonces) and blanks, and
    the date of its change. The URL and the date of publication belong to its identity.
    """
    shown = (" ".join(_TAG.sub(" ", part).split()) for part in (entry.title, entry.summary, entry.content))
    changed = entry.updated.isoformat() if entry.updated else ""
    words = "\0".join((*shown, changed)).encode("utf-8", "replace")
    return f"{_FORM}:{hashlib.sha256(words).hexdigest()[:32]}"


def is_edit(before: str | None, after: str) -> bool:
    """Whether two digests of an entry say that it was edited; the first one of an entry says nothing."""
    return bool(before) and before != after and str(before).partition(":")[0] == _FORM


def look_again(known: Known, now: datetime) -> Look:
    """Whether an edited entry is a reason to ask for the page again.

    Some feeds change their entries at every fetch (counters of views, "3 hours ago"): the pause between two looks
    doubles with each that found nothing of substance, and there is a most for each article.
    """
    if known.reading or known.state in (ArticleState.FETCHED, ArticleState.EMBEDDED):
        return Look(False, True, "its page has just been read")
    never = _never(known, now)
    if never:
        return Look(False, False, never)
    pause = LEAST_PAUSE * 2 ** min(known.futile, MOST_DOUBLINGS)
    if known.read is not None and now - known.read < pause:
        return Look(False, True, f"it was looked at less than {int(pause.total_seconds() / 60)} min ago")
    return Look(True, False, "its entry was edited")


def _never(known: Known, now: datetime) -> str:
    """Why no edit leads to another look at this article; empty when one may."""
    mendable = known.state is ArticleState.REJECTED and known.reason in MENDABLE
    hopeless = known.state in (ArticleState.REJECTED, ArticleState.DEAD) and not mendable
    reasons = (
        (known.given, "its text was given, not read from a page"),
        (known.state is ArticleState.QUEUED, "its page is going to be read anyway"),
        (hopeless, f"an edit does not mend what is {known.state} ({known.reason})"),
        (now - known.seen > OLDEST, f"it is older than {OLDEST.days} days"),
        (known.looks >= MOST_LOOKS, f"it was looked at {known.looks} times already"),
    )
    return next((why for holds, why in reasons if holds), "")


def open_looks(
    tx: Connection, ids: Collection[int], now: datetime, priority: int
) -> tuple[frozenset[int], frozenset[int]]:
    """Look again at those of these articles (a few hundred at most) of which the decision says so.

    Returns the ids of those, and of those whose edit is to be seen again later.
    """
    columns = ("id", "state", "reason", "error", "seen", "fetched", "revised", "revisions", "futile", "generation")
    chosen = (
        select(*(articles.c[name] for name in columns), articles.c.external_id, articles.c.lease_owner)
        .where(articles.c.id.in_(sorted(ids)))
        .order_by(articles.c.id)
        .with_for_update(skip_locked=True)  # whoever holds the others works on them: they are seen again later
    )
    rows = {row["id"]: dict(row) for row in tx.execute(chosen).mappings()}
    looks = {article_id: look_again(_known(row), now) for article_id, row in rows.items()}
    begun = [_begun(rows[article_id], now, priority) for article_id, look in looks.items() if look.now]
    if begun:
        names = ("previous", "due", "revised", "priority")
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        opened = update(articles).where(articles.c.id == bindparam("of")).values(**_ANEW, **values)
        tx.execute(opened, begun)
    later = {one for one in ids if one not in looks or looks[one].later}
    return frozenset(row["of"] for row in begun), frozenset(later)


_ANEW: Mapping[str, Any] = {
    "state": ArticleState.QUEUED,
    "generation": articles.c.generation + 1,
    "revisions": articles.c.revisions + 1,
    "attempts": 0,
    "deaths": 0,
    "reason": None,
    "error": None,
    "job_id": None,
    "lease_owner": None,
    "lease_until": None,
}


def _known(row: Mapping[str, Any]) -> Known:
    return Known(
        state=ArticleState(row["state"]),
        reason=row["reason"],
        seen=row["seen"],
        read=max((when for when in (row["fetched"], row["revised"]) if when), default=None),
        reading=row["lease_owner"] is not None,
        looks=row["revisions"],
        futile=row["futile"],
        given=row["external_id"] is not None,
    )


def _begun(row: Mapping[str, Any], now: datetime, priority: int) -> dict[str, Any]:
    previous = {name: row[name] for name in ("generation", "state", "reason", "error")}
    return {"of": row["id"], "new_previous": previous, "new_due": now, "new_revised": now, "new_priority": priority}
