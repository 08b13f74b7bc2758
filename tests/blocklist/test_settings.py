"""The block list as operators give it: in the environment, in TOML, in a file; refused at start when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import load


@pytest.mark.parametrize("given", ["a.example,b.example", "a.example b.example", " a.example ,\n b.example, "])
def test_commas_and_blanks_part_patterns_in_the_environment(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_BLOCK", given)
    settings = load()
    assert settings.block == ("a.example", "b.example")
    assert settings.block_list.match("https://www.b.example/x") == "b.example"


def test_nothing_is_blocked_unless_somebody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_BLOCK", "")
    monkeypatch.setenv("SLUGLINE_BLOCK_FILE", "")
    assert len(load().block_list) == 0


def test_toml_has_a_list_in_which_commas_mean_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slugline.toml").write_text('block = ["a.example", "https://b.example/x,y/*"]')
    monkeypatch.chdir(tmp_path)
    assert load().block_list.match("https://b.example/x,y/1") == "https://b.example/x,y/*"


def test_a_file_holds_thousands_with_remarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["\ufeff# bought by a spammer", "", *(f"blocked{n}.example  # number {n}" for n in range(5000))]
    file = tmp_path / "blocked.txt"
    file.write_text("\n".join(lines))
    monkeypatch.setenv("SLUGLINE_BLOCK_FILE", str(file))
    monkeypatch.setenv("SLUGLINE_BLOCK", "more.example")
    settings = load()
    assert len(settings.block_list) == 5001
    assert settings.block_list.match("https://blocked4999.example/") == "blocked4999.example"
    assert settings.block_list.match("https://more.example/") == "more.example"


def test_a_bad_line_is_named_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "blocked.txt"
    file.write_text("# hosts\ngood.example\n\nbad host.example\n")
    monkeypatch.setenv("SLUGLINE_BLOCK_FILE", str(file))
    with pytest.raises(SettingsError, match=r"SLUGLINE_BLOCK_FILE: .*blocked\.txt, line 4: 'bad host\.example'"):
        load()


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), (b"\xff\xfe", "not in UTF-8")])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "blocked.txt"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SLUGLINE_BLOCK_FILE", str(file))
    with pytest.raises(SettingsError, match=why):
        load()


def test_a_bad_pattern_among_thousands_is_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_BLOCK", ",".join([*(f"b{n}.example" for n in range(2000)), "10.0.0.0/8"]))
    with pytest.raises(SettingsError, match=r"SLUGLINE_BLOCK: .*'10\.0\.0\.0/8' cannot be blocked") as refused:
        load()
    assert len(str(refused.value)) < 500
