"""All that is told of a storyline, put together from what was read of it. Cost is bounded whatever its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.records import Article
from pipeline.storylines.evidence import words
from pipeline.storylines.tell import coverage, episodes, figures, keys, names, related, timeline
from pipeline.storylines.tell.records import Backdrop, Digest, Neighbour
from pipeline.storylines.tell.when import language, when

MOST_TEXTS = 40
"""Originals whose texts are read for key sentences and names."""
_NAMED_TITLES = 120  # further titles in which names are counted
_RANKED_TITLES = 200  # among which the most central are looked for
_LATEST, _FIRST = 14, 6


def to_read(originals: Sequence[Article], *, most: int = MOST_TEXTS) -> list[int]:
    """Ids of the originals whose texts to read: the first ones, the latest, and those whose titles say most of what
    the others say, in the main language before others, with no outlet twice while another has one."""
    ordered = sorted(originals, key=lambda a: (when(a), a.id))
    if len(ordered) <= most:
        return [a.id for a in ordered]
    step = max(1, -(-len(ordered) // _RANKED_TITLES))
    some = ordered[::step]
    lang = coverage.main_language(ordered)
    spread = Counter(term for a in some for term in set(words(a.title)))

    def central(article: Article) -> float:
        own = set(words(article.title))
        value = sum(spread[term] for term in own) / (len(own) + 2)
        return value if language(article.lang) in ("", lang) else value / 3

    ranked = sorted(some, key=lambda a: (-central(a), a.id))
    chosen: dict[int, None] = dict.fromkeys(a.id for a in ordered[:_FIRST] + ordered[-_LATEST:])
    for allowed in (1, 2, len(ranked)):
        printed = Counter(coverage.outlet_of(a) for a in ordered if a.id in chosen)
        for article in ranked:
            if len(chosen) >= most:
                return list(chosen)
            if article.id not in chosen and printed[coverage.outlet_of(article)] < allowed:
                chosen[article.id] = None
                printed[coverage.outlet_of(article)] += 1
    return list(chosen)


def digest(
    originals: Sequence[Article],
    reprints: Sequence[Article],
    texts: Mapping[int, str],
    *,
    headline: str = "",
    backdrop: Backdrop = Backdrop(),  # noqa: B008 - frozen
    neighbours: Sequence[Neighbour] = (),
) -> Digest:
    """What is told of a storyline with these articles, in any order.

    `texts` are the beginnings of the texts of some originals by id: of those in `to_read`, and short ones of those in
    `episodes.sample`. `backdrop` says what else is written, `neighbours` which storylines may be related.
    """
    return beside(itself(originals, reprints, texts, headline=headline, backdrop=backdrop), neighbours, backdrop)


def itself(
    originals: Sequence[Article],
    reprints: Sequence[Article],
    texts: Mapping[int, str],
    *,
    headline: str = "",
    backdrop: Backdrop = Backdrop(),  # noqa: B008 - frozen
) -> Digest:
    """`digest` without what is related: all of it follows from the storyline's own articles, but for the order of its
    names, which are weighed against the backdrop."""
    lang = coverage.main_language(originals)
    known = [replace(a, text=texts[a.id]) if a.id in texts else a for a in originals]
    chosen = set(to_read(originals))
    read = [a for a in known if a.id in chosen]
    others = sorted((a for a in known if a.id not in chosen), key=when)[-_NAMED_TITLES:]
    return Digest(
        read=len(originals) + len(reprints),
        texts=sum(bool(a.text) for a in read),
        sentences=keys.key_sentences(read, headline=headline, lang=lang),
        names=names.names([*read, *(replace(a, text="") for a in others)], backdrop),
        figures=figures.figures(read),
        outlets=coverage.outlets(originals, reprints),
        languages=coverage.languages([*originals, *reprints]),
        days=timeline.days(known, reprints, lang=lang),
        episodes=episodes.episodes(known),
    )


def beside(told: Digest, neighbours: Sequence[Neighbour], backdrop: Backdrop) -> Digest:
    """The same with the related ones among `neighbours`."""
    return replace(told, related=related.related(told.names, neighbours, backdrop))
