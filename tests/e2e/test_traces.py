"""A whole run that is watched: one article is one trace through all processes and RQ, each line of the log an event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.running import up
from tests.e2e.test_feeds_of_others import site
from tests.workers.collector import collecting

TOKEN = "not-to-be-logged"


def check_lines(logged: str) -> None:
    """Each line is an event of a service in JSON, and each service says once with which settings, without secrets."""
    assert TOKEN not in logged
    assert [line for line in logged.splitlines() if not line.startswith("{")] == []
    lines = [json.loads(line) for line in logged.splitlines()]
    assert [one for one in lines if not {"event", "level", "timestamp", "service"} <= one.keys()] == []
    started = [(one["service"], one["settings"]) for one in lines if one["event"] == "starting"]
    names = "supervisor poller fetch backfill embed clusterer relay alerter deliverer janitor web".split()
    assert sorted(name for name, _ in started) == sorted(names)
    for _, shown in started:
        assert (shown["api_token"], shown["log_level"]) == ("***", "debug")
    told = {(one["service"], one["event"]) for one in lines if "article" in one}
    assert told >= {("backfill", "looked at"), ("embed", "embedded"), ("clusterer", "article filed")}
    assert all("feed" in one for one in lines if one["event"] == "polled")


@pytest.mark.timeout(240)
def test_one_article_is_one_trace_from_poll_to_stream(tmp_path: Path) -> None:
    with site() as base, collecting() as collector:
        (tmp_path / "mine.opml").write_text(
            f'<opml version="2.0"><body><outline xmlUrl="{base}/feed"/></body></opml>', encoding="utf-8"
        )
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8",
            "SLUGLINE_API_TOKEN": TOKEN,
            "SLUGLINE_LOG_FORMAT": "json",
            "SLUGLINE_LOG_LEVEL": "debug",
        }
        with up(tmp_path, "--feeds", "mine.opml", "--until-idle", "--json", env=env) as run:
            assert run.wait(200) == 0, run.errors()[-3000:]
            logged = run.errors()
    check_lines(logged)
    (story,) = {one.said["slugline.article"] for one in collector.told if one.span.name == "publish"}
    told = collector.of(int(story))
    assert [(one.service, one.span.name) for one in told] == [
        ("slugline-poller", "poll"),
        ("slugline-backfill", "queue fetch-backfill"),  # a feed's first poll brings no news
        ("slugline-backfill", "fetch"),
        ("slugline-embed", "queue embed"),
        ("slugline-embed", "embed"),
        ("slugline-clusterer", "file"),
        ("slugline-relay", "publish"),
    ]
    first, *others = [one.span for one in told]
    assert first.parent_span_id == b""
    assert {span.parent_span_id for span in others} == {first.span_id}
    assert {span.trace_id for span in others} == {first.trace_id}
    assert len({span.span_id for span in others}) == 6
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in others)
    endings = {one.span.name: one.said["slugline.ending"] for one in told if "slugline.ending" in one.said}
    assert endings == {"fetch": "fetched", "embed": "embedded", "file": "original"}

    rejected = {one.said["slugline.article"] for one in collector.told} - {story}
    assert len(rejected) == 2
    for article in rejected:
        names = [one.span.name for one in collector.of(int(article))]
        assert names == ["poll", "queue fetch-backfill", "fetch"]
    assert len({one.span.trace_id for one in collector.told}) == 3
