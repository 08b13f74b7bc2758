"""The zygote lives as long as its creator, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import SandboxError
from pipeline.sandbox import Parser, Sandbox

from . import handlers

PROGRAM = """
import os, sys
from pipeline.sandbox import Sandbox

def spin():
    while True:
        pass

sandbox = Sandbox({"who": lambda: (os.getpid(), os.getppid()), "spin": spin}, seconds=30.0)
parser = sandbox.connect()
child, zygote = parser.call("who")
if sys.argv[1] == "forked" and os.fork() == 0:  # a child that lives on and holds the zygote's life line
    parser.close()
    os.close(1)
    sys.stdin.read()
    os._exit(0)
print(child, zygote, sandbox._directory, flush=True)
if sys.argv[1] == "busy":
    parser.call("spin")
sys.stdin.read()
"""


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether `pid` has ended, or does so soon; a zombie that waits for init counts as ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("how", ["idle", "busy", "forked"])
def test_all_end_when_the_creator_is_killed(how: str) -> None:
    creator = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert creator.stdin is not None
    assert creator.stdout is not None
    try:
        child, zygote, directory = creator.stdout.readline().split()
        assert not gone(int(child), 0.05)
        assert not gone(int(zygote), 0.05)
        creator.send_signal(signal.SIGKILL)
        creator.wait(10)
        assert gone(int(zygote))
        assert gone(int(child))
        assert not Path(directory).exists()
    finally:
        creator.kill()
        creator.stdin.close()
        creator.stdout.close()
        creator.wait(10)


def test_close_ends_zygote_and_children() -> None:
    sandbox = Sandbox(handlers.ALL)
    parser = sandbox.connect()
    child, zygote = parser.call("who")
    assert sandbox.alive()
    sandbox.close()
    assert not sandbox.alive()
    assert gone(zygote)
    assert gone(child)
    assert not sandbox._directory.exists()
    with pytest.raises(SandboxError) as caught:
        parser.call("double", 1)
    assert caught.value.reason in {"gone", "crashed"}
    with pytest.raises(SandboxError) as caught:
        parser.call("double", 1)
    assert caught.value.reason == "gone"
    sandbox.close()  # twice does no harm


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_the_zygote(number: signal.Signals) -> None:
    with Sandbox(handlers.ALL) as sandbox, sandbox.connect() as parser:
        child, zygote = parser.call("who")
        os.kill(zygote, number)
        assert gone(zygote)
        assert gone(child)
        assert not sandbox.alive()


def test_ctrl_c_is_left_to_the_creator() -> None:
    with Sandbox(handlers.ALL) as sandbox, sandbox.connect() as parser, sandbox.connect() as other:
        child, zygote = parser.call("who")
        for pid in (child, zygote):
            os.kill(pid, signal.SIGINT)
        assert parser.call("who") == (child, zygote)
        assert other.call("double", 1) == 2


def test_no_zombies_are_left() -> None:
    with Sandbox(handlers.ALL) as sandbox:
        children = []
        for _ in range(5):
            parser = sandbox.connect()
            child, zygote = parser.call("who")
            children.append(child)
            parser.close()
        for child in children:
            assert gone(child)
        deadline = time.monotonic() + 10
        while (left := _children_of(zygote)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert left == []


def _children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_warm_runs_once_before_the_first_child() -> None:
    marks: list[int] = []

    def warm() -> None:
        marks.append(os.getpid())

    with Sandbox({"marks": lambda: marks}, warm=warm) as sandbox:
        for _ in range(2):
            with sandbox.connect() as parser:
                assert parser.call("marks") == [sandbox.pid]
    assert marks == []


def test_a_warm_that_fails_is_told() -> None:
    def warm() -> None:
        raise OSError("no such model")

    with pytest.raises(SandboxError, match="no such model") as caught:
        Sandbox(handlers.ALL, warm=warm)
    assert caught.value.reason == "gone"


def test_a_parser_without_sandbox_says_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no parser answers") as caught:
        Parser(str(tmp_path / "s"), 1.0).call("double", 1)
    assert caught.value.reason == "gone"
