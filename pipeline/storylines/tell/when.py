"""When an article counts as written."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.records import Article

_CLOCK_SKEW = timedelta(hours=1)  # as filing allows


def when(article: Article) -> datetime:
    """When it was published; where it does not say, or says a time in the future, when it was first seen."""
    if article.published is None or article.published > article.seen + _CLOCK_SKEW:
        return article.seen
    return article.published
