"""The seed files are found in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from workers import seeds


@pytest.mark.parametrize("place", ["workers/_seeds", "seeds"])
def test_either_place_is_found(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / place).mkdir()
    monkeypatch.setattr(seeds, "__file__", str(tmp_path / "workers" / "seeds.py"))
    assert seeds.seeds_dir() == (tmp_path / place).resolve()


def test_a_wheels_own_files_come_before_a_stranger_s_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workers" / "_seeds").mkdir(parents=True)
    (tmp_path / "seeds").mkdir()
    monkeypatch.setattr(seeds, "__file__", str(tmp_path / "workers" / "seeds.py"))
    assert seeds.seeds_dir().name == "_seeds"


def test_an_incomplete_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "__file__", str(tmp_path / "workers" / "seeds.py"))
    with pytest.raises(InputError, match="seed files are missing"):
        seeds.seeds_dir()
