"""docker-compose.yml says what it should, judged by Compose itself (which needs no engine for that)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from workers.cli.app import app

OURS = {
    "migrate",
    "poller",
    "fetch",
    "backfill",
    "embed",
    "clusterer",
    "relay",
    "alerter",
    "deliverer",
    "janitor",
    "web",
}
STORES = {"valkey", "postgres"}
WATCHERS = {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "rq-dashboard": 9181}
SECRETS = {"VALKEY_PASSWORD": "v4lkey", "POSTGRES_PASSWORD": "p0stgres", "SLUGLINE_API_TOKEN": "t0ken"}


def test_it_obeys_the_compose_specification(repo: Path, tool: Callable[[str], str]) -> None:
    done = subprocess.run(
        [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(repo / "docker-compose.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_has_every_service(project: dict[str, Any]) -> None:
    assert set(project["services"]) == OURS | STORES


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_nothing_starts(compose: Callable[..., Any], missing: str) -> None:
    done = compose("config", **{name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert f"set {missing} in .env" in done.stderr


def test_every_service_restarts_is_checked_and_has_no_rights(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        assert service["restart"] == ("on-failure:5" if name == "migrate" else "unless-stopped"), name
        assert service["user"] in {"10001:10001", "valkey", "postgres"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert "stop_grace_period" in service, name
        check = service["healthcheck"]
        # The one-shot has nothing to be checked for: the others wait for its exit code.
        assert check.get("disable") is True if name == "migrate" else len(check["test"]) > 1, name


def test_health_checks_ask_for_the_service_they_are_on(project: dict[str, Any]) -> None:
    for name in OURS - {"migrate"}:
        assert project["services"][name]["healthcheck"]["test"][-2:] == [
            "/usr/local/bin/slugline-healthcheck",
            name,
        ]


def test_services_wait_for_the_stores_and_the_migration(project: dict[str, Any]) -> None:
    for name in OURS:
        waits = {on: how["condition"] for on, how in project["services"][name]["depends_on"].items()}
        expected = dict.fromkeys(STORES, "service_healthy")
        if name != "migrate":
            expected["migrate"] = "service_completed_successfully"
        assert waits == expected, name


def test_only_web_is_published_and_on_loopback_by_default(
    project: dict[str, Any], compose: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    published = {name: service["ports"] for name, service in project["services"].items() if service.get("ports")}
    assert set(published) == {"web"}
    (port,) = published["web"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8400", 8400)
    changed = compose("config", **SECRETS, SLUGLINE_BIND="10.0.0.5", SLUGLINE_PORT="80")
    assert "host_ip: 10.0.0.5" in changed.stdout
    assert 'published: "80"' in changed.stdout


def test_the_stores_are_on_a_network_without_a_way_out(project: dict[str, Any]) -> None:
    assert project["networks"]["stores"]["internal"] is True
    for name in STORES:
        assert list(project["services"][name]["networks"]) == ["stores"]
    for name in ("clusterer", "relay", "alerter", "janitor", "migrate"):
        assert list(project["services"][name]["networks"]) == ["stores"]
    for name in ("poller", "fetch", "deliverer"):
        assert "outside" in project["services"][name]["networks"]


def test_what_must_last_lies_in_named_volumes(project: dict[str, Any]) -> None:
    for name, target in (("valkey", "/data"), ("postgres", "/var/lib/postgresql"), ("fetch", "/var/lib/slugline")):
        volumes = {volume["target"]: volume for volume in project["services"][name]["volumes"]}
        assert volumes[target]["type"] == "volume"
        assert volumes[target]["source"] in project["volumes"]


def test_workers_can_be_scaled(
    compose: Callable[..., subprocess.CompletedProcess[str]], project: dict[str, Any]
) -> None:
    for name in ("fetch", "backfill", "embed"):
        service = project["services"][name]
        # A fixed name or a published port would stop the second one from starting.
        assert "container_name" not in service
        assert not service.get("ports")


def test_the_image_is_built_once(project: dict[str, Any]) -> None:
    built = [name for name in OURS if "build" in project["services"][name]]
    assert built == ["migrate"]
    assert len({project["services"][name]["image"] for name in OURS}) == 1


def test_env_example_names_every_variable(repo: Path) -> None:
    text = (repo / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    handed_on = set(re.findall(r"^ {4}((?:SLUGLINE|OTEL)_[A-Z_]+):$", text, flags=re.MULTILINE))
    example = (repo / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert used >= set(SECRETS)
    assert handed_on >= {"SLUGLINE_USER_AGENT", "SLUGLINE_MODEL"}
    assert named == used | handed_on
    # Those that must be filled in stand there bare, everything else as a comment.
    assert set(re.findall(r"^([A-Z_]+)=$", example, flags=re.MULTILINE)) == set(SECRETS)


def test_no_empty_value_replaces_a_default(project: dict[str, Any]) -> None:
    """SLUGLINE_USER_AGENT="" would be taken as the user agent; an unset one must stay unset."""
    environment = project["services"]["fetch"]["environment"]
    assert environment["SLUGLINE_USER_AGENT"] is None


def test_the_commands_exist(project: dict[str, Any]) -> None:
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    for name in sorted(OURS):
        command = project["services"][name]["command"]
        words = [word for word in command if not word.startswith("-") and not re.match(r"[\d.]+$", word)]
        options = [word for word in command if word.startswith("--")]
        done = CliRunner().invoke(app, [*words, "--help"], env=plain)
        assert done.exit_code == 0, f"{name}: {done.output}"
        for option in options:
            assert option in done.output, f"{name} has no {option}"


# ---- the profile "observability" ----


def test_the_profile_adds_what_watches_and_changes_nothing_else(
    project: dict[str, Any], observability: dict[str, Any]
) -> None:
    assert set(observability["services"]) == OURS | STORES | set(WATCHERS)
    assert {name: observability["services"][name] for name in OURS | STORES} == project["services"]


@pytest.mark.parametrize("name", sorted(WATCHERS))
def test_what_watches_has_no_rights_is_on_loopback_only_and_pinned(observability: dict[str, Any], name: str) -> None:
    service = observability["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["user"] not in {"", "root", "0"}
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert len(service["healthcheck"]["test"]) > 1
    (port,) = service["ports"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", WATCHERS[name])
    assert re.fullmatch(r"[\w/.-]+:v?\d+\.\d+\.\d+", service["image"])
    for volume in service.get("volumes", ()):
        assert volume["type"] == "volume" or volume["read_only"], volume


def test_prometheus_is_told_where_and_with_which_token(observability: dict[str, Any], tmp_path: Path) -> None:
    """What the container does before it becomes Prometheus, done here."""
    service = observability["services"]["prometheus"]
    (script,) = service["command"]
    (shipped,) = (volume["source"] for volume in service["volumes"] if volume["target"] == "/shipped")
    script = script.replace("$$", "$").replace("/shipped", shipped).replace("/tmp/", f"{tmp_path}/")
    script, _, started = script.partition("exec ")
    subprocess.run([*service["entrypoint"], script], env=service["environment"], check=True, timeout=10)
    made = tmp_path / "prometheus"
    assert f"--config.file={made}/prometheus.yml" in started
    assert (made / "secrets/slugline-token").read_text() == SECRETS["SLUGLINE_API_TOKEN"]
    assert (made / "secrets/slugline-token").stat().st_mode & 0o077 == 0
    assert yaml.safe_load((made / "targets/slugline.yml").read_text()) == [{"targets": ["web:8400"]}]
    assert yaml.safe_load((made / "targets/alertmanager.yml").read_text()) == [{"targets": ["alertmanager:9093"]}]
    assert (made / "slugline.rules.yml").is_file()


@pytest.mark.parametrize(
    ("name", "variable"), [("grafana", "GRAFANA_PASSWORD"), ("rq-dashboard", "RQ_DASHBOARD_PASSWORD")]
)
def test_without_a_password_a_page_is_not_started(observability: dict[str, Any], name: str, variable: str) -> None:
    service = observability["services"][name]
    environment = {key: value or "" for key, value in service["environment"].items()}
    (script,) = service["command"]
    script = re.sub(r"exec .*", "echo started", script.replace("$$", "$"))
    command = [*service["entrypoint"], script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, f"set {variable} in .env")
    given = {key: "s3cret" if key.endswith("PASSWORD") else value for key, value in environment.items()}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "started")
