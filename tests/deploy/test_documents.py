"""What the documents say about settings and files is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from pipeline.settings import Settings

ROW = re.compile(r"^\| `SLUGLINE_([A-Z_]+)` \| (.+?) \|", re.MULTILINE)


def test_every_setting_is_described_with_its_default(repo: Path) -> None:
    described = dict(ROW.findall((repo / "docs/settings.md").read_text(encoding="utf-8")))
    assert {name.lower() for name in described} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        told = described[name.upper()].strip("`")
        if field.default is PydanticUndefined or name == "user_agent":
            continue  # made from the environment, or a sentence
        if isinstance(field.default, int | float):
            assert float(told) == field.default, name
        else:
            assert told == (field.default or "empty"), name


def test_the_readme_knows_no_setting_that_does_not_exist(repo: Path) -> None:
    elsewhere = {"config", "torch"}  # where the TOML file is; what is installed
    for document in ("README.md", "docs/operations.md", ".env.example"):
        text = (repo / document).read_text(encoding="utf-8")
        used = {name.lower() for name in re.findall(r"SLUGLINE_([A-Z_]+)", text)}
        compose = {"bind", "port"} if document == ".env.example" else set()
        assert used <= set(Settings.model_fields) | elsewhere | compose, document


@pytest.mark.parametrize(
    "document",
    ["README.md", "CHANGELOG.md", "docs/operations.md", "docs/settings.md", "docs/events.md", "docs/monitoring.md"],
)
def test_links_inside_the_repository_lead_somewhere(repo: Path, document: str) -> None:
    text = (repo / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert ((repo / document).parent / target).exists(), target
    for path in re.findall(r"`((?:deploy|docs|seeds|\.ci)/[\w./-]+)`", text):
        assert (repo / path).exists(), path
