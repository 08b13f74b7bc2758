"""A real Alertmanager is told of troubles and of what rules matched: each is one alert, which rings and ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipeline.ledger import Ledger, events, feeds, troubles
from pipeline.ledger.schema import storylines
from pipeline.records import Sink
from pipeline.settings import Settings
from tests.e2e.running import free_port
from tests.servers import end_with_parent, missing
from tests.sinks.receiving import SETTINGS, Receiver, receiver, reply
from tests.sinks.test_deliverer import Clock, deliver, held, rows
from workers import sinkview

PATIENCE = 60.0
NOTED = SETTINGS.model_copy(update={"public_url": "https://news.example"})


@dataclass
class Ringing:
    """An Alertmanager, and who it rings."""

    url: str
    phone: Receiver
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if program is None:
            missing("prometheus-alertmanager")
        route = {"receiver": "phone", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
        hook = {"url": self.phone.url, "send_resolved": True}
        config = {"route": route, "receivers": [{"name": "phone", "webhook_configs": [hook]}]}
        (self.folder / "config.yml").write_text(yaml.safe_dump(config))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(program),
                    f"--config.file={self.folder / 'config.yml'}",
                    f"--storage.path={self.folder}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one call into the kernel
            )
        until(self.answers, (self.folder / "log").read_text())

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are firing."""
        answer = httpx.get(f"{self.url}/api/v2/alerts", timeout=5, trust_env=False)
        found: list[dict[str, Any]] = answer.json()
        return found

    def rung(self, status: str) -> list[dict[str, Any]]:
        return [one for told in self.phone.got for one in told["alerts"] if one["status"] == status]


def until(holds: Callable[[], object], what: object = "") -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def bell(tmp_path: Path) -> Iterator[Ringing]:
    with receiver() as phone:
        made = Ringing(f"http://127.0.0.1:{free_port()}", phone, tmp_path)
        try:
            made.start()
            yield made
        finally:
            made.end()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The real time to begin with: Alertmanager has no other."""
    made = Clock(monkeypatch)
    made.now = datetime.now(UTC)
    return made


def watched(ledger: Ledger, url: str, *types: str, **options: int) -> Sink:
    with ledger.write() as tx:
        return sinkview.add(tx, "desk", url, types, None, "alertmanager", options)[0]


def match(ledger: Ledger, storyline: int, when: datetime, sequence: int, **more: Any) -> None:
    """A rule that rings for a storyline."""
    data = {
        "rule": {"id": 7, "name": "floods"},
        "sinks": [],
        "level": "first",
        "storyline": {"id": storyline, "headline": "Flood <b>\u202erises\x07\nhigh", "articles": 3},
        "why": [{"condition": "flood", "found": "in 3 of 3 articles"}],
        "backfill": False,
    } | more
    publish(ledger, "alert.matched", "rule/7", sequence, when, data)


def publish(ledger: Ledger, type_: str, subject: str, sequence: int, when: datetime, data: Mapping[str, Any]) -> None:
    with ledger.write() as tx:
        events.append(tx, type_, subject, sequence, when, data)
        events.number(tx, 1)


def test_what_a_rule_matched_is_one_alert_that_rings_and_ends(ledger: Ledger, bell: Ringing, clock: Clock) -> None:
    watched(ledger, bell.url, minutes=10)
    match(ledger, 3, clock.now, 1)
    match(ledger, 3, clock.now, 2)
    deliver(ledger, clock, NOTED)
    until(lambda: bell.rung("firing"))
    (alert,) = bell.alerts()
    assert alert["labels"] == {
        "alertname": "SluglineRuleMatched",
        "severity": "warning",
        "rule_id": "7",
        "rule": "floods",
        "storyline": "3",
        "instance": "news.example",
    }
    assert alert["annotations"] == {
        "summary": "floods: Flood <b> rises high",
        "description": "flood: in 3 of 3 articles",
        "link": "https://news.example/storylines/3",
    }
    assert alert["generatorURL"] == "https://news.example/storylines/3"
    assert datetime.fromisoformat(alert["endsAt"]) == _millis(clock.now + timedelta(minutes=10))
    match(ledger, 3, clock.now, 3, level="surge")
    deliver(ledger, clock, NOTED)
    until(lambda: bell.rung("resolved"), "the surge takes the place of the first ring")
    until(lambda: [one["labels"]["severity"] for one in bell.alerts()] == ["critical"])
    until(lambda: [one["labels"]["severity"] for one in bell.rung("firing")] == ["warning", "critical"])
    assert (held(ledger).delivered, rows(ledger, "waiting")) == (3, [])


def _millis(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_after_a_merge_the_surviving_storyline_is_the_one_that_rings(
    ledger: Ledger, bell: Ringing, clock: Clock
) -> None:
    with ledger.write() as tx:
        common = {"state": "emerging", "opened": clock.now, "updated": clock.now}
        for number, winner in ((1, None), (2, 1)):
            tx.execute(storylines.insert().values(id=number, headline="x", merged_into=winner, **common))
    watched(ledger, bell.url)
    match(ledger, 2, clock.now, 1)
    held_back = [{"level": "first", "storyline": {"id": number, "headline": "x"}} for number in (1, 2)]
    digest = {"level": "digest", "count": 3, "held": "quiet hours", "matches": held_back}
    match(ledger, 2, clock.now, 2, **digest)
    deliver(ledger, clock)
    until(lambda: len(bell.alerts()) == 2)
    assert [one["labels"].get("storyline") for one in bell.alerts()] in (["1", None], [None, "1"])
    assert "1 more matches of the rule floods" in [one["annotations"]["summary"] for one in bell.alerts()]


def test_a_trouble_lasts_until_it_is_over_whatever_becomes_of_alertmanager(
    ledger: Ledger, bell: Ringing, clock: Clock
) -> None:
    watched(ledger, bell.url)
    with ledger.write() as tx:
        number = feeds.add(tx, "https://someone:word@outlet.example/rss", clock.now, title="Outlet")
        feed = feeds.find(tx, str(number))
        assert feed is not None
        told = troubles.of_feed(feed)
        troubles.begin(tx, f"feed/{number}", "failing", "feed.failing", told | {"failures": 3}, clock.now)
        troubles.begin(tx, "pipeline", "stalled", "pipeline.stalled", {"since": clock.now.isoformat()}, clock.now)
        events.number(tx, 2)
    deliver(ledger, clock)
    names = {"SluglineFeedFailing": "warning", "SluglinePipelineStalled": "critical"}
    until(lambda: {one["labels"]["alertname"]: one["labels"]["severity"] for one in bell.alerts()} == names)
    until(lambda: len(bell.rung("firing")) == 2)
    assert "word" not in json.dumps(bell.alerts())
    bell.end()
    bell.start()
    assert bell.alerts() == []
    deliver(ledger, clock)  # one that starts tells at once what stands
    until(lambda: len(bell.alerts()) == 2, "told again")
    assert held(ledger).delivered == 2, "and not as deliveries"
    with ledger.write() as tx:
        again = clock.now + timedelta(seconds=1)
        troubles.end(tx, f"feed/{number}", "failing", "feed.recovered", told | {"after": "failing"}, again)
        events.number(tx, 1)
    deliver(ledger, clock)
    until(lambda: [one["labels"]["alertname"] for one in bell.alerts()] == ["SluglinePipelineStalled"])
    until(lambda: [one["labels"].get("feed") for one in bell.rung("resolved")] == [str(number)])


def test_one_that_is_away_or_refuses_gets_it_afterwards(sqlite_ledger: Ledger, clock: Clock) -> None:
    with receiver(lambda handler: reply(handler, 503, b"busy")) as desk:
        watched(sqlite_ledger, desk.url.replace("http://", "http://user:hush@"))
        match(sqlite_ledger, 3, clock.now, 1)
        deliver(sqlite_ledger, clock)
        assert held(sqlite_ledger).last_error == "it answered 503"
        assert len(rows(sqlite_ledger, "waiting")) == 1
        desk.answer = lambda handler: reply(handler, 200)
        clock.now += timedelta(hours=1)
        deliver(sqlite_ledger, clock)
    assert held(sqlite_ledger).delivered == 1


def test_a_login_or_a_token_is_sent_and_never_shown(sqlite_ledger: Ledger, clock: Clock) -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(handler: Any) -> None:
        asked.append((handler.path, handler.headers["Authorization"]))
        reply(handler, 500)

    with receiver(answer) as desk:
        plain = desk.url.replace("/hook", "")
        with sqlite_ledger.write() as tx:
            login = plain.replace("http://", "http://user:hush@") + "/am/"
            one, _ = sinkview.add(tx, "one", login, (), None, "alertmanager", {})
            other, _ = sinkview.add(tx, "other", plain, (), "t0k3n", "alertmanager", {})
        match(sqlite_ledger, 3, clock.now, 1)
        deliver(sqlite_ledger, clock)
        deliver(sqlite_ledger, clock, Settings(leader_seconds=1.1))  # loopback is refused
    assert sorted(asked) == [("/am/api/v2/alerts", "Basic dXNlcjpodXNo"), ("/api/v2/alerts", "Bearer t0k3n")]
    for sink in (one, other):
        assert "hush" not in str(sinkview.view(sink))
        assert "t0k3n" not in str(sinkview.view(sink))
