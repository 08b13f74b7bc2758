"""What goes in and what comes back, from any process that holds a Parser."""

from __future__ import annotations

import asyncio
import os
import pickle
import select
import threading
from collections.abc import Iterator

import pytest

from pipeline.errors import FetchError, ForbiddenAddressError, RejectedError, SandboxError
from pipeline.sandbox import Parser, Sandbox

from . import handlers


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(handlers.ALL, seconds=10.0) as sandbox:
        yield sandbox


@pytest.fixture
def parser(sandbox: Sandbox) -> Iterator[Parser]:
    parser = sandbox.connect()
    yield parser
    parser.close()


def test_results_come_back(parser: Parser) -> None:
    assert parser.call("double", 21) == 42
    child, zygote = parser.call("who")
    assert child != os.getpid() != zygote


def test_large_pages_travel(parser: Parser) -> None:
    body = os.urandom(10_000_000)
    assert parser.call("double", body) == body * 2


def test_errors_keep_their_type_and_fields(parser: Parser) -> None:
    with pytest.raises(RejectedError, match=r"^a login page$") as rejected:
        parser.call("reject", "login")
    assert rejected.value.reason == "login"
    with pytest.raises(FetchError, match=r"^busy$") as fetch:
        parser.call("refuse")
    assert (fetch.value.reason, fetch.value.retry, fetch.value.after) == ("http-503", True, 12.5)
    with pytest.raises(ForbiddenAddressError) as forbidden:
        parser.call("forbid")
    assert (forbidden.value.reason, forbidden.value.retry) == ("forbidden-address", False)


def test_other_exceptions_come_back_as_text_and_keep_the_child(parser: Parser) -> None:
    child = parser.call("who")
    with pytest.raises(SandboxError, match="ZeroDivisionError: one by none") as caught:
        parser.call("stumble")
    assert caught.value.reason == "error"
    with pytest.raises(SandboxError, match="cannot be sent") as caught:
        parser.call("unsendable")
    assert caught.value.reason == "error"
    with pytest.raises(SandboxError, match="KeyError: 'nobody'"):
        parser.call("nobody")
    assert parser.call("who") == child


def test_two_clients_have_a_child_each(sandbox: Sandbox) -> None:
    one, two = sandbox.connect(), sandbox.connect()
    assert one.call("who")[0] != two.call("who")[0]
    results: dict[int, list[int]] = {}

    def work(parser: Parser, number: int) -> None:
        results[number] = [parser.call("double", number + step) for step in range(200)]

    threads = [threading.Thread(target=work, args=pair) for pair in ((one, 0), (two, 5000))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {number: [2 * (number + step) for step in range(200)] for number in (0, 5000)}
    one.close()
    two.close()


def test_a_forked_process_gets_its_own_child(parser: Parser) -> None:
    ours = parser.call("who")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, pickle.dumps([parser.call("who"), parser.call("double", 8)]))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        theirs, doubled = pickle.load(answers)
    os.waitpid(pid, 0)
    assert theirs != ours
    assert doubled == 16
    assert parser.call("who") == ours


def test_a_parser_can_be_pickled(parser: Parser) -> None:
    copy = pickle.loads(pickle.dumps(parser))
    assert copy.call("double", 3) == 6
    copy.close()


def test_a_child_that_died_while_idle_costs_nothing(parser: Parser) -> None:
    child, _ = parser.call("who")
    os.kill(child, 9)
    assert parser._socket is not None
    assert select.select([parser._socket], [], [], 10.0)[0]  # the kernel has closed its socket
    assert parser.call("double", 2) == 4


def test_it_is_not_started_inside_an_event_loop() -> None:
    async def start() -> None:
        Sandbox(handlers.ALL)

    with pytest.raises(SandboxError) as caught:
        asyncio.run(start())
    assert caught.value.reason == "misuse"
