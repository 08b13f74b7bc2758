"""What identifies an entry within its feed: a ladder, climbed down where a rung collides.

guid → link → title and date. A rung is used for an entry only when it tells it from every other entry of the same
document: feeds have been seen whose guids are empty, "0", or the same for all items.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.errors import InputError
from pipeline.records import Entry
from pipeline.urls import canonical

_EMPTY_GUIDS = frozenset(("", "0", "-", "null", "none", "undefined", "nan"))
# Characters of a key that is stored as it is; PostgreSQL indexes rows up to about 2,700 bytes.
_MAX_KEY = 500


def with_keys(
    entries: Sequence[Entry], guids: Sequence[str], *, not_links: Iterable[str] = ()
) -> tuple[list[Entry], int]:
    """Give `entries` with their keys set, and how many were left out because they repeat another in all respects.

    `guids` are the feed's own, in the same order. `not_links` are canonical URLs that identify no entry: those of the
    feed itself and of its home page.
    """
    ladder = [_rungs(entry, guid, frozenset(not_links)) for entry, guid in zip(entries, guids, strict=True)]
    # Two items that agree in everything are one item, printed twice: they do not make their guid worthless.
    distinct = dict.fromkeys(ladder)
    counts = [Counter(rungs[step] for rungs in distinct if rungs[step]) for step in range(3)]
    keyed: dict[str, Entry] = {}
    for entry, rungs in zip(entries, ladder, strict=True):
        key = next((rung for step, rung in enumerate(rungs) if rung and counts[step][rung] == 1), rungs[2])
        keyed.setdefault(key, replace(entry, key=key))
    return list(keyed.values()), len(entries) - len(keyed)


def _rungs(entry: Entry, guid: str, not_links: frozenset[str]) -> tuple[str, str, str]:
    guid = guid.strip()
    try:
        link = canonical(entry.url)
    except InputError:
        link = ""
    date = entry.published.isoformat() if entry.published else ""
    # The link stands in the last rung too: items without a title and a date still differ in it.
    words = hashlib.sha256("\0".join((entry.title, date, entry.url)).encode()).hexdigest()[:32]
    return (
        "" if guid.lower() in _EMPTY_GUIDS else _short("guid", guid),
        "" if not link or link in not_links else _short("link", link),
        f"title:{words}",
    )


def _short(kind: str, text: str) -> str:
    if len(text) > _MAX_KEY:
        return f"{kind}-sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return f"{kind}:{text}"
