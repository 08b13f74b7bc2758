"""The API answers with what its description promises."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis as redis_client
from jsonschema import Draft202012Validator

from pipeline import queues
from pipeline.ledger import Ledger, articles, commands, events, feeds, work
from pipeline.records import ArticleState, Entry
from pipeline.settings import Settings
from tests.web.newsroom import JOINED, NOW, Newsroom, served

API = "/api/v1"


def checked(answer: httpx.Response, path: str, description: dict[str, Any]) -> Any:
    """The answer's JSON, once it was found to be what the description says of this path and status."""
    method = answer.request.method.lower()
    described = description["paths"][path][method]["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": description["components"]}).validate(answer.json())
    return answer.json()


def give_up(newsroom: Newsroom, *, error: str = "the model failed") -> int:
    """An article that is dead."""
    with newsroom.ledger.write() as tx:
        made = newsroom.article(tx, title="Given up")
        work.hand_out(tx, [made], "job", NOW)
        (claim,) = work.claim(tx, [made], ArticleState.FETCHED, "job", "test", NOW, 30)
        work.fail(tx, claim, ArticleState.FETCHED, "model", error, NOW, None)
    return made


def test_the_description_is_valid_and_answers_follow_it(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open(title="The call", text="What it is about.", declared=True, lang="en")
    first = newsroom.file(story, title="First", why={"storyline": None, **JOINED})
    newsroom.file(story, title="Copy", copy_of=first)
    give_up(newsroom)
    with ledger.write() as tx:
        feeds.add(tx, "https://outlet.example/feed", NOW)
        events.number(tx, 100)
    with served(settings, ledger) as site:
        description = site.get("/openapi.json").json()
        assert description["info"]["title"] == "Slugline"
        assert description["openapi"].startswith("3.1")
        for schema in description["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        operations = [one for path in description["paths"].values() for one in path.values()]
        assert len({one["operationId"] for one in operations}) == len(operations)
        named = {tag["name"] for tag in description["tags"]}
        assert all(one["tags"] and set(one["tags"]) <= named and one["description"] for one in operations)
        for path in ("/storylines", "/feeds", "/queues", "/dead", "/events"):
            checked(site.get(API + path), API + path, description)
        detail = site.get(f"{API}/storylines/{story}")
        body = checked(detail, API + "/storylines/{storyline_id}", description)
        article = checked(site.get(f"{API}/articles/{first}"), API + "/articles/{article_id}", description)
        missing = checked(site.get(f"{API}/articles/999"), API + "/articles/{article_id}", description)
        invalid = checked(site.get(f"{API}/events?limit=0"), API + "/events", description)
        not_ready = checked(site.get("/readyz"), "/readyz", description)
    assert (body["articles"], body["originals"], body["reprints"]) == (2, 1, 1)
    assert {item["kind"] for item in body["coverage"]} == {"original", "duplicate"}
    assert (article["storyline"], article["state"]) == (story, "filed")
    assert article["text"] == "First. The text of it."
    assert missing == {"detail": "There is no article 999."}
    assert invalid == {"detail": "limit: Input should be greater than or equal to 1."}
    assert not_ready["ready"] is False


@pytest.mark.parametrize("sort", ["updated", "size"])
def test_cursors_lead_through_storylines_without_gap_or_repetition(
    settings: Settings, ledger: Ledger, newsroom: Newsroom, sort: str
) -> None:
    for number in range(7):
        story = newsroom.open(now=NOW - timedelta(hours=9))
        for _ in range(number % 3):
            newsroom.file(story, title=f"Story {number}", now=NOW - timedelta(minutes=number // 2))
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    with served(settings, ledger) as site:
        for _ in range(10):
            given = {"sort": sort, "limit": "2"} | ({"cursor": cursor} if cursor else {})
            body = site.get(f"{API}/storylines", params=given).json()
            found += body["storylines"]
            cursor = body["next_cursor"]
            if cursor is None:
                break
            other = "size" if sort == "updated" else "updated"
            wrong = site.get(f"{API}/storylines", params={"sort": other, "cursor": cursor})
            assert wrong.status_code == 422
            assert "cursor" in wrong.json()["detail"]
    assert cursor is None
    assert sorted(item["id"] for item in found) == list(range(1, 8))
    keys = [(item["updated" if sort == "updated" else "originals"], item["id"]) for item in found]
    assert keys == sorted(keys, reverse=True)


def test_a_cursor_leads_on_through_coverage(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open()
    made = [newsroom.file(story, title="Report", published=NOW - timedelta(minutes=at)) for at in (3, 1, 1, 2, 1)]
    made.append(newsroom.file(story, title="Undated", published=None))  # counts from when it was seen, an hour ago
    found: list[int] = []
    cursor: str | None = ""
    with served(settings, ledger) as site:
        for _ in range(5):
            given = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            body = site.get(f"{API}/storylines/{story}", params=given).json()
            found += [item["id"] for item in body["coverage"]]
            cursor = body["next_cursor"]
            if cursor is None:
                break
    assert cursor is None
    assert found == [made[place] for place in (4, 2, 1, 3, 0, 5)]


def test_storylines_can_be_chosen_by_state_and_language(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    english = newsroom.open(title="One", text="x", lang="en", declared=True)
    newsroom.open(title="Two", text="x", lang="vi", declared=True)
    newsroom.file(english, title="a")
    newsroom.file(english, title="b", source="La Vigía")
    with served(settings, ledger) as site:
        for chosen in ({"lang": "en"}, {"state": "developing"}):
            body = site.get(f"{API}/storylines", params=chosen).json()
            assert [item["id"] for item in body["storylines"]] == [english]


def test_a_declaration_becomes_a_command_for_the_clusterer(settings: Settings, ledger: Ledger) -> None:
    wanted = {"title": "  The Maduro\ncall ", "text": "The two spoke by telephone.\n\nWhat follows.", "lang": "en"}
    with served(settings, ledger) as site:
        answer = site.post(f"{API}/storylines", json=wanted)
        assert answer.status_code == 202
        made = answer.json()["command"]
        with ledger.read() as tx:
            (command,) = commands.pending(tx, 10)
        assert (command.id, command.kind) == (made, "declare")
        assert command.payload == {**wanted, "title": "The Maduro call"}
        assert site.get("/api/v1/storylines").json()["storylines"] == []  # only the clusterer opens storylines
        asked = site.get(f"{API}/commands/{made}").json()
        assert asked == {"command": made, "state": "pending", "result": None, "error": None}
        with ledger.write() as tx:
            commands.settle(tx, made, NOW, result={"storyline": 5})
        assert site.get(f"{API}/commands/{made}").json()["result"] == {"storyline": 5}
        assert site.get(f"{API}/commands/{made + 1}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"title": "", "text": "x"},
        {"title": "x"},
        {"title": "x", "text": "nul \x00"},
        {"title": "x" * 301, "text": "x"},
        {"title": "x", "text": "x", "lang": "not a tag"},
        {"title": "x", "text": "x", "surprise": 1},
        ["x"],
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_in_one_sentence(
    settings: Settings, ledger: Ledger, body: Any
) -> None:
    with served(settings, ledger) as site:
        answer = site.post(f"{API}/storylines", json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert answer.json()["detail"].endswith(".")
    with ledger.read() as tx:
        assert commands.pending(tx, 1) == []


@pytest.mark.parametrize("body", [b'{"title": "\\ud800", "text": "x"}', b"{", b"\xff\xfe", b""])
def test_a_body_that_is_no_text_is_refused(settings: Settings, ledger: Ledger, body: bytes) -> None:
    with served(settings, ledger) as site:
        answer = site.post(f"{API}/storylines", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert isinstance(answer.json()["detail"], str)


def test_a_body_beyond_all_measure_is_refused(settings: Settings, ledger: Ledger) -> None:
    def endless() -> Any:
        yield b'{"title": "'
        for _ in range(40):
            yield b"x" * 100_000
        yield b'"}'

    with served(settings, ledger) as site:
        headers = {"content-type": "application/json"}
        named = site.post(f"{API}/storylines", content=json.dumps({"title": "x" * 2_000_000}), headers=headers)
        streamed = site.post(f"{API}/storylines", content=endless(), headers=headers)
    assert (named.status_code, streamed.status_code) == (413, 413)
    assert named.json() == {"detail": "The body is longer than 1,000,000 bytes."}
    assert isinstance(streamed.json()["detail"], str)


def test_an_article_is_found_by_any_url_it_was_seen_under(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    with ledger.write() as tx:
        articles.record_entries(tx, [Entry(key="1", url="https://outlet.example/a?id=7")], NOW)
        imported = newsroom.article(tx, title="x", url="")
    with served(settings, ledger) as site:
        for url in ("https://outlet.example/a?id=7", "http://outlet.example/a?utm_source=x&id=7#part"):
            assert site.get(f"{API}/articles", params={"url": url}).json()["id"] == 1
        assert site.get(f"{API}/articles", params={"url": "import:w1"}).json()["id"] == imported
        assert site.get(f"{API}/articles", params={"url": "https://outlet.example/other"}).status_code == 404
        assert site.get(f"{API}/articles", params={"url": "nul\x00"}).status_code == 422
        assert site.get(f"{API}/articles/{2**63}").status_code == 422


def test_queues_tell_counts_ages_and_jobs(settings: Settings, ledger: Ledger, newsroom: Newsroom, valkey: str) -> None:
    with ledger.write() as tx:
        newsroom.article(tx, title="waits")
    client = redis_client.Redis.from_url(valkey)
    queues.enqueue(client, queues.EMBED, [queues.Task("embed", "job-1", [1])])
    with contextlib.closing(client), served(settings, ledger, client) as site:
        body = site.get(f"{API}/queues").json()
        assert site.get("/readyz").json()["ready"] is True
    stages = {stage["state"]: stage for stage in body["articles"]}
    assert stages["fetched"]["count"] == 1
    assert stages["fetched"]["oldest_seconds"] == 3600
    assert stages["filed"]["oldest"] is None
    assert body["jobs"] == {"fetch": 0, "backfill": 0, "embed": 1}
    assert body["held_back"] == []


def test_the_dead_can_be_let_go_of(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    dead = give_up(newsroom, error="no answer")
    with served(settings, ledger) as site:
        body = site.get(f"{API}/dead", params={"reason": "model"}).json()
        ((host, count),) = body["hosts"].items()
        assert (body["dead"][0]["host"], count, body["reasons"]) == (host, 1, {"model": 1})
        assert site.get(f"{API}/dead", params={"host": "elsewhere.example"}).json()["dead"] == []
        assert site.post(f"{API}/dead/retry", params={"reason": "timeout"}).json() == {"articles": 0}
        dropped = site.post(f"{API}/dead/{dead}/drop")
        assert (dropped.status_code, dropped.json()) == (200, {"id": dead, "state": "rejected"})
        assert site.post(f"{API}/dead/{dead}/drop").status_code == 409
        assert site.post(f"{API}/dead/999999/drop").status_code == 404
        assert site.post(f"{API}/dead/drop", params={"all": True}).json() == {"articles": 0}


def test_no_slip_of_the_pen_lets_go_of_all_the_dead(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    give_up(newsroom, error="no answer")
    with served(settings, ledger) as site:
        for what in ("drop", "retry"):
            answer = site.post(f"{API}/dead/{what}", params={"resaon": "timeout"})
            assert (answer.status_code, answer.json()["detail"]) == (422, "Give a reason, a host, or all=true.")
        assert site.get(f"{API}/dead").json()["count"] == 1
        assert site.post(f"{API}/dead/drop", params={"reason": "model"}).json() == {"articles": 1}


def test_the_dead_can_be_seen_and_taken_up_again(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    dead = give_up(newsroom, error="https://me:pw@outlet.example/ failed")
    with served(settings, ledger) as site:
        body = site.get(f"{API}/dead").json()
        assert (body["count"], body["dead"][0]["id"], body["dead"][0]["reason"]) == (1, dead, "model")
        assert "pw" not in body["dead"][0]["error"]
        retried = site.post(f"{API}/dead/{dead}/retry")
        assert (retried.status_code, retried.json()) == (202, {"id": dead, "state": "fetched"})
        article = site.get(f"{API}/articles/{dead}").json()
        assert (article["state"], article["generation"], article["error"]) == ("fetched", 2, None)
        again = site.post(f"{API}/dead/{dead}/retry")
        assert (again.status_code, again.json()["detail"]) == (409, f"Article {dead} is not dead but fetched.")
        assert site.post(f"{API}/dead/999/retry").status_code == 404


def test_events_are_read_by_position(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open(title="Declared", text="x", declared=True)
    for number in range(4):
        newsroom.file(story, title=f"Report {number}")
    with ledger.write() as tx:
        events.number(tx, 3)  # the others are not published yet
    with served(settings, ledger) as site:
        first = site.get(f"{API}/events?limit=2").json()
        rest = site.get(f"{API}/events?after={first['last']}").json()
        end = site.get(f"{API}/events?after={rest['last']}").json()
    assert [event["position"] for event in first["events"] + rest["events"]] == [1, 2, 3]
    assert first["events"][0]["type"] == "storyline.opened"
    assert first["events"][0]["subject"] == f"storyline/{story}"
    assert end == {"events": [], "last": 3, "first": 1, "gap": False}


def test_a_reader_is_told_that_events_behind_its_position_are_kept_no_more(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    with served(settings, ledger) as site:
        assert site.get(f"{API}/events").json() == {"events": [], "last": 0, "first": None, "gap": False}
        story = newsroom.open(title="Declared", text="x", declared=True)
        for number in range(5):
            newsroom.file(story, title=f"Report {number}")
        with ledger.write() as tx:
            events.number(tx, 100)
            events.expire(tx, NOW + timedelta(days=1), 3)
        found = {after: site.get(f"{API}/events?after={after}&limit=1").json() for after in (0, 2, 3)}
    assert {after: (one["first"], one["gap"]) for after, one in found.items()} == {
        0: (4, False),
        2: (4, True),
        3: (4, False),
    }
    assert [one["events"][0]["position"] for one in found.values()] == [4, 4, 4]


def test_unknown_addresses_and_methods_are_told_in_json(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        missing, wrong = site.get(f"{API}/nothing"), site.put(f"{API}/feeds")
    assert (missing.status_code, missing.json()) == (404, {"detail": "There is nothing at this address."})
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "This address does not take that method."})
