"""The process: one line when it listens, an orderly end, clear complaints."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workers.demo import serve


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "workers.demo", "--port", "0", "--seconds", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def ask(port: int, path: str, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_serves_and_ends_on_a_signal(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    greeting = json.loads(process.stdout.readline())
    assert greeting["port"] > 0
    assert len(greeting["feeds"]) >= 12
    assert all(f".localhost:{greeting['port']}/" in url for url in greeting["feeds"])
    status, body = ask(greeting["port"], "/feed/", "harbour-ledger.localhost")
    assert status == 200
    assert body.startswith(b"<?xml")
    state = json.loads(ask(greeting["port"], "/wire/state", "localhost")[1])
    assert state["ended"] is True  # --seconds 0
    open_connection = http.client.HTTPConnection("127.0.0.1", greeting["port"], timeout=10)
    open_connection.connect()  # one that is kept open must not hold the end up
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    open_connection.close()
    assert process.stderr.read() == ""


def test_a_port_in_use_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.main(["--port", str(port)]) == 1
    complaint = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in complaint
    assert "choose another port" in complaint
    assert complaint.count("\n") == 1
