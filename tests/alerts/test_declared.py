"""The declarations themselves: valid schemas, stable names, and the page that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline.alerts import describe
from pipeline.alerts.events import DECLARED, ENVELOPE, envelope
from pipeline.records import Event
from tests.ledger.making import at

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("type_", DECLARED)
def test_each_schema_is_valid_and_says_what_each_field_means(type_: str) -> None:
    declared = DECLARED[type_]
    Draft202012Validator.check_schema(declared.schema)
    assert declared.schema["$id"] == declared.dataschema
    assert declared.meaning.endswith(".")
    assert all(field.get("description") for field in declared.data["properties"].values())


def test_the_page_of_events_is_up_to_date() -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    assert page == describe.document(), "run `make docs/events.md`"


def test_an_event_reads_as_cloudevents() -> None:
    Draft202012Validator.check_schema(ENVELOPE)
    event = Event(
        id="a",
        type="storyline.grew",
        subject="storyline/7",
        sequence=3,
        time=at(0),
        data={"backfill": True},
        position=9,
    )
    assert envelope(event, "https://news.example") == {
        "specversion": "1.0",
        "id": "a",
        "source": "https://news.example",
        "type": "storyline.grew",
        "subject": "storyline/7",
        "time": at(0).isoformat(),
        "datacontenttype": "application/json",
        "dataschema": "urn:slugline:schema:storyline.grew:1",
        "sequence": 3,
        "position": 9,
        "backfill": True,
        "data": {"backfill": True},
    }
