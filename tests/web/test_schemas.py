"""What the types of events say is published."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from pipeline.alerts.events import DECLARED
from pipeline.ledger import Ledger, events
from pipeline.settings import Settings
from tests.alerts.schemas import validator
from tests.web.newsroom import Newsroom, served


def test_every_type_has_its_schema(settings: Settings, sqlite_ledger: Ledger) -> None:
    with served(settings, sqlite_ledger) as site:
        listed = site.get("/api/v1/schemas").json()["types"]
        answers = [site.get(f"/api/v1/schemas/{one['type']}") for one in listed]
        missing = site.get("/api/v1/schemas/storyline.nothing")
    assert [one["type"] for one in listed] == list(DECLARED)
    for one, answer in zip(listed, answers, strict=True):
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == one["dataschema"]
        Draft202012Validator.check_schema(answer.json())
    assert missing.status_code == 404


def test_events_are_cloudevents_as_declared(settings: Settings, ledger: Ledger) -> None:
    newsroom = Newsroom(ledger)
    newsroom.file(newsroom.open(title="A story"), title="First")
    with ledger.write() as tx:
        events.number(tx, 10)
    public = settings.model_copy(update={"public_url": "https://news.example"})
    with served(public, ledger) as site:
        found = site.get("/api/v1/events").json()["events"]
    assert {one["source"] for one in found} == {"https://news.example"}
    for one in found:
        validator("envelope").validate(one)
        validator(one["type"]).validate(one["data"])
