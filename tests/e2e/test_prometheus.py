"""A real Prometheus, with the shipped configuration and rules, watches a real clusterer stand still and go on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.running import free_port
from tests.servers import end_with_parent, missing

REPO = Path(__file__).parents[2]
TOKEN = "t0ken"
WITHIN = 25.0  # seconds for each of the three waits, at the most


@contextlib.contextmanager
def started(log: Path, *command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block; one that was stopped as well."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one call into the kernel
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def configured(folder: Path, port: int) -> Path:
    """What is shipped, with seconds for minutes and the web service's port."""
    shutil.copytree(REPO / "deploy/prometheus", folder)
    (folder / "secrets").mkdir()
    (folder / "secrets/slugline-token").write_text(TOKEN)
    (folder / "targets/slugline.yml").write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{port}"]}]))
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    del config["alerting"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    rules = yaml.safe_load((folder / "slugline.rules.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        rule["for"] = "1s"
        if rule["alert"] == "SluglineServiceStill":
            assert rule["expr"].endswith("> 60")
            rule["expr"] = rule["expr"].replace("> 60", "> 6")
    (folder / "slugline.rules.yml").write_text(yaml.safe_dump(rules))
    return folder / "prometheus.yml"


def asked(port: int, path: str, **query: str) -> dict[str, Any]:
    """The answer of Prometheus' API; nothing while it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/{path}", params=query, timeout=5)
        found: dict[str, Any] = answer.json()["data"] if answer.status_code == 200 else {}
    except httpx.TransportError:
        return {}
    return found


def until(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN
    while not (met := what()) and time.monotonic() < deadline:
        time.sleep(0.3)  # asking again, bounded
    return met


@pytest.mark.timeout(150)
def test_a_clusterer_that_stands_still_is_told_and_that_it_goes_on_as_well(
    tmp_path: Path, sqlite_url: str, valkey: str
) -> None:
    program = shutil.which("prometheus")
    if program is None:
        missing("Prometheus")
        return
    web_port, port = free_port(), free_port()
    config = configured(tmp_path / "prometheus", web_port)
    env = os.environ | {
        "PYTHONPATH": str(REPO),
        "SLUGLINE_DATA_DIR": str(tmp_path / "data"),
        "SLUGLINE_DATABASE_URL": sqlite_url,
        "SLUGLINE_REDIS_URL": valkey,
        "SLUGLINE_API_TOKEN": TOKEN,
    }
    slugline = (sys.executable, "-m", "workers.cli")
    options = (f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path / 'tsdb'}")

    def stands_still() -> bool:
        found = asked(port, "alerts").get("alerts", ())
        return any(
            alert["labels"].get("service") == "clusterer" and alert["state"] == "firing"
            for alert in found
            if alert["labels"]["alertname"] == "SluglineServiceStill"
        )

    def counted(expression: str) -> bool:
        return bool(asked(port, "query", query=expression).get("result"))

    at_work = 'time() - slugline_progress_timestamp_seconds{service="clusterer"} < 6 and on (instance) up == 1'
    with contextlib.ExitStack() as running:
        clusterer = running.enter_context(started(tmp_path / "clusterer.log", *slugline, "clusterer", env=env))
        running.enter_context(started(tmp_path / "web.log", *slugline, "web", "--port", str(web_port), env=env))
        running.enter_context(started(tmp_path / "prometheus.log", program, f"--config.file={config}", *options))
        logs = tuple(tmp_path / f"{name}.log" for name in ("clusterer", "web", "prometheus"))
        assert until(lambda: counted(at_work)), [log.read_text()[-1500:] for log in logs]
        assert not stands_still()
        clusterer.send_signal(signal.SIGSTOP)
        assert until(stands_still), asked(port, "alerts")
        clusterer.send_signal(signal.SIGCONT)
        assert until(lambda: counted(at_work) and not stands_still()), asked(port, "alerts")
