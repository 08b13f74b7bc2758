"""The benchmark over saved feeds: a folder goes in, a table comes out, and expected readings are compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.feeds.bodies import ATOM, NEWS_SITEMAP, item, rss

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "feed_corpus.py"


def test_a_folder_of_feeds_is_told_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "atom.xml").write_text(ATOM)
    (tmp_path / "good" / "news.xml").write_text(NEWS_SITEMAP)
    (tmp_path / "good" / "broken.xml").write_text(rss(item(1, title="A & B")).replace("</rss>", "<b>"))
    right = {"title": "Courier", "items": [{"title": "A & B", "link": "https://courier.example/1"}], "ttl": None}
    (tmp_path / "good" / "broken.json").write_text(json.dumps(right))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "page.html").write_text("<html><title>404 Not Found</title></html>")
    (tmp_path / "bad" / "hints.xml").write_text(rss(item(1), head="<title>x</title><ttl>5</ttl>"))
    (tmp_path / "bad" / "hints.json").write_text(json.dumps({"ttl": "60", "items": [{"title": "Story 1"}]}))

    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "--show"], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    table = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line and line[0] != " "}
    # Files, read, entries, mended, compared, mismatches.
    assert table["good"] == ["3", "3", "4", "1", "4", "0"]
    assert table["bad"] == ["2", "1", "1", "0", "3", "1", "1", "error-page"]
    assert "hints.xml: ttl: 3600.0 expected, 300.0 read" in done.stdout
    assert "no exception but FeedError" in done.stdout


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "none")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "is no folder" in done.stderr
