"""Settings of each test's own, and a way to fill its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from tests.web.newsroom import Newsroom


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def newsroom(ledger: Ledger) -> Newsroom:
    return Newsroom(ledger)
