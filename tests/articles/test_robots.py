"""robots.txt as RFC 9309 has it."""

from __future__ import annotations

import pytest

from pipeline.articles import allowed, crawl_delay

AGENT = "Slugline/0.1 (+https://example.org; news ingestion)"
RULES = """
User-agent: *
Disallow: /private/
Disallow: /*.pdf$
Allow: /private/press/
Crawl-delay: 2

User-agent: slugline
Disallow: /drafts
Crawl-delay: 600
"""


@pytest.mark.parametrize(
    ("path", "agent", "expected"),
    [
        ("/news/1", "Other/1.0", True),
        ("/private/x", "Other/1.0", False),
        ("/private/press/x", "Other/1.0", True),
        ("/a.pdf", "Other/1.0", False),
        ("/a.pdf?x", "Other/1.0", True),
        ("/drafts/1", AGENT, False),
        ("/private/x", AGENT, True),
        ("/news/1", AGENT, True),
        ("/robots.txt", AGENT, True),
    ],
)
def test_rules(path: str, agent: str, expected: bool) -> None:
    assert allowed(RULES, f"https://a.example{path}", agent) is expected


@pytest.mark.parametrize("text", ["", "<html>404</html>", "\x00\xff", "Disallow: /", "User-agent: *\nDisallow:"])
def test_what_says_nothing_allows_everything(text: str) -> None:
    assert allowed(text, "https://a.example/news", AGENT)
    assert crawl_delay(text, AGENT) is None


def test_delays_are_seconds_and_kept_within_reason() -> None:
    assert crawl_delay(RULES, "Other/1.0") == 2.0
    assert crawl_delay(RULES, AGENT) == 60.0
    assert crawl_delay("User-agent: *\nCrawl-delay: never", AGENT) is None
    assert crawl_delay("User-agent: *\nCrawl-delay: -5", AGENT) is None
