"""A page that hangs, crashes or bloats its parser costs one call."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pipeline.errors import SandboxError
from pipeline.sandbox import Parser, Sandbox

from . import handlers

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(handlers.ALL, seconds=1.0, memory_bytes=200 * MEGABYTE, recycle=500) as sandbox:
        yield sandbox


@pytest.fixture
def parser(sandbox: Sandbox) -> Iterator[Parser]:
    parser = sandbox.connect()
    yield parser
    parser.close()


@pytest.mark.parametrize("name", ["spin", "stuck_in_c", "hash_for_ever"])
def test_a_parser_that_hangs_is_killed_in_time(parser: Parser, name: str) -> None:
    before = parser.call("who")
    started = time.monotonic()
    with pytest.raises(SandboxError, match=f"{name}: the parser hung") as caught:
        parser.call(name)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 30.0  # a second of it is the limit; the rest is for a busy machine
    assert parser.call("double", 4) == 8
    assert parser.call("who") != before


@pytest.mark.parametrize("name", ["leave", "segfault"])
def test_a_crash_costs_one_call(parser: Parser, name: str) -> None:
    with pytest.raises(SandboxError) as caught:
        parser.call(name)
    assert caught.value.reason == "crashed"
    assert parser.call("double", 5) == 10


def test_memory_is_limited(parser: Parser) -> None:
    assert parser.call("eat", 50 * MEGABYTE) == 50 * MEGABYTE
    with pytest.raises(SandboxError) as caught:
        parser.call("eat", 400 * MEGABYTE)
    assert caught.value.reason == "memory"
    assert parser.call("eat", 50 * MEGABYTE) == 50 * MEGABYTE


def test_time_is_counted_per_call() -> None:
    with Sandbox(handlers.ALL, seconds=0.3, recycle=1_000_000) as sandbox, sandbox.connect() as parser:
        children = {parser.call("who")}
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            children.add(parser.call("who"))
    assert len(children) == 1


def test_frames_are_bounded(parser: Parser) -> None:
    with pytest.raises(SandboxError) as caught:
        parser.call("double", bytes(65 * 1024 * 1024))
    assert caught.value.reason == "too-large"
    assert parser.call("double", 1) == 2


def test_the_child_has_nothing_of_its_creator(parser: Parser) -> None:
    found = parser.call("surroundings")
    assert found["alarm"]
    assert found["interrupt"]
    assert found["core"] == 0
    ours = [name for name in found["files"] if not name.startswith(("/dev/null", "/proc/", "pipe:"))]
    assert len(ours) == 1, found["files"]  # its own connection
    assert ours[0].startswith("socket:")


def test_a_child_retires_after_so_many_calls() -> None:
    with Sandbox(handlers.ALL, recycle=3) as sandbox, sandbox.connect() as parser:
        children = [parser.call("who")[0] for _ in range(7)]
    assert [children.index(child) for child in children] == [0, 0, 0, 3, 3, 3, 6]


def test_a_child_that_grew_fat_retires() -> None:
    with Sandbox(handlers.ALL, recycle_bytes=150 * MEGABYTE) as sandbox, sandbox.connect() as parser:
        first = parser.call("hold", 1)
        assert parser.call("hold", 150 * MEGABYTE) == first
        assert parser.call("hold", 1) != first
