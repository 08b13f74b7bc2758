"""Pictures of the dashboard over the demo, for the README: `make screenshots`.

Runs the demo, waits until its wire has ended and all is filed, and writes each page: desktop, dark and phone.
A page that is not there is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.running import up

PAGES = {"storylines": "/", "storyline": "/storylines/1", "ops": "/ops", "feeds": "/feeds", "sinks": "/ops/sinks"}
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
KINDS = {"desktop": (DESKTOP, "light"), "dark": (DESKTOP, "dark"), "phone": (PHONE, "light")}
PLAY_SECONDS = 20  # how long the wire goes on
PATIENCE_SECONDS = 400  # until all is filed
STILL = 8  # looks in a row, a second apart, at which nothing waits and nothing came
# The name of the machine on which the pictures are taken is nobody's business.
ELSEWHERE = """name => document.querySelectorAll(".place").forEach(one =>
    one.textContent = one.textContent.replace(name, "newsroom"))"""
ENDED = {"filed", "duplicate", "rejected", "dead"}


def shoot(browser: Browser, address: str, folder: Path) -> None:
    for name, path in PAGES.items():
        with httpx.Client(trust_env=False, timeout=60) as client:
            if client.get(address + path).status_code != 200:
                say(f"{name}: there is no such page, left out")
                continue
        for kind, (viewport, scheme) in KINDS.items():
            context = browser.new_context(
                viewport=viewport,  # type: ignore[arg-type]
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(address + path, wait_until="load", timeout=120_000)
            page.evaluate(ELSEWHERE, socket.gethostname())
            file = folder / f"{name}-{kind}.png"
            page.screenshot(path=file)
            context.close()
            squeeze(file)
            say(f"{file} {file.stat().st_size / 1000:.0f} kB")


def settle(address: str) -> None:
    """Wait until the wire has ended and everything is filed."""
    still, before, until = 0, -1, time.monotonic() + PATIENCE_SECONDS
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        while still < STILL:
            if time.monotonic() > until:
                raise SystemExit("the demo did not come to its end; try again when the machine has less to do")
            time.sleep(1)
            try:
                stages = client.get("/api/v1/queues").raise_for_status().json()["articles"]
            except httpx.HTTPError:
                continue
            total = sum(stage["count"] for stage in stages)
            waiting = total - sum(stage["count"] for stage in stages if stage["state"] in ENDED)
            still = still + 1 if total and total == before and not waiting else 0
            before = total


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def squeeze(file: Path) -> None:
    """Fewer colours, where pngquant is there: a page has few, and the repository keeps every version."""
    tool = shutil.which("pngquant")
    if tool:
        subprocess.run([tool, "--force", "--ext", ".png", "--speed", "1", "64", str(file)], check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        say("there is no chromium; on Debian and Ubuntu: apt install chromium")
        return 1
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        with up(Path(place), "--demo", "--demo-seconds", str(PLAY_SECONDS)) as run:
            time.sleep(PLAY_SECONDS)
            address = f"http://127.0.0.1:{run.port}"
            settle(address)
            shoot(browser, address, folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
