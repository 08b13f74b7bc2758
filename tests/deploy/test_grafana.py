"""The dashboard that is shipped for Grafana: declared metrics, all of them, in expressions that Prometheus reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.metrics import EVERY
from tests.deploy.test_prometheus import declared, run, unknown

FOLDER = "deploy/grafana"
WIDTH = 24  # columns of Grafana's grid


@pytest.fixture
def dashboard(repo: Path) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads((repo / FOLDER / "dashboards/slugline.json").read_text())
    return plain


@pytest.fixture
def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_it_asks_for_declared_metrics_and_shows_all_of_them(panels: list[dict[str, Any]]) -> None:
    shown = set()
    for title, expression in expressions(panels):
        assert unknown(expression) == [], title
        shown |= {declared(name) for name in re.findall(r"\bslugline_\w+", expression)}
    hidden = {name for name, metric in EVERY.items() if metric not in shown}
    assert hidden == {"slugline_info"}  # which database, as a label: nothing to draw


def test_prometheus_reads_every_expression(
    tool: Callable[[str], str], panels: list[dict[str, Any]], tmp_path: Path
) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression) in enumerate(expressions(panels))
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = run(tool("promtool"), "check", "rules", tmp_path / "panels.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_what_several_web_services_tell_is_counted_once(panels: list[dict[str, Any]]) -> None:
    """Each web service that is scraped tells the figures of all processes, so sums are over a maximum."""
    for title, expression in expressions(panels):
        assert re.search(r"\b(max|min)\b", expression), title
        assert not re.search(r"\bsum( by \([\w, ]+\))? ?\((?!max by)", expression), title


def test_panels_are_told_apart_explained_and_lie_beside_each_other(dashboard: dict[str, Any]) -> None:
    every = dashboard["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH, panel["title"]
        cells = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${prometheus}"}
    (variable,) = dashboard["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("prometheus", "datasource", "prometheus")


def test_it_is_found_where_compose_puts_it(repo: Path, observability: dict[str, Any]) -> None:
    mounted = {volume["target"]: volume["source"] for volume in observability["services"]["grafana"]["volumes"]}
    provider = yaml.safe_load((repo / FOLDER / "provisioning/dashboards/slugline.yml").read_text())["providers"][0]
    assert Path(mounted[provider["options"]["path"]]) == repo / FOLDER / "dashboards"
    assert Path(mounted["/etc/grafana/provisioning"]) == repo / FOLDER / "provisioning"
    source = yaml.safe_load((repo / FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert (source["type"], source["url"]) == ("prometheus", "${PROMETHEUS_URL}")
    assert observability["services"]["grafana"]["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
