"""Every knob of Slugline, typed, with its unit and the reason for its default.

Sources, strongest first: the environment (`SLUGLINE_…`), a `.env` file in the working directory, a TOML file
(`slugline.toml` in the working directory, or the file that `SLUGLINE_CONFIG` names), the defaults below.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.blocklist import BlockList, read_lines
from pipeline.errors import InputError, SettingsError

PREFIX = "SLUGLINE_"
LEDGER_FILE = "slugline.db"
LEAST_RETENTION_DAYS = 45.0  # filing remembers 30 days, and a restart reads them
NO_CONTACT = "operator contact not set"
"""Part of the User-Agent as it is shipped."""
SECRETS = frozenset({"api_token"})
"""Settings that are shown nowhere; passwords within URLs are masked wherever those are shown."""


def _default_data_dir() -> Path:
    """`$XDG_DATA_HOME/slugline`, by default `~/.local/share/slugline` (XDG Base Directory specification)."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "slugline"


class Settings(BaseSettings):
    """All settings of one process. Fields without a unit in their name are counts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    redis_url: str = ""
    """Where Redis or Valkey answers; empty: the bundled Valkey, started as a child of `slugline up`."""
    database_url: str = ""
    """SQLAlchemy URL of the ledger; empty: SQLite in the data directory."""
    data_dir: Path = Field(default_factory=_default_data_dir)
    """Where SQLite, Valkey and sockets live."""
    model: str = ""
    """Any sentence-transformers model or path; empty: all-MiniLM-L6-v2 from its package, no download."""
    embed_runtime: Literal["auto", "onnx", "torch", "torch-bf16"] = "auto"
    """What runs the model; auto: a GPU where there is one, torch in bfloat16 where the CPU is fast at it (AMX, or AMD
    with avx512_bf16), ONNX Runtime on others. Their vectors agree and share one version."""
    workers: int = Field(default=1, ge=1, le=64)
    """Fetch workers that `slugline up` starts."""
    embed_workers: int = Field(default=1, ge=1, le=16)
    """Embed workers that `slugline up` starts; each holds the model once (140 MB, with torch 450 MB)."""
    worker_memory_bytes: int = Field(default=2_500_000_000, gt=0)
    """A fetch or embed worker that has come to hold more ends after its job, and is started afresh."""
    api_token: str = ""
    """Bearer token that the web service asks for; needed when it is bound beyond loopback."""
    public_url: str = ""
    """Where hubs reach the web service from outside, for WebSub; empty: feeds are only polled, nobody pushes."""
    allow_networks: Annotated[tuple[str, ...], NoDecode] = ()
    """CIDRs exempt from the guard that refuses addresses outside the public internet."""
    block: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts (`example.com` and all below it, `*.example.com`) and pages (`https://example.com/live/*`) that are never
    asked for and of which nothing is taken in; parted by commas or blanks, a list in TOML."""
    block_file: Path | None = None
    """A file with more of them, one a line; `#` begins a remark."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    user_agent: str = f"Slugline/0.1 (news ingestion; {NO_CONTACT})"
    """Says who asks; operators should put their own contact here."""

    poll_min_seconds: float = Field(default=300.0, gt=0)
    """A feed is never polled more often; five minutes is what publishers commonly accept."""
    poll_max_seconds: float = Field(default=21_600.0, gt=0)
    """A quiet or failing feed is still polled this often (six hours)."""
    pollers: int = Field(default=1, ge=1, le=64)
    """Pollers that `slugline up` starts; one asks for hundreds of feeds a second."""
    poll_concurrency: int = Field(default=100, ge=1, le=1024)
    """Feeds that one poller asks for at the same time, each of another host."""
    feed_max_bytes: int = Field(default=10_000_000, gt=0)
    page_max_bytes: int = Field(default=10_000_000, gt=0)
    """Limits on the decompressed body."""
    request_seconds: float = Field(default=20.0, gt=0)
    """Total deadline of one request, redirects included."""
    host_spacing_seconds: float = Field(default=1.0, ge=0)
    """Least time between two requests to one registrable domain, for feeds and article pages alike."""
    parse_seconds: float = Field(default=5.0, gt=0)
    parse_memory_bytes: int = Field(default=1_500_000_000, gt=0)
    """A parser that takes longer or more is killed; real pages take 0.02 s and 200 MB at most."""

    fetch_batch: int = Field(default=16, ge=1, le=256)
    """Articles in one fetch job: enough concurrent requests to hide the network, few enough to lose little."""
    embed_batch: int = Field(default=16, ge=1, le=256)
    """Articles in one embed job; the model itself runs in batches of 8, the fastest on a CPU."""
    queue_jobs: int = Field(default=32, ge=1)
    """Jobs that may lie in one Redis queue; what waits beyond them waits in the ledger."""
    backlog_seconds: float = Field(default=900.0, gt=0)
    """Fresh articles that have waited longer slow down polls, and fetches where it is after them that they wait."""
    disk_reserve_bytes: int = Field(default=500_000_000, ge=0)
    """With less free where the data directory lies nothing new is taken in, so that what is there can be finished."""
    lease_seconds: float = Field(default=30.0, gt=1)
    """A worker that has not renewed its lease for this long is taken for dead."""
    max_attempts: int = Field(default=5, ge=1)
    """Attempts before an article is parked as dead."""
    retry_base_seconds: float = Field(default=30.0, gt=0)
    """Delay before the second attempt; doubled for each further one, at most an hour."""
    leader_seconds: float = Field(default=6.0, gt=1)
    """The clusterer's and the relay's claim to be the only one; a stand-by takes over after this silence."""

    stall_seconds: float = Field(default=600.0, ge=60)
    """When articles wait and none has moved for so long, `pipeline.stalled` is told."""

    file_batch: int = Field(default=64, ge=1, le=1024)
    """Articles the clusterer reads at once; each batch is one transaction."""
    event_retention_days: float = Field(default=30.0, gt=0)
    """How long published events can be replayed, and what came of commands can be asked."""
    text_retention_days: float = Field(default=365.0, ge=LEAST_RETENTION_DAYS)
    """How long texts of articles are kept; what stays is their title, lead, place and history."""
    vector_retention_days: float = Field(default=90.0, ge=LEAST_RETENTION_DAYS)
    """How long their vectors are kept."""
    sighting_retention_days: float = Field(default=180.0, ge=LEAST_RETENTION_DAYS)
    """How long it is kept what a feed said of an article that it shows no more."""
    version_retention_days: float = Field(default=30.0, gt=0)
    """How long texts and vectors are kept that a newer version of their article has replaced."""

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value or ())
        for item in items:
            if item:
                ipaddress.ip_network(item, strict=False)
        return tuple(item for item in items if item)

    @field_validator("block", mode="before")
    @classmethod
    def _patterns(cls, value: Any) -> Any:
        items = value.replace(",", " ").split() if isinstance(value, str) else tuple(value or ())
        try:
            BlockList(items)
        except InputError as error:
            raise ValueError(str(error)) from error
        return tuple(items)

    @field_validator("block_file", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        if not value:
            return None
        file = Path(value).expanduser().absolute()
        _patterns_in(file)
        return file

    @field_validator("public_url", mode="after")
    @classmethod
    def _public(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        parts = urlsplit(value)  # which itself raises ValueError for some malformed hosts
        plain = value.isascii() and value.isprintable() and not set(value) & set(" \\?#@;%")
        if value and not (
            plain and parts.scheme in ("http", "https") and parts.hostname and not re.search("/[/.]", parts.path)
        ):
            raise ValueError("must be an http or https URL such as https://news.example.org, without login or query")
        _ = parts.port
        return value

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(f"{PREFIX}CONFIG") or "slugline.toml"
        if f"{PREFIX}CONFIG" in os.environ and not Path(file).is_file():
            raise FileNotFoundError(f"{PREFIX}CONFIG names {file!r}, which is no file")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=file)
        return init_settings, env_settings, dotenv_settings, toml

    @cached_property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database_url or f"sqlite:///{self.data_dir / LEDGER_FILE}"

    @cached_property
    def block_list(self) -> BlockList:
        """The patterns of `block` and `block_file`, read once: a change counts from the next start on."""
        return BlockList((*self.block, *(_patterns_in(self.block_file) if self.block_file else ())))

    @cached_property
    def run_dir(self) -> Path:
        """A short, private directory for Unix sockets: their paths may not pass about 100 bytes, data dirs may."""
        inside = self.data_dir / "run"
        if len(str(inside)) <= 70:
            return inside
        import hashlib

        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"slugline-{os.getuid()}-{digest}"

    @cached_property
    def valkey_url(self) -> str:
        """The Redis URL in use: the one given, or the bundled server's private socket."""
        return self.redis_url or f"unix://{self.run_dir / 'valkey.sock'}"


def _patterns_in(file: Path) -> list[str]:
    """Raises ValueError with the file, the line and what is wrong with it."""
    try:
        return read_lines(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not in UTF-8 ({error.reason} at byte {error.start})") from error
    except InputError as error:
        raise ValueError(f"{file}, {error}") from error


def load(**overrides: Any) -> Settings:
    """Read the settings of this process; `overrides` win over everything.

    Raises SettingsError with one line that names the setting and what it must be.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "settings"
        given = repr(first.get("input"))
        shown = given if len(given) <= 200 else f"{given[:199]}…"
        raise SettingsError(f"{name}: {first['msg']} (given: {shown})") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"the settings file cannot be read: {error}") from error
