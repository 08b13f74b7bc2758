"""What `slugline doctor` looks at: each check says what is there, or what is wrong and what to do about it."""

from __future__ import annotations

import asyncio
import platform
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np
import redis
from packaging.requirements import Requirement
from sqlalchemy import Connection, text

from pipeline import embedding, queues
from pipeline.errors import FetchError, LedgerError, RedisError, SluglineError
from pipeline.http import Client
from pipeline.ledger import feeds, open_ledger
from pipeline.records import FeedState
from pipeline.settings import LEDGER_FILE, NO_CONTACT, Settings
from pipeline.urls import host_key, mask
from workers import valkey
from workers.process import now
from workers.seeds import seeds_dir

DISK_BYTES = 1_000_000_000  # below this a busy wire fills the disk within days
PYTHONS = ((3, 11), (3, 13))  # what the dependencies have wheels for
REDIS = (6, 2)  # the first that has all commands that are used
SKEW_SECONDS = 5.0  # leases last half a minute: clocks further apart take work from one another
PORT, HOST = 8400, "127.0.0.1"
ASKED_FEEDS = 3
FEED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to: `good` is False for what must be put right."""

    name: str
    says: str
    good: bool


def examine(settings: Settings, *, offline: bool = False) -> Iterator[Finding]:
    """Each check in turn; none changes anything, but that a missing data directory is made. `offline`: no feed is
    asked."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("data directory", _data_dir),
        ("ledger", _ledger),
        ("redis", _redis),
        ("clock", _clock),
        ("model", _model),
        ("seeds", lambda _: str(seeds_dir())),
        ("port", lambda _: _port(HOST, PORT)),
        ("user agent", _user_agent),
    ]
    if not offline:
        checks.append(("feeds", _feeds))
    for name, check in checks:
        try:
            yield Finding(name, check(settings), True)
        except SluglineError as error:
            yield Finding(name, str(error), False)


def _python(_: Settings) -> str:
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        raise SluglineError(
            f"{platform.python_version()} at {sys.executable}; Slugline runs on 3.11 to 3.13: name one with "
            "`make PYTHON=/path/to/python3.11 setup`"
        )
    return f"{platform.python_version()} at {sys.executable}"


def _packages(_: Settings) -> str:
    wanted = [Requirement(line) for line in metadata.requires("slugline") or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = unmet(needed)
    if wrong:
        raise SluglineError(f"{'; '.join(wrong)}: `make setup` installs what belongs together")
    return f"{len(needed)} that it needs, in versions that fit"


def unmet(needed: Sequence[Requirement]) -> list[str]:
    """Which of these are not installed, or in a version that does not fit, in words."""
    found = []
    for one in needed:
        try:
            there = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            found.append(f"{one.name} is not installed")
            continue
        if not one.specifier.contains(there, prereleases=True):
            found.append(f"{one.name} {there} does not fit {one.specifier}")
    return found


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


def _is_new(settings: Settings) -> bool:
    return not settings.database_url and not (settings.data_dir / LEDGER_FILE).exists()


def _ledger(settings: Settings) -> str:
    if _is_new(settings):
        return "none yet; the first `slugline up` makes it"
    opened = open_ledger(settings.ledger_url)
    try:
        with opened.write() as tx:  # nothing is written in it, but it must be possible
            says = _sqlite(tx, settings) if opened.is_sqlite else _postgresql(tx)
    finally:
        opened.close()
    return f"{says}, schema up to date, can be written to"


def _sqlite(tx: Connection, settings: Settings) -> str:
    version, mode = (
        tx.execute(text(asked)).scalar_one() for asked in ("SELECT sqlite_version()", "PRAGMA journal_mode")
    )
    if mode != "wal":
        raise LedgerError(
            f"the journal mode is {mode}, not wal, so readers and writers stop one another; network file systems do "
            "not allow it: put SLUGLINE_DATA_DIR on a local disk"
        )
    size = sum(path.stat().st_size for path in settings.data_dir.glob(f"{LEDGER_FILE}*"))
    return f"SQLite {version}, journal mode wal, {size / 1e6:,.0f} MB"


def _postgresql(tx: Connection) -> str:
    if tx.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
        raise LedgerError(
            "PostgreSQL is a standby that only reads; point SLUGLINE_DATABASE_URL at the primary "
            "(target_session_attrs=read-write picks it out of several hosts)"
        )
    version, most = (tx.execute(text(f"SHOW {name}")).scalar_one() for name in ("server_version", "max_connections"))
    return f"PostgreSQL {str(version).split()[0]}, up to {most} connections"


def _redis(settings: Settings) -> str:
    if not settings.redis_url:
        try:
            client = queues.connect(settings.valkey_url)
        except RedisError:
            valkey.command(settings)
            return "the bundled Valkey can be started"
    else:
        client = queues.connect(settings.redis_url)
    return _of_server(client)


def _of_server(client: redis.Redis) -> str:
    try:
        known: Any = client.info()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except redis.RedisError:  # managed services forbid CONFIG
        known, policy = client.info(), "unknown"
    version = str(known.get("redis_version", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < REDIS:
        raise RedisError(f"Redis {version} is too old; 6.2 or newer is needed, or Valkey")
    if policy not in {"noeviction", "unknown"}:
        raise RedisError(f"maxmemory-policy is {policy}, which drops jobs silently; set it to noeviction")
    name = f"Valkey {known['valkey_version']}" if "valkey_version" in known else f"Redis {version}"
    most = int(known.get("maxmemory") or 0)
    room = f"of {most / 1e6:,.0f} MB" if most else "without a limit"
    return f"{name} answers, maxmemory-policy {policy}, {int(known.get('used_memory', 0)) / 1e6:,.0f} MB used {room}"


def _clock(settings: Settings) -> str:
    """This machine's clock against those of the servers, each asked between two looks at ours."""
    apart = {name: seconds for name, seconds in _skews(settings) if seconds is not None}
    far = [
        f"{abs(seconds):.0f} s {'behind' if seconds < 0 else 'ahead of'} that of {name}"
        for name, seconds in apart.items()
        if abs(seconds) > SKEW_SECONDS
    ]
    if far:
        raise SluglineError(
            f"this machine's clock is {', '.join(far)}; leases and due times need clocks that agree: use NTP"
        )
    if datetime.now(UTC).year < 2025:
        raise SluglineError(f"it says {datetime.now(UTC):%Y-%m-%d}; set the clock, or use NTP")
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC" + "".join(
        f", {abs(seconds):.1f} s from that of {name}" for name, seconds in apart.items()
    )


def _skews(settings: Settings) -> Iterator[tuple[str, float | None]]:
    """How far our clock is ahead of each server's, in seconds; None: it was not to be asked."""
    if settings.redis_url:
        try:
            before = now()
            seconds, micros = queues.connect(settings.redis_url).time()
            yield "Redis", _middle(before, now()) - (seconds + micros / 1e6)
        except (RedisError, redis.RedisError):
            yield "Redis", None
    if settings.database_url and not settings.database_url.startswith("sqlite"):
        try:
            opened = open_ledger(settings.ledger_url)
        except LedgerError:
            yield "PostgreSQL", None
            return
        try:
            with opened.read() as tx:
                before = now()
                said = tx.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
                yield "PostgreSQL", _middle(before, now()) - float(said)
        finally:
            opened.close()


def _middle(before: datetime, after: datetime) -> float:
    return (before.timestamp() + after.timestamp()) / 2


def _model(settings: Settings) -> str:
    loaded = embedding.Embedder(settings.model, runtime=settings.embed_runtime)
    vector = loaded.encode(["A harbour was closed on Friday."])[0]
    if not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1.0) > 0.01:
        raise SluglineError("the model gives no vectors of length 1: its files are damaged; install it again")
    return f"vectors are kept as {loaded.version}; run by {loaded.runtime}"


def _port(host: str, port: int) -> str:
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind((host, port))
        except OSError as error:
            if _is_ours(host, port):
                return f"{host}:{port}, where Slugline answers"
            raise SluglineError(
                f"{host}:{port} cannot be used ({error.strerror}); `slugline up --port` takes another one"
            ) from error
    return f"{host}:{port} is free for the pages"


def _is_ours(host: str, port: int) -> bool:
    with socket.socket() as there:
        there.settimeout(2)
        try:
            there.connect((host, port))
            there.sendall(f"GET /healthz HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
            answer = there.recv(4096)
        except OSError:
            return False
    return b" 200 " in answer.split(b"\r\n", 1)[0]


def _user_agent(settings: Settings) -> str:
    if NO_CONTACT in settings.user_agent:
        return "publishers cannot tell who asks; put your contact into SLUGLINE_USER_AGENT"
    return settings.user_agent


def _feeds(settings: Settings) -> str:
    if _is_new(settings):
        return "none yet; `slugline feeds add URL` or `slugline up --feeds FILE.opml`"
    opened = open_ledger(settings.ledger_url)
    try:
        with opened.read() as tx:
            active = [one for one in feeds.every(tx) if one.state is FeedState.ACTIVE]
    finally:
        opened.close()
    if not active:
        return "none yet; `slugline feeds add URL` or `slugline up --feeds FILE.opml`"
    chosen = {host_key(one.url): one.url for one in active}
    asked = list(chosen.values())[:ASKED_FEEDS]
    errors = [error for error in asyncio.run(_ask(settings, asked)) if error]
    if len(errors) == len(asked):
        raise SluglineError(
            f"none of {len(asked)} answered ({errors[0]}); is this machine online? `slugline feeds list`"
        )
    return f"{len(active):,} active; of {len(asked)} that were asked now {len(asked) - len(errors)} answered"


async def _ask(settings: Settings, asked: Sequence[str]) -> list[str]:
    """Ask each for its feed; gives what went wrong with each, or an empty text."""
    async with Client(
        user_agent=settings.user_agent,
        allow_networks=settings.allow_networks,
        timeout=FEED_SECONDS,
        max_bytes=settings.feed_max_bytes,
    ) as client:

        async def one(url: str) -> str:
            try:
                answer = await client.get(url)
            except FetchError as error:
                return mask(str(error))
            return "" if answer.status < 500 else f"{mask(url)} answered {answer.status}"

        return list(await asyncio.gather(*(one(url) for url in asked)))
