"""What `slugline doctor` looks at."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator

import redis

from pipeline import embedding, queues
from pipeline.errors import SluglineError
from pipeline.ledger import open_ledger
from pipeline.settings import LEDGER_FILE, NO_CONTACT, Settings
from workers import valkey
from workers.seeds import seeds_dir

DISK_BYTES = 1_000_000_000  # below this a busy wire fills the disk within days


def examine(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Name, sentence and verdict of each check; none of them changes anything but that missing directories are made."""
    yield "python", platform.python_version(), sys.version_info >= (3, 11)
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("data directory", _data_dir),
        ("ledger", _ledger),
        ("redis", _redis),
        ("model", _model),
        ("seeds", lambda _: str(seeds_dir())),
        ("user agent", _user_agent),
    ]
    for name, check in checks:
        try:
            yield name, check(settings), True
        except SluglineError as error:
            yield name, str(error), False


def _data_dir(settings: Settings) -> str:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SluglineError(f"{folder} cannot be used ({error.strerror}); set SLUGLINE_DATA_DIR") from error
    if free < DISK_BYTES:
        raise SluglineError(f"{folder}: only {free / 1e9:.1f} GB free; make room or set SLUGLINE_DATA_DIR")
    return f"{folder}, {free / 1e9:.0f} GB free"


def _ledger(settings: Settings) -> str:
    if not settings.database_url and not (settings.data_dir / LEDGER_FILE).exists():
        return "none yet; the first `slugline up` makes it"
    opened = open_ledger(settings.ledger_url)
    opened.close()
    return f"{opened.engine.dialect.name}, schema up to date"


def _redis(settings: Settings) -> str:
    if not settings.redis_url:
        valkey.command(settings)
        return "the bundled Valkey can be started"
    client = queues.connect(settings.redis_url)
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except redis.RedisError:  # managed services forbid CONFIG
        policy = "unknown"
    if policy not in {"noeviction", "unknown"}:
        raise SluglineError(f"maxmemory-policy is {policy}, which drops jobs silently; set it to noeviction")
    return f"answers, maxmemory-policy {policy}"


def _model(settings: Settings) -> str:
    loaded = embedding.Embedder(settings.model, runtime=settings.embed_runtime)
    return f"vectors are kept as {loaded.version}; run by {loaded.runtime}"


def _user_agent(settings: Settings) -> str:
    if NO_CONTACT in settings.user_agent:
        return "publishers cannot tell who asks; put your contact into SLUGLINE_USER_AGENT"
    return settings.user_agent
