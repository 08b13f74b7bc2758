"""Logs: one line an event, for people or as JSON; secrets in URLs are masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from pipeline.settings import Settings
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
