"""`slugline up` on its own: what it refuses, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.running import Up, gone_within, up

OPML = '<opml version="2.0"><body><outline text="Nobody" xmlUrl="http://nobody.localhost:9/feed"/></body></opml>'


def refused(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    with up(folder, *arguments, env=env) as run:
        code = run.wait(60)
        return code, run.errors()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = refused(tmp_path, "--port", port)
    assert code == 2
    assert said.startswith(f"slugline: port {port} on 127.0.0.1 is in use")
    assert said.count("\n") == 1


def test_an_opml_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.opml").write_text("this is no outline")
    code, said = refused(tmp_path, "--feeds", "broken.opml")
    assert code == 1
    assert "broken.opml" in said
    assert said.count("\n") == 1


def test_a_missing_opml_file_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--feeds", "nowhere.opml")
    assert code == 2
    assert said.startswith("slugline: nowhere.opml cannot be read")


def test_a_redis_that_does_not_answer_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, env={"SLUGLINE_REDIS_URL": "redis://:hidden@127.0.0.1:9/0"})
    assert code == 1
    assert "Redis at" in said
    assert "hidden" not in said


def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, env={"SLUGLINE_MODEL": "/no/such/model"})
    assert code == 1
    assert "/no/such/model" in said.strip().splitlines()[-1]
    assert "Traceback" not in said


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, env={"SLUGLINE_CONFIG": "nowhere.toml"})
    assert code == 1
    assert "nowhere.toml" in said
    assert said.count("\n") == 1


def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, env={"SLUGLINE_ALLOW_NETWORKS": "everything"})
    assert code == 1
    assert said.startswith("slugline: SLUGLINE_ALLOW_NETWORKS")


def test_beyond_loopback_it_needs_a_token(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--host", "0.0.0.0")
    assert code == 2
    assert "SLUGLINE_API_TOKEN" in said


def test_a_data_dir_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with up(tmp_path, "--data-dir", "/proc/slugline") as run:
        assert run.wait(60) == 1
        assert run.errors().startswith("slugline: the data directory /proc/slugline cannot be written")


@pytest.mark.timeout(180)
def test_it_serves_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_text(OPML)
    env = {"SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8"}
    with up(tmp_path, "--feeds", "feeds.opml", env=env) as run:
        assert answers(run), run.errors()[-3000:]
        second = subprocess.run(
            [*run.process.args[:3], "up", "--data-dir", str(run.data), "--port", str(run.port)],  # type: ignore[index]
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        assert second.returncode == 1
        assert "another `slugline up` is running on" in second.stderr
        run.process.send_signal(signal.SIGTERM)
        assert run.wait(15) == 0
        assert gone_within(run, 5.0), run.left_behind()


@pytest.mark.timeout(180)
def test_a_valkey_that_is_killed_while_it_starts_comes_back(tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_text(OPML)
    env = {"SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8"}
    with up(tmp_path, "--feeds", "feeds.opml", env=env) as run:
        killed: set[int] = set()
        deadline = time.monotonic() + 60
        while len(killed) < 2 and time.monotonic() < deadline and run.process.poll() is None:
            server = run.children().get("valkey")
            if server is not None and server not in killed:
                os.kill(server, signal.SIGKILL)
                killed.add(server)
            time.sleep(0.005)  # it is to be met before it answers, and again
        assert len(killed) == 2, run.errors()[-3000:]
        assert answers(run), run.errors()[-3000:]
        assert run.errors().count("child=valkey") >= 2


@pytest.mark.timeout(180)
def test_a_supervisor_that_is_killed_leaves_no_child_behind(tmp_path: Path) -> None:
    with up(tmp_path) as run:
        assert answers(run), run.errors()[-3000:]
        run.process.kill()
        run.wait(5)
        assert gone_within(run, 30.0), run.left_behind()


def answers(run: Up) -> bool:
    """Whether the web service of a run answers within a minute or so."""
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport, timeout=2) as client:
        for _ in range(240):
            try:
                return client.get(f"http://127.0.0.1:{run.port}/healthz").status_code == 200
            except httpx.TransportError:
                if run.process.poll() is not None:
                    return False
            time.sleep(0.25)  # asking again, bounded; there is nothing else to wait for
    return False
