"""When an article counts as written, and in which language."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from pipeline.records import Article
from pipeline.storylines.evidence import short_lang

_CLOCK_SKEW = timedelta(hours=1)  # as filing allows


def when(article: Article) -> datetime:
    """When it was published; where it does not say, or says a time in the future, when it was first seen."""
    if article.published is None or article.published > article.seen + _CLOCK_SKEW:
        return article.seen
    return article.published


@lru_cache(maxsize=1024)  # the same few tags, thousands of times
def language(tag: str | None) -> str:
    """`en` of "en-GB"; empty where unknown."""
    return short_lang(tag)
