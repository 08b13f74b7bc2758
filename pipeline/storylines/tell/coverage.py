"""Who covers a storyline, and in which languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from pipeline.records import Article
from pipeline.storylines.tell.records import Language, Outlet
from pipeline.storylines.tell.when import language, when
from pipeline.storylines.titles import strip_outlet


def outlet_of(article: Article) -> str:
    """The outlet's name, else the host of its URL; empty where neither is known."""
    if article.outlet:
        return article.outlet
    try:
        return (urlsplit(article.url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def outlets(originals: Sequence[Article], reprints: Sequence[Article]) -> tuple[Outlet, ...]:
    """Each outlet with what it printed and its first report, those with most originals first."""
    first: dict[str, Article] = {}
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for place, articles in enumerate((originals, reprints)):
        for article in articles:
            name = outlet_of(article)
            counts[place][name] += 1
            known = first.get(name)
            if known is None or (when(article), article.id) < (when(known), known.id):
                first[name] = article
    made = [
        Outlet(
            outlet=name,
            originals=counts[0][name],
            reprints=counts[1][name],
            first=when(article),
            article=article.id,
            title=strip_outlet(article.title, outlet=article.outlet, url=article.url),
            url=article.url,
        )
        for name, article in first.items()
    ]
    return tuple(sorted(made, key=lambda one: (-one.originals, -one.reprints, one.first, one.outlet)))


def languages(articles: Sequence[Article]) -> tuple[Language, ...]:
    """Languages with how many articles are in each, the commonest first."""
    counts = Counter(language(article.lang) for article in articles)
    return tuple(Language(lang=lang, articles=n) for lang, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


def main_language(originals: Sequence[Article]) -> str:
    """The short code of the language that most originals have; empty where none says."""
    found = languages(originals)
    return next((one.lang for one in found if one.lang), "")
