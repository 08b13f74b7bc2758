"""The later stories wait until every feed was polled once, so that what a first poll brings is the backlog alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from workers.demo import journal
from workers.demo.clock import schedule
from workers.demo.journal import Journal
from workers.demo.site import DemoSite
from workers.demo.world import World, feed_urls

from .conftest import PORT, START

WITHIN = timedelta(seconds=30)


class Wire:
    """A wire that holds back, asked at a moment that the test sets."""

    def __init__(self, world: World, kept: Journal | None = None, *, duration: float = 60.0) -> None:
        self.seconds = 0.0
        self.site = DemoSite(
            world,
            port=PORT,
            start=START,
            duration=duration,
            clock=lambda: START + timedelta(seconds=self.seconds),
            polls_within=WITHIN,
            journal=kept,
        )
        self._application = self.site.application()

    def poll(self, url: str) -> bytes:
        return asyncio.run(self._poll(url))

    async def _poll(self, url: str) -> bytes:
        transport = httpx.ASGITransport(app=self._application)
        async with httpx.AsyncClient(trust_env=False, transport=transport) as client:
            return (await client.get(url)).raise_for_status().content

    @property
    def out(self) -> int:
        released = self.site.state()["released"]
        assert isinstance(released, int)
        return released


def test_they_wait_for_the_last_feed_and_then_take_their_time(world: World) -> None:
    wire, urls = Wire(world), feed_urls(world, PORT)
    wire.seconds = 20
    for url in urls[1:]:
        assert wire.poll(url)
    wire.seconds = 25
    assert (wire.out, wire.site.state()["live"]) == (9, None)
    assert b"Lower Weir asks" not in wire.poll(urls[0])
    assert wire.site.state()["live"] == (START + timedelta(seconds=25)).isoformat()
    assert wire.out == 9
    wire.seconds = 25 + 59
    assert (wire.out, wire.site.state()["ended"]) == (10, False)
    wire.seconds = 25 + 60
    assert (wire.out, wire.site.state()["ended"]) == (11, True)


def test_a_feed_that_nobody_polls_is_not_waited_for_for_ever(world: World) -> None:
    wire = Wire(world)
    wire.poll(feed_urls(world, PORT)[0])
    wire.seconds = 29
    assert wire.site.state()["live"] is None
    wire.seconds = 31
    assert wire.site.state()["live"] == (START + timedelta(seconds=31)).isoformat()


def test_a_wire_that_is_started_again_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    journal.begin(tmp_path / "wire", "secret")
    first = Wire(world, Journal(tmp_path / "wire"))
    first.seconds = 7
    for url in feed_urls(world, PORT):
        first.poll(url)
    again = Wire(world, Journal(tmp_path / "wire"))
    again.seconds = 7 + 59
    assert again.out == 10
    assert again.site.state()["live"] == (START + timedelta(seconds=7)).isoformat()


def test_everything_at_once_waits_for_nobody(world: World) -> None:
    assert Wire(world, duration=0).site.state()["ended"] is True


@pytest.mark.parametrize("seconds", [0.0, 12.7])
def test_the_backlog_lies_before_the_start_whenever_the_rest_begins(world: World, seconds: float) -> None:
    whole = schedule(world, start=START, live=START + timedelta(seconds=seconds), duration=10)
    assert [item.id for item, _ in whole] == [item.id for item in world.items]
    published = {item.id: moment for item, moment in whole}
    assert published["mill-3"] == START - timedelta(hours=34)
    assert published["single-2"] == START + timedelta(seconds=int(seconds) + 10)
