"""Whatever is asked, in keeping with the description or against it: no answer is a failure of ours, and each is one
that the description has.

The examples are the same at every run, so that a failure is the change's and not the dice's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_client
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.ledger import Ledger, changes, commands, deliveries, events, feeds, sinks, work
from pipeline.records import ArticleState
from pipeline.settings import Settings
from tests.web.newsroom import JOINED, NOW, Newsroom, served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 15  # of each operation; all of them take some ten seconds
STREAM = "/api/v1/events/stream"  # never ends by itself
TOKEN = "a token of tests"
DEAD = 4  # the article that `fill` gives up
# What the description cannot say: which requests there is something to do for.
SENSIBLE: Mapping[str, Mapping[str, Any]] = {
    "GET /api/v1/articles": {"query": {"url": "https://outlet1.example/1"}},
    "PATCH /api/v1/storylines/{storyline_id}": {"body": {"locked": True}},
    "PATCH /api/v1/feeds/{feed_id}": {"body": {"state": "paused"}},
    "POST /api/v1/storylines/{storyline_id}/undo": {"body": {"change": 1}},
    "GET /api/v1/schemas/{type}": {"path_parameters": {"type": "storyline.opened"}},
    "POST /api/v1/dead/retry": {"query": {"all": True}},
    "POST /api/v1/dead/drop": {"query": {"all": True}},
    "POST /api/v1/dead/{article_id}/retry": {"path_parameters": {"article_id": DEAD}},
    "POST /api/v1/dead/{article_id}/drop": {"path_parameters": {"article_id": DEAD + 1}},
    "POST /api/v1/rules": {"body": {"name": "another", "query": "flood outlets>=2"}},
    "POST /api/v1/rules/test": {"body": {"query": "flood outlets>=2"}},
    "PATCH /api/v1/rules/{rule_id}": {"body": {"paused": True}},
    "POST /api/v1/sinks": {"body": {"name": "another", "url": "https://1.1.1.1/hook"}},
    "PATCH /api/v1/sinks/{sink_id}": {"body": {"state": "paused"}},
    "POST /api/v1/sinks/{sink_id}/replay": {"body": {"dead": True}},
    "POST /api/v1/feeds": {"body": {"url": "https://outlet.example/another"}},
    "POST /api/v1/feeds.opml": {
        "body": b"<opml version='2.0'><body><outline xmlUrl='https://a.example/'/></body></opml>"
    },
}
# After those of one: `retry` and `drop` of all, and what is gone then.
LATE = (
    *("POST /api/v1/dead/retry", "POST /api/v1/dead/drop"),
    *("DELETE /api/v1/feeds/{feed_id}", "DELETE /api/v1/rules/{rule_id}"),
    *("POST /api/v1/sinks/{sink_id}/replay", "DELETE /api/v1/sinks/{sink_id}"),
)


def examples() -> example_settings:
    return example_settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def fill(newsroom: Newsroom) -> None:
    """One of everything that can be asked for, under the first ids."""
    first, second = newsroom.open(title="The call", text="What it is.", declared=True, lang="en"), newsroom.open()
    original = newsroom.file(first, title="First", why={"storyline": None, **JOINED})
    newsroom.file(first, title="Copy", copy_of=original)
    newsroom.file(second, title="Another", now=NOW + timedelta(minutes=1))
    newsroom.merge(newsroom.open(), first)
    with newsroom.ledger.write() as tx:
        asked = commands.put(tx, "rename", {"storyline": first, "title": "New"}, NOW)
        changes.record(tx, "rename", first, NOW, command=asked, payload={"title": "New"}, why={})
        dead = [newsroom.article(tx, title="Given up") for _ in range(2)]
        work.hand_out(tx, dead, "job", NOW)
        for claim in work.claim(tx, dead, ArticleState.FETCHED, "job", "test", NOW, 30):
            work.fail(tx, claim, ArticleState.FETCHED, "model", "the model failed", NOW, None)
        assert dead == [DEAD, DEAD + 1]
        for number in range(3):
            feeds.add(tx, f"https://someone:word@outlet.example/{number}", NOW)
        sink = sinks.add(tx, "desk", "webhook", "http://127.0.0.1:9/", NOW)
        events.number(tx, 100)
        deliveries.fill(tx, sink, NOW, lambda *_: True)
        deliveries.give_up(tx, sink.id, NOW, NOW)


@pytest.fixture
def site(settings: Settings, ledger: Ledger, newsroom: Newsroom, valkey: str) -> Iterator[str]:
    """Where the service runs, filled, with everything that it can have."""
    fill(newsroom)
    whole = settings.model_copy(update={"api_token": TOKEN, "public_url": "https://news.example"})
    client = redis_client.Redis.from_url(valkey)
    with client, served(whole, ledger, client) as browser:
        yield str(browser.base_url).rstrip("/")


def described(site: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{site}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})


def operations(schema: BaseSchema) -> list[APIOperation[Any, Any, Any]]:
    found = [each.ok() for each in schema.get_all_operations()]
    assert len(found) > 25
    return sorted(found, key=lambda one: LATE.index(one.label) + 1 if one.label in LATE else 0)


def cases(operation: APIOperation[Any, Any, Any]) -> st.SearchStrategy[Case]:
    """Requests that the description allows, some for what there is, and some that it does not allow."""
    known = {one.name: 1 for one in operation.path_parameters if one.name.endswith("_id")}
    sensible = {"path_parameters": known, **SENSIBLE.get(operation.label, {})}
    return st.one_of(
        operation.as_strategy(**sensible),
        operation.as_strategy(),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )


def ask(session: requests.Session, operation: APIOperation[Any, Any, Any], site: str) -> set[int]:
    """Make the requests, each with its checks; gives the statuses that came back."""
    answered = set()

    @examples()
    @given(cases(operation))
    def check(case: Case) -> None:
        if operation.path == STREAM:
            answered.add(status_of_stream(session, case, site))
            return
        answer = case.call(base_url=site, session=session, timeout=20)
        answered.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    check()
    return answered


def status_of_stream(session: requests.Session, case: Case, site: str) -> int:
    """Of the stream only its beginning can be looked at."""
    with session.request(**case.as_transport_kwargs(base_url=site), stream=True, timeout=20) as answer:
        assert answer.status_code in (200, 422)
        return answer.status_code


def test_no_request_makes_an_answer_that_is_not_described(site: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        for operation in operations(described(site)):
            answered = ask(session, operation, site)
            assert answered & {200, 201, 202, 204}, f"{operation.label} never did anything"


def test_who_has_no_token_is_refused_as_described(site: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations(described(site)):
            answer = session.request(operation.method, site + operation.path.replace("{", "").replace("}", ""))
            assert answer.status_code == (200 if operation.path == "/healthz" else 401), operation.label
            case = operation.Case(path_parameters={one.name: 1 for one in operation.path_parameters})
            case.validate_response(answer, checks=CHECKS)
