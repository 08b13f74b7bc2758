"""What is shipped for Prometheus and Alertmanager, judged by their own tools, and held to the declared metrics."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.metrics import EVERY, Metric

RULES = "deploy/prometheus/slugline.rules.yml"
SUFFIXES = ("_bucket", "_sum", "_count")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def installed(repo: Path, tmp_path: Path) -> Path:
    """The shipped directory with a token in it, as the document says to make it."""
    folder = tmp_path / "prometheus"
    shutil.copytree(repo / "deploy/prometheus", folder)
    (folder / "secrets").mkdir()
    (folder / "secrets/slugline-token").write_text("t0ken")
    return folder


@pytest.fixture
def alerts(repo: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((repo / RULES).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def declared(name: str) -> Metric | None:
    """The metric behind a name in an expression, a histogram's parts among them."""
    if name in EVERY:
        return EVERY[name]
    base = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
    metric = EVERY.get(base)
    return metric if metric is not None and metric.kind == "histogram" else None


def unknown(expression: str) -> list[str]:
    """What an expression asks for that is declared nowhere: metrics, label names, label values."""
    found = []
    for name, inside in re.findall(r"\b(slugline_\w+)(?:\{([^}]*)\})?", expression):
        metric = declared(name)
        if metric is None:
            found.append(name)
            continue
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', inside):
            if label in {"instance", "job"}:
                continue
            asked = value.split("|") if "~" in operator else [value]
            found += [f"{name}{{{label}={one}}}" for one in asked if one not in metric.labels.get(label, ())]
    return found


def test_the_configuration_is_one(tool: Callable[[str], str], installed: Path) -> None:
    done = run(tool("promtool"), "check", "config", installed / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rule files found" in done.stdout


def test_the_token_comes_from_a_file(tool: Callable[[str], str], installed: Path) -> None:
    (installed / "secrets/slugline-token").unlink()
    done = run(tool("promtool"), "check", "config", installed / "prometheus.yml")
    assert done.returncode != 0
    assert "slugline-token" in done.stdout + done.stderr


def test_the_rules_are_rules_and_do_what_they_should(tool: Callable[[str], str], repo: Path) -> None:
    checked = run(tool("promtool"), "check", "rules", repo / RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(tool("promtool"), "test", "rules", repo / "tests/deploy/rules/alerts.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_is_tried_and_one_that_never_fires_is_noticed(
    tool: Callable[[str], str], repo: Path, tmp_path: Path, alerts: list[dict[str, Any]]
) -> None:
    dead = yaml.safe_load((repo / RULES).read_text())
    for rule in dead["groups"][0]["rules"]:
        rule["for"] = "30d"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(dead))
    tried = (repo / "tests/deploy/rules/alerts.yml").read_text()
    (tmp_path / "test.yml").write_text(tried.replace("../../../" + RULES, "rules.yml"))
    done = run(tool("promtool"), "test", "rules", tmp_path / "test.yml")
    assert done.returncode != 0
    for alert in alerts:
        assert alert["alert"] in done.stdout + done.stderr


def test_alerts_ask_for_declared_metrics_only(alerts: list[dict[str, Any]]) -> None:
    assert len(alerts) >= 12
    for alert in alerts:
        assert unknown(alert["expr"]) == [], alert["alert"]
    asked = 'slugline_fetches_total{outcome="gone"} + slugline_jobs_total + slugline_workers{queue=~"fetch|x"}'
    assert unknown(asked) == [
        "slugline_fetches_total{outcome=gone}",
        "slugline_jobs_total",
        "slugline_workers{queue=x}",
    ]


def test_each_alert_says_what_is_wrong_and_where_to_read_on(repo: Path, alerts: list[dict[str, Any]]) -> None:
    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        document, _, anchor = alert["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (repo / document).read_text(), flags=re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


def test_alertmanager_understands_its_configuration(tool: Callable[[str], str], repo: Path) -> None:
    done = run(tool("amtool"), "check-config", repo / "deploy/alertmanager/alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_that_others_silence_exist(repo: Path, alerts: list[dict[str, Any]]) -> None:
    known = {alert["alert"] for alert in alerts}
    config = yaml.safe_load((repo / "deploy/alertmanager/alertmanager.yml").read_text())
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(matcher.partition('"')[2].rstrip('"').split("|")) <= known
