"""What processes log: one line an event, in JSON where that is asked for, whoever wrote it; and no secret in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline import urls

LOGGING = """
import logging, sys
from pipeline.settings import Settings
from workers import logs
logs.configure(Settings(log_format=sys.argv[1]), 'fetch')
with logs.about(article=7):
    logs.get('fetch').info('asked', urls=['https://me:hush@x.example/?X-Amz-Signature=hush'], at={'x': '//a:hush@b/'})
    try:
        raise ValueError('two lines\\nhttps://me:hush@x.example/ failed')
    except ValueError:
        logging.getLogger('some.library').exception('failed at %s', 'https://x.example/?access_token=hush')
"""


def logged(form: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", LOGGING, form], capture_output=True, text=True, timeout=60, check=True)
    assert "hush" not in done.stderr
    return done.stderr.splitlines()


def test_lines_of_libraries_are_json_too() -> None:
    asked, failed = (json.loads(line) for line in logged("json"))
    assert (asked["service"], asked["article"], asked["level"], asked["event"]) == ("fetch", 7, "info", "asked")
    assert asked["urls"] == ["https://***@x.example/?X-Amz-Signature=***"]
    assert asked["at"] == {"x": "//***@b/"}
    assert (failed["service"], failed["article"], failed["level"]) == ("fetch", 7, "error")
    assert (failed["logger"], failed["event"]) == ("some.library", "failed at https://x.example/?access_token=***")
    assert "ValueError: two lines" in failed["exception"]


def test_people_read_both_in_one_form() -> None:
    asked, failed, *traceback = logged("console")
    assert "asked" in asked
    assert all("article=7" in line and "service=fetch" in line for line in (asked, failed))
    assert traceback[-1] == "https://***@x.example/ failed"


@pytest.mark.parametrize(
    "name",
    "token access_token X-Amz-Signature X-Amz-Security-Token X-Goog-Credential AWSAccessKeyId Key-Pair-Id sig key "
    "PHPSESSID sessionid jwt id_token client_secret passwort unlocked_article_code".split(),
)
def test_parameters_that_open_something_are_masked(name: str) -> None:
    assert urls.mask(f"https://x.example/a?page=2&{name}=hush&q=1") == f"https://x.example/a?page=2&{name}=***&q=1"


@pytest.mark.parametrize("name", "author keyword page q id design article signal monkey".split())
def test_parameters_that_open_nothing_are_shown(name: str) -> None:
    assert urls.mask(f"https://x.example/a?{name}=open") == f"https://x.example/a?{name}=open"
