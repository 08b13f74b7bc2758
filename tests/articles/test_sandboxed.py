"""The stage inside the process that can be killed, as the fetch worker runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.articles import EntryHint, read_page, warm
from pipeline.errors import RejectedError
from pipeline.records import Extraction
from pipeline.sandbox import Sandbox

from .pages import TEXT, TITLE, URL, WORDPRESS


def read(body: bytes, url: str, content_type: str | None, hint: EntryHint | None) -> Extraction:
    return read_page(body, url=url, content_type=content_type, hint=hint)


def test_pages_are_read_and_refused_across_the_border() -> None:
    with Sandbox({"article": read}, seconds=20.0, warm=warm) as sandbox, sandbox.connect() as parser:
        article = parser.call("article", WORDPRESS, URL, "text/html", EntryHint(title=TITLE))
        assert isinstance(article, Extraction)
        assert (article.title, article.text) == (TITLE, TEXT)
        with pytest.raises(RejectedError) as caught:
            parser.call("article", b"%PDF-1.7", URL, "text/html", None)
        assert caught.value.reason == "pdf"


def test_the_stage_loads_no_model() -> None:
    program = "import sys, pipeline.articles as a; a.warm(); print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "trafilatura" in loaded
    assert not {"torch", "transformers", "sentence_transformers", "sqlalchemy", "redis", "rq"} & set(loaded)
