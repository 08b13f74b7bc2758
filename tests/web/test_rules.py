"""Alert rules through the API: added, changed, removed, tried, and refused with a place and what was expected."""

from __future__ import annotations

from pipeline.ledger import Ledger, sinks
from pipeline.settings import Settings
from tests.web.newsroom import NOW, served

API = "/api/v1"


def test_rules_are_added_changed_and_removed(settings: Settings, ledger: Ledger) -> None:
    with ledger.write() as tx:
        sinks.add(tx, "desk", "webhook", "https://desk.example/", NOW)
    with served(settings, ledger) as site:
        given = {"name": "Call", "query": "maduro phoned", "quiet": {"hours": "22:00-07:00"}, "sinks": ["desk"]}
        made = site.post(f"{API}/rules", json=given)
        assert made.status_code == 201
        body = made.json()
        assert body["quiet"] == {"hours": "22:00-07:00", "zone": "UTC"}
        assert (body["name"], body["query"], body["limit"], body["paused"]) == ("Call", "maduro phoned", 10, False)
        again = site.post(f"{API}/rules", json=given)
        assert (again.status_code, again.json()["detail"]) == (
            409,
            "There is a rule of this name already, as number 1.",
        )
        assert site.get(f"{API}/rules/1").json() == {**body, "alerts": []}
        change = {"query": "maduro", "quiet": None, "paused": True, "cooldown": 60, "name": "The call"}
        changed = site.patch(f"{API}/rules/1", json=change).json()
        assert (changed["query"], changed["quiet"], changed["paused"]) == ("maduro", None, True)
        assert (changed["cooldown"], changed["sinks"], changed["name"]) == (60, ["desk"], "The call")
        assert site.patch(f"{API}/rules/1", json={}).status_code == 422
        assert site.patch(f"{API}/rules/9", json={"paused": True}).status_code == 404
        assert site.delete(f"{API}/rules/1").status_code == 204
        assert site.get(f"{API}/rules/1").status_code == 404


def test_a_rule_that_cannot_be_read_is_refused_with_its_place(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        asked = {"query": "maduro AND (phoned OR )"}
        site.post(f"{API}/rules", json={"name": "Call", "query": "maduro"})
        for answer in (
            site.post(f"{API}/rules", json={"name": "Other", **asked}),
            site.patch(f"{API}/rules/1", json=asked),
            site.post(f"{API}/rules/test", json=asked),
        ):
            assert answer.status_code == 422
            assert "the rule cannot be read at column 23: expected a word" in answer.json()["detail"]
        for bad in ({"zone": "Mars/Olympus", "hours": "22:00-07:00"}, {"hours": "late"}):
            answer = site.post(f"{API}/rules", json={"name": "Other", "query": "x1", "quiet": bad})
            assert answer.status_code == 422
        assert site.post(f"{API}/rules/test", json={"query": "x1", "since": "ever"}).status_code == 422
        assert [one["name"] for one in site.get(f"{API}/rules").json()["rules"]] == ["Call"]


def test_rules_come_page_by_page(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        for number in range(5):
            site.post(f"{API}/rules", json={"name": f"rule {number}", "query": "maduro"})
        first = site.get(f"{API}/rules", params={"limit": 3}).json()
        rest = site.get(f"{API}/rules", params={"limit": 3, "cursor": first["next_cursor"]}).json()
        assert [one["name"] for one in first["rules"] + rest["rules"]] == [f"rule {n}" for n in range(5)]
        assert (first["count"], rest["next_cursor"]) == (5, None)
        assert site.get(f"{API}/rules", params={"cursor": "nonsense"}).status_code == 422


def test_a_query_is_tried_without_being_saved(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        answer = site.post(f"{API}/rules/test", json={"query": "maduro", "since": "12h"})
        assert answer.status_code == 200
        assert answer.json()["matches"] == []
        assert site.get(f"{API}/rules").json()["count"] == 0
