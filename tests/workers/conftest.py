"""What the tests of the processes share: plain log lines, a Redis client, the model once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
import structlog

from pipeline import queues
from pipeline.embedding import Embedder
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.site import Site, serving
from workers import parsers
from workers.poller import ask, loop


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """structlog's own default draws every traceback with all its variables, which takes seconds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def brisk_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pollers look often, and ask always with validators: the share of polls without them is drawn at random."""
    monkeypatch.setattr(loop, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(ask, "UNCONDITIONAL", 0.0)


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with closing(queues.connect(valkey)) as opened:
        yield opened


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The parsers of production, with its limits."""
    with parsers.sandbox(Settings()) as made:
        yield made


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The packaged model, loaded once for the whole run."""
    return Embedder()
