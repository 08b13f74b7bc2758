"""`slugline up --until-idle` on feeds that are not the demo's: what is good is filed, what is bad is named."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import free_port, up

STORY = (
    "The town council of Ostrel voted on Tuesday to rebuild the iron bridge over the Senn, which has been closed to "
    "lorries since the flood in spring. Eleven councillors were in favour, four against.",
    "The work will cost nine million crowns and take two summers, said the engineer Milla Orsk, who showed drawings of "
    "a wider deck with a path for cyclists. The old arches stay as they are.",
    "Shopkeepers on the north bank had asked for a ferry in the meantime. The mayor promised to look for a boat.",
)
PAGE = f"""<!doctype html><html lang="en"><head><title>Ostrel to rebuild its bridge</title></head><body>
<nav><a href="/">Home</a></nav><article><h1>Ostrel to rebuild its bridge</h1>
{"".join(f"<p>{text}</p>" for text in STORY)}</article></body></html>"""
FEED = """<rss version="2.0"><channel><title>Ostrel Post</title><link>{base}/</link>
<item><title>Ostrel to rebuild its bridge</title><link>{base}/bridge</link><guid>1</guid></item>
<item><title>The minutes</title><link>{base}/minutes.pdf</link><guid>2</guid></item>
<item><title>Gone</title><link>{base}/nothing-here</link><guid>3</guid></item>
</channel></rss>"""


class Site(http.server.BaseHTTPRequestHandler):
    """A feed, an article, a PDF; everything else is not there."""

    def do_GET(self) -> None:
        base = f"http://{self.headers['host']}"
        pages = {
            "/feed": ("application/rss+xml", FEED.format(base=base).encode()),
            "/bridge": ("text/html", PAGE.encode()),
            "/minutes.pdf": ("application/pdf", b"%PDF-1.7\n1 0 obj"),
            "/": ("text/html", b"<html><body><h1>Ostrel Post</h1></body></html>"),
        }
        kind, body = pages.get(self.path, ("text/plain", b""))
        self.send_response(200 if body else 404)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@pytest.mark.timeout(240)
def test_good_feeds_are_filed_and_bad_ones_are_named(tmp_path: Path) -> None:
    with site() as base:
        feeds = (f"{base}/feed", f"{base}/", f"http://127.0.0.1:{free_port()}/feed")
        outlines = "".join(f'<outline xmlUrl="{url}"/>' for url in feeds) + '<outline xmlUrl="not a url"/>'
        (tmp_path / "mine.opml").write_text(f'<opml version="2.0"><body>{outlines}</body></opml>')
        env = {"SLUGLINE_ALLOW_NETWORKS": "127.0.0.0/8"}
        with up(tmp_path, "--feeds", "mine.opml", "--until-idle", "--json", env=env) as run:
            assert run.wait(200) == 0, run.errors()[-3000:]
            printed = (tmp_path / "stdout").read_text()
            said = run.errors()
        assert printed.count("\n") == 1, "nothing but the summary"
        found = json.loads(printed)
        assert found["articles"] == {"filed": 1, "duplicate": 0, "rejected": 2, "dead": 0}
        assert found["entries"] == 3
        assert found["feeds"] == 3
        assert "not a url" in said
    listed = subprocess.run(
        [sys.executable, "-m", "workers.cli", "feeds", "list", "--json"],
        env={"SLUGLINE_DATA_DIR": str(run.data), "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    errors = [feed["error"] for feed in json.loads(listed.stdout)]
    assert errors[0] == ""
    assert "web page" in errors[1]
    assert "cannot be reached" in errors[2]
