"""What `slugline doctor` says, and that it says what to do."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from pipeline import queues
from pipeline.embedding import version
from pipeline.ledger import connect, feeds
from pipeline.settings import Settings
from tests.sinks.receiving import receiver
from tests.workers.site import Answer, serving
from workers import doctor
from workers.cli.app import app
from workers.doctor import examine


def findings(settings: Settings) -> dict[str, tuple[str, bool]]:
    return {one.name: (one.says, one.good) for one in examine(settings, offline=True)}


@pytest.mark.parametrize(("runtime", "words"), [("onnx", "ONNX Runtime, float32 on cpu: as set"), ("auto", " on c")])
def test_the_runtime_and_the_reason_for_it_are_told(tmp_path: Path, runtime: str, words: str) -> None:
    found = findings(Settings(data_dir=tmp_path, embed_runtime=runtime))
    said, good = found["model"]
    assert good
    assert version() in said
    assert words in said


def test_a_model_that_is_not_there_is_told_with_the_way_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, model=str(tmp_path / "missing"))
    said, good = findings(settings)["model"]
    assert not good
    assert "SLUGLINE_MODEL takes the name or directory" in said


def test_packages_that_are_missing_or_of_another_version_are_named() -> None:
    needed = [Requirement("pytest>=1"), Requirement("rich<1"), Requirement("no-such-thing>=2")]
    assert [line.partition(" ")[0] for line in doctor.unmet(needed)] == ["rich", "no-such-thing"]


def test_each_database_is_named_with_its_version(ledger_url: str, tmp_path: Path) -> None:
    said, good = findings(Settings(database_url=ledger_url, data_dir=tmp_path))["ledger"]
    assert good
    assert said.startswith("SQLite 3." if ledger_url.startswith("sqlite") else "PostgreSQL 1")
    assert said.endswith("schema up to date, can be written to")


def test_a_redis_that_drops_jobs_and_one_that_is_away_are_wrong(valkey: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=valkey)
    said, good = findings(settings)["redis"]
    assert good
    assert said.startswith("Valkey 9.")
    with closing(queues.connect(valkey)) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            said, good = findings(settings)["redis"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert (good, "set it to noeviction" in said) == (False, True)
    said, good = findings(Settings(data_dir=tmp_path, redis_url=f"unix://{tmp_path}/none"))["redis"]
    assert (good, "none" in said) == (False, True)


def test_a_clock_that_is_apart_from_those_of_the_servers_is_wrong(
    ledger_url: str, valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=ledger_url, redis_url=valkey, data_dir=tmp_path)
    assert findings(settings)["clock"][1]
    monkeypatch.setattr(doctor, "now", lambda: datetime.now(UTC) + timedelta(minutes=2))
    said, good = findings(settings)["clock"]
    assert not good
    assert "120 s ahead of that of Redis" in said
    assert ("120 s ahead of that of PostgreSQL" in said) is not ledger_url.startswith("sqlite")


def test_a_port_is_free_ours_or_taken() -> None:
    with receiver() as other:
        port = int(other.url.rsplit(":", 1)[1].partition("/")[0])
        with pytest.raises(doctor.SluglineError, match="slugline up --port"):
            doctor._port("127.0.0.1", port)  # it answers, but not as Slugline does
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]

        def answer() -> None:
            asked, _ = ours.accept()
            with asked:
                asked.recv(4096)
                asked.sendall(b"HTTP/1.0 200 OK\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        assert doctor._port("127.0.0.1", port).endswith("where Slugline answers")
        thread.join()
    assert "free" in doctor._port("127.0.0.1", port)


def test_feeds_are_asked_and_it_is_wrong_when_none_answers(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path, allow_networks=["127.0.0.0/8"])

    def said() -> tuple[str, bool]:
        return next((one.says, one.good) for one in examine(settings) if one.name == "feeds")

    assert said() == ("none yet; `slugline feeds add URL` or `slugline up --feeds FILE.opml`", True)
    with serving() as site:
        site.pages["/feed"] = Answer("<rss><channel/></rss>")
        with closing(connect(sqlite_url)) as ledger, ledger.write() as tx:
            feeds.add(tx, site.url("/feed"), datetime.now(UTC))
        assert said() == ("1 active; of 1 that were asked now 1 answered", True)
    words, good = said()
    assert not good
    assert "none of 1 answered" in words


def test_the_command_says_it_in_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SLUGLINE_MODEL", str(tmp_path / "missing"))
    answer = CliRunner().invoke(app, ["doctor", "--offline", "--json"])
    assert answer.exit_code == 1
    assert [one["name"] for one in json.loads(answer.stdout) if not one["good"]] == ["model"]
    answer = CliRunner().invoke(app, ["doctor", "--offline"])
    assert (answer.exit_code, "WRONG  model:" in answer.stdout) == (1, True)
