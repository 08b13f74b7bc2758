"""Traces: off until they are asked for, the same ids everywhere, and a collector that is away holds nobody up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.workers.collector import collecting
from workers.traces import Traced, endpoint

SEEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Work-horses, one after the other, as RQ forks and ends them.
HORSES = """
import json, os, sys, time
from datetime import UTC, datetime
from workers import traces
traces.begin("fetch")
took = []
for number in range(int(sys.argv[1])):
    began = time.monotonic()
    horse = os.fork()
    if not horse:
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        for article in range(1, 21):
            traces._tell("fetch", traces.Traced(article, 1, at), (at, at), {"number": number})
        traces.end()
        os._exit(0)
    os.waitpid(horse, 0)
    took.append(time.monotonic() - began)
print(json.dumps({"took": took, "on": traces.on(), "imported": "opentelemetry.sdk" in sys.modules}))
"""


def horses(count: int, **env: str) -> tuple[dict[str, object], str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", HORSES, str(count)],
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found, done.stdout + done.stderr


@pytest.fixture
def deaf() -> Iterator[str]:
    """A collector that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_without_an_endpoint_nothing_is_imported() -> None:
    found, _ = horses(1)
    assert (found["on"], found["imported"]) == (False, False)


@pytest.mark.parametrize(
    ("env", "where"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}, "http://a:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b"}, "http://b"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "True"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_EXPORTER": "none"}, ""),
    ],
)
def test_what_asks_for_traces(env: dict[str, str], where: str) -> None:
    assert endpoint(env) == where


def test_another_protocol_is_refused_in_words() -> None:
    found, said = horses(1, OTEL_EXPORTER_OTLP_ENDPOINT="http://a:4317", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert found["on"] is False
    assert "only http/protobuf is spoken" in said


def test_ids_follow_from_the_article_and_differ_by_version_and_ledger() -> None:
    one = Traced(7, 1, SEEN)
    assert one.ids() == Traced(7, 1, SEEN.astimezone()).ids()
    others = [Traced(8, 1, SEEN), Traced(7, 2, SEEN), Traced(7, 1, SEEN + timedelta(seconds=1))]
    assert len({made.ids() for made in (one, *others)}) == 4


def test_spans_of_work_horses_arrive_before_these_end() -> None:
    with collecting() as collector:
        horses(2, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        told = list(collector.told)
    assert sorted(one.said["number"] for one in told) == [0] * 20 + [1] * 20
    wanted = {article: Traced(article, 1, SEEN).ids() for article in range(1, 21)}
    for one in told:
        trace, first = wanted[int(one.said["slugline.article"])]
        assert int.from_bytes(one.span.trace_id, "big") == trace
        assert int.from_bytes(one.span.parent_span_id, "big") == first


def test_samplers_keep_traces_whole() -> None:
    share = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    with collecting() as collector:
        horses(2, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **share)
        told = list(collector.told)
    kept = [{one.said["slugline.article"] for one in told if one.said["number"] == number} for number in (0, 1)]
    assert kept[0] == kept[1], "both processes took the same ones"
    assert 0 < len(kept[0]) < 20


def test_a_collector_that_never_answers_is_waited_for_once(deaf: str) -> None:
    found, _ = horses(4, OTEL_EXPORTER_OTLP_ENDPOINT=deaf)
    first, *others = found["took"]  # type: ignore[misc]
    assert 1.9 < first < 8, "the spans are given up after two seconds"
    assert max(others) < first, "the next work-horses do not try"
    assert sum(others) < 1.9 * len(others)
