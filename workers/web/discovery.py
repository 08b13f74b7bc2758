"""Looking for the feeds of a site, for a page: in a process of its own, which has the parsers and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import FeedError
from pipeline.settings import PREFIX, Settings
from workers.discover import SECONDS
from workers.process import PARENT

MOST_SECONDS = SECONDS + 20.0  # its start, and the request that was under way when its time was up
MOST_CHARS = 300  # of a sentence about why nothing was found
_SAYS = "slugline: "  # in front of the sentence with which the command line fails


@dataclass(frozen=True, slots=True)
class Found:
    """A feed of the site. `feed` is its number when it is watched already; `url` has no credentials."""

    url: str
    title: str
    format: str
    source: str
    entries: int
    per_day: float
    newest: datetime | None
    comments: bool
    stale: bool
    feed: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """What was found at `url`, best first, and how many candidates were not looked at."""

    url: str
    found: Sequence[Found]
    left: int


async def search(settings: Settings, address: str) -> Search:
    """Look for the feeds of the site at `address`, as `slugline feeds discover` does.

    Raises FeedError, with the sentence that it says, when it finds none or does not come to an end.
    """
    command = (sys.executable, "-m", "workers.cli", "feeds", "discover", "--json", "--", address)
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        *command, env=_environment(settings), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        output, errors = await asyncio.wait_for(running.communicate(), MOST_SECONDS)
    except TimeoutError as error:
        raise FeedError(f"the search took longer than {MOST_SECONDS:.0f} s; try again", reason="no-feed") from error
    finally:
        if running.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                running.kill()
            await running.wait()
    if running.returncode:
        raise FeedError(_sentence(errors), reason="no-feed")
    return read(json.loads(output.decode().splitlines()[-1]))


def read(given: Mapping[str, Any]) -> Search:
    """What the command line printed."""
    found = [
        Found(**row | {"newest": datetime.fromisoformat(row["newest"]) if row["newest"] else None})
        for row in ({name: row[name] for name in Found.__slots__} for row in given["feeds"])
    ]
    return Search(given["url"], found, given["not_looked_at"])


def _environment(settings: Settings) -> dict[str, str]:
    """That of this process, with the settings it runs with; without the token, which a search does not need."""
    given = settings.model_dump(exclude_defaults=True)
    known = {
        PREFIX + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in given.items()
        if value is not None
    }
    return os.environ | known | {f"{PREFIX}API_TOKEN": "", PARENT: str(os.getpid())}


def _sentence(errors: bytes) -> str:
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.startswith(_SAYS)]
    return lines[-1].removeprefix(_SAYS)[:MOST_CHARS] if lines else "the search failed; the log says more"
