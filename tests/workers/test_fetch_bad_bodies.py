"""Bodies that no page should have, served by a real site to a fetch job with the limits of production: each article
ends with its text or with a reason, and the page beside them is read as ever."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable
from functools import partial

import pytest

from pipeline.ledger import Ledger
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.workers.fetching import SENTENCES, page, run, take_in, text_of
from tests.workers.site import Answer, Asked, Site
from tests.workers.wire import row

LARGE = 10_000_000
ARTICLE = page()
Body = bytes | str | Callable[[Asked], Answer]

html = partial(Answer, headers={"Content-Type": "text/html"})


def boundless(_: Asked) -> Answer:
    """A body that is announced as larger than any page."""
    return html(b"<p>and so on " * 1_000, headers={"Content-Type": "text/html", "Content-Length": str(10**15)})


def unending(_: Asked) -> Answer:
    """A body of which most does not come."""
    return html(b"<p>and so on ", headers={"Content-Type": "text/html", "Content-Length": "5000000"})


def cut(_: Asked) -> Answer:
    """A gzip stream that breaks off."""
    packed = gzip.compress(ARTICLE.encode() * 50)
    return html(packed[: len(packed) // 2], headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})


def large() -> str:
    filler = "<p>Nothing new was said, and that at some length.</p>"
    return ARTICLE.replace("</article>", filler * ((LARGE - len(ARTICLE) - 500) // len(filler)) + "</article>")


ENDINGS: dict[str, tuple[Callable[[], Body], set[str]]] = {
    "boundless": (lambda: boundless, {"too-large"}),
    "unending": (lambda: unending, {"timeout"}),
    "cut-gzip": (lambda: cut, {"bad-encoding", "truncated", "network"}),
    "large": (large, {"", "parser-timeout"}),
    "nested": (lambda: "<div>" * 100_000 + ARTICLE, {"", "parser-timeout", "too-short"}),
    "attributes": (lambda: ARTICLE.replace("<nav>", "<nav " + " ".join(f"a{n}=1" for n in range(100_000)) + ">"), {""}),
    "dates": (lambda: ARTICLE + "<div class=date>30.11.2025 12:01</div>" * 50_000, {"", "parser-timeout"}),
    "json-ld": (
        lambda: page(more='<script type="application/ld+json">{"a":["' + "x" * (LARGE - 5_000) + '"]}</script>'),
        {""},
    ),
    "one-line": (lambda: page(more="<script>" + "var a='</div>';" * 300_000 + "</script>"), {""}),
    "nulls": (lambda: ARTICLE.replace("Monday", "Mon\0day"), {""}),
    "bad-byte": (lambda: ARTICLE.encode().replace(b"cracks", b"cr\xe4cks"), {""}),
    "pdf": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 200, {"pdf"}),
    "random": (lambda: random.Random(1).randbytes(200_000), {"binary", "not-html"}),
    "empty": (lambda: b"", {"no-content"}),
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_bad_body_ends_in_time_and_harms_nothing(
    sqlite_ledger: Ledger, site: Site, sandbox: Sandbox, kind: str
) -> None:
    make, reasons = ENDINGS[kind]
    body = make()
    site.pages |= {"/bad": body if callable(body) else html(body), "/good": html(page("The page beside it in Orsel"))}
    bad, good = take_in(sqlite_ledger, site.own_host("/bad"), site.own_host("/good"))
    settings = Settings(allow_networks=("127.0.0.0/8",), host_spacing_seconds=0, request_seconds=4)
    began = time.monotonic()
    run(settings, sqlite_ledger, sandbox, [bad, good])
    # Reading one may take 5 s; the rest is for carrying ten megabytes on a busy machine.
    assert time.monotonic() - began < settings.parse_seconds + 10
    found = row(sqlite_ledger, bad)
    assert (found["reason"] or "") in reasons, found["error"]
    if not found["reason"]:
        assert found["state"] == "fetched"
        assert SENTENCES[3].strip() in text_of(sqlite_ledger, bad)
    assert row(sqlite_ledger, good)["state"] == "fetched"
