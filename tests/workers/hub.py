"""A real WebSub hub (Flask-WebSub) in a process of its own: `with hub() as running: running.url`.

Its tasks, for which it expects Celery, run on threads here; it ends with its standard input. Topics with `denied` in
them are denied.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
MAX_ATTEMPTS = 6


class Tasks:
    """As much of Celery as the hub uses: tasks that are started with `delay` and may ask for another try."""

    def task(self, *, bind: bool = False, max_retries: int = 0) -> Callable[[Callable[..., Any]], Any]:
        def made(function: Callable[..., Any]) -> Any:
            def run(retries: int, *args: Any) -> None:
                def again(countdown: float) -> None:
                    if retries < max_retries:
                        threading.Timer(countdown, run, (retries + 1, *args)).start()

                this = types.SimpleNamespace(request=types.SimpleNamespace(retries=retries), retry=again)
                function(*((this,) if bind else ()), *args)

            def delay(*args: Any) -> None:
                threading.Thread(target=run, args=(0, *args), daemon=True).start()

            return types.SimpleNamespace(delay=delay)

        return made


def main(folder: str, algorithm: str) -> None:
    from flask import Flask, request
    from flask_websub.hub import Hub, SQLite3HubStorage
    from werkzeug.serving import make_server

    app = Flask("hub")
    app.config |= {"PUBLISH_SUPPORTED": True}
    kept = SQLite3HubStorage(f"{folder}/hub.db")
    config = {"SIGNATURE_ALGORITHM": algorithm, "BACKOFF_BASE": 0.05, "MAX_ATTEMPTS": MAX_ATTEMPTS}
    running = Hub(kept, Tasks(), **config)
    running.register_validator(lambda callback, topic, *_: "not on our list" if "denied" in topic else None)
    app.register_blueprint(running.build_blueprint(url_prefix="/hub"))

    @app.get("/subscribers")
    def subscribers() -> list[str]:
        return [row["callback_url"] for row in kept.get_callbacks(request.args["topic"])]

    server = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[str]
    client: httpx.Client

    def publish(self, topic: str) -> None:
        """Tell the hub that there is news, as a publisher does."""
        answer = self.client.post(self.url, data={"hub.mode": "publish", "hub.topic": topic})
        assert answer.status_code == 202

    def subscribers(self, topic: str) -> list[str]:
        """The callbacks that the hub pushes this topic to."""
        found: list[str] = self.client.get(self.url.replace("/hub", "/subscribers"), params={"topic": topic}).json()
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)


@contextlib.contextmanager
def hub(algorithm: str = "sha512") -> Iterator[Running]:
    """The hub while the block runs; it signs with this algorithm."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.workers.hub"]
    environment = os.environ | {"NO_PROXY": "*", "PYTHONPATH": str(ROOT)}
    with (
        tempfile.TemporaryDirectory(prefix="slugline-hub-") as folder,
        subprocess.Popen(
            [*command, folder, algorithm],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as process,
        httpx.Client(trust_env=False, verify=False, timeout=20) as client,
    ):
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the hub did not start"
            yield Running(f"http://127.0.0.1:{port}/hub", process, client)
        finally:
            process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
