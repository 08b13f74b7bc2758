"""The image: hadolint finds nothing, and it is built from what is let in."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/rq-dashboard/Dockerfile"])
def test_hadolint_finds_nothing(repo: Path, tool: Callable[[str], str], file: str) -> None:
    done = subprocess.run([tool("hadolint"), str(repo / file)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_runs_as_nobody_special_and_says_how_it_feels(repo: Path) -> None:
    final = (repo / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", final, flags=re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, flags=re.MULTILINE)
    assert "pip install" not in final


def test_everything_copied_is_let_in(repo: Path) -> None:
    """A path that .dockerignore shuts out fails only when somebody builds, which no test here can do."""
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", (repo / "Dockerfile").read_text(), flags=re.MULTILINE)
        for source in line.split()[:-1]
        if not source.startswith("--")
    ]
    rules = [line for line in (repo / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert len(sources) >= 9
    for source in sources:
        assert (repo / source).exists(), source
        ignored = False
        for rule in rules:
            if fnmatch.fnmatch(source, rule.removeprefix("!")):
                ignored = not rule.startswith("!")
        assert not ignored, f"{source} is shut out by .dockerignore"


def test_what_is_installed_is_what_the_tests_ran_with(repo: Path) -> None:
    """Every pip install is held to constraints.txt, except the project itself, which brings nothing along."""
    installs = re.findall(r"pip install [^\\\n]*", (repo / "Dockerfile").read_text())
    assert len(installs) == 3
    assert all("-c constraints.txt" in line or "--no-deps ." in line for line in installs)
