"""What `make` does on a stranger's machine before anything of Slugline runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pip
import pytest
from packaging.requirements import Requirement

Install = Callable[..., subprocess.CompletedProcess[str]]


def wheel(folder: Path, version: str) -> None:
    """A real wheel by the name of torch with nothing in it."""
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def install(repo: Path, tmp_path: Path) -> Install:
    """Run install-torch.sh on a new environment whose only source of packages is a folder of the wheels given."""

    def run(*versions: str, **changed: str) -> subprocess.CompletedProcess[str]:
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        for version in versions:
            wheel(wheels, version)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
        (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
        (site / "pip").symlink_to(Path(pip.__file__).parent)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            **changed,
        }
        command = ["sh", str(repo / "deploy/install-torch.sh"), str(tmp_path / "env/bin/python"), "constraints.txt"]
        return subprocess.run(
            command, cwd=repo, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def installed(tmp_path: Path) -> str | None:
    found = [path.name for path in (tmp_path / "env" / "lib").glob("python*/site-packages/torch-*.dist-info")]
    return found[0].removeprefix("torch-").removesuffix(".dist-info") if found else None


def test_the_cpu_build_is_taken_where_there_is_one(install: Install, tmp_path: Path) -> None:
    done = install("2.13.0", "2.13.0+cpu", "2.14.0")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path) == "2.13.0+cpu"
    assert "warning" not in done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="builds for macOS are CPU builds")
def test_without_a_cpu_build_it_warns_before_it_takes_another(install: Install, tmp_path: Path) -> None:
    done = install("2.13.0")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path) == "2.13.0"
    assert "warning: no CPU build of torch 2.13.0" in done.stderr


def test_a_gpu_user_gets_what_pip_finds(install: Install, tmp_path: Path) -> None:
    done = install("2.13.0+cu130", SLUGLINE_TORCH="default")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path) == "2.13.0+cu130"


def test_keep_needs_something_to_keep(install: Install) -> None:
    done = install(SLUGLINE_TORCH="keep")
    assert done.returncode == 1
    assert "none is installed" in done.stderr


def test_an_unknown_choice_is_refused(install: Install) -> None:
    done = install(SLUGLINE_TORCH="gpu")
    assert done.returncode == 1
    assert done.stderr.startswith("torch: SLUGLINE_TORCH=gpu is none of ")


def test_no_torch_at_all_is_one_clear_line(install: Install) -> None:
    done = install()
    assert done.returncode == 1
    assert "no torch 2.13.0 for this Python and machine" in done.stderr


def test_an_unfit_python_is_refused_and_nothing_is_made(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/setup.sh").write_bytes((repo / "deploy/setup.sh").read_bytes())
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\necho no\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", "deploy/setup.sh", "runtime"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHON": str(old)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "error: Slugline needs Python 3.11, 3.12 or 3.13 (found:" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_every_dependency_is_pinned(repo: Path) -> None:
    """Also those that are asked for with a marker: whoever adds one adds its version."""
    import tomllib

    project = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]
    lines = [line for line in (repo / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    pins = {requirement.name: requirement for requirement in map(Requirement, lines)}
    assert len(pins) == len(lines)
    for requirement in wanted:
        name = requirement.name.lower().replace("_", "-").replace(".", "-")
        assert name in pins, f"constraints.txt lacks {name}"
        (pin,) = pins[name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{name}=={pin.version} does not meet {requirement}"


@pytest.mark.parametrize("script", ["deploy/setup.sh", "deploy/install-torch.sh", ".ci/run"])
def test_scripts_can_be_run(repo: Path, script: str) -> None:
    assert os.access(repo / script, os.X_OK)
    shell = "bash" if script == ".ci/run" else "sh"
    subprocess.run([shell, "-n", str(repo / script)], check=True)
