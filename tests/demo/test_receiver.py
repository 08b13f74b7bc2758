"""The demo's receiver: what is signed is taken, once, also by a wire that was started again; people read one line."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from pipeline.alerts import signing
from workers.demo import journal, receiver
from workers.demo.journal import Journal
from workers.demo.site import DemoSite
from workers.demo.world import World

from .conftest import PORT, START

ALERT: dict[str, Any] = {
    "id": "event-1",
    "type": "alert.matched",
    "data": {
        "rule": {"id": 1, "name": "Mills"},
        "level": "first",
        "storyline": {"headline": "Paper mill shuts its gates", "articles": 3, "outlets": 2},
        "why": [{"condition": "mill", "found": "in its headline"}],
    },
}


class Wire:
    """A wire with a journal, and a sink that signs with its secret."""

    def __init__(self, world: World, folder: Path) -> None:
        self.path, self.secret, self._world = folder / "wire.jsonl", signing.new_secret(), world
        journal.begin(self.path, self.secret)
        self.start()

    def start(self) -> None:
        """Also: start again."""
        self.site = DemoSite(self._world, port=PORT, start=START, journal=Journal(self.path))

    def post(self, event: dict[str, Any], *, secret: str = "", when: datetime | None = None, body: bytes = b"") -> int:
        told = json.dumps(event)
        moment = when or datetime.now(UTC)
        headers = {
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret or self.secret).sign(event["id"], moment, told),
        }
        return asyncio.run(self._post(body or told.encode(), headers))

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        transport = httpx.ASGITransport(app=self.site.application())
        async with httpx.AsyncClient(trust_env=False, transport=transport) as client:
            return (
                await client.post(f"http://127.0.0.1:{PORT}/wire/alerts", content=body, headers=headers)
            ).status_code

    def kept(self) -> list[str]:
        return [entry["alert"]["id"] for entry in journal.read(self.path) if "alert" in entry]


@pytest.fixture
def wire(world: World, tmp_path: Path) -> Wire:
    return Wire(world, tmp_path)


def test_an_alert_is_taken_once_also_after_a_restart(wire: Wire) -> None:
    assert [wire.post(ALERT), wire.post(ALERT)] == [204, 204]
    wire.start()
    assert [wire.post(ALERT), wire.post(ALERT | {"id": "event-2"})] == [204, 204]
    assert wire.kept() == ["event-1", "event-2"]
    assert wire.site.state()["alerts"] == 2


def test_what_is_forged_changed_or_old_is_refused(wire: Wire) -> None:
    assert wire.post(ALERT, secret=signing.new_secret()) == 400
    assert wire.post(ALERT, body=json.dumps(ALERT).replace("Mills", "Mines").encode()) == 400
    assert wire.post(ALERT, when=datetime.now(UTC) - timedelta(minutes=6)) == 400
    assert wire.kept() == []


@pytest.mark.parametrize("stamp", ["", "soon", "²", "9" * 40])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": stamp, "webhook-signature": "v1,x"}
    assert not receiver.genuine(signing.new_secret(), headers, b"{}", datetime.now(UTC))


def test_other_events_are_taken_and_not_kept(wire: Wire) -> None:
    assert wire.post(ALERT | {"type": "slugline.test"}) == 204
    assert wire.kept() == []


def test_a_line_that_was_cut_off_costs_no_other(wire: Wire) -> None:
    wire.post(ALERT)
    with wire.path.open("ab") as file:
        file.write(b'{"alert": {"id": "half')
    wire.start()
    wire.post(ALERT | {"id": "event-2"})
    assert wire.kept() == ["event-1", "event-2"]


def test_the_secret_is_its_owners(wire: Wire) -> None:
    assert wire.path.stat().st_mode & 0o077 == 0


def test_people_read_one_line_and_scripts_what_rang() -> None:
    assert receiver.line(ALERT) == (
        "ALERT Mills: Paper mill shuts its gates [3 articles, 2 outlets; matches mill (in its headline)]"
    )
    hostile = ALERT | {"data": ALERT["data"] | {"level": "surge", "storyline": {"headline": "a\x1b[2J\nb\u202e"}}}
    assert receiver.line(hostile).startswith("ALERT Mills (it surges): a [2J b  [")
    assert receiver.summary(ALERT) == {"rule": "Mills", "level": "first", "headline": "Paper mill shuts its gates"}
