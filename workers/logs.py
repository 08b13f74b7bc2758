"""Logs: one line an event, for people or as JSON, with the ids of the article, feed or storyline that it is about.

Secrets are masked. What becomes of each article that goes well is told at the level debug: three lines an article.
"""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import MutableMapping
from importlib import metadata
from typing import Any, TextIO

import structlog

from pipeline.settings import SECRETS, Settings
from pipeline.urls import mask


def configure(settings: Settings, service: str, output: TextIO | None = None) -> None:
    """Set up logging of this process, in the form that SLUGLINE_LOG_FORMAT asks for: to `output`, by default standard
    error."""
    output = output or sys.stderr
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if settings.log_format == "console":
        # The plain traceback: the default one prints local variables, secrets among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=output.isatty(),
            pad_event_to=0,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,  # tracebacks too: the sentence of an error may name a URL
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(output)
    handler.setFormatter(_Masking("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for noisy in ("aiohttp", "trafilatura", "htmldate", "sentence_transformers", "rq.worker", "rq.job"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def begin(settings: Settings) -> None:
    """Say once what this process runs with: versions, ledger, Redis, and every setting that was given."""
    given = {name: _shown(name, getattr(settings, name)) for name in sorted(settings.model_fields_set)}
    get("settings").info(
        "starting",
        version=metadata.version("slugline"),
        python=platform.python_version(),
        ledger=settings.ledger_url,
        redis=settings.valkey_url,
        settings=given,
    )


def _shown(name: str, value: Any) -> Any:
    if name in SECRETS:
        return "***" if value else ""
    return value if isinstance(value, int | float) else mask(str(value))


class _Masking(logging.Formatter):
    """For the logs of libraries, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def get(name: str) -> Any:
    """The logger of a module."""
    return structlog.get_logger(name)


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and "//" in value:
            event[key] = mask(value)
    return event
