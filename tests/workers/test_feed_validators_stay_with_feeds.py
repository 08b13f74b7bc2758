"""A feed's validators are opaque to every other URL: sent to an article they would answer 304 for a page never seen."""

from __future__ import annotations

from pipeline.ledger import Ledger
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers import fetching
from tests.workers.polling import add, due_now, poll
from tests.workers.site import Answer, Site, rss

VALIDATORS = {"ETag": '"of-the-feed"', "Last-Modified": "Sun, 30 Nov 2025 12:00:00 GMT"}


def test_a_feeds_validators_are_never_sent_to_article_urls(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, brisk_poller: None
) -> None:
    settings = Settings(allow_networks=("127.0.0.0/8",), host_spacing_seconds=0.0)
    site.pages |= {
        "/feed": Answer(rss(site.url("/story")), headers=VALIDATORS),
        "/story": Answer(fetching.page(), headers={"Content-Type": "text/html"}),
    }
    add(sqlite_ledger, site.url("/feed"))
    poll(settings, sqlite_ledger, sandbox)
    due_now(sqlite_ledger)
    poll(settings, sqlite_ledger, sandbox)
    assert fetching.run(settings, sqlite_ledger, sandbox, [1]) == {"fetched": 1}
    assert site.requests("/feed")[-1].headers["if-none-match"] == VALIDATORS["ETag"]
    (asked,) = site.requests("/story")
    assert not asked.headers.keys() & {"if-none-match", "if-modified-since"}
