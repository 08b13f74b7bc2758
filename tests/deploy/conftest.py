"""What the deploy tests share: the repository, the tools beside the interpreter, and a compose file made plain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
SECRETS = {"VALKEY_PASSWORD": "v4lkey", "POSTGRES_PASSWORD": "p0stgres", "SLUGLINE_API_TOKEN": "t0ken"}

Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Path of a command; where it is missing the test is skipped, or fails under SLUGLINE_TEST_REQUIRE."""

    def find(name: str) -> str:
        beside = Path(sys.executable).with_name(name)
        found = str(beside) if beside.is_file() else shutil.which(name)
        if found is None:
            (pytest.fail if os.environ.get("SLUGLINE_TEST_REQUIRE") else pytest.skip)(f"{name} is not installed")
        return found

    return find


@pytest.fixture(scope="session")
def compose(tool: Callable[[str], str]) -> Compose:
    """`docker compose ARGUMENTS` on the shipped file, knowing only the variables given: no .env, no shell."""
    program = tool("docker-compose")

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [program, "--env-file", os.devnull, "-f", str(REPO / "docker-compose.yml"), *arguments]
        environment = {"PATH": os.environ["PATH"], **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(scope="session")
def project(compose: Compose) -> dict[str, Any]:
    """The compose file as the engine would be given it, all anchors and variables resolved."""
    return plain(compose("config", "--format", "json", **SECRETS))


@pytest.fixture(scope="session")
def observability(compose: Compose) -> dict[str, Any]:
    """The same with the profile of that name."""
    return plain(compose("--profile", "observability", "config", "--format", "json", **SECRETS))


def plain(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found
