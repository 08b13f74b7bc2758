"""What outlets publish is shown in a real browser, and stays what it is: text."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pipeline.ledger import Ledger
from pipeline.settings import Settings
from tests.servers import missing
from tests.web.newsroom import JOINED, Newsroom, served

RUN = "window.top.__ran=1;alert(1);fetch('http://127.0.0.1:9/stolen')"
AWAY = "http://127.0.0.1:9/away"  # another origin; nothing listens at the discard port
MARKUP = (
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}"><',
    f'\'><svg onload="{RUN}"><animate onbegin="{RUN}" attributeName=x dur=1s>',
    f'</title></textarea></style></noscript><iframe srcdoc="<script>{RUN}</script>"></iframe>',
    f'<link rel=stylesheet href="{AWAY}.css"><meta http-equiv=refresh content="0;url={AWAY}"><base href="{AWAY}">',
    f'<form action="{AWAY}"><input autofocus onfocus="{RUN}"><style>*{{background:url({AWAY})}}</style>',
    f'<details open ontoggle="{RUN}"><marquee onstart="{RUN}"><video><source onerror="{RUN}"></video>',
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    "{{ 7*7 }} {% raw %} ${7*7} #{7*7} {{ config }} {{ ''.__class__.__mro__ }} <%= 7*7 %>",
    f"&lt;script&gt;{RUN}&lt;/script&gt; &#60;script&#62; <scr\x00ipt>{RUN}</scr\x00ipt> \u202e\ufeff\ud800 <ſcript>",
)
ADDRESSES = (
    f"javascript:{RUN}",
    f"JaVaScRiPt&#58;{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "vbscript:msgbox(1)",
    f'https://outlet.example/" onmouseover="{RUN}" x="',
    f"https://outlet.example/'><script>{RUN}</script>",
    "https://[::1",
    "//outlet.example/without-scheme",
    "https://user:secret@outlet.example/<svg onload=1>",
)
ACTIVE = "script,iframe,object,embed,base,meta[http-equiv],[onload],[onerror],[onfocus],[onmouseover],[ontoggle]"
PROBE = """
window.__ran = 0;
window.__violations = [];
document.addEventListener("securitypolicyviolation",
    e => window.__violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
TOKEN = "correct horse battery"


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """The pages are the same over both databases."""
    return sqlite_ledger


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing("chromium")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A browser's page, and what must not happen on it."""

    page: Page
    origin: str
    seen: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.add_init_script(PROBE)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.seen.append(f"error {error}"))
        self.page.on("console", lambda said: self.seen.append(f"console {said.text}"))
        self.page.context.on("request", lambda asked: self._request(asked.url))

    def _dialog(self, dialog: object) -> None:
        self.seen.append("dialog")
        dialog.dismiss()  # type: ignore[attr-defined]

    def _request(self, url: str) -> None:
        if not url.startswith(self.origin + "/"):
            self.seen.append(f"request {url}")

    def visit(self, address: str) -> set[str]:
        """Open a page, do to it what a reader does, and return where it leads on this site."""
        answer = self.page.goto(self.origin + address, wait_until="load")
        assert answer
        assert answer.status < 500
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        self.page.mouse.move(200, 300)
        ran, violations = self.page.evaluate("[window.__ran, window.__violations]")
        self.seen += [f"{address} ran"] * ran + [f"{address} {one}" for one in violations]
        found = set(self.page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))"))
        self.links |= found
        active = (
            "script,iframe,object,embed,base,meta[http-equiv],svg script,[onload],[onerror],[onmouseover],[ontoggle]"
        )
        own = self.page.locator('head > script[src^="/static/"]')
        assert all(one.inner_html() == "" for one in own.all())
        assert self.page.locator(active).count() == own.count()
        assert self.page.locator('link[rel=stylesheet]:not(head > [href^="/static/"])').count() == 0
        assert self.page.locator("link[rel=stylesheet]").count() in (1, 2)  # the one of all pages, and a page's own
        here = (urldefrag(urljoin(self.origin + address, link))[0] for link in found)
        return {one.removeprefix(self.origin) for one in here if one.startswith(self.origin + "/")}


def opened(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")


def test_the_probe_sees_a_script_that_runs(chromium: Browser, settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site, opened(chromium) as context:
        watched = Watched(context.new_page(), str(site.base_url).rstrip("/"))
        watched.page.goto(watched.origin + "/")
        watched.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=1><style>p{}</style>')"
        )
        assert watched.page.evaluate("window.__violations.length")
        assert any("console" in one for one in watched.seen)
        watched.page.route("**/*", lambda route: route.fulfill(body=MARKUP[0], content_type="text/html"))
        watched.page.goto(watched.origin + "/unguarded")
        assert watched.page.evaluate("window.__ran") == 1
    assert {"dialog", "request http://127.0.0.1:9/stolen"} <= set(watched.seen)


def fill(newsroom: Newsroom) -> None:
    """A storyline of every bad text and address, one of many reprints, and declared ones."""
    story = newsroom.open()
    for number, text in enumerate((*MARKUP, *ADDRESSES)):
        address = ADDRESSES[number % len(ADDRESSES)]
        why = {"storyline": story, **JOINED, "evidence": [{"name": text, "value": 1, "weight": 1, "contribution": 1}]}
        row = {"title": text, "lead": text, "source": text, "lang": text[:20], "authors": [text]}
        row |= {"text": f"{text} The minister said on Monday that {text} would follow. " * 3}
        first = newsroom.file(story, why=why, **row | {"url": f"{address}?original={number}"})
        newsroom.file(story, copy_of=first, why=why, **row | {"url": f"{address}?reprint={number}"})
        if number % 2:  # a page of its own for every other one is enough
            continue
        other = newsroom.open(title=text, text=text, declared=True) if number % 4 else newsroom.open()
        newsroom.file(other, why=why, **row | {"url": f"{address}?other={number}"})


def test_hostile_feeds_run_nothing_on_any_page(
    chromium: Browser, settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    fill(newsroom)
    with served(settings, ledger) as site, opened(chromium) as context:
        watched = Watched(context.new_page(), str(site.base_url).rstrip("/"))
        hostile = [f"/{quote(text, errors='replace')}" for text in (MARKUP[0], MARKUP[1], MARKUP[7])]
        hostile += [f"/storylines{one}" for one in hostile]
        waiting, done = ["/", *hostile], set[str]()
        while waiting:
            address = waiting.pop()
            if address in done or address.startswith(("/api/", "/openapi", "/readyz")):
                continue
            done.add(address)
            waiting += watched.visit(address)
    # The browser itself says that an answer was an error, which a page that is not there is meant to be.
    assert [one for one in watched.seen if "status of 404" not in one and "status of 422" not in one] == []
    assert len([address for address in done if address.startswith("/storylines/")]) >= len(MARKUP)
    outside = {urlsplit(link).scheme for link in watched.links if not link.startswith(("/", "#"))}
    assert outside <= {"http", "https"}


def test_a_person_logs_in_and_out(chromium: Browser, settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    newsroom.file(newsroom.open(), title="A call is confirmed")
    locked = settings.model_copy(update={"api_token": TOKEN})
    with served(locked, ledger) as site, opened(chromium) as context:
        watched = Watched(context.new_page(), str(site.base_url).rstrip("/"))
        page = watched.page
        page.goto(f"{watched.origin}/storylines/1?cursor=")
        page.get_by_role("link", name="Log in").click()
        page.get_by_label("Token").fill("guess")
        page.get_by_role("button", name="Log in").click()
        assert "not the token" in page.get_by_role("alert").inner_text()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_label("Token").press("Enter")
        page.wait_for_url("**/storylines/1?cursor=")
        (cookie,) = context.cookies()
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{watched.origin}/storylines/1")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        assert context.cookies() == []
        context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": watched.origin}])
        answer = page.goto(f"{watched.origin}/storylines/1")
        assert answer
        assert answer.status == 401
    assert [one for one in watched.seen if "status of 40" not in one and "status of 422" not in one] == []
