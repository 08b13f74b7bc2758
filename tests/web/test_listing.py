"""Lists are narrowed down and searched by words alike on both databases."""

from __future__ import annotations

from datetime import timedelta

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from tests.web.newsroom import NOW, Newsroom, served

API = "/api/v1/storylines"


def test_filters_and_orders(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    old, new, other = newsroom.open(), newsroom.open(lang="de"), newsroom.open()
    for _ in range(3):
        newsroom.file(old, title="Straße nach Orsel gesperrt", source="La Vigía", published=NOW - timedelta(days=3))
    newsroom.file(new, title="Nicolás Maduro spoke", published=NOW - timedelta(minutes=5))
    newsroom.file(other, title="Rain", published=NOW - timedelta(hours=20))
    wanted = {
        "sort=momentum": [new, other, old],
        "sort=size": [old, other, new],
        "outlet=la+vigia": [old],
        "name=nicolas+MADURO": [new],
        "name=maduro+orsel": [],
        "lang=de": [new],
        f"since={(NOW - timedelta(hours=30)).isoformat().replace('+', '%2B')}&sort=momentum": [new, other],
        "muted=true": [],
    }
    with served(settings, ledger) as site:
        found = {query: [one["id"] for one in site.get(f"{API}?{query}").json()["storylines"]] for query in wanted}
    assert found == wanted
