"""The words of storylines, to find them by: of headline, lead and declared text, and the names of their outlets.

A table of plain rows, the same in both databases: what is forgotten goes from it as from everywhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.ledger.schema import storylines, words

MOST_WORDS = 8  # of a question: more narrow it down no further
LONGEST = 40  # characters of a word that are kept
_FIELDS = ("headline", "title", "lead", "text")
_LOOKED_AT = 150  # storylines, to find out what filters may offer
_FIELD_CHARS = 2_000  # of each: of a declared text the beginning
_OUTLET = "@"  # before an outlet's name, which is one entry; no word begins with it
_WORD = re.compile(r"\w+")
# What stands in every second lead would be most of the table, and tells nothing apart.
_COMMON = frozenset(
    "a an and are as at be been but by for from had has have he her his in is it its not of on or said she that the"
    " their they this to was were which who will with der die das und in den von zu mit ist auf im le la les et des du"
    " en un une que el los y de del se por con il di che e o os da do".split()
)


def of(text: str) -> set[str]:
    """The words of a text as they are kept: small, without accents, without the most common ones."""
    return {word[:LONGEST] for word in _WORD.findall(folded(text)) if word not in _COMMON}


def folded(text: str) -> str:
    """Small letters without accents: `Nicolás` and `NICOLAS` are one."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def follow(tx: Connection, storyline: int, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> None:
    """Keep up with a row of storylines that changes from `before` (empty: it is new) to `before` with `after`."""
    if not after.keys() & {*_FIELDS, "outlets"}:
        return
    old = entries(before)
    new = entries({**before, **after})
    if old - new:
        tx.execute(_DROP, [{"entry": entry, "of": storyline} for entry in sorted(old - new)])
    if new - old:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        added = [{"word": entry, "storyline_id": storyline} for entry in sorted(new - old)]
        # One that is there already was written by a release that folds letters in another way.
        tx.execute(insert(words).on_conflict_do_nothing(), added)


_DROP = delete(words).where(words.c.word == bindparam("entry"), words.c.storyline_id == bindparam("of"))


def entries(row: Mapping[Any, Any]) -> set[str]:
    """All that is kept for a storyline of this row."""
    found = {_outlet(name) for name in row.get("outlets", ())}
    for name in _FIELDS:
        found |= of((row.get(name) or "")[:_FIELD_CHARS])
    return found


def _outlet(name: str) -> str:
    return _OUTLET + " ".join(folded(name).split())[:LONGEST]


def having(text: str, *, beginnings: bool = False) -> ColumnElement[bool] | None:
    """The condition that a storyline has all words of a text; with `beginnings` the last one may be only begun. None:
    the text has no word that is kept."""
    asked = [word[:LONGEST] for word in _WORD.findall(folded(text)) if word not in _COMMON]
    if not asked:
        return None
    whole, last = list(dict.fromkeys(asked[:MOST_WORDS])), asked[:MOST_WORDS][-1]
    conditions = [
        storylines.c.id.in_(_begun(word) if beginnings and word == last and len(word) > 2 else _with(word))
        for word in whole
    ]
    return and_(*conditions)


def _with(word: str) -> Select[Any]:
    return select(words.c.storyline_id).where(words.c.word == word)


def _begun(word: str) -> Select[Any]:
    # A range, not LIKE: an index serves it whatever the collation says of patterns.
    return select(words.c.storyline_id).where(words.c.word >= word, words.c.word < word + "\U0010ffff")


def by_outlet(name: str) -> ColumnElement[bool]:
    """The condition that an outlet of this name covers a storyline."""
    return storylines.c.id.in_(_with(_outlet(name)))


def offered(tx: Connection, most: int) -> tuple[list[str], list[str]]:
    """Outlets (`most` of them) and languages of the storylines that changed last: what filters offer, in order."""
    latest = select(storylines.c.outlets, storylines.c.lang).where(storylines.c.merged_into.is_(None))
    outlets: Counter[str] = Counter()
    langs: set[str] = set()
    for names, lang in tx.execute(latest.order_by(storylines.c.updated.desc()).limit(_LOOKED_AT)):
        outlets.update(names)
        langs |= {lang} if lang else set()
    return sorted((name for name, _ in outlets.most_common(most)), key=folded), sorted(langs)
