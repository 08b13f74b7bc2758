"""From a page's bytes to clean text and metadata. Knows no network, no database and no queue."""

from __future__ import annotations

from pipeline.articles.page import EntryHint, read_page, read_text, text_from_feed, warm
from pipeline.articles.robots import allowed, crawl_delay

__all__ = ["EntryHint", "allowed", "crawl_delay", "read_page", "read_text", "text_from_feed", "warm"]
