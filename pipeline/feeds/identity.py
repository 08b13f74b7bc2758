"""What identifies an entry within its feed: a ladder, climbed down where a rung collides or does not last.

guid → link → title and date. Within one document a rung is used for an entry only when it tells it from every other
entry: feeds have been seen whose guids are empty, "0", or the same for all items. From one poll to the next it is
measured whether a rung lasts: feeds have been seen whose guids are new at each fetch, and whose links carry a session
id. Nothing here knows the ledger, which counts (`ledger.intake`), or the poller, which asks.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pipeline.errors import InputError
from pipeline.records import Entry
from pipeline.urls import canonical

_EMPTY_GUIDS = frozenset(("", "0", "-", "null", "none", "undefined", "nan"))
# Characters of a key that is stored as it is; PostgreSQL indexes rows up to about 2,700 bytes.
_MAX_KEY = 500

LEAST_KNOWN = 3
"""Entries known from before that a document must have to say anything: one renamed entry is an edit, not a habit."""
CHURNING = 0.5
"""Share of a document's known entries that came under a new key. Feeds whose guids are made at each fetch have 1.0, or
less when some items have none; a publisher's relaunch has 1.0 once."""
POLLS = 3
"""Documents in a row that must churn. A relaunch, a new feed generator or a change of domain makes one; two are a
relaunch that was taken back."""


class Rung(StrEnum):
    """Where a feed's ladder begins."""

    GUID = "guid"
    LINK = "link"
    TITLE = "title"


def with_keys(
    entries: Sequence[Entry], guids: Sequence[str], *, not_links: Iterable[str] = ()
) -> tuple[list[Entry], int]:
    """Give `entries` with their keys set, and how many were left out because they repeat another in all respects.

    `guids` are the feed's own, in the same order. `not_links` are canonical URLs that identify no entry: those of the
    feed itself and of its home page.
    """
    ladder = [_rungs(entry, guid, frozenset(not_links)) for entry, guid in zip(entries, guids, strict=True)]
    keyed: dict[str, Entry] = {}
    for entry, key in zip(entries, _chosen(ladder), strict=True):
        keyed.setdefault(key, replace(entry, key=key))
    return list(keyed.values()), len(entries) - len(keyed)


def rekeyed(entries: Sequence[Entry], identity: Mapping[str, Any], *, not_links: Iterable[str] = ()) -> list[Entry]:
    """Give a document's `entries` keyed from the rung on which their feed's ladder begins.

    `identity` is what is remembered of the feed (`after_poll`); `not_links` are URLs, in any spelling, that identify no
    entry. No entry is lost: where a lower rung cannot tell two entries apart that the document could, they keep the
    keys they have.
    """
    rung = rung_of(identity)
    if rung is Rung.GUID:
        return list(entries)
    places = frozenset(place for place in map(_canonical, not_links) if place)
    ladder = [_rungs(entry, "", places) for entry in entries]
    if rung is Rung.TITLE:
        ladder = [("", "", words, everything) for _, _, words, everything in ladder]
    keys = _chosen(ladder)
    shared = Counter(keys)
    taken = {entry.key for entry in entries}
    return [
        entry if shared[key] > 1 or (key != entry.key and key in taken) else replace(entry, key=key)
        for entry, key in zip(entries, keys, strict=True)
    ]


def rung_of(identity: Mapping[str, Any]) -> Rung:
    """Where the ladder of a feed begins; at the guid for one of which nothing (or nonsense) is remembered."""
    known = identity.get("rung")
    return Rung(known) if known in set(Rung) else Rung.GUID


def after_poll(
    identity: Mapping[str, Any], now: datetime, *, known: int, renamed: int, moved: int
) -> Mapping[str, Any]:
    """What to remember of a feed's identities after one document, as JSON.

    Of its entries `known` were known from earlier documents of this feed, in whatever way; `renamed` of these not by
    their key but by their URL, `moved` neither by key nor by URL but by title and date. Where half or more came under
    new keys in three documents in a row, the ladder begins one rung lower: at the link while URLs last, at title and
    date when they do not either. `why` says so in words.

    It never climbs back. A feed on a lower rung loses nothing by staying there, while each change of rung renames all
    its entries; and whether guids last cannot be seen while they are not looked at. A feed that was removed and added
    again starts afresh.
    """
    rung, before = rung_of(identity), dict(identity)
    if known < LEAST_KNOWN:
        return before
    documents = int(before.get("documents", 0)) + 1
    if before.pop("settling", False):  # the first document on a new rung renames what was known by the old one
        return before | {"documents": documents, "churned": 0}
    churned = int(before.get("churned", 0)) + 1 if renamed + moved >= CHURNING * known else 0
    links_last = moved < CHURNING * known
    told = before | {"documents": documents, "churned": churned}
    if churned < POLLS or rung is Rung.TITLE or (rung is Rung.LINK and links_last):
        return told
    lower = Rung.LINK if links_last else Rung.TITLE
    what = "guids" if links_last else "links" if rung is Rung.LINK else "guids and links"
    why = (
        f"{renamed + moved} of {known} known entries came with new {what}, in {churned} documents in a row: "
        f"its entries are told apart by {'their links' if lower is Rung.LINK else 'title and date'}"
    )
    return told | {"rung": str(lower), "why": why, "since": now.isoformat(), "churned": 0, "settling": True}


def _chosen(ladder: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """The first rung of each entry that no other entry of the document has."""
    # Two items that agree in everything are one item, printed twice: they do not make their guid worthless.
    distinct = dict.fromkeys(ladder)
    counts = [Counter(rungs[step] for rungs in distinct if rungs[step]) for step in range(4)]
    return [
        next((rung for step, rung in enumerate(rungs) if rung and counts[step][rung] == 1), rungs[3])
        for rungs in ladder
    ]


def _rungs(entry: Entry, guid: str, not_links: frozenset[str]) -> tuple[str, str, str, str]:
    """An entry's rungs, those empty that it has not: guid, link, title and date, and all of it together."""
    guid = guid.strip()
    link = _canonical(entry.url)
    date = entry.published.isoformat() if entry.published else ""
    return (
        "" if guid.lower() in _EMPTY_GUIDS else _short("guid", guid),
        "" if not link or link in not_links else _short("link", link),
        # Undated, a title identifies nothing: "News at six" is another broadcast every day.
        f"title:{_digest(entry.title, date)}" if entry.title and date else "",
        f"title:{_digest(entry.title, date, entry.url)}",
    )


def _canonical(url: str) -> str:
    try:
        return canonical(url)
    except InputError:
        return ""


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]


def _short(kind: str, text: str) -> str:
    if len(text) > _MAX_KEY:
        return f"{kind}-sha256:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
    return f"{kind}:{text}"
