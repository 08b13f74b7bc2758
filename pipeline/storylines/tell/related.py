"""Storylines that an analyst should know of beside this one, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.storylines.tell import phrases
from pipeline.storylines.tell.names import rarity
from pipeline.storylines.tell.records import Backdrop, Name, Neighbour, Related

MOST = 6
_NEAR = 0.6  # share of the score that was needed from which having come second says something by itself
_NAMED = 4  # names in a reason
_OWN = 0.3  # rarity from which a shared name tells storylines together; below, half the wire has it
_NAME_WORTH, _CHOICE_WORTH = 0.6, 1.0


def related(
    names: Sequence[Name], neighbours: Sequence[Neighbour], backdrop: Backdrop, *, most: int = MOST
) -> tuple[Related, ...]:
    """At most `most` of the neighbours, the nearest first.

    Filing compared each article with the storylines near it and recorded the runner-up; a neighbour that often came
    second, or nearly won, is a relative. So is one whose headline and lead share distinctive names. One name that half
    the wire has, or one far second place, is not enough.
    """
    found: list[tuple[float, Related]] = []
    for one in neighbours:
        text = phrases.spaced(phrases.words_of(f"{one.headline}\n{one.text}")[0])
        shared = [(name.name, rarity(_key(name), backdrop)) for name in names if _stands(name, text)]
        own = sum(worth for _, worth in shared if worth >= _OWN)
        met = (one.here + one.there) * (one.nearest or 0.0) ** 2
        by_choice = (one.nearest or 0.0) >= _NEAR or (met > 0 and bool(own))
        by_names = len(shared) >= 2 and own >= 2 * _OWN
        if not (by_choice or by_names):
            continue
        value = _CHOICE_WORTH * met**0.5 + _NAME_WORTH * own
        best = sorted(shared, key=lambda s: -s[1])[:_NAMED]
        told = tuple(name for name, worth in best if worth >= _OWN) or tuple(name for name, _ in best[:1])
        found.append((value, _related(one, told)))
    found.sort(key=lambda pair: (-pair[0], -pair[1].articles, pair[1].id))
    return tuple(one for _, one in found[:most])


def _related(one: Neighbour, names: tuple[str, ...]) -> Related:
    return Related(
        id=one.id,
        headline=one.headline,
        lang=one.lang,
        articles=one.articles,
        last_article=one.last_article,
        names=names,
        here=one.here,
        there=one.there,
        reason=_reason(names, one.here, one.there),
    )


def _reason(names: Sequence[str], here: int, there: int) -> str:
    parts = [f"shares {', '.join(names)}"] if names else []
    if here and there:
        parts.append(f"was the runner-up for {_articles(here)} here, and this one for {there} of its own")
    elif here:
        parts.append(f"was the runner-up for {_articles(here)} here")
    elif there:
        parts.append(f"this one was the runner-up for {_articles(there)} there")
    return "; ".join(parts)


def _articles(count: int) -> str:
    return f"{count} article" if count == 1 else f"{count} articles"


def _key(name: Name) -> list[str]:
    return [word for word in map(phrases.fold, name.name.split()) if word] or [name.name]


def _stands(name: Name, text: str) -> bool:
    """Whether the name stands in the text, in full or with its last word alone."""
    key = _key(name)
    return f" {' '.join(key)} " in text or (len(key[-1]) > 3 and f" {key[-1]} " in text)
