"""Each process says at its beginning what it runs with, and lines name what they are about; no secret is among it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pipeline.settings import SECRETS, Settings
from workers import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_what_was_set_is_told_without_its_secrets(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql+psycopg://slugline:s3cret@db.example/slugline",
        redis_url="redis://:s3cret@cache.example:6379/0",
        api_token="s3cret",
        log_format="json",
        workers=3,
    )
    output = io.StringIO()
    logs.configure(settings, "relay", output)
    logs.begin(settings)
    (said,) = lines(output)
    assert "s3cret" not in output.getvalue()
    assert (said["event"], said["service"], said["level"]) == ("starting", "relay", "info")
    assert said["ledger"] == "postgresql+psycopg://***@db.example/slugline"
    assert said["settings"]["workers"] == 3
    assert said["settings"]["api_token"] == "***"
    assert set(said["settings"]) == settings.model_fields_set


def test_a_secret_setting_is_known_as_one() -> None:
    """A new one whose name says so must be listed."""
    named = {name for name in Settings.model_fields if any(word in name for word in ("token", "secret", "password"))}
    assert named == SECRETS


def test_a_service_says_it_first(tmp_path: Path) -> None:
    environment = {**os.environ, "SLUGLINE_DATA_DIR": str(tmp_path), "SLUGLINE_LOG_FORMAT": "json"}
    environment["SLUGLINE_REDIS_URL"] = f"unix://{tmp_path}/none.sock"
    command = [sys.executable, "-m", "workers.cli", "relay"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    first = json.loads(done.stderr.splitlines()[0])
    assert (first["event"], first["service"]) == ("starting", "relay")
    assert first["settings"] == {
        "data_dir": str(tmp_path),
        "log_format": "json",
        "redis_url": environment["SLUGLINE_REDIS_URL"],
    }
