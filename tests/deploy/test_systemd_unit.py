"""The systemd unit, as systemd itself reads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

UNIT = "deploy/systemd/slugline.service"
PROGRAM = "/opt/slugline/.venv/bin/slugline"


def verify(tool: Callable[[str], str], unit: Path) -> str:
    """What systemd complains about. Its exit code is 0 even for settings that it does not know."""
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"\nexit code {done.returncode}")


@pytest.fixture
def installed(repo: Path, tmp_path: Path) -> Path:
    """The unit with its program where there is one (verify looks whether it exists)."""
    text = (repo / UNIT).read_text()
    assert text.count(f"ExecStart={PROGRAM} up\n") == 1
    unit = tmp_path / "slugline.service"
    unit.write_text(text.replace(f"ExecStart={PROGRAM}", f"ExecStart={sys.executable}"))
    return unit


def test_systemd_understands_every_line(tool: Callable[[str], str], installed: Path) -> None:
    assert verify(tool, installed) == ""


def test_the_check_would_notice_a_wrong_line(tool: Callable[[str], str], installed: Path) -> None:
    installed.write_text(installed.read_text().replace("RestartSec=5", "RestartSecs=5"))
    assert "RestartSecs" in verify(tool, installed)


def test_it_writes_where_it_may(repo: Path) -> None:
    lines = (repo / UNIT).read_text().splitlines()
    assert "StateDirectory=slugline" in lines
    assert "ProtectSystem=strict" in lines
    assert "Environment=SLUGLINE_DATA_DIR=/var/lib/slugline" in lines
    # torch writes machine code at run time.
    assert not any(line.startswith("MemoryDenyWriteExecute") for line in lines)
