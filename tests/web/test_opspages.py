"""The ops page over a real ledger and a real Valkey: what it shows, what its forms do, and that it shows up anyway."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import redis as redis_client
from sqlalchemy import insert, update

from pipeline import history, pressure, tally
from pipeline.ledger import Ledger, dead, feeds
from pipeline.ledger.schema import articles as article_table
from pipeline.ledger.schema import feeds as feed_table
from pipeline.pressure import Hold
from pipeline.settings import Settings
from pipeline.tally import Tally
from tests.web.newsroom import NOW, served
from tests.web.test_pages import HOSTILE, text_of
from workers.web.app import connect_redis

TOKEN = "correct horse battery"


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    return sqlite_ledger


@pytest.fixture
def client(valkey: str) -> Iterator[redis_client.Redis]:
    with contextlib.closing(redis_client.Redis.from_url(valkey)) as made:
        yield made


def give_up(ledger: Ledger, number: int, reason: str, host: str, *, answer: str = "", **row: str) -> int:
    """An article that is dead."""
    given = {
        "url_key": str(number),
        "url": f"https://{host}/{number}",
        "host_key": host,
        "state": "dead",
        "reason": reason,
    }
    given |= {"title": f"Letter {number}", "error": f"{reason} it was", **row}
    with ledger.write() as tx:
        made: int = tx.execute(insert(article_table).values(**given, due=NOW, seen=NOW)).inserted_primary_key[0]
        if answer:
            page = dead.Answer(url=given["url"], status=500, content_type="text/html", head=answer.encode())
            dead.keep_answer(tx, made, page, NOW)
    return made


def states(ledger: Ledger) -> dict[int, str]:
    with ledger.read() as tx:
        return {row.id: row.state for row in tx.execute(article_table.select())}


def test_all_is_well_when_everybody_is_at_work(settings: Settings, ledger: Ledger, client: redis_client.Redis) -> None:
    crew = Tally()
    for name in ("poller", "clusterer", "relay", "janitor"):
        crew.moved(name, NOW.timestamp() - 1)
    crew.send(client)
    beat = (NOW - timedelta(seconds=3)).isoformat()
    for queue in ("fetch", "embed"):
        client.sadd(f"rq:workers:{queue}", f"rq:worker:{queue}-1")
        client.hset(f"rq:worker:{queue}-1", mapping={"last_heartbeat": beat, "hostname": "vm", "pid": "7"})
    client.sadd("rq:worker:embed-1:executions", "job1:exec")
    client.hset("rq:job:job1", mapping={"description": "embed of 16", "started_at": beat})
    with served(settings, ledger, client) as site:
        page = site.get("/ops")
        client.hset("rq:worker:fetch-1", "last_heartbeat", (NOW - timedelta(seconds=11)).isoformat())
        stopped = site.get("/ops?part=1")
    said = text_of(page)
    assert page.status_code == 200
    assert "All is well" in said
    assert re.search(r"Embed worker embeds articles: 16, since 14:04:57 \(3 s\) vm:7", said)
    assert "The fetch worker has stopped since 14:04:49 (11 s)" in text_of(stopped)
    assert "<html" not in stopped.text


def test_what_holds_back_and_the_last_hour_are_shown(
    settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    since = NOW - timedelta(seconds=90)
    pressure.keep(client, [Hold("disk", "400 MB of disk are free", since, {"poll": 0.5, "fetch": 0.25, "embed": 0.0})])
    for ago in range(8, -1, -1):
        noted = history.sample(tally.read(client), 4, NOW.timestamp() - ago * history.STEP)
        done = dict.fromkeys(history.DONE, (8 - ago) * 20)
        history.keep(client, history.Sample(noted.at, done, {}, noted.journeys, 4))
    with served(settings, ledger, client) as site:
        page = site.get("/ops")
    said = unescape(text_of(page))
    assert "400 MB of disk are free. poll by 50 %, fetch by 25 %, since 14:03:30 (1 min)" in said
    assert re.search(r"last 10 min: at most 40 a minute; at most 4 waited", said)
    assert page.text.count('class="came"') == 1


def test_troubled_feeds_are_told_in_words(settings: Settings, ledger: Ledger, client: redis_client.Redis) -> None:
    with ledger.write() as tx:
        for number in range(12):
            made = feeds.add(
                tx, f"https://outlet{number}.example/feed", NOW, title=HOSTILE if number == 0 else f"F{number}"
            )
            wrong = {"failures": 2, "error": "the host does not answer", "last_polled": NOW}
            tx.execute(update(feed_table).where(feed_table.c.id == made).values(wrong))
    with served(settings, ledger, client) as site:
        page = site.get("/ops")
    said = unescape(text_of(page))
    assert "Feeds in trouble 12" in said
    assert said.count("The host does not answer") == 8
    assert "All 12 feeds in trouble" in said
    assert "<script>alert" not in page.text
    assert "12 of 12 feeds failed at their last poll" in said


def test_dead_letters_are_retried_one_by_reason_and_by_host(
    settings: Settings, ledger: Ledger, client: redis_client.Redis
) -> None:
    for number, (reason, host) in enumerate(
        [("timeout", "a.example"), ("timeout", "b.example"), ("dns", "b.example"), ("dns", "c.example")], start=1
    ):
        give_up(ledger, number, reason, host)
    with served(settings, ledger, client) as site:
        said = text_of(site.get("/ops"))
        assert "Dead letters 4" in said
        assert re.search(r"dns 2\s+Retry.*timeout 2\s+Retry", said)
        one = site.post("/ops/dead/retry", data={"id": "1", "back": "ops"})
        assert (one.status_code, one.headers["location"]) == (303, "/ops?done=1#dead")
        assert "1 article is queued again." in text_of(site.get("/ops?done=1"))
        assert states(ledger) == {1: "queued", 2: "dead", 3: "dead", 4: "dead"}
        host = site.post("/ops/dead/retry", data={"host": "b.example"})
        assert "2 articles are queued again." in text_of(site.get(host.headers["location"]))
        gone = site.post("/ops/dead/drop", data={"reason": "dns", "of_reason": "dns"})
        assert "1 article was let go of." in text_of(site.get(gone.headers["location"]))
        assert states(ledger) == {1: "queued", 2: "queued", 3: "queued", 4: "rejected"}
        for nothing in ({}, {"id": "x"}, {"reason": ""}):
            assert site.post("/ops/dead/retry", data=nothing).status_code == 422


def test_the_letters_show_what_was_answered_as_text(settings: Settings, ledger: Ledger) -> None:
    give_up(ledger, 1, "server-error", "a.example", title=HOSTILE, answer=HOSTILE)
    give_up(ledger, 2, "dns", "b.example", url="javascript:alert(1)", title="B")
    with served(settings, ledger) as site:
        page = site.get("/ops/dead")
        chosen = site.get("/ops/dead?reason=dns")
    assert page.text.count("&lt;script&gt;alert(1)") == 2
    assert "<script>" not in page.text
    assert 'href="javascript' not in page.text
    assert re.findall(r"<h2><(?:a|span)[^>]*>(\w+)", chosen.text) == ["B"]


def test_the_page_shows_up_while_redis_is_away(settings: Settings, ledger: Ledger, tmp_path: object) -> None:
    away = connect_redis(settings.model_copy(update={"redis_url": f"unix://{tmp_path}/no.sock"}))
    with served(settings, ledger, away) as site:
        page = site.get("/ops")
    assert page.status_code == 200
    assert "Redis does not answer" in text_of(page)


def test_retrying_needs_the_token_of_the_session(settings: Settings, ledger: Ledger) -> None:
    give_up(ledger, 1, "dns", "a.example")
    with served(settings.model_copy(update={"api_token": TOKEN}), ledger) as site:
        assert site.get("/ops?part=1").status_code == 401
        site.post("/login", data={"token": TOKEN})
        assert site.post("/ops/dead/retry", data={"id": "1"}).status_code == 403
        csrf = re.findall(r'name="csrf" value="([^"]+)"', site.get("/ops").text)[0]
        assert site.post("/ops/dead/retry", data={"id": "1", "csrf": csrf}).status_code == 303
    assert states(ledger) == {1: "queued"}
