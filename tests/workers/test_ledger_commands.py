"""`slugline backup`, `restore` and `move-to`: the whole way, and wrong use."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from pipeline.errors import InputError, LedgerError, SluglineError, UsageError
from pipeline.ledger import Ledger, articles, events, open_ledger
from pipeline.settings import LEDGER_FILE, load
from tests.workers.changing import Desk
from tests.workers.wire import NOON
from workers import keeping
from workers.cli.app import app
from workers.relay import Relay


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUGLINE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def desk(folder: Path) -> Desk:
    """An embedded ledger with two storylines; it is open."""
    made = Desk(open_ledger(f"sqlite:///{folder / LEDGER_FILE}", upgrade=True))
    made.file("flood", "Orsel")
    made.file("trial", "Marven")
    return made


def run(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def answered(*words: object) -> dict[str, object]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.exception
    return dict(json.loads(done.stdout))


def refused(*words: object) -> SluglineError:
    done = run(*words)
    assert isinstance(done.exception, SluglineError), done.output
    return done.exception


def count(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return sum(articles.counts(tx).values())


def test_a_copy_comes_back_and_the_stream_is_filled_from_it(desk: Desk, folder: Path, valkey: str) -> None:
    file = folder.parent / "monday.db"
    assert answered("backup", file)["bytes"] == file.stat().st_size
    desk.file("strike", "Tolen")
    (folder / "valkey").mkdir()
    (folder / "valkey" / "appendonly").write_text("ahead of the copy")
    assert isinstance(refused("restore", file), LedgerError)
    assert (folder / "valkey" / "appendonly").exists()
    desk.ledger.close()
    done = answered("restore", file)
    assert [Path(one).name.split(".before-")[0] for one in done["kept"]] == [LEDGER_FILE, "valkey"]  # type: ignore[attr-defined]
    with contextlib.closing(open_ledger(f"sqlite:///{folder / LEDGER_FILE}")) as again:
        assert count(again) == 2
        with contextlib.closing(redis.Redis.from_url(valkey)) as client:
            assert Relay(load(), again, client).step(NOON) == 2
        with again.read() as tx:
            assert [event.position for event in events.after(tx, 0, 10)] == [1, 2]


def test_nothing_is_restored_while_up_runs(desk: Desk, folder: Path) -> None:
    file = folder.parent / "copy"
    answered("backup", file)
    desk.ledger.close()
    with keeping.held(folder):
        assert "another `slugline up` is running" in str(refused("restore", file))
        assert "another `slugline up` is running" in str(refused("move-to", "postgresql://nobody@127.0.0.1/none"))


def test_a_ledger_moves_to_postgresql(desk: Desk, folder: Path, postgres_url: str) -> None:
    assert "in use" in str(refused("move-to", postgres_url))
    desk.ledger.close()
    done = run("move-to", postgres_url)
    assert done.exit_code == 0, done.exception
    assert "articles: 2" in done.stderr
    assert "set SLUGLINE_DATABASE_URL" in done.stdout
    with contextlib.closing(open_ledger(postgres_url)) as moved:
        assert count(moved) == 2
    assert "already holds" in str(refused("move-to", postgres_url))


def test_wrong_use_is_told_with_the_way_out(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ledger.close()
    assert isinstance(refused("move-to", f"sqlite:///{folder}/other.db"), UsageError)
    assert "is no database URL" in str(refused("move-to", "somewhere"))
    assert "cannot be used" in str(refused("move-to", "postgresql://nobody@127.0.0.1:1/none"))
    monkeypatch.setenv("SLUGLINE_DATABASE_URL", "postgresql://slug:secret@127.0.0.1:1/slug")
    for words in (("backup", folder / "copy"), ("restore", folder / "copy"), ("move-to", "postgresql://x@y/z")):
        error = refused(*words)
        assert isinstance(error, InputError)
        assert "secret" not in str(error)
    monkeypatch.delenv("SLUGLINE_DATABASE_URL")
    monkeypatch.setenv("SLUGLINE_DATA_DIR", str(folder / "empty"))
    assert "there is no ledger at" in str(refused("backup", folder / "copy"))
    assert "there is no ledger at" in str(refused("move-to", "postgresql://x@127.0.0.1/z"))
