"""A ledger on each database, a real Valkey, and settings small enough to fill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pipeline import queues
from pipeline.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, fetch_batch=2, embed_batch=2, queue_jobs=3, max_attempts=2)


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    made = queues.connect(valkey)
    yield made
    made.close()
