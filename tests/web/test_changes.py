"""People's corrections over the API: each becomes a command, and the history tells what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.ledger import Ledger, commands
from pipeline.settings import Settings
from tests.web.newsroom import NOW, VERSION, Newsroom, served
from workers.clusterer import Clusterer

API = "/api/v1"


@pytest.fixture
def stories(newsroom: Newsroom) -> list[int]:
    """Two storylines, of articles 1 and 2, and of article 3."""
    made = [newsroom.open(), newsroom.open()]
    newsroom.file(made[0], title="The mill closes")
    newsroom.file(made[0], title="The mill is closed")
    newsroom.file(made[1], title="A trial begins")
    return made


def asked(ledger: Ledger) -> list[tuple[str, Any]]:
    with ledger.read() as tx:
        return [(one.kind, dict(one.payload)) for one in commands.pending(tx, 20)]


def test_each_becomes_a_command(settings: Settings, ledger: Ledger, stories: list[int]) -> None:
    with served(settings, ledger) as site:
        answers = [
            site.post(f"{API}/storylines/2/merge", json={"into": 1}),
            site.post(f"{API}/storylines/1/split", json={"articles": [1]}),
            site.post(f"{API}/storylines/1/move", json={"articles": [1], "to": 2}),
            site.post(f"{API}/storylines/1/move", json={"articles": [2], "to": None}),
            site.patch(f"{API}/storylines/1", json={"title": " The\nmill "}),
            site.patch(f"{API}/storylines/1", json={"locked": True}),
            site.patch(f"{API}/storylines/1", json={"locked": False}),
        ]
    assert [answer.status_code for answer in answers] == [202] * 7
    assert answers[0].json() == {"command": 1, "state": "pending", "result": None, "error": None}
    assert asked(ledger) == [
        ("merge", {"storyline": 2, "into": 1}),
        ("split", {"storyline": 1, "articles": [1]}),
        ("move", {"storyline": 1, "articles": [1], "to": 2}),
        ("move", {"storyline": 1, "articles": [2], "to": None}),
        ("rename", {"storyline": 1, "title": "The mill"}),
        ("lock", {"storyline": 1}),
        ("unlock", {"storyline": 1}),
    ]


def test_what_came_of_it_is_in_the_history_and_can_be_undone(
    settings: Settings, ledger: Ledger, stories: list[int]
) -> None:
    clusterer = Clusterer(ledger, VERSION)
    with served(settings, ledger) as site:
        description = site.get("/openapi.json").json()
        site.post(f"{API}/storylines/2/merge", json={"into": 1})
        site.patch(f"{API}/storylines/1", json={"title": "The mill"})
        clusterer.step(NOW)
        applied = site.get(f"{API}/commands/1").json()
        assert (applied["state"], applied["result"]) == ("applied", {"change": 1, "storyline": 2, "other": 1})
        assert site.get(f"{API}/storylines/2").status_code == 301
        assert site.get(f"{API}/storylines/1").json()["headline"] == "The mill"
        history = site.get(f"{API}/storylines/1/changes", params={"limit": 1})
        path = API + "/storylines/{storyline_id}/changes"
        schema = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": description["components"]}).validate(history.json())
        assert [(one["kind"], one["title"]) for one in history.json()["changes"]] == [("rename", "The mill")]
        older = site.get(f"{API}/storylines/1/changes", params={"before": history.json()["next_before"]}).json()
        assert [(one["kind"], one["by"], one["articles"]) for one in older["changes"]] == [("merge", "people", [3])]
        assert older["next_before"] is None
        assert site.post(f"{API}/storylines/2/undo", json={"change": 1}).status_code == 202
        clusterer.step(NOW + timedelta(seconds=1))
        assert site.get(f"{API}/storylines/2").json()["articles"] == 1
        undone = site.get(f"{API}/storylines/2/changes").json()["changes"]
        assert [(one["kind"], one["undoes"]) for one in undone] == [("undo", 1), ("merge", None)]
        assert undone[1]["undone"] is not None


def test_a_refusal_is_told_by_the_command(settings: Settings, ledger: Ledger, stories: list[int]) -> None:
    with served(settings, ledger) as site:
        made = site.post(f"{API}/storylines/1/split", json={"articles": [3]}).json()["command"]
        Clusterer(ledger, VERSION).step(NOW)
        answer = site.get(f"{API}/commands/{made}").json()
    assert answer["state"] == "refused"
    assert answer["error"].startswith("article 3 is not in storyline 1")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "99/merge", {"into": 1}, 404),
        ("PATCH", "99", {"locked": True}, 404),
        ("GET", "99/changes", None, 404),
        ("POST", "1/undo", {"change": 7}, 404),
        ("POST", "1/merge", {"into": 0}, 422),
        ("POST", "1/merge", {"into": 2**63}, 422),
        ("POST", "1/merge", {"into": 2, "surprise": 1}, 422),
        ("POST", "1/split", {"articles": []}, 422),
        ("POST", "1/split", {"articles": ["x"]}, 422),
        ("POST", "1/split", {"articles": list(range(1, 1002))}, 422),
        ("POST", "1/move", {"articles": [1]}, 422),
        ("PATCH", "1", {}, 422),
        ("PATCH", "1", {"title": "x", "locked": True}, 422),
        ("PATCH", "1", {"title": "nul \x00"}, 422),
        ("PATCH", "1", {"title": "x" * 301}, 422),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    settings: Settings, sqlite_ledger: Ledger, method: str, path: str, body: Any, status: int
) -> None:
    Newsroom(sqlite_ledger).open()
    with served(settings, sqlite_ledger) as site:
        answer = site.request(method, f"{API}/storylines/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    assert asked(sqlite_ledger) == []
