"""Day by day: how much was printed, and what was new."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, date

from pipeline.records import Article
from pipeline.storylines.evidence import words
from pipeline.storylines.tell import phrases
from pipeline.storylines.tell.coverage import outlet_of
from pipeline.storylines.tell.headlines import worth
from pipeline.storylines.tell.records import Day
from pipeline.storylines.tell.when import language, when
from pipeline.storylines.titles import strip_outlet

MOST_DAYS = 60
"""The latest days with coverage that are told; earlier ones still count as what was known."""
_OF_A_DAY = 12  # articles of one day that are looked at, spread over it
_OLD_WORTH = 0.25  # of a word that an earlier day had
_REPEATS = 0.25  # share of a title's words that are new, below which it repeats what was known; a new name is enough
_FRESH = 4
_TEXT_CHARS = 400


def days(originals: Sequence[Article], reprints: Sequence[Article], *, lang: str = "") -> tuple[Day, ...]:
    """The days of a storyline, the latest first, each with the title that says what was new that day.

    New is what no article of an earlier day says, as far as they were read. The title is the one of which the other
    articles of its day say most, where words of earlier days count little; titles in `lang`, the language of most
    articles, are preferred, so that a language that joins late does not count as news.
    """
    by_day: defaultdict[date, list[Article]] = defaultdict(list)
    for article in sorted(originals, key=lambda a: (when(a), a.id)):
        by_day[when(article).astimezone(UTC).date()].append(article)
    copies: defaultdict[date, list[Article]] = defaultdict(list)
    for article in reprints:
        copies[when(article).astimezone(UTC).date()].append(article)
    every = sorted({*by_day, *copies})
    told = set(every[-MOST_DAYS:])
    known: set[str] = set()
    made: list[Day] = []
    for day in every:
        step = max(1, -(-len(by_day[day]) // _OF_A_DAY))
        titles = [(article, title_of(article)) for article in by_day[day][::step]]
        said = {article.id: _said(article, title) for article, title in titles}
        if day in told:
            made.append(_day(day, by_day[day], copies[day], titles, said, known, lang))
        known.update(term for found in said.values() for term in found)
    return tuple(reversed(made))


def title_of(article: Article) -> str:
    """The title without its outlet, or the beginning of the text where there is none."""
    title = strip_outlet(article.title, outlet=article.outlet, url=article.url)
    return title or " ".join(article.text[:160].split())


def _said(article: Article, title: str) -> frozenset[str]:
    """The words of the title, and of the first lines where they were read."""
    return frozenset(words(f"{title} {article.text[:_TEXT_CHARS]}"))


def _day(
    day: date,
    originals: Sequence[Article],
    copies: Sequence[Article],
    titles: Sequence[tuple[Article, str]],
    said: Mapping[int, frozenset[str]],
    known: Set[str],
    lang: str,
) -> Day:
    chosen, title = _newest(titles, said, known, lang)
    own = frozenset(words(title))
    fresh = own - known
    named = _as_written(title, fresh, Counter(term for found in said.values() for term in found)) if known else ()
    return Day(
        day=day,
        originals=len(originals),
        reprints=len(copies),
        outlets=len({outlet_of(a) for a in originals} | {outlet_of(a) for a in copies}),
        article=chosen.id if chosen else None,
        title=title,
        url=chosen.url if chosen else "",
        outlet=outlet_of(chosen) if chosen else "",
        lang=chosen.lang if chosen else None,
        new=bool(own) and (len(fresh) >= _REPEATS * len(own) or bool(named)),
        fresh=named,
    )


def _newest(
    titles: Sequence[tuple[Article, str]], said: Mapping[int, frozenset[str]], known: Set[str], lang: str
) -> tuple[Article | None, str]:
    """The title of which the other articles of the day say most, words of earlier days counting little."""
    some = [(article, title) for article, title in titles if title]
    if not some:
        return None, ""
    spread = Counter(term for article, _ in some for term in said[article.id])
    best, best_score = some[0], -1.0
    for article, title in some:
        own = set(words(title))
        value = sum((_OLD_WORTH if term in known else 1.0) * spread[term] for term in own)
        score = value / (len(own) + 2) ** 0.5 * worth(title)  # the root: a long title may say more, not anything
        if lang and language(article.lang) not in ("", lang):
            score *= 0.4
        if score > best_score:
            best, best_score = (article, title), score
    return best


def _as_written(title: str, fresh: Set[str], shared: Mapping[str, int]) -> tuple[str, ...]:
    """Names and numbers of the title that are new, as it writes them, those that most titles of the day have first.
    Of a title that writes all words with a capital only the numbers are known to be such."""
    found: dict[str, str] = {}
    shouted = phrases.title_case(title)
    for place, token in enumerate(title.split()):
        bare = token.strip(".,:;!?\"'“”‘’«»()[]…")
        named = bare[:1].isupper() and place > 0 and not shouted
        for term in words(phrases.plain(bare)) if named or bare[:1].isdigit() else ():
            if term in fresh:
                found.setdefault(term, phrases.plain(bare))
    ranked = sorted(found, key=lambda term: -shared[term])
    return tuple(dict.fromkeys(found[term] for term in ranked[:_FRESH]))
