"""The dashboard over the demo, in a real browser: live, searched, corrected, on a phone, without JavaScript."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.running import Up, up
from tests.servers import missing

PATIENCE = 90_000  # ms; the demo takes in its backlog within seconds on a machine that does nothing else
expect.set_options(timeout=PATIENCE)
QUESTION = "phone conversation with Caracas' leader"
CALL = "phone call with Maduro"
PAGES = (
    *("/", "/?outlet=x", "/storylines/1", "/storylines/1?edit=true"),
    *("/ops", "/ops/dead", "/feeds", "/feeds/1", "/ops/sinks"),
)
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
PROBE = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", e => window.__violations.push(e.violatedDirective));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing("chromium")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=flags)
        yield launched
        launched.close()


class Site:
    """The demo that runs, and what its pages must not do: ask another host, break their own policy, fail."""

    def __init__(self, run: Up, browser: Browser) -> None:
        self.run, self.browser, self.port = run, browser, run.port
        self.seen: list[str] = []

    @contextlib.contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        address = f"http://127.0.0.1:{self.port}"
        context: BrowserContext = self.browser.new_context(
            base_url=address, reduced_motion="reduce", **{"viewport": DESKTOP, **options}
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(PROBE)
        context.on("request", lambda one: one.url.startswith(address + "/") or self.seen.append(f"asked {one.url}"))
        context.on("console", lambda said: self.seen.append(f"console: {said.text}"))
        context.on("weberror", lambda error: self.seen.append(f"error: {error.error}"))
        page = context.new_page()
        try:
            yield page
            assert page.evaluate("window.__violations ?? []") == []
        finally:
            context.close()
        assert self.seen == []


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with up(folder, "--demo", "--demo-seconds", "20") as run:
        made = Site(run, browser)
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", run.port), 1).close()
                break
            time.sleep(0.1)
        yield made


def test_storylines_appear_live_and_nothing_moves_under_the_reader(site: Site) -> None:
    """Runs first, while the wire still comes in."""
    with site.page() as page:
        page.goto("/")
        expect(page.locator(".story").first).to_be_visible()  # an empty page brings the list by itself
        page.evaluate("window.__same = true")
        page.mouse.move(640, 500)  # somebody is there
        bar = page.get_by_role("button", name=re.compile("have|has news"))
        expect(bar).to_be_visible()
        before = page.locator(".story").evaluate_all("all => all.map(one => one.id)")
        bar.click()
        expect(page.locator("#stories")).to_be_focused()
        after = page.locator(".story").evaluate_all("all => all.map(one => one.id)")
        assert after != before
        assert page.evaluate("window.__same") is True  # it was not loaded anew
        expect(page.get_by_role("link", name=re.compile(CALL))).to_be_visible()


def test_search_finds_by_meaning_and_says_so(site: Site) -> None:
    with site.page() as page:
        page.goto("/")
        page.get_by_role("searchbox").fill(QUESTION)
        page.get_by_role("searchbox").press("Enter")
        first = page.locator(".story").first
        expect(first.get_by_role("link", name=re.compile("Maduro")).first).to_be_visible()
        expect(first.locator(".found")).to_contain_text("meaning")
        page.goto("/?q=maduro")
        expect(page.locator(".story").first.locator(".found")).to_contain_text("its words")
        page.goto("/?q=zzqx")
        expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_filters_narrow_down_and_are_kept_in_the_address(site: Site) -> None:
    with site.page() as page:
        page.goto("/?sort=size")
        page.get_by_text("Filter", exact=True).click()
        page.get_by_label("Outlet").fill("Harbour Ledger")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**outlet=Harbour+Ledger**")
        assert "sort=size" in page.url
        count = page.locator(".story").count()
        assert count > 0
        page.goto("/?outlet=No+Such+Outlet")
        assert page.locator(".story").count() == 0
        page.goto("/?name=Maduro")
        assert 0 < page.locator(".story").count() < 28


def two(page: Page) -> tuple[str, str]:
    """Two storylines that are no declared one."""
    page.goto("/?sort=size")
    rows = page.locator(".story:not(:has(.declared)) h2 a")
    first, second = rows.nth(-1).get_attribute("href"), rows.nth(-2).get_attribute("href")
    assert first is not None
    assert second is not None
    return first, second


def test_a_merge_and_its_undo(site: Site) -> None:
    with site.page() as page:
        gone, kept = two(page)
        page.goto(f"{gone}?edit=true")
        page.get_by_label("Is part of").fill(f"http://127.0.0.1{kept}")
        page.get_by_role("button", name="Merge").click()
        page.wait_for_url(f"**{kept}?command=*")
        answer = page.locator(".answer.is-applied")
        expect(answer).to_contain_text("was merged into this one")
        page.goto(gone)
        assert page.url.endswith(kept)
        page.goto(f"{kept}?edit=true")
        page.locator("#history ~ ol").get_by_role("button", name="Undo").first.click()
        expect(page.locator(".answer.is-applied")).to_contain_text("was undone")
        page.goto(gone)
        assert page.url.endswith(gone)


def test_a_storyline_is_renamed_locked_muted_and_split(site: Site) -> None:
    with site.page() as page:
        page.goto("/?sort=size")
        largest = page.locator(".story h2 a").first.get_attribute("href")
        page.goto(f"{largest}?edit=true")
        page.get_by_role("button", name="Split off").click()
        expect(page.get_by_text("no article was chosen")).to_be_visible()
        site.seen = [one for one in site.seen if "422" not in one]  # the browser says that it was refused
        page.goto(f"{largest}?edit=true")
        page.locator(".tick").first.check()
        page.get_by_role("button", name="Split off").click()
        expect(page.locator(".answer.is-applied")).to_contain_text("1 article became")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".answer.is-applied")).to_contain_text("was undone")
        for button, said in (("Lock against second thoughts", "locked"), ("Mute", "lists leave it out")):
            page.goto(f"{largest}?edit=true")
            page.get_by_role("button", name=button).click()
            expect(page.locator(".answer.is-applied")).to_contain_text(said)
        page.goto("/?sort=size")
        assert page.locator(f'.story h2 a[href="{largest}"]').count() == 0
        page.goto("/?state=muted")
        assert page.locator(f'.story h2 a[href="{largest}"]').count() == 1
        page.goto(f"{largest}?edit=true")
        page.get_by_role("button", name="Unmute").click()
        expect(page.locator(".answer.is-applied")).to_contain_text("heard of again")


def test_everything_is_read_and_corrected_without_javascript(site: Site) -> None:
    context = site.browser.new_context(java_script_enabled=False, base_url=f"http://127.0.0.1:{site.port}")
    page = context.new_page()
    page.goto("/")
    assert page.locator(".story").count() > 10
    assert page.locator(".spark path").count() > 10
    page.get_by_role("searchbox").fill("Maduro")
    page.get_by_role("button", name="Search").click()
    page.locator(".story h2 a").first.click()
    assert page.get_by_role("heading", name="Day by day").count() == 1
    page.get_by_role("link", name="Correct").click()
    page.get_by_label("Name", exact=True).fill("A name that stays")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="A name that stays")).to_be_visible()
    page.locator(".answer").get_by_role("button", name="Undo").click()
    expect(page.locator(".answer")).to_contain_text("was undone")
    context.close()


def test_nothing_is_wider_than_a_phone(site: Site) -> None:
    with site.page(viewport=PHONE) as page:
        for address in (*PAGES, f"/?q={QUESTION}"):
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address


def test_the_keyboard_goes_from_storyline_to_storyline(site: Site) -> None:
    with site.page() as page:
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator(".story h2 a").nth(1)).to_be_focused()
        page.keyboard.press("k")
        expect(page.locator(".story h2 a").first).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, scheme: str) -> None:
    with site.page(color_scheme=scheme) as page:
        for address in (*PAGES, f"/?q={QUESTION}"):
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = Axe().run(page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], (address, serious)
