"""The process around the application: addresses, probes, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis as redis_client

from pipeline.errors import LedgerError, UsageError
from pipeline.ledger import Ledger, connect
from pipeline.settings import Settings
from tests.web.newsroom import served
from workers.web.app import bind, connect_redis, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What differs between databases is behind the queries, which the tests of the API run on both."""
    return sqlite_ledger


@pytest.fixture
def client(valkey: str) -> Iterator[redis_client.Redis]:
    with contextlib.closing(redis_client.Redis.from_url(valkey)) as made:
        yield made


def test_a_port_in_use_is_named_with_the_way_out(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .* is in use; choose another one with --port"):
            serve(settings, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_loopback_a_token_is_needed(settings: Settings, host: str) -> None:
    with pytest.raises(UsageError, match="SLUGLINE_API_TOKEN"):
        serve(settings, host, 0)


def test_with_a_token_it_may_be_bound_beyond_loopback(settings: Settings) -> None:
    bind(settings.model_copy(update={"api_token": "x"}), "0.0.0.0", 0).close()


def test_no_answer_waits_for_the_one_before_to_be_acknowledged(settings: Settings) -> None:
    """With Nagle's algorithm the body of an answer comes some 40 ms after its headers on a kept connection."""

    async def ask(taken: socket.socket) -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Taking(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connection = transport.get_extra_info("socket")
                found.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        async with await asyncio.get_running_loop().create_server(Taking, sock=taken):
            _, writer = await asyncio.open_connection(*taken.getsockname())
            writer.close()
            await writer.wait_closed()
            return await asyncio.wait_for(found, 20)

    with bind(settings, "127.0.0.1", 0) as taken:
        assert asyncio.run(ask(taken))


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [("no.such.host.invalid", 8400, "--host"), ("127.0.0.1", 70_000, "--port"), ("192.0.2.1", 0, "--host")],
)
def test_an_address_that_cannot_be_had_is_named(settings: Settings, host: str, port: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bind(settings.model_copy(update={"api_token": "x"}), host, port)


def test_a_ledger_that_does_not_fit_is_told_and_the_port_given_back(settings: Settings) -> None:
    (settings.data_dir / "slugline.db").write_bytes(b"this is no database" * 500)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(LedgerError):
        serve(settings, "127.0.0.1", port)
    bind(settings, "127.0.0.1", port).close()


def test_readyz_names_redis_when_it_is_away(settings: Settings, ledger: Ledger, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"redis_url": f"unix://:secret@{tmp_path}/no.sock"})
    away = connect_redis(settings)
    with served(settings, ledger, away) as site:
        answer = site.get("/readyz")
        assert site.get("/healthz").status_code == 200
        assert site.get("/").status_code == 200
        assert site.get("/api/v1/queues").json()["jobs"] is None
    away.close()
    assert answer.status_code == 503
    assert answer.json()["ledger"] == {"ok": True, "detail": "answers"}
    assert answer.json()["redis"]["ok"] is False
    assert answer.json()["redis"]["detail"].startswith(f"Redis at unix://***@{tmp_path}/no.sock does not answer")


def test_readyz_names_the_ledger_when_it_is_away(
    settings: Settings, client: redis_client.Redis, tmp_path: Path
) -> None:
    gone = connect(f"sqlite:///{tmp_path}/gone/ledger.db")
    shutil.rmtree(tmp_path / "gone")
    with served(settings, gone, client) as site:
        answer, page, api = site.get("/readyz"), site.get("/"), site.get("/api/v1/feeds")
        assert site.get("/healthz").status_code == 200
    gone.close()
    assert answer.status_code == 503
    assert answer.json()["ledger"]["ok"] is False
    assert answer.json()["redis"] == {"ok": True, "detail": "answers"}
    assert (page.status_code, "The ledger does not answer" in page.text) == (503, True)
    assert (api.status_code, api.json()["detail"][:10]) == (503, "The ledger")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_by_itself_when_asked_to_and_loads_no_model(sqlite_url: str, sent: signal.Signals) -> None:
    program = (
        "import sys; from pipeline.settings import load; from workers import logs; from workers.web.app import serve; "
        "logs.configure(load(), 'web'); serve(load(), '127.0.0.1', int(sys.argv[1])); print('torch' in sys.modules)"
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    environment = {**os.environ, "SLUGLINE_DATABASE_URL": sqlite_url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(port)]
    transport = httpx.HTTPTransport(retries=0)
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child,
        httpx.Client(transport=transport, trust_env=False) as client,
    ):
        assert child.stderr is not None
        try:
            line = child.stderr.readline()  # one line says where it listens; from then on it is answered
            assert f"http://127.0.0.1:{port}/" in line
            assert client.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            child.send_signal(sent)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
    assert (child.returncode, out.strip(), err) == (0, "False", "")
