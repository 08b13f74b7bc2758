"""`make audit`: what is known to be vulnerable fails, and an audit that did not happen is not taken for a clean one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Audit = Callable[..., subprocess.CompletedProcess[str]]
CANARY = ("django", "1.2")
BROKEN = ("leaky", "1.0")


def flaw(package: str, name: str) -> dict[str, Any]:
    """An advisory as OSV gives it."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"schema_version": "1.4.0", "id": name, "aliases": ["CVE-2026-1"], "summary": "Leaks.", "affected": affected}


class Advisories(ThreadingHTTPServer):
    """Answers as OSV does, with what it `knows`, or with `status` only."""

    daemon_threads = True

    def __init__(self, knows: Mapping[tuple[str, str], list[dict[str, Any]]], status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.knows = knows
        self.status = status
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/query"


class _Answer(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pin = (asked["package"]["name"], asked["version"])
        self.server.asked.append(pin)
        flaws = self.server.knows.get(pin)
        body = json.dumps({"vulns": flaws} if flaws else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is in `asked`."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Advisories]]:
    running: list[tuple[Advisories, threading.Thread]] = []

    def start(*vulnerable: tuple[str, str], status: int = 200) -> Advisories:
        made = Advisories({pin: [flaw(pin[0], f"PYSEC-{pin[0]}")] for pin in vulnerable}, status)
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        running.append((made, thread))
        return made

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join(20)
        server.server_close()


@pytest.fixture
def audit(repo: Path, tmp_path: Path) -> Audit:
    """`deploy/audit.sh` on these pins, asking at this address; `accepted` takes the place of the list in deploy/."""

    def run(url: str, *pins: str, accepted: str = "") -> subprocess.CompletedProcess[str]:
        tree = tmp_path / "tree"
        (tree / "deploy").mkdir(parents=True, exist_ok=True)
        for name in ("audit.sh", "audited.py", "audit-accepted.txt"):
            (tree / "deploy" / name).write_bytes((repo / "deploy" / name).read_bytes())
        if accepted:
            (tree / "deploy/audit-accepted.txt").write_text(accepted, encoding="utf-8")
        (tree / "constraints.txt").write_text("# a remark\n" + "".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHON": sys.executable, "OSV_URL": url}
        command = ["sh", str(tree / "deploy/audit.sh")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_a_pin_with_a_known_flaw_fails_with_its_name_and_the_way_out(
    audit: Audit, serve: Callable[..., Advisories]
) -> None:
    service = serve(CANARY, BROKEN)
    done = audit(service.url, "leaky==1.0", "sound==2.0")
    assert done.returncode == 1, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert first == "VULNERABLE: leaky 1.0: PYSEC-leaky, CVE-2026-1; mended in 1.1"
    assert last == f"audited 2 packages with {service.url}: 1 known vulnerabilities"
    assert sorted(service.asked) == [CANARY, BROKEN, ("sound", "2.0")]


def test_clean_pins_pass(audit: Audit, serve: Callable[..., Advisories]) -> None:
    service = serve(CANARY, BROKEN)
    done = audit(service.url, "leaky==1.1", "sound==2.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"audited 2 packages with {service.url}: no known vulnerability\n"


def test_what_was_looked_at_is_passed_over_by_any_of_its_names(audit: Audit, serve: Callable[..., Advisories]) -> None:
    done = audit(serve(CANARY, BROKEN).url, "leaky==1.0", accepted="# those\nCVE-2026-1 only on another system\n")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("no known vulnerability, 1 accepted\n")


def test_nothing_is_accepted_without_a_reason(audit: Audit, serve: Callable[..., Advisories]) -> None:
    done = audit(serve(CANARY, BROKEN).url, "leaky==1.0", accepted="CVE-2026-1\n")
    assert done.returncode == 2
    assert "without a reason" in done.stdout


def test_a_service_that_cannot_be_reached_has_audited_nothing(audit: Audit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = audit(f"http://127.0.0.1:{port}/v1/query", "sound==2.0")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.startswith("NOT AUDITED: ")
    assert "refused" in done.stdout


def test_a_service_that_fails_has_audited_nothing(audit: Audit, serve: Callable[..., Advisories]) -> None:
    done = audit(serve(CANARY, status=503).url, "sound==2.0")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.startswith("NOT AUDITED: ")


def test_a_service_that_knows_nothing_has_audited_nothing(audit: Audit, serve: Callable[..., Advisories]) -> None:
    done = audit(serve().url, "leaky==1.0")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.startswith("NOT AUDITED: ")
    assert "knows no vulnerabilities" in done.stdout


def test_a_line_that_pins_nothing_is_no_reason_to_go_on(audit: Audit, serve: Callable[..., Advisories]) -> None:
    done = audit(serve(CANARY).url, "sound>=2.0")
    assert done.returncode == 2
    assert "has to pin a package" in done.stderr


def test_continuous_integration_goes_on_where_nobody_was_asked_only(repo: Path) -> None:
    """The few lines of .ci/run that decide, run with a stand-in for the audit."""
    script = (repo / ".ci/run").read_text(encoding="utf-8")
    start, end = script.index("audit=0"), script.index("log=$(mktemp)")
    decide = script[start:end].replace("sh deploy/audit.sh", "sh -c 'exit $0' \"$1\"")
    for ended, decided in (("0", "0"), ("1", "1"), ("2", "2"), ("3", "0")):
        command = ["bash", "-euo", "pipefail", "-c", decide + 'echo "$audit"', "run", ended]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        assert done.stdout.strip() == decided
    assert "((status)) || status=$audit" in script
